"""Logging in and out with a real provider (OpenID Connect) in a real browser, and what a message does without its page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import TOKENS_COOKIE_NAME
from websockets.sync.client import connect

from tests.browser import drive
from tests.browser.conftest import PATIENCE_MS, App, StartApp
from tests.people import COOKIE_SECRET, login_at, provider, proxied, proxy_before
from tests.served import free_port
from tests.tab import Tab
from tests.team import NAME, PASSWORD, missing

SETTINGS = """
[people]
viewer = ["*@example.com"]
operator = ["robin@example.com"]
"""
USERS = ("robin@example.com", "kim@example.com", "stranger@elsewhere.com")
#: One minute; what is no longer allowed ends within it.
_MINUTE_MS = 60_000


@pytest.fixture
def app(tmp_path: Path, start_app: StartApp) -> Iterator[App]:
    with provider(*USERS) as issuer:
        yield start_app(*login_at(tmp_path, issuer), settings=SETTINGS, customers=30)


class Who:
    """A browser profile of somebody's, and the secrets that it came across."""

    def __init__(self, chromium: Browser, app: App) -> None:
        self.context: BrowserContext = chromium.new_context()
        self.context.set_default_timeout(PATIENCE_MS)
        self.app, self.secrets, self.lines = app, set[str](), ExitStack()

    def close(self) -> None:
        self.lines.close()
        self.context.close()

    def log_in(self, name: str) -> Page:
        page = self.context.new_page()
        page.on("request", lambda request: self.secrets.update(*parse_qs(urlsplit(request.url).query).values()))
        page.goto(self.app.url)
        expect(page.get_by_text("Log in to see anything here")).to_be_visible()
        assert "cus_" not in page.content()
        expect(page.get_by_test_id("stSidebar").get_by_role("link")).to_have_count(0)
        drive.log_in(page, self.app.url, name)
        return page

    def bare(self) -> Tab:
        """A websocket of this browser's, without its page."""
        cookies = {cookie["name"]: cookie["value"] for cookie in self.context.cookies(self.app.url)}
        self.secrets |= set(cookies.values())
        if signed := cookies.get(TOKENS_COOKIE_NAME):
            tokens = json.loads(decode_signed_value(COOKIE_SECRET, TOKENS_COOKIE_NAME, signed.encode()))
            self.secrets |= {tokens["id_token"], tokens["access_token"]}
        options = {"origin": self.app.url, "max_size": None, "proxy": None}
        if cookies:
            told = "; ".join(f"{name}={value}" for name, value in cookies.items())
            options |= {"additional_headers": {"Cookie": told}, "subprotocols": ["streamlit", cookies["_streamlit_xsrf"]]}
        return Tab(self.lines.enter_context(connect(f"{self.app.url.replace('http', 'ws')}/_stcore/stream", **options)))


@pytest.fixture
def who(chromium: Browser, app: App) -> Iterator[Callable[[], Who]]:
    made: list[Who] = []

    def make() -> Who:
        made.append(Who(chromium, app))
        return made[-1]

    yield make
    for one in made:
        one.close()


def drawn(tab: Tab, page: str, query: str = "", click: str = "") -> bytes:
    message = BackMsg()
    message.rerun_script.page_name, message.rerun_script.query_string = page, query
    if click:
        message.rerun_script.widget_states.widgets.add(id=click, trigger_value=True)
    tab.send(message)
    return tab.drawn()


def test_people_log_in_and_may_what_their_role_says_until_they_log_out(app: App, who: Callable[[], Who]) -> None:
    robin, kim, stranger = who(), who(), who()
    page = robin.log_in("robin")
    drive.loaded(page)
    expect(page.get_by_role("button", name="Pick all 30")).to_be_visible()
    drive.go_to(page, "Connection")
    expect(page.get_by_text("robin@example.com").first).to_be_visible()

    page_of_kim = kim.log_in("kim")
    drive.loaded(page_of_kim)
    expect(page_of_kim.get_by_role("button", name=re.compile("Pick|Review|Export"))).to_have_count(0)
    expect(page_of_kim.get_by_test_id("stSidebar").get_by_role("link", name="Deactivate")).to_have_count(0)

    expect(stranger.log_in("stranger").get_by_text("has no role")).to_be_visible()

    # Files are looked for only for who has logged in; there is none of that name.
    statuses = [one.context.request.get(f"{app.url}/media/{'0' * 56}.csv").status for one in (robin, kim, stranger, who())]
    assert statuses == [404, 404, 403, 403]

    # A viewer's message that no page of theirs can send: the operator's own click.
    tab = robin.bare()
    kim_bare = kim.bare()
    shown = drawn(tab, "")
    robin.secrets.add(tab.session)
    ids = set(re.findall(rb"\$\$ID-[0-9a-f]{32}-pick_all", shown))
    assert len(ids) == 1
    assert b"30 picked" in drawn(tab, "", click=ids.copy().pop().decode())
    assert b"30 picked" not in drawn(kim_bare, "", click=ids.copy().pop().decode())
    assert b"may not plan runs" in drawn(kim_bare, "deactivate")
    nobody = who().bare()
    for name in ("", "runs", "deactivate", "overview", "compare", "connection"):
        shown = drawn(nobody, name)
        assert b"Log in to see anything here" in shown
        assert b"cus_" not in shown

    # Logging out ends the other tab, and whoever has kept the cookie.
    second = robin.context.new_page()
    second.goto(app.url)
    drive.loaded(second)
    page.get_by_role("button", name="Log out").click()
    expect(second.get_by_text("You have logged out")).to_be_visible(timeout=_MINUTE_MS)
    assert "cus_" not in second.content()
    assert b"You have logged out" in drawn(tab, "runs")

    # A role that is taken away ends what it allowed, in a tab that nobody touches.
    (app.home / "settings.toml").write_text('people.viewer = ["alex@example.com"]')
    expect(page_of_kim.get_by_text("has no role")).to_be_visible(timeout=_MINUTE_MS)
    assert "cus_" not in page_of_kim.content()

    # Codes, states, nonces, cookies and tokens are in no log, and neither are sessions' ids.
    kept = app.log.read_bytes() + b"".join(file.read_bytes() for file in app.home.iterdir() if file.is_file())
    secrets = {secret for secret in robin.secrets | kim.secrets | stranger.secrets if len(secret) >= 12}
    told = {secret for secret in secrets if not secret.startswith(("http", "openid"))}
    assert len(told) >= 8
    assert [secret for secret in told if secret.encode() in kept] == []


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_a_page_has_a_proxy_say_again_and_again_that_its_person_is_still_in(chromium: Browser, tmp_path: Path) -> None:
    with ExitStack() as ending:
        port = free_port()
        app = ending.enter_context(proxied(tmp_path, port, customers=30))
        proxy = ending.enter_context(proxy_before(app, tmp_path / "proxy", port))
        login = {"username": NAME, "password": PASSWORD}
        context = ending.enter_context(chromium.new_context(ignore_https_errors=True, http_credentials=login))
        page = context.new_page()
        page.goto(proxy.origin)
        drive.loaded(page)
        with page.expect_response("**/still-in", timeout=PATIENCE_MS) as asked:
            pass
        assert asked.value.status == 204
        with app.a_minute_later():  # the page is not touched
            expect(page.get_by_text("Your login has run out")).to_be_visible(timeout=_MINUTE_MS)
            assert "cus_" not in page.content()
        expect(page.get_by_role("button", name="Pick all 30")).to_be_visible()  # it goes on by itself
