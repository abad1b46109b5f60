"""The door as a real browser meets it: its own page's connections go through, those of another port don't."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import drive
from tests.browser.conftest import App
from tests.served import served, until

#: Opens a websocket; "open", or "refused" by the server or by the page's own policy.
OPEN = """url => new Promise(told => {
    try {
        const line = new WebSocket(url, ["streamlit"]);
        line.onopen = () => told("open");
        line.onerror = () => told("refused");
    } catch { told("refused"); }
})"""
#: Sends without asking for anything that a browser would ask the server about first; "sent" whatever is answered.
SEND = """url => fetch(url, {method: "POST", mode: "no-cors", body: "x"}).then(() => "sent", () => "refused")"""


class Elsewhere(BaseHTTPRequestHandler):
    """A page of somebody else's, on a port of this machine; it keeps the paths that it was asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>elsewhere</title>")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    Elsewhere.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=partial(server.serve_forever, 0.05), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def stranger(chromium: Browser) -> Iterator[Page]:
    """A tab whose console may say what it likes."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def test_a_page_of_another_port_opens_no_websocket_and_holds_no_window_of_the_app(
    app: App, stranger: Page, elsewhere: str
) -> None:
    host = app.url.removeprefix("http://")
    for name in ("127.0.0.1", "localhost"):
        stranger.goto(f"http://{elsewhere.replace('127.0.0.1', name)}/")
        for target in (host, host.replace("127.0.0.1", "localhost")):
            assert stranger.evaluate(OPEN, f"ws://{target}/_stcore/stream") == "refused"
            stranger.evaluate(SEND, f"http://{target}/_stcore/upload_file/session/file")
    with stranger.expect_popup() as opened:
        stranger.evaluate("url => { window.app = window.open(url); }", app.url)
    expect(drive.heading(opened.value, "Customers")).to_be_visible()
    assert stranger.evaluate("() => window.app.closed")  # it is not; but nothing of it is left to who opened it
    assert app.log.read_text().count("Refused /_stcore") == 8


def test_the_apps_page_connects_to_nothing_but_the_app(app: App, stranger: Page, elsewhere: str) -> None:
    drive.visit(stranger, app.url, "Customers")
    host = app.url.removeprefix("http://")
    assert stranger.evaluate(OPEN, f"ws://{host}/_stcore/stream") == "open"
    assert stranger.evaluate(OPEN, f"ws://{elsewhere}/socket") == "refused"
    assert stranger.evaluate(SEND, f"http://{elsewhere}/post") == "refused"
    assert Elsewhere.asked == []  # the page's policy kept both from leaving it


def test_a_page_of_an_app_that_could_not_start_goes_on_by_itself(tmp_path_factory: pytest.TempPathFactory, page: Page) -> None:
    folder = tmp_path_factory.mktemp("failed")
    (folder / "home").mkdir()
    settings = folder / "home" / "settings.toml"
    settings.write_text("concurrencie = 4")
    with served(folder) as app:
        until(lambda: app.health().get("reason"), "it said why")
        page.goto(app.base_url)
        expect(page.get_by_test_id("stAlertContentError")).to_contain_text("concurrencie")
        settings.unlink()
        expect(drive.heading(page, "Customers")).to_be_visible()
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
        drive.idle(page)
        page.close()  # before its server, which it may still be asking for a font
