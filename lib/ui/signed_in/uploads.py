"""How much of uploads the server holds: Streamlit bounds each file, and keeps all of a tab in memory until the tab is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import cast

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from lib.ui.signed_in.requests import UPLOADS, path_of

#: So many of the largest files that are taken (`server.maxUploadSize`) may be held, of one tab and of all together.
OF_A_TAB, OF_ALL = 4, 20
#: Bytes that each file counts for besides what is in it, so that there is an end to empty ones too.
_EACH = 2**16
TAB_IS_FULL = "This tab has uploaded as much as one may. Reload the page, then upload it again."
ALL_IS_FULL = "This server holds as many uploads as it may. Close the tabs that you don't need, and try again in some minutes."


def held_now() -> Mapping[str, int]:
    """Bytes of the files that Streamlit keeps, by the session that they were sent to."""
    files = cast("MemoryUploadedFileManager", Runtime.instance().uploaded_file_mgr).file_storage
    return {
        session: sum(_EACH + len(file.data) + len(file.name) + len(file.type) for file in list(kept.values()))
        for session, kept in list(files.items())  # copies: sessions end on other threads
    }


class BoundedUploads:
    """Refuses with 413, before it is read, a file with which its tab or all tabs together would hold more than they may.

    What is on its way counts as it says how large it is, or as the largest that is taken. `held` tells what is there.
    """

    def __init__(self, app: ASGIApp, held: Callable[[], Mapping[str, int]] = held_now) -> None:
        self.app, self._held = app, held
        self._largest = int(st.get_option("server.maxUploadSize")) * 2**20 + _EACH
        self._coming = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope)
        if not path.startswith(UPLOADS) or scope["method"] != "PUT":
            await self.app(scope, receive, send)
            return
        session, length = path.removeprefix(UPLOADS).partition("/")[0], Headers(scope=scope).get("content-length", "")
        size = int(length) + _EACH if length.isdecimal() else self._largest
        if refused := self._refused(session, size):
            await PlainTextResponse(refused, status_code=413)(scope, receive, send)
            return
        self._coming[session] += size
        try:
            await self.app(scope, receive, send)
        finally:
            self._coming[session] -= size
            self._coming += Counter()  # forgets whoever sends nothing now

    def _refused(self, session: str, size: int) -> str:
        """Why not so much more is taken from this session; empty where it is."""
        held = Counter(self._held()) + self._coming
        if held[session] + size > OF_A_TAB * self._largest:
            return TAB_IS_FULL
        return ALL_IS_FULL if held.total() + size > OF_ALL * self._largest else ""
