"""Typing in the search: the browser gathers quick letters, so that runs of the script do not queue up behind each other."""

from __future__ import annotations

from playwright.sync_api import Page, WebSocket, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.browser import drive
from tests.browser.conftest import App

WORD = "teleradiolog"


def test_twelve_quick_letters_ask_for_three_runs_at_most(app: App, page: Page) -> None:
    sent = _asked_for(page)
    drive.customers(page, app.url)
    before = len(sent)
    page.get_by_role("searchbox", name="Search").press_sequentially(WORD, delay=50)
    expect(page.locator(".st-key-chips")).to_contain_text(f"text “{WORD}”")
    drive.expect_shown(page, str(_matching(app)))
    assert 1 <= len(sent) - before <= 3


def _asked_for(page: Page) -> list[str]:
    """Each run of the whole script that the page asks for from now on; those of fragments, which poll, are not meant."""
    sent: list[str] = []

    def listen(frame: bytes | str) -> None:
        message = BackMsg.FromString(frame if isinstance(frame, bytes) else frame.encode())
        if message.WhichOneof("type") == "rerun_script" and not message.rerun_script.fragment_id:
            sent.append(message.rerun_script.page_script_hash)

    def opened(socket: WebSocket) -> None:
        socket.on("framesent", listen)

    page.on("websocket", opened)
    return sent


def _matching(app: App) -> int:
    """Customers in whose name, id or metadata the word stands."""
    return sum(WORD in str(record).lower() for record in app.records())
