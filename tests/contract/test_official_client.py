"""The vendor's own client against the sandbox, strict validation on, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
import inspect
import time

import avara
import httpx
import pytest

from lib.sandbox.data import EXAMPLE, EXAMPLE_ID
from lib.sandbox.wire import Call

USER = f"usr_{7:032x}"
UNKNOWN = f"cus_{0:032x}"


class Synchronous:
    """Calls the synchronous client."""

    def __init__(self, server, **options):
        self.client = avara.Avara(**_options(server, options))

    def call(self, method, *args, **kwargs):
        return _method(self.client, method)(*args, **kwargs)

    def collect(self, method, **kwargs):
        return list(_method(self.client, method)(**kwargs))

    def close(self):
        self.client.close()


class Asynchronous:
    """Calls the asynchronous client and waits, so that one test serves both."""

    def __init__(self, server, **options):
        self.loop = asyncio.Runner()
        self.client = avara.AsyncAvara(**_options(server, options))

    def call(self, method, *args, **kwargs):
        async def run():
            result = _method(self.client, method)(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return self.loop.run(run())

    def collect(self, method, **kwargs):
        async def run():
            return [item async for item in _method(self.client, method)(**kwargs)]

        return self.loop.run(run())

    def close(self):
        self.loop.run(self.client.close())
        self.loop.close()


def _options(server, options):
    fixed = {"base_url": server.base_url, "api_key": server.api_key, "max_retries": 0, "_strict_response_validation": True}
    return {**fixed, **options}


def _method(client, dotted):
    for name in dotted.split("."):
        client = getattr(client, name)
    return client


@pytest.fixture(params=[Synchronous, Asynchronous])
def connect(request, sandbox):
    """Makes a client of one kind for the test's sandbox."""
    made = []

    def make(**options):
        made.append(request.param(sandbox, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def api(connect):
    return connect()


def test_the_documented_customer_comes_back_as_documented(api):
    customer = api.call("express.retrieve", EXAMPLE_ID)
    assert customer.to_dict(mode="json") == EXAMPLE


def test_a_customer_is_created_renamed_and_its_metadata_cleared(api):
    made = api.call("express.create", express_customer_name="Neue Praxis", metadata={"region": "dach"})
    assert (made.is_active, made.user_count, made.metadata) == (True, 0, {"region": "dach"})
    renamed = api.call("express.update", made.express_customer_id, express_customer_name="Neue Praxis II")
    assert (renamed.express_customer_name, renamed.metadata) == ("Neue Praxis II", {"region": "dach"})
    cleared = api.call("express.update", made.express_customer_id, metadata=None)
    assert (cleared.express_customer_name, cleared.metadata) == ("Neue Praxis II", None)
    assert made.updated_at < renamed.updated_at < cleared.updated_at


def test_a_customer_is_deactivated_and_reactivated(api):
    assert api.call("express.deactivate", EXAMPLE_ID).is_active is False
    assert api.call("express.retrieve", EXAMPLE_ID).is_active is False
    assert api.call("express.reactivate", EXAMPLE_ID).is_active is True


def test_users_are_added_and_removed_and_the_count_follows(api):
    assert api.call("express.users.add", EXAMPLE_ID, user_id=USER).success
    assert api.call("express.retrieve", EXAMPLE_ID).user_count == 16
    assert api.call("express.users.remove", EXAMPLE_ID, user_id=USER).success
    assert api.call("express.retrieve", EXAMPLE_ID).user_count == 15
    assert not api.call("express.users.remove", EXAMPLE_ID, user_id=USER).success


def test_the_pages_of_the_list_hold_every_customer_once(api):
    customers = api.collect("express.list", limit=99)
    assert len(customers) == len({customer.express_customer_id for customer in customers}) == 250


@pytest.mark.parametrize("kind", ["viewer", "auto_scribe"])
def test_the_pages_of_a_customers_studies_hold_each_once(api, kind):
    studies = api.collect(f"{kind}.studies.list", express_customer_id=EXAMPLE_ID, limit=7)
    assert len(studies) == len({study.study_id for study in studies}) == 40
    assert {study.express_customer.express_customer_id for study in studies} == {EXAMPLE_ID}


@pytest.mark.parametrize(
    ("kind", "filters", "holds"),
    [
        ("viewer", {"severity": "stat"}, lambda study: study.severity == "stat"),
        ("viewer", {"is_cancelled": True}, lambda study: study.is_cancelled and study.cancelled_at),
        ("viewer", {"study_viewer_status": "incomplete"}, lambda study: study.study_viewer_status == "incomplete"),
        ("auto_scribe", {"is_cancelled": False}, lambda study: not study.is_cancelled),
        (
            "auto_scribe",
            {"study_report_status": ["assigned", "in_progress"]},
            lambda study: study.study_report_status in ("assigned", "in_progress"),
        ),
        ("viewer", {"study_description": "ct"}, lambda study: "ct" in study.study_description.lower()),
        ("auto_scribe", {"study_description": "chest"}, lambda study: "chest" in study.study_description.lower()),
        ("auto_scribe", {"study_type": "standard"}, lambda study: study.study_type == "standard"),
        ("auto_scribe", {"assigned_to": None, "express_customer_id": None, "is_cancelled": None}, lambda study: study.study_id),
    ],
)
def test_study_filters_narrow_the_list_over_all_customers(api, kind, filters, holds):
    studies = api.call(f"{kind}.studies.list", **filters).studies
    assert studies
    assert all(holds(study) for study in studies)


@pytest.mark.parametrize("kind", ["viewer", "auto_scribe"])
def test_studies_are_listed_by_whom_they_are_assigned_to(api, kind):
    of_customer = api.collect(f"{kind}.studies.list", express_customer_id=EXAMPLE_ID)
    readers = {study.assigned_to.user_id for study in of_customer if study.assigned_to}
    assert len(readers) == 1
    assigned = api.collect(f"{kind}.studies.list", express_customer_id=EXAMPLE_ID, assigned_to=readers.pop())
    assert {study.study_id for study in assigned} == {study.study_id for study in of_customer if study.assigned_to}
    assert not api.call(f"{kind}.studies.list", express_customer_id=EXAMPLE_ID, assigned_to=USER).studies


def test_external_studies_are_listed_where_there_are_none(api):
    assert not api.call("auto_scribe.studies.list", study_type="external").studies


@pytest.mark.parametrize("path", ["/v1/viewer/studies", "/v1/autoScribe/studies"])
@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("assignedTo", lambda studies: studies and not any(study["assignedTo"] for study in studies)),
        ("expressCustomerId", lambda studies: not studies),  # every study of the sandbox has a customer
        ("isCancelled", lambda studies: {study["isCancelled"] for study in studies} == {True, False}),
        ("studyDescription", lambda studies: len(studies) == 100),
    ],
)
def test_a_filter_that_is_null_is_sent_as_nothing_as_the_typescript_client_does(sandbox, path, name, holds):
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    answer = httpx.get(f"{sandbox.base_url}{path}", params={name: ""}, headers=headers)
    assert answer.status_code == 200
    assert holds(answer.json()["studies"])


@pytest.mark.parametrize(
    ("error", "method", "args", "kwargs"),
    [
        (avara.NotFoundError, "express.deactivate", [UNKNOWN], {}),
        (avara.BadRequestError, "express.retrieve", ["cus_123"], {}),
        (avara.BadRequestError, "express.create", [], {"express_customer_name": ""}),
        (avara.BadRequestError, "express.update", [EXAMPLE_ID], {"metadata": {"k" * 101: "v"}}),
        (avara.BadRequestError, "express.users.add", [EXAMPLE_ID], {"user_id": "somebody"}),
        (avara.BadRequestError, "viewer.studies.list", [], {"assigned_to": "somebody"}),
        (avara.BadRequestError, "auto_scribe.studies.list", [], {"study_type": "odd"}),
    ],
)
def test_refusals_arrive_as_the_clients_error_classes(api, error, method, args, kwargs):
    with pytest.raises(error):
        api.call(method, *args, **kwargs)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"cursor": "bm9uc2Vuc2U="}, {"cursor": "?"}])
def test_an_impossible_page_is_a_bad_request(api, query):
    with pytest.raises(avara.BadRequestError):
        api.collect("express.list", **query)


def test_a_wrong_key_is_an_authentication_error(connect):
    with pytest.raises(avara.AuthenticationError):
        connect(api_key="another").call("express.retrieve", EXAMPLE_ID)


def test_a_user_for_a_deactivated_customer_is_a_conflict(api):
    api.call("express.deactivate", EXAMPLE_ID)
    with pytest.raises(avara.ConflictError):
        api.call("express.users.add", EXAMPLE_ID, user_id=USER)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("http-500", avara.InternalServerError),
        ("http-503", avara.InternalServerError),
        ("html-error", avara.InternalServerError),
        ("timeout-before", avara.APITimeoutError),
        ("timeout-after", avara.APITimeoutError),
        ("reset-after", avara.APIConnectionError),
        ("truncated", avara.APIConnectionError),
        ("bad-json", ValueError),
    ],
)
def test_faults_arrive_as_the_clients_error_classes(connect, sandbox, fault, error):
    sandbox.set_faults([fault])
    with pytest.raises(error):
        connect(timeout=0.3).call("express.deactivate", EXAMPLE_ID)


def test_a_call_over_the_limit_is_a_rate_limit_error(request, start_sandbox):
    limited = start_sandbox(rate_limit=0.01)
    limited.sandbox.refuse(Call("get", "GET", "/"), f"Bearer {limited.api_key}", time.monotonic())  # takes the only token
    for kind in (Synchronous, Asynchronous):
        client = kind(limited)
        request.addfinalizer(client.close)
        with pytest.raises(avara.RateLimitError) as caught:
            client.call("express.retrieve", EXAMPLE_ID)
        assert int(caught.value.response.headers["retry-after"]) > 0


def test_the_clients_own_retries_get_through_a_503(connect, sandbox):
    sandbox.set_faults(["http-503@get=0.5"])
    client = connect(max_retries=5)
    assert client.call("express.retrieve", EXAMPLE_ID).user_count == 15
