"""app.py as a process: what `streamlit run app.py` starts, answers, and does when it can't start or is asked to stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import app as app_itself
from app import lifespan, starter
from lib.accounts.embedded import SANDBOX_CUSTOMERS
from lib.errors import NotStarted
from lib.journal.journal import Journal
from lib.plans.model import RunState
from lib.sandbox.server import SandboxServer
from lib.ui.door import HEADERS
from lib.ui.resources import Resources, get_resources
from tests.journal.places import Server
from tests.pages.world import World
from tests.runs.fakes import ROBIN, customer, plan_of
from tests.served import PATIENCE, Served, free_port, served, until

KEY = "key-of-the-app-tests-55aa"
NOT_READY = "This server is not ready for people"
#: Seconds: a database is given five to answer, a probe no longer; and the machine may be busy.
AT_ONCE = 15.0
ADDRESS = "  You can now view your Streamlit app in your browser."
NOT_THERE, STARTING = {"state": "no answer"}, {"ok": False, "state": "starting"}


def test_the_lifespan_makes_the_resources_before_the_first_page_and_closes_them_at_the_end(tmp_path: Path) -> None:
    async def life() -> Resources:
        async with lifespan(app_itself) as told:
            assert told == {"ready": True}
            made = await asyncio.to_thread(get_resources)
            assert made.client.get_customer(known).id == known
            assert await asyncio.to_thread(until, lambda: starter.started, "it had started")
            return made

    with World(tmp_path) as world:
        known = world.sandbox(customers=5).sandbox.store.read(2)["expressCustomerId"]
        made = asyncio.run(life())
        with pytest.raises(RuntimeError, match="closed"):
            made.client.get_customer(known)
        with pytest.raises(NotStarted, match="being stopped"):
            get_resources()


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder whose journal holds a run that another process left in the middle; and that run's id."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "home").mkdir()
    journal = Journal(folder / "home" / "journal.sqlite")
    run = journal.record(plan_of([customer(1), customer(2)]), datetime.now(UTC), who=ROBIN)
    journal.claim(run.id, owner="elsewhere:1:dead", now=datetime.now(UTC), who=ROBIN, lease=0)
    journal.close()
    return folder, run.id


@pytest.fixture(scope="module")
def app(interrupted: tuple[Path, str]) -> Iterator[Served]:
    """The app on a sandbox."""
    with SandboxServer(customers=20, api_key=KEY) as sandbox:
        account = {"AVARA_API_KEY": KEY, "AVARA_BASE_URL": sandbox.base_url}
        with served(interrupted[0], **account, STREAMLIT_LOGGER_LEVEL="debug") as running:
            until(lambda: running.health() == {"ok": True}, "the app was up")
            yield running


def test_it_says_that_it_is_starting_until_it_has(tmp_path: Path) -> None:
    told = list[dict[str, object]]()

    def health() -> bool:
        told.append(app.health())
        return told[-1] == {"ok": True}

    with served(tmp_path) as app:
        until(health, "the app was up")
        assert {str(one) for one in told} <= {str(one) for one in (NOT_THERE, STARTING, {"ok": True})}
        assert STARTING in told
        assert app.get("/readyz").status_code == 200


@pytest.mark.parametrize("query", ["", "?q=a%26b+c&active=yes"])
def test_the_address_that_one_would_guess_for_customers_leads_there(app: Served, query: str) -> None:
    answer = app.get(f"/customers{query}")
    assert answer.next_request is not None
    assert str(answer.next_request.url) == f"{app.base_url}/{query}"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/customers", "/_stcore/health", "/nothing/here"])
def test_every_answer_carries_the_security_headers(app: Served, path: str) -> None:
    answer = app.get(path)
    for name, value in HEADERS.items():
        assert answer.headers.get_list(name) == [value]


def test_the_policy_lets_nothing_in_from_elsewhere(app: Served) -> None:
    policy = dict(part.strip().split(" ", 1) for part in app.get("/").headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["object-src"] == "'none'"
    sources = {source for value in policy.values() for source in value.split()} - {f"ws://127.0.0.1:{app.port}"}
    assert not [source for source in sources if "." in source or "*" in source or source.startswith(("http", "ws"))]


def test_no_other_machine_can_reach_it(app: Served) -> None:
    with pytest.raises(OSError, match="refused"):  # the address of this machine that other machines would use
        socket.create_connection(("127.0.0.2", app.port), timeout=5)


def test_what_a_dead_process_left_is_marked_before_anyone_opens_a_page(app: Served, interrupted: tuple[Path, str]) -> None:
    journal = Journal(app.home / "journal.sqlite")
    try:
        assert journal.reads.run(interrupted[1]).state is RunState.INTERRUPTED
    finally:
        journal.close()


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM is how a service is stopped on POSIX")
def test_asked_to_stop_it_stops_by_itself_and_the_key_is_nowhere_in_its_log(app: Served) -> None:
    app.process.send_signal(signal.SIGTERM)
    assert app.process.wait(PATIENCE) in (0, -signal.SIGTERM)
    log = app.log
    assert "Traceback" not in log
    assert "Express Ops" in log or "URL" in log  # something was logged at all
    assert KEY not in log
    for file in filter(Path.is_file, app.home.rglob("*")):
        assert KEY.encode() not in file.read_bytes(), file


def taken_state(folder: Path) -> Callable[[], object]:
    other = SandboxServer(customers=SANDBOX_CUSTOMERS, state=folder / "home" / "sandbox.sqlite").start()
    return other.stop


def broken_file(name: str, content: str) -> Callable[[Path], Callable[[], object]]:
    def break_(folder: Path) -> Callable[[], object]:
        (folder / "home" / name).write_text(content)
        return (folder / "home" / name).unlink

    return break_


#: What is in the way when the app starts, made by a function that gives what takes it away → words of the reason.
IN_THE_WAY = {
    "the sandbox's state, in use elsewhere": (taken_state, "The embedded sandbox can't start"),
    "settings.toml that is none": (broken_file("settings.toml", "concurrency = = 4"), "settings.toml is not TOML"),
    "a setting that nobody knows": (broken_file("settings.toml", "concurrencie = 4"), "concurrencie"),
    "a journal that is none": (broken_file("journal.sqlite", "this is no database " * 100), "journal"),
}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_a_start_that_fails_says_why_and_goes_on_once_nothing_is_in_the_way(tmp_path: Path, what: str) -> None:
    put, words = IN_THE_WAY[what]
    (tmp_path / "home").mkdir()
    take_away = put(tmp_path)
    with served(tmp_path, "--server.corsAllowedOrigins", "https://express-ops.example.com") as app:
        told = until(lambda: (health := app.health()).get("reason") and health, "it said why")
        assert told.keys() == {"ok", "state", "reason"}
        assert told["state"] == "failed"
        assert words in str(told["reason"])
        assert app.get("/readyz").status_code == 503
        # Whoever comes through a proxy is told no more than that.
        assert app.get("/readyz", host="express-ops.example.com").json() == {"ok": False, "state": "failed"}
        assert app.get("/healthz").status_code == 200  # started anew it would fail again
        with app.tab() as tab:
            for page in ("", "overview", "deactivate", "runs", "compare", "connection"):
                drawn = tab.open(page).decode(errors="replace").replace("\\", "")
                assert words in drawn
                assert "tries again" in drawn
        assert "Traceback" not in app.log
        assert app.log.count(words) == 1  # however often it was tried
        take_away()
        until(lambda: app.health() == {"ok": True}, "it had started after all")
        with app.tab() as tab:
            assert b"Sandbox on this machine" in tab.open()


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    """A server of this module's own: no other test shall meet one that was stopped."""
    server = Server()
    yield server
    server.stop()


def test_while_its_database_is_away_it_lives_and_says_in_time_that_it_is_not_ready(tmp_path: Path, postgresql: Server) -> None:
    with (
        SandboxServer(customers=20, api_key=KEY) as sandbox,
        served(
            tmp_path,
            AVARA_API_KEY=KEY,
            AVARA_BASE_URL=sandbox.base_url,
            EXPRESS_OPS_DATABASE_URL=postgresql.new_place().url,
            EXPRESS_OPS_LOG="json",
        ) as app,
        ThreadPoolExecutor(60) as probes,
    ):
        until(lambda: app.health() == {"ok": True}, "the app was up")
        for times, trouble in enumerate((postgresql.frozen, postgresql.down), 1):
            with trouble():
                until(lambda: not app.health()["ok"], "it said so")
                began = time.monotonic()
                told = list(probes.map(lambda _: app.get("/readyz"), range(60)))
                assert {answer.status_code for answer in told} == {503}
                assert "journal" in told[0].json()["reason"].lower()
                assert time.monotonic() - began < AT_ONCE
                assert app.get("/healthz").json() == {"ok": True}
                until(lambda: NOT_READY in app.log.rpartition(f"{NOT_READY}: that is over")[2], "so did its log")
            until(lambda: app.health() == {"ok": True}, "it was ready again")
            until(lambda times=times: app.log.count(f"{NOT_READY}: that is over") == times, "so did its log")
    lines = [line for line in app.log.splitlines() if line.strip()]
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert {"time", "level", "name", "message"} <= set.intersection(*map(set, told))
    assert [line for line in lines if not line.startswith("{")] == [ADDRESS, f"  URL: {app.base_url}"]  # Streamlit prints it
    assert len(told) < 20  # however long the database was away


def test_a_database_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://robin:not-for-your-eyes@127.0.0.1:{free_port()}/journal"
    with served(tmp_path, EXPRESS_OPS_DATABASE_URL=url) as app:
        told = until(lambda: app.health().get("reason"), "it said why")
        assert "journal" in str(told).lower()
        with app.tab() as tab:
            drawn = tab.open("runs")
        assert "not-for-your-eyes" not in f"{told}{app.log}{drawn.decode(errors='replace')}"


@pytest.mark.parametrize("content", [None, "", "this is no certificate"], ids=["missing", "empty", "no certificate"])
def test_certificates_that_are_none_are_told_by_their_variables_name(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "certificates.pem"
    if content is not None:
        file.write_text(content)
    account = {"AVARA_API_KEY": KEY, "AVARA_BASE_URL": f"https://127.0.0.1:{free_port()}"}
    with served(tmp_path, **account, SSL_CERT_FILE=str(file)) as app:
        told = until(lambda: app.health().get("reason"), "it said why")
        assert "SSL_CERT_FILE" in str(told)
        with app.tab() as tab:
            assert "SSL_CERT_FILE" in tab.open("connection").decode(errors="replace").replace("\\", "")
