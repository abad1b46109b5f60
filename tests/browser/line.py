"""The line between a page and its server, to hold it up and to see what goes over it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from playwright.sync_api import Page, WebSocketRoute
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class Line:
    """The page's line to its server, on which what the server says can be held up."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.holding = False
        self.timers = 0
        """How often the page asked by itself, because of a timer."""
        self.drawn = 0
        """How many drawings of the whole page arrived, to their ends."""
        self._lines: list[WebSocketRoute] = []
        self._held: list[tuple[WebSocketRoute, str | bytes]] = []
        page.route_web_socket(re.compile("/_stcore/stream"), self._open)

    def wait_for_timers(self, count: int) -> None:
        wanted = self.timers + count
        self.wait(lambda: self.timers >= wanted, "the page has no timer that asks")

    def wait_for_a_drawing(self) -> None:
        """Until a drawing of the whole page is held up, to its end."""
        self.wait(lambda: any(_ends_a_drawing(message) for _, message in self._held), "nothing was drawn")

    @property
    def answered_timers(self) -> int:
        """How many drawings of parts of the page are held up, to their ends."""
        return sum(_said(message).script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY for _, message in self._held)

    def wait(self, holds: Callable[[], bool], else_: str) -> None:
        """As `until`, which would stop what goes over the line: it passes only while the page is waited for."""
        deadline = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < deadline, else_
            self.page.wait_for_timeout(50)  # handles what goes over the line meanwhile

    def let_go_of_a_drawing(self) -> None:
        """Of what is held up the first drawing of the whole page arrives, once it is there to its end."""
        self.wait_for_a_drawing()
        while True:
            line, message = self._held.pop(0)
            line.send(message)
            if _ends_a_drawing(message):
                return

    def tear(self) -> None:
        """The line is torn; what was held up never arrives. The page looks for another one by itself."""
        self.holding = False
        self._held.clear()
        for line in self._lines:
            line.close()

    def let_go(self) -> None:
        self.holding = False
        for line, message in self._held:
            line.send(message)

    def _open(self, line: WebSocketRoute) -> None:
        server = line.connect_to_server()
        self._lines.append(line)

        def from_server(message: str | bytes) -> None:
            if self.holding:
                self._held.append((line, message))
            else:
                self.drawn += _ends_a_drawing(message)
                line.send(message)

        def from_page(message: str | bytes) -> None:
            if isinstance(message, bytes) and BackMsg.FromString(message).rerun_script.is_auto_rerun:
                self.timers += 1
            server.send(message)

        server.on_message(from_server)
        line.on_message(from_page)


def _ends_a_drawing(message: str | bytes) -> bool:
    said = _said(message)
    return said.HasField("script_finished") and said.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY


def _said(message: str | bytes) -> ForwardMsg:
    return ForwardMsg.FromString(message) if isinstance(message, bytes) else ForwardMsg()
