"""Whose a session is, when a login is over, and who is given files: by the app as a process, to a client without a page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from streamlit.runtime.media_file_storage import MediaFileKind
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value, generate_xsrf_token_string
from streamlit.web.server.starlette.starlette_routes import create_media_routes
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from websockets.sync.client import connect

from lib.gate import Gate
from lib.sandbox.server import SandboxServer
from lib.ui.signed_in import requests
from lib.ui.signed_in.logins import COOKIE, Logins
from tests.people import COOKIE_SECRET, KEY, SECRET, login_at, with_settings
from tests.served import PATIENCE, Served, free_port, served, until
from tests.tab import Tab

LOG_IN, LOGGED_OUT, IN = b"Log in to see anything here", b"You have logged out", b"Pick all"
PROXIED = {"X-Forwarded-Email": "robin@example.com", "X-Express-Ops-Secret": SECRET}
XSRF = generate_xsrf_token_string()


@contextmanager
def running(folder: Path, sandbox: SandboxServer) -> Iterator[Served]:
    port = free_port()
    with_settings(folder, 'viewer = ["*@example.com"]\noperator = ["robin@example.com"]')
    by_login = login_at(folder, "http://127.0.0.1:1", port)
    account = {"AVARA_API_KEY": KEY, "AVARA_BASE_URL": sandbox.base_url}
    with served(folder, *by_login, port=port, **account) as app:
        until(lambda: app.health() == {"ok": True}, "the app was up")
        yield app


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(customers=20, api_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxServer) -> Iterator[Served]:
    with running(tmp_path_factory.mktemp("sessions"), sandbox) as app:
        yield app


def login(app: Served, email: str = "robin@example.com", **more: object) -> dict[str, str]:
    """The headers of a browser in which that person has logged in; `more` claims."""
    now = time.time()
    claims = {"is_logged_in": True, "origin": app.base_url, "iss": "https://login.example.com", "sub": email, "email": email}
    signed = create_signed_value(COOKIE_SECRET, "_streamlit_user", json.dumps(claims | {"iat": now, "exp": now + 3600} | more))
    return {"Cookie": f"_streamlit_user={signed.decode()}"}


#: The first cookie of every login that was split in two within that second.
FIRST = create_signed_value(COOKIE_SECRET, COOKIE, "chunks-2").decode()


def split_login(app: Served, email: str) -> dict[str, str]:
    """As `login`, of one that is too long for a single cookie."""
    told = login_claims(login(app, email)["Cookie"])
    whole = json.dumps(told | {"groups": ["a group"] * 20})
    parts = {f"{COOKIE}_{number}": part for number, part in enumerate((whole[:200], whole[200:]), 1)}
    signed = {name: create_signed_value(COOKIE_SECRET, name, part).decode() for name, part in parts.items()}
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in {COOKIE: FIRST, **signed}.items())}


def came(app: Served, headers: dict[str, str], session: str = "", lines: ExitStack | None = None) -> tuple[bytes, str]:
    """The Customers page for a tab with these headers that names that session, and the id of the session it was given."""
    cookies = "; ".join(filter(None, (headers.get("Cookie"), f"_streamlit_xsrf={XSRF}")))
    options = {"additional_headers": headers | {"Cookie": cookies}, "max_size": None, "proxy": None, "origin": app.base_url}
    named = ["streamlit", XSRF, *([session] if session else [])]
    with ExitStack() as own:
        line = (lines or own).enter_context(connect(f"ws://127.0.0.1:{app.port}/_stcore/stream", subprotocols=named, **options))
        tab = Tab(line)
        return tab.open(), tab.session


@pytest.mark.parametrize("still_open", [True, False])
@pytest.mark.parametrize(
    ("held_by", "comes", "goes_on"),
    [
        ("proxied robin", "proxied robin", True),
        ("proxied robin", "proxied kim", False),
        ("proxied robin", "nobody", False),
        ("proxied robin", "robin, logged in", False),
        ("robin, logged in", "robin, logged in", True),
        ("robin, logged in", "kim, logged in", False),
        ("robin, logged in", "proxied robin", False),
        ("robin, logged in", "nobody", False),
    ],
)
def test_a_session_goes_on_only_for_whoever_has_it(
    app: Served, held_by: str, comes: str, goes_on: bool, still_open: bool
) -> None:
    people = {
        "proxied robin": PROXIED,
        "proxied kim": PROXIED | {"X-Forwarded-Email": "kim@example.com"},
        "robin, logged in": login(app),
        "kim, logged in": login(app, "kim@example.com"),
        "nobody": {},
    }
    with ExitStack() as lines:
        shown, session = came(app, people[held_by], lines=lines if still_open else None)
        assert LOG_IN not in shown
        assert (came(app, people[comes], session)[1] == session) is goes_on
    assert session not in app.log


def test_a_login_that_was_ended_stays_ended_whatever_stands_beside_its_cookie(tmp_path: Path, sandbox: SandboxServer) -> None:
    def shown(app: Served, **headers: str) -> bytes:
        return came(app, headers)[0]

    def get(app: Served, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{app.base_url}{path}", headers=headers, trust_env=False, verify=False, timeout=PATIENCE)

    with running(tmp_path, sandbox) as app:
        ended, other = login(app)["Cookie"], login(app, iat=time.time() - 60)["Cookie"]
        until(lambda: IN in shown(app, Cookie=ended), "the customers were loaded")
        assert get(app, "/auth/logout", Cookie=ended).status_code == 302
        assert get(app, "/auth/logout", Cookie="_streamlit_user=forged").status_code == 302
        for more in ("", "; _streamlit_user_x=1", "; _streamlit_user_1=1", "; other=1"):
            assert LOGGED_OUT in shown(app, Cookie=ended + more), more
            assert get(app, "/media/1.csv", Cookie=ended + more).status_code == 403
        assert IN in shown(app, Cookie=other)
    port = app.port
    with running(tmp_path, sandbox) as app:
        origin = {"origin": f"http://127.0.0.1:{app.port}"}
        assert port != app.port  # the same login, at the address that the server has now
        claims = json.loads((tmp_path / "home" / "ended-logins.json").read_text())
        assert len(claims) == 1
        assert (tmp_path / "home" / "ended-logins.json").stat().st_mode & 0o077 == 0
        again = login(app, **login_claims(ended) | origin)
        assert LOGGED_OUT in shown(app, **again)
        assert IN in until(lambda: shown(app, **login(app, iat=1 + time.time())), "another login was good")


def test_logins_that_were_split_within_the_same_second_are_told_apart(app: Served) -> None:
    def get(path: str, who: dict[str, str]) -> int:
        return httpx.get(f"{app.base_url}{path}", headers=who, trust_env=False, timeout=PATIENCE).status_code

    robin, stranger = split_login(app, "robin@example.com"), split_login(app, "stranger@elsewhere.com")
    for order in ((robin, stranger), (stranger, robin)):
        for who in order:
            assert (b"has no role" in came(app, who)[0]) is (who is stranger)
        assert get("/media/0123.csv", robin) == 404
        assert get("/media/0123.csv", stranger) == 403
    assert get("/auth/logout", stranger) == 302
    assert LOGGED_OUT not in came(app, robin)[0]
    assert LOGGED_OUT in came(app, stranger)[0]


def login_claims(cookie: str) -> dict[str, object]:
    from itsdangerous import URLSafeTimedSerializer  # noqa: PLC0415

    loaded: dict[str, object] = json.loads(
        URLSafeTimedSerializer(COOKIE_SECRET, salt="_streamlit_user").loads(cookie.partition("=")[2])
    )
    return loaded


FILES = ("/media/0123.csv", "/_stcore/upload_file/session/file")
#: Who asks → whether they are given files. Who is not here yet has logged in, and no page of this server came with that login.
ASKING = {"nobody": False, "forged": False, "stranger": False, "not here yet": False, "logged in": True, "proxied": True}


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize(("who", "welcome"), ASKING.items())
def test_files_are_given_to_and_taken_from_whoever_is_signed_in(app: Served, path: str, who: str, welcome: bool) -> None:
    headers = {
        "nobody": {},
        "forged": {"Cookie": "_streamlit_user=x", "X-Forwarded-Email": "robin@example.com", "X-Express-Ops-Secret": "guessed"},
        "stranger": login(app, "stranger@elsewhere.com"),
        "not here yet": login(app, iat=0),
        "logged in": login(app),
        "proxied": PROXIED,
    }[who]
    if who != "not here yet":
        came(app, headers)
    headers = headers | {"Origin": app.base_url}
    method = "GET" if path.startswith("/media") else "PUT"
    answer = httpx.request(method, f"{app.base_url}{path}", headers=headers, trust_env=False, verify=False, timeout=PATIENCE)
    assert (requests.NOT_SIGNED_IN not in answer.text) is welcome
    assert answer.status_code in ((400, 403, 404) if welcome else (403,))


def test_streamlits_cookie_has_the_name_by_which_logins_are_known() -> None:
    assert USER_COOKIE_NAME == COOKIE


def test_where_nobody_signs_in_files_are_anybodys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gate = Gate(tmp_path, lambda: pytest.fail("nobody signs in"))
    monkeypatch.setattr(requests, "gate_of_the_door", lambda: gate)
    client = TestClient(requests.SignedInOnly(PlainTextResponse("in")))
    assert client.get("/media/0123.csv").text == "in"
    (tmp_path / "settings.toml").write_text('people.viewer = ["kim@example.com"]')
    assert client.get("/media/0123.csv").status_code == 403
    assert client.get("/static/media/font.woff2").text == "in"


@pytest.mark.parametrize(
    ("role", "attached", "given"),
    [
        ("operator", True, True),
        ("viewer", True, False),
        ("approver", True, False),
        ("viewer", False, True),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_to_be_saved_is_for_whoever_may_take_data_out_and_pictures_for_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, role: str, attached: bool, given: bool, method: str
) -> None:
    """The files are Streamlit's own, as a button and as a picture leave them."""
    (tmp_path / "settings.toml").write_text(f'people.{role} = ["robin@example.com"]')
    monkeypatch.setattr(requests, "gate_of_the_door", lambda: Gate(tmp_path, lambda: datetime.now(UTC)))
    now = time.time()
    claims = {"is_logged_in": True, "email": "robin@example.com", "sub": "1", "iat": now, "exp": now + 3600}
    logins = Logins()
    logins.came({COOKIE: "theirs"}, claims)
    monkeypatch.setattr(requests, "LOGINS", logins)
    storage = MemoryMediaFileStorage("/media")
    kind = MediaFileKind.DOWNLOADABLE if attached else MediaFileKind.MEDIA
    address = storage.get_url(storage.load_and_get_id(b"whose names these are", "image/png", kind, "customers.png"))
    app = requests.SignedInOnly(Starlette(routes=create_media_routes(storage, "")))
    answer = TestClient(app, cookies={COOKIE: "theirs"}).request(method, address)
    assert answer.status_code == (200 if given else 403)
    if method == "GET":
        assert answer.text == ("whose names these are" if given else requests.NO_EXPORT)
    assert ("content-disposition" in answer.headers) is (given and attached)
