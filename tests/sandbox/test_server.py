"""The sandbox over real HTTP: what the API promises, each fault as a client meets it, starting and stopping."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from lib.sandbox import data, faults
from lib.sandbox.data import EXAMPLE, EXAMPLE_ID
from lib.sandbox.server import SandboxServer
from lib.sandbox.state import StateError
from tests.served import until

PATH = f"/v1/express/{EXAMPLE_ID}"
USER = f"usr_{7:032x}"


def _client(server, key=None):
    headers = {"Authorization": f"Bearer {key or server.api_key}"}
    return httpx.Client(base_url=server.base_url, headers=headers, timeout=5, trust_env=False, verify=False)


@pytest.fixture
def api(sandbox):
    with _client(sandbox) as client:
        yield client


def _pages(api, limit=100):
    """The list's pages; gives up after ten, so that a list without end is an error."""
    query, pages = {"limit": limit}, []
    for _ in range(10):
        pages.append(api.get("/v1/express", params=query).raise_for_status().json())
        if not pages[-1]["hasMore"]:
            return pages
        query["cursor"] = pages[-1]["cursor"]
    raise AssertionError("the list does not end")


def _is_active(api):
    return api.get(PATH).json()["isActive"]


def test_the_list_is_paged_stable_and_ends_without_a_cursor(api):
    pages = _pages(api)
    assert [len(page["expressCustomers"]) for page in pages] == [100, 100, 50]
    assert "cursor" not in pages[-1]
    api.post(f"{PATH}/deactivate")
    assert [c["expressCustomerId"] for page in _pages(api) for c in page["expressCustomers"]] == [
        c["expressCustomerId"] for page in pages for c in page["expressCustomers"]
    ]


def test_the_last_full_page_has_no_cursor(api):
    assert [page["hasMore"] for page in _pages(api, 50)] == [True, True, True, True, False]


def test_deactivating_is_idempotent_and_touches_only_the_status(api):
    first, second = api.post(f"{PATH}/deactivate").json(), api.post(f"{PATH}/deactivate").json()
    assert first == second == {**EXAMPLE, "isActive": False, "updatedAt": first["updatedAt"]}
    assert first["updatedAt"] > EXAMPLE["updatedAt"]


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ({}, EXAMPLE),
        ({"expressCustomerName": "N"}, {**EXAMPLE, "expressCustomerName": "N"}),
        ({"metadata": {"k" * 100: "v" * 1000}}, {**EXAMPLE, "metadata": {"k" * 100: "v" * 1000}}),
        ({"metadata": None}, {key: value for key, value in EXAMPLE.items() if key != "metadata"}),
        ({"metadata": None, "unknown": 1}, {key: value for key, value in EXAMPLE.items() if key != "metadata"}),
    ],
)
def test_a_patch_changes_the_fields_given_and_no_other(api, body, after):
    changed = api.patch(PATH, json=body).raise_for_status().json()
    assert changed | {"updatedAt": None} == after | {"updatedAt": None}
    assert (changed["updatedAt"] > EXAMPLE["updatedAt"]) == bool(body)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("PATCH", PATH, '{"expressCustomerName": ""}', 400),
        ("PATCH", PATH, '{"expressCustomerName": null}', 400),
        ("PATCH", PATH, json.dumps({"metadata": {str(n): "" for n in range(51)}}), 400),
        ("PATCH", PATH, json.dumps({"metadata": {"k": "v" * 1001}}), 400),
        ("PATCH", PATH, json.dumps({"metadata": {"k" * 101: "v"}}), 400),
        ("PATCH", PATH, '{"metadata": {"k": 1}}', 400),
        ("PATCH", PATH, "[" * 100_000, 400),
        ("PATCH", PATH, '{"expressCustomerName": "\\ud800"}', 400),
        ("PATCH", PATH, '{"metadata": NaN}', 400),
        ("PATCH", PATH, b"\xff\xfe", 400),
        ("PATCH", PATH, " " * 1_000_001, 413),
        ("POST", "/v1/express", "{}", 400),
        ("POST", f"{PATH}/users", '{"userId": "usr_1"}', 400),
        ("GET", "/v1/express/cus_XYZ", "", 400),
        ("GET", f"/v1/express/{EXAMPLE_ID}0", "", 400),
        ("GET", f"/v1/express/cus_{0:032x}", "", 404),
        ("GET", "/v1/express?limit=0", "", 400),
        ("GET", "/v1/express?limit=101", "", 400),
        ("GET", "/v1/express?limit=ten", "", 400),
        ("GET", "/v1/express?cursor=", "", 400),
        ("GET", "/v1/express?cursor=//t2aWV3ZXI6MDox", "", 400),
        ("GET", "/v1/express?expressCustomerID=x", "", 400),
        ("GET", "/v1/viewer/studies?expressCustomerId=x", "", 400),
        ("GET", "/v1/viewer/studies?severity=mild", "", 400),
        ("GET", "/v1/autoScribe/studies?studyReportStatus=completed,done", "", 400),
        ("GET", "/v1/nothing", "", 404),
        ("PUT", PATH, "", 405),
    ],
)
def test_what_can_not_be_is_refused_and_changes_nothing(api, method, path, content, status):
    answer = api.request(method, path, content=content)
    assert answer.status_code == status
    assert answer.json()["message"]
    assert answer.headers["x-request-id"].startswith("req_")
    assert api.get(PATH).json() == EXAMPLE


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "sandbox-key"}])
@pytest.mark.parametrize("path", ["/v1/express", "/_sandbox/calls", "/_sandbox/faults"])
def test_without_the_key_nothing_is_told(sandbox, header, path):
    answer = httpx.get(sandbox.base_url + path, headers=header, trust_env=False, verify=False)
    assert answer.status_code == 401
    assert "express" not in answer.text


def test_a_study_list_is_the_same_each_time_and_its_last_date_is_the_outlines(api, sandbox):
    studies = api.get("/v1/viewer/studies", params={"expressCustomerId": EXAMPLE_ID}).json()["studies"]
    assert studies == api.get("/v1/viewer/studies", params={"expressCustomerId": EXAMPLE_ID}).json()["studies"]
    dates = [study["createdAt"] for study in studies]
    assert max(dates) == "2024-03-15T13:05:00.000Z"
    assert dates != sorted(dates)  # no order is promised, so none is given
    assert dates != sorted(dates, reverse=True)


NEVER_USED = next(made.record for made in data.customers(250, 1) if made.activity is None)["expressCustomerId"]


@pytest.mark.parametrize("path", ["/v1/viewer/studies", "/v1/autoScribe/studies"])
@pytest.mark.parametrize(("customer", "before"), [(EXAMPLE_ID, 40), (NEVER_USED, 0)])
def test_a_study_that_comes_in_meanwhile_is_the_last_of_both_lists(api, path, customer, before):
    for at in ("2026-11-02T08:15:00Z", "2019-01-01T00:00:00+02:00"):
        api.post("/_sandbox/studies", json={"expressCustomerId": customer, "createdAt": at}).raise_for_status()
    now = api.post("/_sandbox/studies", json={"expressCustomerId": customer, "isCancelled": True}).json()
    studies = [*_studies(api, path, expressCustomerId=customer, limit=7)]
    assert len(studies) == before + 3
    told = [(study["createdAt"], study["isCancelled"]) for study in studies[before:]]
    assert told == [("2026-11-02T08:15:00.000Z", False), ("2018-12-31T22:00:00.000Z", False), (now["createdAt"], True)]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"expressCustomerId": f"cus_{0:032x}"}, 404), ({}, 404), ({"createdAt": "soon"}, 400), ({"createdAt": 5}, 400)],
)
def test_a_study_that_can_not_come_in_is_refused_in_words(api, body, status):
    answer = api.post("/_sandbox/studies", json=body if status == 404 else {"expressCustomerId": EXAMPLE_ID, **body})
    assert answer.status_code == status
    assert answer.json()["message"]


def _studies(api, path, **query):
    while True:
        page = api.get(path, params=query).json()
        yield from page["studies"]
        if not page["hasMore"]:
            return
        query["cursor"] = page["cursor"]


CANCELLED = next(made for made in data.customers(250, 1) if made.activity and made.activity.cancelled_from)


def test_studies_after_a_day_may_all_be_cancelled(api):
    customer, since = CANCELLED.record["expressCustomerId"], data.stamp(CANCELLED.activity.cancelled_from)
    studies = list(_studies(api, "/v1/viewer/studies", expressCustomerId=customer))
    late = [study for study in studies if study["createdAt"] > since]
    assert late
    assert all(study["isCancelled"] for study in late)
    assert not all(study["isCancelled"] for study in studies)


@pytest.mark.parametrize("path", ["/v1/viewer/studies", "/v1/autoScribe/studies"])
def test_studies_can_be_unreadable(api, sandbox, path):
    sandbox.set_faults(["studies-403"])
    answer = api.get(path, params={"expressCustomerId": EXAMPLE_ID})
    assert (answer.status_code, bool(answer.json()["message"])) == (403, True)
    sandbox.set_faults(["studies-cut"])
    with pytest.raises(httpx.RemoteProtocolError):
        api.get(path, params={"expressCustomerId": EXAMPLE_ID})
    sandbox.set_faults(["studies-slow"])
    with pytest.raises(httpx.ReadTimeout):
        api.get(path, params={"expressCustomerId": EXAMPLE_ID}, timeout=0.3)
    assert [call.fault for call in sandbox.calls()][:2] == ["studies-403", "studies-cut"]


def test_a_filter_that_hardly_matches_gives_short_pages_that_go_on(api):
    query = {"severity": "stat", "isCancelled": "true"}
    page = api.get("/v1/autoScribe/studies", params=query).json()
    assert len(page["studies"]) < 100
    assert page["hasMore"]
    following = api.get("/v1/autoScribe/studies", params={**query, "cursor": page["cursor"]}).json()
    assert not {s["studyId"] for s in page["studies"]} & {s["studyId"] for s in following["studies"]}


def test_studies_of_an_unknown_customer_are_none(api):
    assert api.get("/v1/viewer/studies", params={"expressCustomerId": f"cus_{0:032x}"}).json() == {
        "studies": [],
        "hasMore": False,
    }


@pytest.mark.parametrize(
    ("fault", "meets", "applied"),
    [
        ("timeout-before", httpx.ReadTimeout, False),
        ("timeout-after", httpx.ReadTimeout, True),
        ("reset-after", httpx.ReadError, True),
        ("truncated", httpx.RemoteProtocolError, True),
    ],
)
def test_an_answer_that_never_comes_says_nothing_of_what_happened(api, sandbox, fault, meets, applied):
    sandbox.set_faults([fault])
    with pytest.raises(meets):
        api.post(f"{PATH}/deactivate", timeout=0.2)
    assert _is_active(api) is not applied
    record = next(call for call in sandbox.calls() if call.operation == "deactivate")
    assert (record.applied, record.fault) == (applied, fault)
    assert record.status in ("no answer", "cut")


@pytest.mark.parametrize(
    ("fault", "status", "applied"),
    [
        ("http-500", 500, False),
        ("http-503", 503, False),
        ("html-error", 502, False),
        ("still-active", 200, False),
        ("wrong-id", 200, True),
        ("bad-json", 200, True),
    ],
)
def test_an_answer_that_misleads_is_recorded_as_it_was(api, sandbox, fault, status, applied):
    sandbox.set_faults([fault])
    answer = api.post(f"{PATH}/deactivate")
    assert answer.status_code == status
    assert _is_active(api) is not applied
    record = sandbox.calls()[0]
    assert (record.status, record.applied, record.fault, record.request_id) == (
        status,
        applied,
        fault,
        answer.headers["x-request-id"],
    )
    match fault:
        case "http-503":
            assert answer.headers["retry-after"] == "1"
        case "html-error":
            assert answer.headers["content-type"].startswith("text/html")
        case "still-active":
            assert answer.json() == EXAMPLE
        case "wrong-id":
            assert answer.json()["expressCustomerId"] != EXAMPLE_ID
            assert answer.json()["isActive"] is False
        case "bad-json":
            with pytest.raises(ValueError, match="Expecting"):
                answer.json()


def test_a_bad_record_is_one_of_its_page(api, sandbox):
    good = _pages(api)
    sandbox.set_faults(["bad-record"])
    for before, after in zip(good, _pages(api), strict=True):
        pairs = zip(before["expressCustomers"], after["expressCustomers"], strict=True)
        assert sum(one != other for one, other in pairs) == 1


def test_a_repeated_cursor_never_ends(api, sandbox):
    sandbox.set_faults(["repeat-cursor"])
    first = api.get("/v1/express").json()
    second = api.get("/v1/express", params={"cursor": first["cursor"]}).json()
    assert second["hasMore"]
    assert second["cursor"] == first["cursor"]


def test_a_duplicate_row_is_the_last_one_of_the_page_before_updated_since(api, sandbox):
    sandbox.set_faults(["duplicate-row"])
    pages = _pages(api)
    last, again = pages[0]["expressCustomers"][-1], pages[1]["expressCustomers"][0]
    assert last["expressCustomerId"] == again["expressCustomerId"]
    assert last["updatedAt"] < again["updatedAt"]
    assert len({c["expressCustomerId"] for page in pages for c in page["expressCustomers"]}) == 250


def test_the_key_stops_working_midway_until_the_faults_are_set_anew(api, sandbox):
    sandbox.set_faults(["unauthorized-midway"])
    first = api.get("/v1/express")
    assert first.status_code == 200
    assert api.get("/v1/express", params={"cursor": first.json()["cursor"]}).status_code == 401
    assert api.get(PATH).status_code == 401
    sandbox.set_faults([])
    assert api.get(PATH).status_code == 200


def test_drift_changes_each_record_once_between_list_and_deactivate(api, sandbox):
    listed = _pages(api)[0]["expressCustomers"][:12]
    sandbox.set_faults(["drift"])
    changed = set()
    for before in listed:
        now = api.get(f"/v1/express/{before['expressCustomerId']}").json()
        fields = {key for key in now if now[key] != before.get(key)}
        assert "updatedAt" in fields
        changed |= fields - {"updatedAt"}
        assert api.get(f"/v1/express/{before['expressCustomerId']}").json() == now
    assert changed == {"userCount", "expressCustomerName", "metadata"}


def test_slow_delays_the_answer(api, sandbox, monkeypatch):
    monkeypatch.setattr(faults, "SLOW_SECONDS", 0.3)
    sandbox.set_faults(["slow@get"])
    with pytest.raises(httpx.ReadTimeout):
        api.get(PATH, timeout=0.1)
    assert api.get(PATH).status_code == 200


def test_latency_delays_every_answer(start_sandbox):
    with _client(start_sandbox(latency_ms=300)) as api, pytest.raises(httpx.ReadTimeout):
        api.get(PATH, timeout=0.1)


def test_a_latency_that_is_taken_back_holds_no_call_that_is_under_way(start_sandbox):
    server = start_sandbox(latency_ms=600_000)
    with _client(server) as api, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.get, PATH, timeout=30)
        until(lambda: server.sandbox.under_way, "the call was under way")
        server.sandbox.latency = 0
        assert answer.result().status_code == 200


def test_an_answer_takes_longer_for_each_other_request_that_is_under_way(start_sandbox):
    server = start_sandbox(latency_ms=100, load_ms=150)
    with _client(server) as api, ThreadPoolExecutor(4) as pool:
        took = list(pool.map(lambda _: api.get(PATH).elapsed.total_seconds(), range(4)))
    assert max(took) > 0.3
    assert (server.sandbox.under_way, server.sandbox.delay) == (0, 0.1)


@pytest.mark.parametrize(("limit", "refused"), [("4/30", [4, 5, 6, 7]), ("100%", list(range(8))), ("1:4", [3, 7])])
def test_limits_of_every_shape_refuse_with_retry_after(start_sandbox, limit, refused):
    with _client(start_sandbox(rate_limit=limit)) as api:
        answers = [api.get(PATH) for _ in range(8)]
    assert [number for number, answer in enumerate(answers) if answer.status_code == 429] == refused
    assert {answers[number].headers["retry-after"] for number in refused} <= {"1", "29", "30"}


def test_over_the_rate_limit_comes_429_with_retry_after(start_sandbox):
    with _client(start_sandbox(rate_limit=2)) as api:
        answers = [api.get(PATH) for _ in range(6)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].headers["retry-after"] == "1"


def test_faults_are_switched_over_http_and_the_calls_read_back(api):
    assert api.put("/_sandbox/faults", json={"faults": ["still-active", "http-503@list=0.5"]}).status_code == 200
    assert api.get("/_sandbox/faults").json() == {"faults": ["still-active=1", "http-503@list=0.5"]}
    api.post(f"{PATH}/deactivate")
    (call,) = api.get("/_sandbox/calls").json()["calls"]
    assert (call["customer_id"], call["status"], call["applied"], call["fault"]) == (EXAMPLE_ID, 200, False, "still-active")
    refused = api.put("/_sandbox/faults", json={"faults": ["nonsense"]})
    assert refused.status_code == 400
    assert "nonsense" in refused.json()["message"]
    assert api.get("/_sandbox/faults").json()["faults"] == ["still-active=1", "http-503@list=0.5"]


def test_many_clients_at_once_lose_nothing(sandbox):
    with _client(sandbox) as api:
        ids = [customer["expressCustomerId"] for page in _pages(api) for customer in page["expressCustomers"]]

        def deactivate(part):
            for customer_id in part:
                api.post(f"/v1/express/{customer_id}/deactivate").raise_for_status()

        threads = [threading.Thread(target=deactivate, args=(ids[n::8],)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not any(customer["isActive"] for page in _pages(api) for customer in page["expressCustomers"])
    assert sum(call.applied for call in sandbox.calls()) == 250


def test_a_request_that_hangs_does_not_hold_up_stopping():
    server = SandboxServer(customers=1, faults=["timeout-before"]).start()
    met = []

    def hang():
        try:
            httpx.post(f"{server.base_url}{PATH}/deactivate", headers={"Authorization": f"Bearer {server.api_key}"}, timeout=60)
        except httpx.HTTPError as exc:
            met.append(exc)

    thread = threading.Thread(target=hang)
    thread.start()
    while not server.calls():
        assert thread.is_alive()
    server.stop()
    thread.join(timeout=10)
    assert [type(exc) for exc in met] == [httpx.ReadError]


def test_what_is_kept_is_for_its_owner_only(tmp_path):
    server = SandboxServer(customers=5, state=tmp_path / "s.sqlite").start()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    server.stop()
    assert modes.keys() >= {"s.sqlite", "s.sqlite-wal"}
    assert set(modes.values()) == {0o600}


def test_a_restart_keeps_the_state_and_the_port(tmp_path):
    server = SandboxServer(customers=5, state=tmp_path / "s.sqlite")
    with server, _client(server) as api:
        url = server.base_url
        api.post(f"{PATH}/deactivate")
        api.post(f"{PATH}/users", json={"userId": USER})
    with server, _client(server) as api:
        assert server.base_url == url
        assert not _is_active(api)
        assert [call.status for call in server.calls()][:2] == [200, 409]


def test_the_server_runs_beside_another_event_loop():
    async def ask():
        with SandboxServer(customers=1) as server:
            async with httpx.AsyncClient(
                headers={"Authorization": f"Bearer {server.api_key}"}, trust_env=False, verify=False
            ) as client:
                return (await client.get(server.base_url + PATH)).json()

    assert asyncio.run(ask()) == EXAMPLE


def test_what_can_not_start_says_so_before_it_starts(tmp_path):
    with pytest.raises(faults.FaultError):
        SandboxServer(faults=["nonsense"])
    with SandboxServer(customers=1) as server, pytest.raises(OSError, match="in use"):
        SandboxServer(customers=1, port=int(server.base_url.rpartition(":")[2])).start()
    with pytest.raises(StateError):
        SandboxServer(customers=1, state=tmp_path).start()
