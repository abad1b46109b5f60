"""People at the door of the app as a process: a proxy that signs in, addresses that others can reach, anybody's headers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from websockets.sync.client import connect

from lib.ui import door
from tests.people import COOKIE_SECRET, LOGIN, SECRET, login_at, proxied, proxy_before, with_settings
from tests.served import PATIENCE, Served, free_port, served, until
from tests.tab import Tab
from tests.team import NAME, Nginx, Proxy, missing

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the server's process is asked by a signal")

LOG_IN = b"Log in to see anything here"


@pytest.fixture(scope="module")
def port() -> int:
    """The proxy's."""
    return free_port()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Served]:
    with proxied(tmp_path_factory.mktemp("people"), port) as running:
        yield running


def shown(app: Served, **headers: str) -> bytes:
    """The Customers page, for a websocket with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"ws://127.0.0.1:{app.port}/_stcore/stream"
    with connect(url, origin=app.base_url, additional_headers=named, max_size=None, proxy=None) as line:
        return Tab(line).open()


def test_only_the_proxy_signs_people_in(app: Served) -> None:
    assert LOG_IN in shown(app)
    assert LOG_IN in shown(app, X_Forwarded_User=NAME)
    assert LOG_IN in shown(app, X_Forwarded_User=NAME, X_Express_Ops_Secret="guessed-secret-of-sixteen")
    assert LOG_IN in shown(app, X_Express_Ops_Vouched=f'{{"name": "{NAME}"}}')
    assert b"Pick all" in shown(app, X_Forwarded_User=NAME, X_Express_Ops_Secret=SECRET)
    viewer = shown(app, X_Forwarded_User="kim@example.com", X_Express_Ops_Secret=SECRET)
    assert LOG_IN not in viewer
    assert b"Pick all" not in viewer
    assert b"has no role" in shown(app, X_Forwarded_User="kim", X_Express_Ops_Secret=SECRET)
    assert SECRET not in app.log
    assert "without its secret" in app.log


def test_an_address_that_only_a_header_says_is_not_the_proxys(app: Served) -> None:
    file = app.home / "settings.toml"
    before = file.read_text()
    try:
        file.write_text(before.replace('"127.0.0.1"', '"10.0.0.2"'))
        assert LOG_IN in shown(app, X_Forwarded_User=NAME, X_Express_Ops_Secret=SECRET, X_Forwarded_For="10.0.0.2")
    finally:
        file.write_text(before)
    assert b"Pick all" in shown(app, X_Forwarded_User=NAME, X_Express_Ops_Secret=SECRET)


def test_settings_that_can_not_be_read_end_what_a_page_shows_by_itself(app: Served) -> None:
    file, headers = app.home / "settings.toml", {"X-Forwarded-User": NAME, "X-Express-Ops-Secret": SECRET}
    before = file.read_text()
    url = f"ws://127.0.0.1:{app.port}/_stcore/stream"
    with connect(url, origin=app.base_url, additional_headers=headers, max_size=None, proxy=None) as line:
        tab = Tab(line)
        assert b"Pick all" in tab.open()
        try:
            file.write_text("people = ")
            tab.let_pass()
            assert "can't be used" in tab.text or "is not TOML" in tab.text
            assert not tab.rows("")
        finally:
            file.write_text(before)


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.parametrize("kind", [Proxy, Nginx])
def test_people_who_come_through_a_proxy_are_known_by_its_users(
    app: Served, port: int, tmp_path: Path, kind: type[Proxy]
) -> None:
    if missing(kind.program):
        pytest.skip(missing(kind.program))
    with proxy_before(app, tmp_path / "proxy", port, kind) as proxy:
        # What a browser says of itself is overwritten.
        said = LOGIN | {"X-Forwarded-User": "kim@example.com", "X-Forwarded-For": "10.0.0.2"}
        url = f"{proxy.origin.replace('https', 'wss')}/_stcore/stream"
        options = {"additional_headers": said, "ssl": proxy.trusted, "proxy": None, "max_size": None}
        with connect(url, origin=proxy.origin, **options) as line:
            tab = Tab(line)
            assert b"Pick all" in tab.open()
            assert f"{NAME}".encode() in tab.open("connection")
            ask = partial(httpx.post, f"{proxy.origin}/still-in", verify=proxy.trusted, trust_env=False)
            asking = {"Origin": proxy.origin, "X-Express-Ops-Tab": tab.session}
            assert ask(headers=asking | said).status_code == 204
            assert ask(headers=asking | said | {"Origin": "https://elsewhere.invalid"}).status_code == 403
            assert ask(headers=asking).status_code == 401  # the proxy lets them in no more
            with app.a_minute_later():
                for name in ("", "runs"):
                    told = tab.open(name)
                    assert b"Your login has run out" in told
                    assert b"cus_" not in told
            assert ask(headers=asking | said).status_code == 204
            assert b"Pick all" in tab.open()


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.parametrize("kind", [Proxy, Nginx])
def test_no_session_and_no_code_of_a_login_is_in_a_proxys_log(
    app: Served, port: int, tmp_path: Path, kind: type[Proxy]
) -> None:
    if missing(kind.program):
        pytest.skip(missing(kind.program))
    with proxy_before(app, tmp_path / "proxy", port, kind) as proxy:
        for login in (LOGIN["Authorization"], ""):
            proxy.get("/_stcore/upload_file/session-of-a-tab/file", authorization=login)
            proxy.get("/oauth2callback?state=state-of-a-login&code=code-of-a-login", authorization=login)
        proxy.get("/overview?after=them")
        log = proxy.folder / "proxy.log"
        until(lambda: "after=them" in log.read_text(), "it was in the log")
        assert "-of-a-" not in log.read_text()


@pytest.mark.parametrize(
    ("path", "server", "asks_who", "status"),
    [
        ("/", "127.0.0.1", False, 200),
        ("/", "10.0.0.1", True, 200),
        ("/", "10.0.0.1", False, 403),
        ("/_stcore/metrics", "127.0.0.1", True, 200),
        ("/_stcore/metrics", "10.0.0.1", True, 403),
        ("/metrics", "127.0.0.1", True, 200),
        ("/metrics", "10.0.0.1", True, 403),
        ("/metrics/", "10.0.0.1", True, 403),
    ],
)
def test_on_another_address_there_are_pages_where_people_log_in_and_figures_never(
    monkeypatch: pytest.MonkeyPatch, path: str, server: str, asks_who: bool, status: int
) -> None:
    monkeypatch.setattr(door.sign_in, "login_configured", lambda: asks_who)
    client = TestClient(door.OwnPagesOnly(PlainTextResponse("in"), door.Addresses("http")), base_url=f"http://{server}")
    assert client.get(path, headers={"host": "localhost"}).status_code == status


def test_headers_that_streamlit_would_believe_from_anybody_are_refused_at_the_start(tmp_path: Path) -> None:
    with served(
        with_settings(tmp_path, 'viewer = ["kim@example.com"]'), "--server.trustedUserHeaders", '{"X-User": "is_logged_in"}'
    ) as app:
        assert app.process.wait(PATIENCE) != 0
        assert "would let anybody be whom they like" in app.log
        assert "Traceback" not in app.log


@pytest.mark.parametrize(
    ("secret", "mode", "words"),
    [(COOKIE_SECRET, 0o644, "chmod 600"), (COOKIE_SECRET, 0o660, "chmod go-w"), ("...", 0o600, "openssl")],
)
def test_a_secret_by_which_others_could_make_themselves_a_login_is_refused_at_the_start(
    tmp_path: Path, secret: str, mode: int, words: str
) -> None:
    name, file = login_at(tmp_path, "http://127.0.0.1:1", free_port())
    Path(file).write_text(Path(file).read_text().replace(COOKIE_SECRET, secret))
    Path(file).chmod(mode)
    with served(tmp_path, name, file) as app:
        assert app.process.wait(PATIENCE) != 0
        assert words in app.log
        assert "Traceback" not in app.log


def test_people_who_are_named_without_a_way_to_log_in_open_no_other_address(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.joinpath("settings.toml").write_text('people.viewer = ["*@example.com"]')
    with served(tmp_path, "--server.address", "0.0.0.0") as app:
        assert app.process.wait(PATIENCE) != 0
        assert "Nobody has to log in here" in app.log
