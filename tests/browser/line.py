"""The line between a page and its server, to hold it up and to see what goes over it."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page, WebSocketRoute
from streamlit.proto.BackMsg_pb2 import BackMsg


class Line:
    """The page's line to its server, on which what the server says can be held up."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.holding = False
        self.timers = 0
        """How often the page asked by itself, because of a timer."""
        self._held: list[tuple[WebSocketRoute, str | bytes]] = []
        page.route_web_socket(re.compile("/_stcore/stream"), self._open)

    def wait_for_timers(self, count: int) -> None:
        deadline, wanted = time.monotonic() + 30, self.timers + count
        while self.timers < wanted:
            assert time.monotonic() < deadline, "the page has no timer that asks"
            self.page.wait_for_timeout(50)  # handles what goes over the line meanwhile

    def let_go(self) -> None:
        self.holding = False
        for line, message in self._held:
            line.send(message)

    def _open(self, line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def from_server(message: str | bytes) -> None:
            if self.holding:
                self._held.append((line, message))
            else:
                line.send(message)

        def from_page(message: str | bytes) -> None:
            if isinstance(message, bytes) and BackMsg.FromString(message).rerun_script.is_auto_rerun:
                self.timers += 1
            server.send(message)

        server.on_message(from_server)
        line.on_message(from_page)
