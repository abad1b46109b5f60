"""Responses that end badly: never sent, cut off, or cut short. The server says how a connection is cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

#: Cuts the connection of a request: at once (a reset), or after what was sent has left (a close).
Cut = Callable[[Scope, bool], None]


class Hang(Response):
    """No answer until the client gives up, `seconds` have passed or the server stops; then the connection is cut."""

    def __init__(self, cut: Cut, stopping: asyncio.Event, seconds: float) -> None:
        super().__init__()
        self._cut, self._stopping, self._seconds = cut, stopping, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        waits = [asyncio.ensure_future(_disconnected(receive)), asyncio.ensure_future(self._stopping.wait())]
        await asyncio.wait(waits, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._cut(scope, True)  # noqa: FBT003 - the type names it
        await _disconnected(receive)


class Reset(Response):
    """The connection is reset instead of an answer."""

    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        self._cut(scope, True)  # noqa: FBT003
        await _disconnected(receive)


class Truncated(Response):
    """The headers promise the whole body; half of it comes, then the connection closes."""

    def __init__(self, cut: Cut, body: bytes, headers: dict[str, str]) -> None:
        super().__init__(body, headers=headers, media_type="application/json")
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        self._cut(scope, False)  # noqa: FBT003
        await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
