"""The client over real HTTP: against the sandbox, and for what no honest server does against a few lines of socket."""

from __future__ import annotations

import logging
import pickle
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count, islice
from pathlib import Path

import pytest
from pydantic import SecretStr

from lib import errors
from lib.avara import http
from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.limiter import Limiter
from lib.avara.requests import PRODUCTS
from lib.avara.retry import RetryPolicy
from lib.sandbox.server import SandboxServer
from tests.avara.records import EXAMPLE, EXAMPLE_ID, OTHER_ID
from tests.avara.wire import CUT, HANG, RESET, reply, wire

KEY = "sk_live_0123456789"
PAGE = {"expressCustomers": [EXAMPLE], "hasMore": False}
#: What a test allows a server that never answers; nothing else waits for it.
#: Where an answer never comes; others may take their time.
IMPATIENT = {"timeout": 1.0}

ClientFactory = Callable[..., AvaraClient]


@pytest.fixture
def connect() -> Iterator[ClientFactory]:
    """Makes clients of a base URL or a sandbox that don't sleep, with a clock of their own; waits end up in `client.waits`."""
    with ExitStack() as stack:

        def make(server: str | SandboxServer, key: str = KEY, **options: object) -> AvaraClient:
            if isinstance(server, SandboxServer):
                server, key = server.base_url, server.api_key
            waits: list[float] = []
            hours = count()  # each look at the clock is an hour later: nobody has to wait for a limiter
            limiter = Limiter(clock=lambda: next(hours) * 3600.0)
            options = {"sleep": waits.append, "random": lambda: 0.0, "limiter": limiter, **options}
            client = stack.enter_context(AvaraClient(Connection(server, SecretStr(key), "test", "sandbox"), **options))
            client.waits = waits
            return client

        yield make


# --- the endpoints, against the sandbox


def test_all_pages_together_are_all_customers_once(connect, sandbox):
    pages = list(connect(sandbox).iter_pages())
    assert [len(page.customers) for page in pages] == [100, 100, 50]
    assert len({customer.id for page in pages for customer in page.customers}) == 250
    assert [page.next_cursor is None for page in pages] == [False, False, True]
    assert not any(page.problems for page in pages)


def test_a_list_goes_on_from_a_cursor(connect, sandbox):
    client = connect(sandbox)
    pages = list(client.iter_pages(limit=60))
    assert list(client.iter_pages(pages[1].next_cursor, limit=60)) == pages[2:]


def test_a_page_is_asked_for_only_when_it_is_wanted(connect, sandbox):
    pages = connect(sandbox).iter_pages()
    assert sandbox.calls() == []
    next(pages)
    assert len(sandbox.calls()) == 1


def test_the_documented_customer_is_deactivated_and_reactivated(connect, sandbox):
    client = connect(sandbox)
    before = client.get_customer(EXAMPLE_ID)
    answer = client.deactivate(EXAMPLE_ID)
    assert (answer.customer.id, answer.customer.is_active, answer.status, answer.sent) == (EXAMPLE_ID, False, 200, 1)
    assert answer.customer.metadata == before.metadata == {"department": "radiology", "region": "northeast"}
    assert answer.customer.updated_at > before.updated_at
    assert answer.request_id == sandbox.calls()[-1].request_id
    assert answer.seconds > 0
    assert client.get_customer(EXAMPLE_ID) == answer.customer
    assert client.reactivate(EXAMPLE_ID).customer.is_active


@pytest.mark.parametrize("product", PRODUCTS)
def test_studies_are_listed_of_one_customer_or_of_all(connect, start_sandbox, product):
    list_studies = partial(connect(start_sandbox(customers=20)).iter_studies, product)
    studies = [study for page in list_studies(limit=50) for study in page.studies]
    assert studies
    assert len({study.id for study in studies}) == len(studies)
    owner = next(study.customer_id for study in studies if study.customer_id)
    of_owner = [study for page in list_studies(owner) for study in page.studies]
    assert {study.id for study in of_owner} == {study.id for study in studies if study.customer_id == owner}


def test_an_unknown_customer_is_not_found(connect, sandbox):
    with pytest.raises(errors.NotFound) as refusal:
        connect(sandbox).deactivate("cus_" + "0" * 31 + "9")
    assert not refusal.value.may_have_applied
    assert refusal.value.request_id == sandbox.calls()[-1].request_id


def test_a_wrong_key_is_refused_once_and_not_shown(connect, sandbox):
    client = connect(sandbox.base_url, key="sk_wrong")
    with pytest.raises(errors.NotAuthorized) as refusal:
        client.get_customer(EXAMPLE_ID)
    assert len(sandbox.calls()) == 1
    assert "sk_wrong" not in str(refusal.value)


def test_nothing_is_sent_for_an_ill_formed_id(connect, sandbox):
    client = connect(sandbox)
    for call in (client.get_customer, client.deactivate, client.reactivate):
        with pytest.raises(errors.BadId):
            call("../express")
    with pytest.raises(ValueError, match="limit"):
        client.iter_pages(limit=101)  # at once, not when the first page is asked for
    assert sandbox.calls() == []


# --- faults, against the sandbox


@pytest.mark.parametrize(
    ("fault", "error_class", "applied"),
    [
        ("timeout-before", errors.NoAnswer, False),
        ("timeout-after", errors.NoAnswer, True),
        ("reset-after", errors.NoAnswer, True),
        ("truncated", errors.NoAnswer, True),
        ("http-500", errors.ServiceBroken, False),
        ("http-503", errors.ServiceBroken, False),
        ("html-error", errors.ServiceBroken, False),
        ("bad-json", errors.BadAnswer, True),
    ],
)
@pytest.mark.parametrize("action", ["deactivate", "reactivate"])
def test_a_change_of_unknown_outcome_is_sent_once_and_says_that_it_may_have_been_applied(
    connect, start_sandbox, action, fault, error_class, applied
):
    sandbox = start_sandbox(customers=3, faults=[fault])
    client = connect(sandbox, **IMPATIENT if fault.startswith("timeout") else {})
    with pytest.raises(error_class) as failure:
        getattr(client, action)(EXAMPLE_ID)
    assert failure.value.may_have_applied
    assert "may have been applied" in failure.value.message
    sandbox.set_faults([])
    client.get_customer(EXAMPLE_ID)  # the same connection pool still works
    sent = [call for call in sandbox.calls() if call.operation == action]
    assert [call.applied for call in sent] == [applied]
    assert client.waits == []


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        ("timeout-before", errors.NoAnswer),
        ("reset-after", errors.NoAnswer),
        ("truncated", errors.NoAnswer),
        ("http-500", errors.ServiceBroken),
        ("html-error", errors.ServiceBroken),
        ("bad-json", errors.BadAnswer),
        ("wrong-id", errors.BadAnswer),
    ],
)
def test_a_read_is_tried_three_times(connect, start_sandbox, fault, error_class):
    sandbox = start_sandbox(customers=3, faults=[f"{fault}@get"])
    client = connect(sandbox, **IMPATIENT if fault.startswith("timeout") else {})
    with pytest.raises(error_class):
        client.get_customer(EXAMPLE_ID)
    assert client.waits == [0.5, 1.0]


def test_a_load_survives_faults_that_come_and_go(connect, start_sandbox):
    sandbox = start_sandbox(faults=["http-500@list=0.2", "truncated@list=0.2", "bad-json@list=0.2"])
    client = connect(sandbox, retry=RetryPolicy(retries=20))
    assert sum(len(page.customers) for page in client.iter_pages(limit=10)) == 250
    assert client.waits


def test_the_answer_is_handed_on_as_it_says_even_where_it_shows_nothing_done(connect, start_sandbox):
    sandbox = start_sandbox(customers=3, faults=["still-active"])
    assert connect(sandbox).deactivate(EXAMPLE_ID).customer.is_active
    sandbox.set_faults(["wrong-id"])
    assert connect(sandbox).deactivate(EXAMPLE_ID).customer.id != EXAMPLE_ID


def test_one_bad_record_does_not_lose_its_page(connect, start_sandbox):
    pages = list(connect(start_sandbox(faults=["bad-record"])).iter_pages())
    assert [len(page.customers) for page in pages] == [99, 99, 49]
    assert [len(page.problems) for page in pages] == [1, 1, 1]


def test_a_list_that_would_never_end_ends_in_an_error_after_the_pages_that_came(connect, start_sandbox):
    pages = connect(start_sandbox(faults=["repeat-cursor"])).iter_pages()
    came = []
    with pytest.raises(errors.CursorRepeated):
        came.extend(islice(pages, 20))
    assert len(came) == 2


def test_cursors_that_go_in_a_circle_end_in_an_error_too(connect):
    with wire(*(reply(200, {**PAGE, "hasMore": True, "cursor": cursor}) for cursor in "abcb")) as server:
        pages = connect(server.base_url).iter_pages()
        with pytest.raises(errors.CursorRepeated):
            list(islice(pages, 20))
        assert len(server.requests) == 4
    with wire(reply(200, {**PAGE, "hasMore": True, "cursor": "a"})) as server:
        pages = connect(server.base_url).iter_pages("a")  # the cursor that it went on from counts
        with pytest.raises(errors.CursorRepeated):
            list(islice(pages, 20))
        assert len(server.requests) == 1


def test_a_key_revoked_in_mid_load_stops_it(connect, start_sandbox):
    came = []
    with pytest.raises(errors.NotAuthorized):
        came.extend(connect(start_sandbox(faults=["unauthorized-midway"])).iter_pages(limit=25))
    assert came


def test_under_a_rate_limit_everything_arrives(connect, start_sandbox):
    sandbox = start_sandbox(rate_limit=2)
    client = connect(sandbox, limiter=Limiter())
    assert sum(len(page.customers) for page in client.iter_pages()) == 250
    assert client.deactivate(EXAMPLE_ID).customer.is_active is False  # a 429 changed nothing, so this may go again
    assert sum(client.waits) >= 1  # never earlier than Retry-After asked


def test_many_threads_share_one_client(connect, sandbox):
    client = connect(sandbox)
    ids = [customer.id for page in client.iter_pages() for customer in page.customers]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(client.deactivate, ids))
    assert [answer.customer.id for answer in answers] == ids
    assert not any(answer.customer.is_active for answer in answers)


# --- byte by byte


def test_a_connection_is_used_again_and_the_headers_are_ours(connect):
    with wire(reply(200, PAGE)) as server:
        client = connect(server.base_url)
        for _ in range(3):
            next(client.iter_pages(limit=7))
    assert server.connections == 1
    assert server.requests[0].line == "GET /v1/express?limit=7 HTTP/1.1"
    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["user-agent"] == http.USER_AGENT
    assert "cookie" not in headers


def test_the_user_agent_tells_the_version_of_the_project():
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert f"{project['name']}/{project['version']}" == http.USER_AGENT


def test_a_base_url_may_have_a_path_and_a_cursor_any_characters(connect):
    with wire(reply(200, {**PAGE, "hasMore": True, "cursor": "a+/=&é b"}), reply(200, PAGE)) as server:
        assert len(list(connect(f"{server.base_url}/proxy").iter_pages())) == 2
    assert server.requests[1].line == "GET /proxy/v1/express?limit=100&cursor=a%2B%2F%3D%26%C3%A9+b HTTP/1.1"


def test_a_change_without_a_body_sends_none(connect):
    with wire(reply(200, EXAMPLE)) as server:
        connect(server.base_url).deactivate(EXAMPLE_ID)
    (request,) = server.requests
    assert (request.body, request.headers["content-length"]) == (b"", "0")
    assert "content-type" not in request.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed_and_the_key_goes_nowhere_else(connect, status):
    with wire(reply(200, EXAMPLE)) as elsewhere, wire(reply(status, headers={"Location": elsewhere.base_url})) as server:
        client = connect(server.base_url)
        for call in (client.get_customer, client.deactivate):
            with pytest.raises(errors.BadAnswer, match=r"sent us on to http://127\.0\.0\.1:\d+\. That is never followed"):
                call(EXAMPLE_ID)
    assert elsewhere.requests == []
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "ending", [CUT, RESET, (reply(200, EXAMPLE)[:-5], CUT), (b"HTTP/1.1 200 OK\r\nContent-Le", CUT), b"oops\r\n\r\n"]
)
def test_a_connection_that_breaks_leaves_a_change_unknown_and_a_read_is_tried_again(connect, ending):
    with wire(ending) as server:
        with pytest.raises(errors.NoAnswer, match="The change may have been applied: read the customer again"):
            connect(server.base_url).deactivate(EXAMPLE_ID)
        assert len(server.requests) == 1
    with wire(ending, ending, reply(200, EXAMPLE)) as server:
        assert connect(server.base_url).get_customer(EXAMPLE_ID).id == EXAMPLE_ID
        assert len(server.requests) == 3


def test_a_kept_connection_that_the_server_closes_under_a_change_leaves_it_unknown(connect):
    with wire(reply(200, EXAMPLE), CUT) as server:
        client = connect(server.base_url)
        client.get_customer(EXAMPLE_ID)
        with pytest.raises(errors.NoAnswer):
            client.deactivate(EXAMPLE_ID)
    assert (server.connections, len(server.requests)) == (1, 2)


def test_a_server_that_is_not_there_is_unreachable_and_even_a_change_is_tried_again(connect):
    with wire(reply(200, EXAMPLE)) as server:
        gone = server.base_url
    client = connect(gone)
    with pytest.raises(errors.Unreachable, match="so nothing was sent") as failure:
        client.deactivate(EXAMPLE_ID)
    assert not failure.value.may_have_applied
    assert client.waits == [0.5, 1.0]


@pytest.mark.parametrize(
    ("status", "headers", "attempts"),
    [
        (429, {"Retry-After": "600"}, 7),  # an hour in all
        (429, {"Retry-After": "3601"}, 1),
        (503, {"Retry-After": "2"}, 3),
        (503, {"Retry-After": "61"}, 1),
        (500, {}, 3),
        (500, {"x-should-retry": "false"}, 1),
        (404, {"x-should-retry": "true"}, 3),
        (400, {}, 1),
        (408, {}, 3),
        (409, {}, 3),
    ],
)
def test_the_decision_of_retry_is_obeyed_on_the_wire(connect, status, headers, attempts):
    with wire(reply(status, headers=headers)) as server:
        client = connect(server.base_url)
        with pytest.raises(errors.ApiError) as failure:
            client.get_customer(EXAMPLE_ID)
        assert len(server.requests) == attempts
    if "Retry-After" in headers:
        assert failure.value.retry_after == float(headers["Retry-After"])
        assert client.waits == [failure.value.retry_after] * (attempts - 1)


def test_a_change_is_not_repeated_once_nobody_wants_it_any_more(connect):
    wanted = iter([True, True, True])  # when its turn has come, when the connection stands, and once while it waits
    with wire(reply(429, headers={"Retry-After": "30"})) as server:
        client = connect(server.base_url)
        with pytest.raises(errors.Withdrawn, match=r"What was sent before \(1\) changed nothing") as failure:
            client.deactivate(EXAMPLE_ID, lambda: next(wanted, False))
        assert len(server.requests) == failure.value.sent == 1
    assert sum(client.waits) < 1.0


def test_whether_a_change_may_go_is_asked_once_before_each_attempt_and_no_later(connect):
    asked = []
    with wire(reply(429), reply(429), reply(200, EXAMPLE)) as server:
        client = connect(server.base_url)
        with pytest.raises(errors.Withdrawn) as failure:
            client.deactivate(EXAMPLE_ID, ready=lambda: not asked.append(len(server.requests)) and len(asked) < 3)
    assert (asked, failure.value.sent, len(server.requests)) == ([0, 1, 2], 2, 2)


def test_what_is_raised_when_a_change_is_about_to_go_comes_through_and_keeps_no_turn(connect):
    def full():
        raise errors.JournalUnavailable

    with wire(reply(200, EXAMPLE)) as server:
        client = connect(server.base_url)
        for _ in range(3):
            with pytest.raises(errors.JournalUnavailable):
                client.deactivate(EXAMPLE_ID, ready=full)
        assert server.requests == []
        assert client.deactivate(EXAMPLE_ID).sent == 1


@pytest.mark.parametrize(
    ("endings", "sent"), [([reply(500)], 1), ([reply(429), reply(429), HANG], 3), ([reply(429), reply(400)], 2), ([CUT], 1)]
)
def test_an_error_says_how_many_requests_had_left(connect, endings, sent):
    with wire(*endings) as server:
        with pytest.raises(errors.ApiError) as failure:
            connect(server.base_url, **IMPATIENT if HANG in endings else {}).deactivate(EXAMPLE_ID)
        assert failure.value.sent == len(server.requests) == sent


def test_a_request_that_nobody_wants_is_not_sent(connect):
    with wire(reply(200, EXAMPLE)) as server:
        client = connect(server.base_url)
        for ask in (client.get_customer, client.deactivate, client.reactivate):
            with pytest.raises(errors.Withdrawn, match="nothing was sent"):
                ask(EXAMPLE_ID, lambda: False)
    assert server.requests == []


def test_a_closed_client_sends_nothing_and_keeps_no_connection(connect, sandbox):
    client, other = connect(sandbox), connect(sandbox)
    client.get_customer(EXAMPLE_ID)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get_customer(EXAMPLE_ID)
    assert not client._http._lines._idle
    assert other.get_customer(EXAMPLE_ID)


def test_the_answer_tells_how_many_requests_left(connect):
    with wire(reply(429), reply(429), reply(200, EXAMPLE, {"X-Request-Id": "r3"})) as server:
        answer = connect(server.base_url).deactivate(EXAMPLE_ID)
    assert (answer.sent, answer.request_id, len(server.requests)) == (3, "r3", 3)


ENDINGS = [
    reply(500, {"message": f"bad key Bearer {KEY}"}, {"X-Request-Id": KEY}),
    reply(200, f"<p>{KEY}</p>".encode()),
    reply(302, headers={"Location": f"https://x.example/{KEY}"}),
    CUT,
    HANG,
]


@pytest.mark.parametrize("ending", ENDINGS, ids=["error", "page", "redirect", "cut", "hang"])
def test_the_key_is_in_no_error_no_trace_and_no_log(connect, caplog, ending):
    caplog.set_level(logging.DEBUG)
    with wire(ending) as server:
        client = connect(server.base_url, retry=RetryPolicy(retries=1), **IMPATIENT if ending is HANG else {})
        with pytest.raises(errors.ApiError) as failure:
            client.get_customer(EXAMPLE_ID)
    error = failure.value
    said = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error)), repr(vars(client))]
    said += [frame.line or "" for frame in traceback.extract_tb(error.__traceback__)]
    assert not any(KEY in text for text in said)
    assert KEY.encode() not in pickle.dumps(error)
    assert error.__cause__ is None
    assert not isinstance(error.__context__, Exception) or "httpx" not in type(error.__context__).__module__
    sent_by_us = [record.getMessage() for record in caplog.records if "receive_response" not in record.getMessage()]
    assert sent_by_us
    assert not any(KEY in text for text in sent_by_us)


def test_a_wrong_customer_is_named_in_the_error(connect):
    with wire(reply(200, {**EXAMPLE, "expressCustomerId": OTHER_ID})) as server:
        client = connect(server.base_url, retry=RetryPolicy(retries=0))
        with pytest.raises(errors.BadAnswer, match=OTHER_ID):
            client.get_customer(EXAMPLE_ID)


# --- the limiter


def test_being_asked_to_wait_is_no_failed_attempt_of_a_reading(connect):
    refused = reply(429, headers={"Retry-After": "1"})
    with wire(*[refused] * 9, reply(500), reply(500), refused, reply(200, EXAMPLE)) as server:
        client = connect(server.base_url)
        assert client.get_customer(EXAMPLE_ID).id == EXAMPLE_ID
        assert len(server.requests) == 13


def test_all_requests_wait_as_long_as_the_api_asked_and_say_how_long(connect):
    limiter = Limiter()
    with wire(reply(429, headers={"Retry-After": "1"}), reply(200, PAGE)) as server:
        client = connect(server.base_url, limiter=limiter, sleep=lambda _: told.append(limiter.waiting))
        told, began = [], time.monotonic()
        list(client.iter_pages())
    assert 0.5 < told[0] <= 1.0
    assert time.monotonic() - began < 1.0  # by itself alone: its own wait is the client's, which does not sleep here
    assert sum(limiter._under_way.values()) == 0


@pytest.mark.parametrize("text", ["Mon, 01 Jan 2024 00:00:00 +99999999999999", "nan", "1e400", "-1", "\u0665", "9" * 400])
def test_a_retry_after_that_is_nonsense_costs_no_turn(connect, text):
    with wire(reply(429, headers={"Retry-After": text}), reply(200, EXAMPLE)) as server:
        client = connect(server.base_url)
        with suppress(errors.ApiError):
            client.get_customer(EXAMPLE_ID)
        assert sum(client.limiter._under_way.values()) == 0
