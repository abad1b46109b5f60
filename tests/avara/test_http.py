"""One attempt on the wire: how long it may take, how much it may be, which way it goes, and what is said where it fails."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import certifi
import pytest
from pydantic import SecretStr

from lib import errors
from lib.avara import http, protocol, requests
from lib.avara.connection import Connection
from lib.avara.http import Http
from lib.avara.reply import Reply
from tests.avara.records import EXAMPLE, EXAMPLE_ID
from tests.avara.wire import CUT, HANG, RESET, reply, wire

KEY = "sk_live_0123456789"
READ, CHANGE = requests.get_customer(EXAMPLE_ID), requests.deactivate(EXAMPLE_ID)
#: What a test allows a server that never answers, and what a loaded machine may take to notice.
IMPATIENT, NOTICED = 1.0, 20.0
ELSEWHERE = "https://api.example.invalid"

HttpFactory = Callable[..., Http]


@pytest.fixture
def connect() -> Iterator[HttpFactory]:
    with ExitStack() as stack:

        def make(base_url: str, *, timeout: float = 60.0, connect_timeout: float = 5.0) -> Http:
            connection = Connection(base_url, SecretStr(KEY), "test", "sandbox")
            made = Http(connection, timeout=timeout, connect_timeout=connect_timeout, now=lambda: datetime.now(UTC))
            stack.callback(made.close)
            return made

        yield make


# --- how long it may take


def drip(*parts: bytes) -> Callable[[socket.socket], None]:
    """Sends all parts but the last one at once, then the last one again and again: always soon enough, and never to an end."""

    def answer(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(b"".join(parts[:-1]))
            while True:
                time.sleep(IMPATIENT / 20)
                connection.sendall(parts[-1])

    return answer


DRIPS = {
    "status": drip(b"H", b"T"),
    "headers": drip(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
    "one header after the other": drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    "early hints": drip(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
    "body without end": drip(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    "chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "gzip": drip(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(b"")[:10], b"\x00\x00\x00\xff\xff"),
    "silence": HANG,
}


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_comes_drop_by_drop_ends_with_the_timeout_and_the_next_one_comes(connect, drip):
    with wire(drip, reply(200, EXAMPLE)) as server:
        client = connect(server.base_url, timeout=IMPATIENT)
        began = time.monotonic()
        failure = client.send(CHANGE)
        assert time.monotonic() - began < NOTICED
        assert isinstance(failure, errors.NoAnswer)
        assert f"no answer came within {IMPATIENT:g} s. The change may have been applied" in failure.message
        assert isinstance(client.send(READ), Reply)


def test_an_answer_through_a_proxy_that_drips_ends_with_the_timeout(connect, monkeypatch):
    with wire(DRIPS["headers"]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url)
        began = time.monotonic()
        failure = connect(ELSEWHERE, timeout=IMPATIENT).send(READ)
        assert time.monotonic() - began < NOTICED
    assert isinstance(failure, errors.Unreachable)


@contextmanager
def answering(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """The port of a server that answers as soon as somebody connects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


#: The head of a TLS record that says it is long, and then its bytes one by one.
A_LONG_HANDSHAKE = drip(b"\x16\x03\x03\x40\x00", b"\x00")


@pytest.mark.parametrize("answer", [id, A_LONG_HANDSHAKE], ids=["silence", "drip"])
def test_a_server_that_does_not_come_to_terms_about_tls_was_sent_nothing(connect, answer):
    held: list[socket.socket] = []
    with answering(lambda connection: (held.append(connection), answer(connection))) as port:
        began = time.monotonic()
        failure = connect(f"https://127.0.0.1:{port}", connect_timeout=IMPATIENT).send(CHANGE)
        assert time.monotonic() - began < NOTICED
    assert isinstance(failure, errors.Unreachable)
    assert failure.message.startswith(f"127.0.0.1:{port} took too long to connect, so nothing was sent.")


def test_one_answer_that_takes_too_long_does_not_end_another(connect):
    together = threading.Barrier(2)

    def at_last(connection: socket.socket) -> None:
        together.wait(NOTICED)
        connection.sendall(reply(200, EXAMPLE))

    with wire(HANG, at_last) as server, ThreadPoolExecutor(2) as pool:
        client = connect(server.base_url, timeout=IMPATIENT)
        failed = pool.submit(client.send, READ)
        assert isinstance(failed.result(NOTICED), errors.NoAnswer)
        client._lines._seconds = NOTICED  # the second may take its time, and is under way when others would be cut
        fine = pool.submit(client.send, READ)
        together.wait(NOTICED)
        assert isinstance(fine.result(NOTICED), Reply)


def test_nobody_waits_for_a_connection(connect):
    """As many as a policy may allow at a time are under way together: each is answered only once all have arrived."""
    count = 256
    together = threading.Barrier(count)

    def when_all_are_there(connection: socket.socket) -> None:
        together.wait(NOTICED)
        connection.sendall(reply(200, EXAMPLE))

    with wire(when_all_are_there) as server, ThreadPoolExecutor(count) as pool:
        client = connect(server.base_url)
        sent = list(pool.map(lambda _: client.send(READ), range(count)))
        assert {type(each) for each in sent} == {Reply}
        assert server.connections == count


# --- whether it goes at all, and whether it went


@pytest.mark.parametrize("after_connect", [CUT, RESET, HANG, b"nonsense\r\n\r\n"], ids=["cut", "reset", "hang", "rubbish"])
def test_what_a_proxy_broke_off_before_the_request_was_not_sent_and_the_proxy_is_named(connect, monkeypatch, after_connect):
    with wire(after_connect) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url)
        failure = connect(ELSEWHERE, timeout=IMPATIENT).send(CHANGE)
    assert isinstance(failure, errors.Unreachable)
    assert f"through the proxy {proxy.base_url.removeprefix('http://')}" in failure.message
    assert "so nothing was sent" in failure.message


@pytest.mark.parametrize("end", [CUT, HANG], ids=["cut", "hang"])
def test_a_refusal_is_one_although_its_body_never_ends(connect, end):
    head = b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 100\r\n\r\n{"
    with wire((head, end)) as server:
        answer = connect(server.base_url, timeout=IMPATIENT).send(CHANGE)
    assert isinstance(answer, Reply)
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")


def test_what_nobody_wants_any_more_once_the_connection_stands_is_not_sent_and_the_next_request_is(connect):
    with wire(reply(200, EXAMPLE)) as server:
        client, asked = connect(server.base_url), []
        assert client.send(CHANGE, lambda: asked.append(server.connections)) is None
        assert len(asked) == 1
        assert server.requests == []
        assert isinstance(client.send(CHANGE, lambda: True), Reply)
        assert client.send(CHANGE, lambda: False) is None  # over a connection that stands already, too
        assert len(server.requests) == 1


def test_an_answer_that_came_together_with_the_one_before_is_nobodys(connect):
    """As where something on the way answers one request twice: the second one would be believed by whatever is asked next."""
    lie = EXAMPLE | {"isActive": False}
    with wire(reply(200, EXAMPLE) + reply(200, lie), reply(200, EXAMPLE)) as server:
        client = connect(server.base_url)
        assert json.loads(client.send(READ).body)["isActive"]
        assert isinstance(client.send(CHANGE), errors.NoAnswer)
        answer = client.send(READ)
    assert json.loads(answer.body)["isActive"]
    assert server.connections == 2


def test_where_nobody_can_tell_whether_a_call_is_wanted_nothing_is_sent_and_the_next_request_is(connect):
    """It asks the journal, which can be out of reach just then; that is no error of the connection."""

    def out_of_reach() -> bool:
        raise errors.JournalUnavailable("It is gone.")

    with wire(reply(200, EXAMPLE)) as server:
        client = connect(server.base_url)
        for sent in range(2):  # over a new connection, and over one that stands
            with pytest.raises(errors.JournalUnavailable):
                client.send(CHANGE, out_of_reach)
            assert len(server.requests) == sent
            assert isinstance(client.send(CHANGE), Reply)


# --- how much it may be


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "identity", ""])
def test_an_answer_may_come_packed(connect, coding):
    plain = json.dumps(EXAMPLE).encode()
    body = gzip.compress(plain) if "gzip" in coding.lower() else plain
    with wire(reply(200, body, {"Content-Encoding": coding})) as server:
        assert connect(server.base_url).send(READ).body == plain
    assert server.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("body", "headers", "says"),
    [
        (
            gzip.compress(gzip.compress(b"{}")),
            {"Content-Encoding": "gzip, gzip"},
            "came as 'gzip, gzip', which was not asked for",
        ),
        (zlib.compress(b"{}"), {"Content-Encoding": "deflate"}, "came as 'deflate', which was not asked for"),
        (b"{}", {"Content-Encoding": "br"}, "came as 'br', which was not asked for"),
        (b"{}", {"Content-Encoding": "gzip"}, "is not the gzip that it says it is"),
        (gzip.compress(b"{}")[:-1], {"Content-Encoding": "gzip"}, "is cut short: its gzip does not end"),
        (b" " * 2_000_000, {}, "is larger than 1 MB and was not read"),
        (gzip.compress(b" " * 2_000_000), {"Content-Encoding": "gzip"}, "is larger than 1 MB and was not read"),
        (b"", {}, "is empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_that_can_not_be_read_says_why(connect, monkeypatch, body, headers, says):
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1024**2)
    with wire(reply(200, body, {**headers, "X-Request-Id": "r1"})) as server:
        sent = connect(server.base_url).send(CHANGE)
    with pytest.raises(errors.BadAnswer) as failure:
        protocol.read_customer(CHANGE, sent)
    assert failure.value.message.startswith(
        f"The API's answer {says}. The change may have been applied: read the customer again."
    )
    assert (failure.value.status, failure.value.request_id) == (200, "r1")


@pytest.mark.parametrize(("status", "error"), [(429, errors.RateLimited), (404, errors.NotFound), (502, errors.ServiceBroken)])
@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_a_status_counts_whatever_its_body_is(connect, coding, status, error):
    with wire(reply(status, b"not gzip", {"Content-Encoding": coding})) as server, pytest.raises(error):
        protocol.read_customer(READ, connect(server.base_url).send(READ))


def bomb() -> bytes:
    """Some 300 KB that are 300 MB of blanks."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(b" " * 1024**2) for _ in range(300)) + packer.flush()


@pytest.mark.parametrize(("pack", "coding"), [(bytes, "gzip"), (gzip.compress, "gzip, gzip")], ids=["packed", "packed twice"])
def test_what_is_small_only_on_the_way_takes_no_more_memory_than_an_answer_may(connect, monkeypatch, pack, coding):
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1024**2)
    with wire(reply(200, pack(bomb()), {"Content-Encoding": coding})) as server:
        client = connect(server.base_url)
        tracemalloc.start()
        try:
            sent = client.send(READ)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(sent, Reply)
    assert (sent.body, bool(sent.unreadable)) == (b"", True)
    assert peak < 8 * 1024**2


def test_what_comes_after_the_end_of_a_packed_answer_is_not_read(connect):
    body = json.dumps(EXAMPLE).encode()
    sent_on = []

    def and_on(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(body))
            for _ in range(16):
                connection.sendall(bytes(1024**2))
                sent_on.append(1)

    with wire(and_on) as server:
        client = connect(server.base_url, timeout=IMPATIENT)
        tracemalloc.start()
        try:
            sent = client.send(READ)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(sent, Reply)
    assert sent.body == body
    assert peak < 8 * 1024**2
    assert len(sent_on) < 16


def test_an_answer_without_end_is_not_read_to_its_end(connect, monkeypatch):
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1000)
    with wire((b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 2000, HANG)) as server:
        assert connect(server.base_url).send(READ).unreadable.endswith("was not read")


# --- which way it goes


def test_traffic_to_this_machine_never_takes_a_proxy(connect, monkeypatch):
    with wire(reply(200, EXAMPLE)) as proxy, wire(reply(200, EXAMPLE)) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.base_url)
        for host in ("127.0.0.1", "localhost"):
            assert isinstance(connect(server.base_url.replace("127.0.0.1", host)).send(READ), Reply)
    assert (len(server.requests), proxy.requests) == (2, [])


@pytest.mark.parametrize(
    ("no_proxy", "goes_through"),
    [
        ("", True),
        ("other.example", True),
        ("api.example.invalid:8443", True),
        ("api.example.invalid", False),
        (".example.invalid", False),
        ("other.example, api.example.invalid:443", False),
        ("*", False),
    ],
)
def test_no_proxy_names_hosts_with_or_without_a_port(connect, monkeypatch, no_proxy, goes_through):
    with wire((reply(407), CUT)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        assert isinstance(connect(ELSEWHERE).send(READ), errors.Unreachable)
    assert bool(proxy.requests) is goes_through


def test_a_companys_proxy_never_sees_the_key(connect, monkeypatch):
    with wire((reply(407), CUT)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url)
        connect(ELSEWHERE).send(CHANGE)
    (request,) = proxy.requests
    assert request.line.startswith("CONNECT api.example.invalid:443 ")
    assert "authorization" not in request.headers
    assert KEY not in repr(request)


def test_a_companys_proxy_is_told_who_we_are_and_named_where_it_refuses_but_not_its_password(connect, monkeypatch):
    with wire((reply(407), CUT)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url.replace("//", "//someone:p%40ss@"))
        failure = connect(ELSEWHERE).send(CHANGE)
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(b"someone:p@ss").decode()
    host = proxy.base_url.removeprefix("http://")
    assert isinstance(failure, errors.Unreachable)
    assert failure.message == (
        f"The proxy {host} did not let us through to api.example.invalid (407 Word), so nothing was sent. Check HTTPS_PROXY."
    )


def test_a_proxy_that_is_not_there_is_named_without_its_password(connect, monkeypatch):
    with wire(CUT) as proxy:
        gone = proxy.base_url.replace("//", "//someone:secret@")
    monkeypatch.setenv("HTTPS_PROXY", gone)
    failure = connect(ELSEWHERE).send(CHANGE)
    assert isinstance(failure, errors.Unreachable)
    host = proxy.base_url.removeprefix("http://")
    assert failure.message.startswith(f"api.example.invalid (through the proxy {host}) could not be reached (")
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    "proxy", ["ftp://u:secret@proxy.example", "socks5://u:secret@proxy.example", "http://u:secret@proxy.example:port"]
)
def test_a_proxy_that_can_not_be_used_is_a_setting_to_correct(connect, monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(errors.ConfigError, match="HTTPS_PROXY or ALL_PROXY names can't be used") as failure:
        connect(ELSEWHERE)
    assert "secret" not in "".join(traceback.format_exception(failure.value))


def test_a_netrc_file_does_not_replace_the_key(connect, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with wire(reply(200, EXAMPLE)) as server:
        connect(server.base_url).send(READ)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example", "é..example", "xn--a", "xn--"])
def test_a_host_that_can_not_exist_is_a_setting_to_correct(connect, host):
    with pytest.raises(errors.ConfigError, match="AVARA_BASE_URL names a host that can't exist"):
        connect(f"https://{host}")


# --- whose certificates count


def certificates(folder: Path) -> dict[str, tuple[str, str]]:
    """By what is wrong: the variable and its value."""
    (folder / "empty").mkdir()
    (folder / "empty.pem").write_text("")
    (folder / "none.pem").write_text("no certificate\n")
    (folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n")
    return {
        "a file that is missing": ("SSL_CERT_FILE", str(folder / "missing.pem")),
        "a file that is a folder": ("SSL_CERT_FILE", str(folder)),
        "an empty file": ("SSL_CERT_FILE", str(folder / "empty.pem")),
        "a file of something else": ("SSL_CERT_FILE", str(folder / "none.pem")),
        "a broken certificate": ("SSL_CERT_FILE", str(folder / "broken.pem")),
        "a folder that is missing": ("SSL_CERT_DIR", str(folder / "missing")),
        "an empty folder": ("SSL_CERT_DIR", str(folder / "empty")),
        "a folder that is a file": ("SSL_CERT_DIR", str(folder / "none.pem")),
    }


@pytest.mark.parametrize("base_url", ["https://api.avarasoftware.com", "https://localhost:8443", "https://127.0.0.1"])
def test_certificates_that_are_not_there_are_a_setting_to_correct_for_every_host(connect, monkeypatch, tmp_path, base_url):
    for name, value in certificates(tmp_path).values():
        with monkeypatch.context() as patch:
            patch.delenv("SSL_CERT_FILE", raising=False)
            patch.setenv(name, value)
            with pytest.raises(errors.ConfigError, match=f"^{name} must name "):
                connect(base_url)


def test_certificates_are_read_where_the_environment_says_and_where_they_are_needed(connect, monkeypatch, tmp_path):
    (tmp_path / "a1b2c3d4.0").write_text(Path(certifi.where()).read_text())
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    connect(ELSEWHERE)
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    connect(ELSEWHERE)
    monkeypatch.setenv("SSL_CERT_FILE", "missing")
    connect("http://127.0.0.1:1")  # no certificates take part


@pytest.fixture(scope="module")
def localhost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of its own for localhost, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    file = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    made = file.with_name("certificate.pem")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run([*command.split(), "-keyout", file, "-out", made], check=True, capture_output=True)
    file.write_text(file.read_text() + made.read_text())
    return file


@contextmanager
def secure(certificate: Path, answer: Callable[[socket.socket], object], seen: list[bytes]) -> Iterator[str]:
    """The base URL of a server that speaks TLS and answers each request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def talk(plain: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
            while got := connection.recv(65536):
                seen.append(got)
                answer(connection)

    with answering(talk) as port:
        yield f"https://localhost:{port}"


def test_over_tls_too_an_answer_comes_or_is_cut_when_it_drips(connect, monkeypatch, localhost):
    monkeypatch.setenv("SSL_CERT_FILE", str(localhost))
    seen: list[bytes] = []
    answers = iter([lambda connection: connection.sendall(reply(200, EXAMPLE)), DRIPS["headers"], DRIPS["body"]])

    def answer_next(connection: socket.socket) -> None:
        next(answers)(connection)

    with secure(localhost, answer_next, seen) as base_url:
        client = connect(base_url, timeout=2.0)
        assert isinstance(client.send(READ), Reply)
        for _ in range(2):
            began = time.monotonic()
            failure = client.send(READ)
            assert time.monotonic() - began < NOTICED
            assert isinstance(failure, errors.NoAnswer)
            assert "no answer came within 2 s" in failure.message
    assert len(seen) == 3


def test_a_call_that_is_paused_while_its_connection_is_made_is_not_sent(connect, monkeypatch, localhost):
    monkeypatch.setenv("SSL_CERT_FILE", str(localhost))
    paused = threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(localhost)
    seen: list[bytes] = []

    def come_to_terms_late(plain: socket.socket) -> None:
        paused.set()  # somebody has dialled, and waits for the server's part of the handshake
        with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
            seen.append(connection.recv(65536))

    with answering(come_to_terms_late) as port:
        assert connect(f"https://localhost:{port}").send(CHANGE, lambda: not paused.is_set()) is None
    assert paused.is_set()
    assert b"".join(seen) == b""


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(connect, localhost):
    seen: list[bytes] = []
    with secure(localhost, id, seen) as base_url:
        failure = connect(base_url).send(CHANGE)
    assert isinstance(failure, errors.Unreachable)
    assert "certificate verify failed" in failure.message
    assert seen == []
