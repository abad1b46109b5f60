"""The door, on the app as a process: who may open a websocket or send something, and what leaves the machine meanwhile."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import streamlit as st
from starlette.datastructures import Headers
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from lib.customers.lists.read import UPLOAD_LIMIT
from lib.sandbox.server import SandboxServer
from lib.ui.deactivate.plan_file import _LARGEST_MB
from lib.ui.door import Addresses, is_loopback
from tests.served import PATIENCE, ROOT, Served, free_port, served, until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the server's process is asked by a signal")

PUBLIC = "https://express-ops.example.com"
KEY = "key-of-the-door-tests-1c0d"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app with an account on a sandbox of its own, behind a proxy that is known to it as PUBLIC."""
    with (
        SandboxServer(customers=20, api_key=KEY) as sandbox,
        served(
            tmp_path_factory.mktemp("door"),
            *("--server.corsAllowedOrigins", PUBLIC),
            AVARA_API_KEY=KEY,
            AVARA_BASE_URL=sandbox.base_url,
        ) as running,
    ):
        until(lambda: running.health() == {"ok": True}, "the app was up")
        yield running


def ask(app: Served, first_line: str, *headers: str) -> int:
    """The status of the answer to exactly these lines."""
    with socket.create_connection(("127.0.0.1", app.port), timeout=PATIENCE) as line:
        line.sendall("\r\n".join((first_line, *headers, "", "")).replace("PORT", str(app.port)).encode())
        return int(line.makefile("rb").readline().split()[1])


def handshake(app: Served, *headers: str) -> int:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    return ask(app, "GET /_stcore/stream HTTP/1.1", *upgrade, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *headers)


HOST = "Host: 127.0.0.1:PORT"
#: What a browser, or who pretends to be one, says of itself → the answer to its websocket.
HANDSHAKES = {
    "its own page": ([HOST, "Origin: http://127.0.0.1:PORT"], 101),
    "its own page by name": (["Host: localhost:PORT", "Origin: http://localhost:PORT"], 101),
    "its own page by IPv6": (["Host: [::1]:PORT", "Origin: http://[::1]:PORT"], 101),
    "its own page through a tunnel": (["Host: localhost:9000", "Origin: http://localhost:9000"], 101),
    "its own page behind the proxy": (["Host: express-ops.example.com", f"Origin: {PUBLIC}"], 101),
    "another port of this machine": ([HOST, "Origin: http://127.0.0.1:3000"], 403),
    "another port by name": (["Host: localhost:PORT", "Origin: http://localhost:3000"], 403),
    "no port": (["Host: localhost:PORT", "Origin: http://localhost"], 403),
    "another name of this machine": ([HOST, "Origin: http://localhost:PORT"], 403),
    "another name of this machine, IPv6": ([HOST, "Origin: http://[::1]:PORT"], 403),
    "every address": ([HOST, "Origin: http://0.0.0.0:PORT"], 403),
    "another scheme": ([HOST, "Origin: https://127.0.0.1:PORT"], 403),
    "a websocket's scheme": ([HOST, "Origin: ws://127.0.0.1:PORT"], 403),
    "another scheme, by the proxy's header": ([HOST, "Origin: https://127.0.0.1:PORT", "X-Forwarded-Proto: https"], 403),
    "another host, by the proxy's header": ([HOST, "Origin: http://evil.invalid", "X-Forwarded-Host: evil.invalid"], 403),
    "another site": ([HOST, "Origin: http://evil.invalid"], 403),
    "another site on this port": ([HOST, "Origin: http://evil.invalid:PORT"], 403),
    "an extension": ([HOST, "Origin: chrome-extension://abcdefghijklmnop"], 403),
    "a file, a sandboxed frame": ([HOST, "Origin: null"], 403),
    "nothing": ([HOST], 403),
    "an empty one": ([HOST, "Origin:"], 403),
    "several": ([HOST, "Origin: http://127.0.0.1:PORT", "Origin: http://evil.invalid"], 400),
    "several in one": ([HOST, "Origin: http://127.0.0.1:PORT, http://evil.invalid"], 403),
    "capitals": (["Host: localhost:PORT", "Origin: http://LOCALHOST:PORT"], 403),
    "a trailing dot": ([HOST, "Origin: http://127.0.0.1.:PORT"], 403),
    "a path": ([HOST, "Origin: http://127.0.0.1:PORT/"], 403),
    "user info before": ([HOST, "Origin: http://127.0.0.1:PORT@evil.invalid"], 403),
    "user info behind": ([HOST, "Origin: http://evil.invalid@127.0.0.1:PORT"], 403),
    "the proxy's page under this machine's name": ([HOST, f"Origin: {PUBLIC}"], 403),
    "this machine's page under the proxy's name": (["Host: express-ops.example.com", "Origin: http://127.0.0.1:PORT"], 403),
    "the proxy's page without TLS": (["Host: express-ops.example.com", "Origin: http://express-ops.example.com"], 403),
    "a name that was bent to this machine": (["Host: evil.invalid:PORT", "Origin: http://evil.invalid:PORT"], 400),
    "a name with a trailing dot": (["Host: localhost.:PORT", "Origin: http://localhost.:PORT"], 400),
    "a part of the proxy's name": (["Host: evil.express-ops.example.com", f"Origin: {PUBLIC}"], 400),
    "a name with user info": (["Host: localhost@evil.invalid:PORT", "Origin: http://evil.invalid:PORT"], 400),
    "no host": (["Origin: http://127.0.0.1:PORT"], 400),
    "two hosts": ([HOST, "Host: evil.invalid", "Origin: http://127.0.0.1:PORT"], 400),
}


@pytest.mark.parametrize("who", HANDSHAKES)
def test_a_websocket_is_opened_to_the_apps_own_pages_only(app: Served, who: str) -> None:
    headers, status = HANDSHAKES[who]
    assert handshake(app, *headers) == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH", "BREW"])
@pytest.mark.parametrize("path", ["/_stcore/upload_file/session/file", "/healthz", "/"])
def test_what_could_change_something_is_taken_from_the_apps_own_pages_only(app: Served, method: str, path: str) -> None:
    ask_for = (f"{method} {path} HTTP/1.1", "Content-Length: 0", HOST)
    assert ask(app, *ask_for, "Origin: http://localhost:3000") == 403
    assert ask(app, *ask_for, "Origin: null") == 403
    assert ask(app, *ask_for, "Origin: http://127.0.0.1:PORT", "Origin: http://localhost:3000") == 403
    assert ask(app, *ask_for) == 403
    # The app's own page comes through to Streamlit, which takes an upload only with its token.
    through = 403 if "upload" in path and method in ("PUT", "DELETE") else 405
    assert ask(app, *ask_for, "Origin: http://127.0.0.1:PORT") == through


def test_what_is_refused_is_in_the_log_without_the_id_of_a_session(app: Served) -> None:
    session = "7c1c2b9e-5b0e-4c39-9a52-0d5f6f1f3a11"
    put = (f"PUT /_stcore/upload_file/{session}/file HTTP/1.1", "Content-Length: 0", HOST)
    assert ask(app, *put, "Origin: http://elsewhere.invalid") == 403
    until(lambda: "Refused /_stcore/upload_file/" in app.log, "it was in the log")
    assert session not in app.log


@pytest.mark.parametrize("declared", [True, False], ids=["with its length", "in pieces"])
def test_a_file_that_is_larger_than_the_page_says_is_refused_by_the_server(app: Served, declared: bool) -> None:
    most = UPLOAD_LIMIT // 2**20
    assert st.get_option("server.maxUploadSize") == most == _LARGEST_MB
    with app.tab() as tab, httpx.Client(base_url=app.base_url, trust_env=False, timeout=PATIENCE) as browser:
        tab.send(BackMsg(rerun_script=ClientState()))
        while (message := ForwardMsg.FromString(bytes(tab.line.recv(timeout=PATIENCE)))).WhichOneof("type") != "new_session":
            pass
        session = message.new_session.initialize.session_id
        token = browser.get("/_stcore/health").cookies["_streamlit_xsrf"]
        headers = {"origin": app.base_url, "x-xsrftoken": token, "content-type": "multipart/form-data; boundary=x"}
        head, piece = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n', bytes(2**20)

        def send(megabytes: int) -> int:
            """The status of the answer to an upload of so much; a server that refuses it may not listen to its end."""
            body = (head, *[piece] * megabytes, b"\r\n--x--\r\n")
            path = f"/_stcore/upload_file/{session}/{megabytes}"
            return browser.put(path, headers=headers, content=b"".join(body) if declared else iter(body)).status_code

        assert send(1) == 204
        assert send(most + 2) == 413


def test_figures_of_the_process_are_for_this_machine(app: Served) -> None:
    assert app.get("/_stcore/metrics").status_code == 200
    assert app.get("/_stcore/metrics", host="express-ops.example.com").status_code == 403
    assert app.get("/_stcore/metrics/", host="express-ops.example.com").status_code in (403, 404)
    assert app.get("/metrics").status_code == 404  # until the settings say `metrics = true`
    assert app.get("/metrics", host="express-ops.example.com").status_code == 403


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "express-ops.example.com"])
def test_pages_are_served_under_the_apps_own_names_and_may_connect_to_nothing_but_it(app: Served, name: str) -> None:
    host = name if name in PUBLIC else f"{name}:{app.port}"
    policy = dict(part.split(" ", 1) for part in app.get("/", host=host).headers["content-security-policy"].split("; "))
    assert policy["connect-src"] == f"'self' {'wss' if name in PUBLIC else 'ws'}://{host}"


def test_whether_it_lives_is_told_under_any_name_and_nothing_else_is(app: Served) -> None:
    for host in ("192.0.2.7", "load-balancer.invalid", ""):
        assert app.get("/healthz", host=host).json() == {"ok": True}
    refused = app.get("/readyz", host="load-balancer.invalid")
    assert refused.status_code == 400
    assert "--server.corsAllowedOrigins" in refused.text  # what whoever puts a proxy before it has to set
    assert "load-balancer" not in refused.text
    assert ask(app, "POST /healthz HTTP/1.1", "Content-Length: 0", "Host: load-balancer.invalid") == 400


@pytest.mark.parametrize(
    "host", ["rebinding.example", "www.localhost", "localhost.", "127.0.0.1.nip.io", "express-ops.example"]
)
def test_pages_are_served_under_no_other_name(app: Served, host: str) -> None:
    assert app.get("/", host=host).status_code == 400
    assert "location" not in app.get("/", host=host).headers


def test_no_other_page_may_send_it_messages(app: Served) -> None:
    assert app.get("/_stcore/host-config").json()["allowedOrigins"] == []


PAGES = ("", "overview", "deactivate", "runs", "compare", "connection")


def test_nothing_leaves_the_machine_whoever_knocks_and_whatever_page_is_opened(app: Served) -> None:
    for headers, _ in HANDSHAKES.values():
        handshake(app, *headers)
    with app.tab() as tab:
        for page in PAGES:
            assert len(tab.open(page)) > 1_000
    went_to = {line.split(" ", 1)[1] for line in app.spied("net")}
    assert went_to  # the calls to the API
    assert not [name for name in went_to if name not in ("None", "localhost") and not ipaddress.ip_address(name).is_loopback]


def test_clearing_the_caches_over_a_websocket_changes_neither_worker_nor_sandbox(tmp_path: Path) -> None:
    with served(tmp_path) as app:  # with the embedded sandbox
        until(lambda: app.health() == {"ok": True}, "the app was up")
        before = app.who()
        with app.tab() as tab:
            tab.open()
            tab.send(BackMsg(clear_cache=True))
            tab.open("runs")
            tab.send(BackMsg(clear_cache=True))
            assert b"Sandbox on this machine" in tab.open()
        with app.tab() as tab:
            assert b"Sandbox on this machine" in tab.open("connection")
        assert app.who() == before
        with socket.create_connection(("127.0.0.1", int(before.rpartition(":")[2])), timeout=PATIENCE):
            pass  # the sandbox still listens


@pytest.mark.parametrize("option", [("--server.address", address) for address in ("0.0.0.0", "::", "")], ids=str)
def test_where_others_could_reach_it_it_does_not_start_and_says_so(tmp_path: Path, option: tuple[str, str]) -> None:
    with served(tmp_path, *option) as app:
        assert app.process.wait(PATIENCE) != 0
        assert "Nobody has to log in here" in app.log
        assert "Traceback" not in app.log
        assert app.spied("net") == []  # nor was anybody asked for this machine's address


def test_make_run_does_not_start_there_either(tmp_path: Path) -> None:
    environment = {**os.environ, "STREAMLIT_SERVER_ADDRESS": "0.0.0.0", "EXPRESS_OPS_HOME": str(tmp_path)}
    command = ["make", "-o", ".venv/app.ok", "run", f"PORT={free_port()}"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as make:
        try:
            _, told = make.communicate(timeout=PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(make.pid, signal.SIGKILL)  # what it started, had it not ended
    assert make.returncode != 0
    assert "Nobody has to log in here" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("origin", ["https://Express-Ops.example.com", "https://express-ops.example.com/", "*", "example.com"])
def test_a_public_address_that_no_browser_would_send_is_refused_at_the_start(tmp_path: Path, origin: str) -> None:
    with served(tmp_path, "--server.corsAllowedOrigins", origin) as app:
        assert app.process.wait(PATIENCE) != 0
        assert "which is not how browsers write an origin" in app.log
        assert "Traceback" not in app.log


OURS = ("127.0.0.1", "127.8.8.8", "::1", "localhost")
OTHERS = ("0.0.0.0", "::", "", "0", "10.0.0.1", "192.0.2.7", "fe80::1", "example.com", "localhost.example.com")


@pytest.mark.parametrize(("address", "ours"), [*((one, True) for one in OURS), *((one, False) for one in OTHERS)])
def test_which_addresses_only_this_machine_reaches(address: str, ours: bool) -> None:
    assert is_loopback(address) is ours


def test_with_a_certificate_of_its_own_its_pages_are_https() -> None:
    addresses = Addresses("https")
    assert addresses.origins(Headers({"host": "localhost:8501"})) == ("https://localhost:8501",)
    assert addresses.origins(Headers(raw=[(b"host", b"localhost"), (b"host", b"localhost")])) == ()
