"""app.py as a process: what `streamlit run app.py` starts, answers, and does when it is asked to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from app import HEADERS, _started, health, lifespan
from app import app as app_itself
from lib.errors import ConfigError
from lib.journal.journal import Journal
from lib.runs.model import RunState
from lib.sandbox.server import SandboxServer
from lib.ui import resources as wiring
from lib.ui.resources import Resources, get_resources
from tests.pages.world import World
from tests.runs.fakes import ROBIN, customer, plan_of

ROOT = Path(__file__).parents[1]
KEY = "key-of-the-app-tests-55aa"


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[str]
    base_url: str
    home: Path
    interrupted: str


def test_the_lifespan_makes_the_resources_before_the_first_page_and_closes_them_at_the_end(tmp_path: Path) -> None:
    async def life() -> Resources:
        async with lifespan(app_itself) as told:
            assert told == {"ready": True}
            made = get_resources()
            assert made.client.get_customer(known).id == known
            return made

    with World(tmp_path) as world:
        known = world.sandbox(customers=5).sandbox.store.read(2)["expressCustomerId"]
        made = asyncio.run(life())
        with pytest.raises(RuntimeError, match="closed"):
            made.client.get_customer(known)
        assert get_resources() is not made


async def life(told: list[int], gate: threading.Event) -> None:
    async with lifespan(app_itself):
        told.append((await health(Request({"type": "http"}))).status_code)
        gate.set()
        assert await asyncio.to_thread(_started.wait, 90)
        told.append((await health(Request({"type": "http"}))).status_code)


@pytest.mark.parametrize("problem", [None, ConfigError("EXPRESS_OPS_HOME is wrong."), RuntimeError("unheard of")], ids=str)
def test_it_says_that_it_is_starting_until_it_has_and_the_log_says_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, problem: Exception | None
) -> None:
    gate, told = threading.Event(), list[int]()

    def start() -> None:
        gate.wait(90)
        if problem is not None:
            raise problem

    monkeypatch.setattr(wiring, "start", start)
    monkeypatch.setattr(wiring, "release", lambda: None)
    asyncio.run(life(told, gate))
    assert told == [503, 200]
    assert problem is None or str(problem) in caplog.text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The app on a sandbox, with a journal in which another process left a run in the middle."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    journal = Journal(home / "journal.sqlite")
    run = journal.record(plan_of([customer(1), customer(2)]), datetime.now(UTC), who=ROBIN)
    journal.start(run.id, owner="elsewhere:1:dead", now=datetime.now(UTC), who=ROBIN, lease=0)
    journal.close()
    with SandboxServer(customers=20, api_key=KEY) as sandbox:
        environment = {
            **os.environ,
            "EXPRESS_OPS_HOME": str(home),
            "AVARA_API_KEY": KEY,
            "AVARA_BASE_URL": sandbox.base_url,
            "STREAMLIT_LOGGER_LEVEL": "debug",
        }
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        running = Running(process, f"http://127.0.0.1:{port}", home, run.id)
        try:
            wait_for(running)
            yield running
        finally:
            process.kill()
            process.communicate()


def wait_for(app: Running) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert app.process.poll() is None, app.process.communicate()[0]
        try:
            if httpx.get(f"{app.base_url}/healthz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)  # the pause of a poll with a deadline
    raise AssertionError("the app did not start")


def get(app: Running, path: str) -> httpx.Response:
    return httpx.get(f"{app.base_url}{path}", trust_env=False)


def test_it_says_that_it_is_well(app: Running) -> None:
    answer = get(app, "/healthz")
    assert answer.json() == {"ok": True}


@pytest.mark.parametrize("query", ["", "?q=a%26b+c&active=yes"])
def test_the_address_that_one_would_guess_for_customers_leads_there(app: Running, query: str) -> None:
    answer = get(app, f"/customers{query}")
    assert answer.next_request is not None
    assert str(answer.next_request.url) == f"{app.base_url}/{query}"


@pytest.mark.parametrize("path", ["/", "/healthz", "/customers", "/_stcore/health", "/nothing/here"])
def test_every_answer_carries_the_security_headers(app: Running, path: str) -> None:
    answer = get(app, path)
    for name, value in HEADERS.items():
        assert answer.headers.get_list(name) == [value]


def test_the_policy_lets_nothing_in_from_elsewhere(app: Running) -> None:
    policy = dict(part.strip().split(" ", 1) for part in get(app, "/").headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["object-src"] == "'none'"
    sources = {source for value in policy.values() for source in value.split()}
    assert not [source for source in sources if "." in source or "*" in source or source.startswith("http")]


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 101), ("localhost", 101), ("rebinding.example", 400)])
def test_customers_are_told_only_under_this_machines_own_names(app: Running, host: str, status: int) -> None:
    port = int(app.base_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=90) as line:
        asked = (
            "GET /_stcore/stream HTTP/1.1",
            f"Host: {host}:{port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        line.sendall("\r\n".join((*asked, "", "")).encode())
        assert line.recv(12) == f"HTTP/1.1 {status}".encode()


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("localhost", 200), ("rebinding.example", 400)])
def test_pages_are_served_only_under_this_machines_own_names(app: Running, host: str, status: int) -> None:
    assert httpx.get(app.base_url, headers={"host": host}, trust_env=False).status_code == status


def test_no_other_machine_can_reach_it(app: Running) -> None:
    port = int(app.base_url.rpartition(":")[2])
    with pytest.raises(OSError, match="refused"):  # the address of this machine that other machines would use
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_what_a_dead_process_left_is_marked_before_anyone_opens_a_page(app: Running) -> None:
    journal = Journal(app.home / "journal.sqlite")
    try:
        assert journal.reads.run(app.interrupted).state is RunState.INTERRUPTED
    finally:
        journal.close()


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM is how a service is stopped on POSIX")
def test_asked_to_stop_it_stops_by_itself_and_the_key_is_nowhere_in_its_log(app: Running) -> None:
    app.process.send_signal(signal.SIGTERM)
    log, _ = app.process.communicate(timeout=90)
    assert app.process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in log
    assert "Express Ops" in log or "URL" in log  # something was logged at all
    assert KEY not in log
    for file in filter(Path.is_file, app.home.rglob("*")):
        assert KEY.encode() not in file.read_bytes(), file
