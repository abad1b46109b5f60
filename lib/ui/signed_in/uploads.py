"""How much of uploads the server holds: Streamlit bounds each file, and keeps all of a tab in memory until the tab is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from lib.errors import ExpressOpsError
from lib.ui.signed_in.requests import UPLOADS, path_of

#: So many of the largest files that are taken (`server.maxUploadSize`) may be held, of one tab and of all together.
OF_A_TAB, OF_ALL = 4, 20
#: Bytes that each file counts for besides what is in it, so that there is an end to empty ones too; and for which one that
#: comes takes room at a time.
_EACH = 2**16
#: Seconds without a byte after which a file is given up.
_QUIET = 30.0
TAB_IS_FULL = "This tab has uploaded as much as one may. Reload the page, then upload it again."
ALL_IS_FULL = "This server holds as many uploads as it may. Close the tabs that you don't need, and try again in some minutes."
NOTHING_CAME = "Nothing came of this file for half a minute, so it was given up. Upload it again."


def held_now() -> Mapping[str, int]:
    """Bytes of the files that Streamlit keeps, by the session that they were sent to."""
    files = cast("MemoryUploadedFileManager", Runtime.instance().uploaded_file_mgr).file_storage
    return {
        session: sum(_EACH + len(file.data) + len(file.name) + len(file.type) for file in list(kept.values()))
        for session, kept in list(files.items())  # copies: sessions end on other threads
    }


class _Stopped(ExpressOpsError):
    """An upload ends before all of it has come."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(eq=False)
class _Coming:
    """A file on its way to a tab: how large it may be, what has come of it, and the room that it takes."""

    session: str
    size: int
    came: int = 0
    room: int = _EACH
    is_whole: bool = False


class BoundedUploads:
    """Refuses with 413 a file with which its tab or all tabs together would hold more than they may; gives up, with 408, one of
    which nothing comes any more.

    What is on its way counts for its own tab as it says how large it is, or as the largest that is taken, so that it is refused
    before it is read. For all tabs only what has come of it counts, so that nobody keeps others out by what they don't send:
    there it may be refused on its way. `held` tells what is there.
    """

    def __init__(self, app: ASGIApp, held: Callable[[], Mapping[str, int]] = held_now) -> None:
        self.app, self._held = app, held
        self._largest = int(st.get_option("server.maxUploadSize")) * 2**20 + _EACH
        self._coming = set[_Coming]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope)
        if not path.startswith(UPLOADS) or scope["method"] != "PUT":
            await self.app(scope, receive, send)
            return
        session, length = path.removeprefix(UPLOADS).partition("/")[0], Headers(scope=scope).get("content-length", "")
        coming = _Coming(session, int(length) + _EACH if length.isdecimal() else self._largest)
        try:
            self._check_tab(coming)
            self._check_all(coming.size)
            self._coming.add(coming)
            await self.app(scope, lambda: self._receive(coming, receive), send)
        except _Stopped as stopped:
            await PlainTextResponse(stopped.message, stopped.status)(scope, receive, send)
        finally:
            self._coming.discard(coming)

    async def _receive(self, coming: _Coming, receive: Receive) -> Message:
        if coming.is_whole:
            return await receive()
        try:
            async with asyncio.timeout(_QUIET):
                message = await receive()
        except TimeoutError:
            raise _Stopped(408, NOTHING_CAME) from None
        coming.is_whole = not message.get("more_body", False)
        coming.came += len(message.get("body", b""))
        if (more := coming.came + _EACH - coming.room) > 0:
            self._check_all(more + _EACH)
            coming.room += more + _EACH
        return message

    def _check_tab(self, coming: _Coming) -> None:
        on_their_way = sum(other.size for other in self._coming if other.session == coming.session)
        if self._held().get(coming.session, 0) + on_their_way + coming.size > OF_A_TAB * self._largest:
            raise _Stopped(413, TAB_IS_FULL)

    def _check_all(self, more: int) -> None:
        if sum(self._held().values()) + sum(other.room for other in self._coming) + more > OF_ALL * self._largest:
            raise _Stopped(413, ALL_IS_FULL)
