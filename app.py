"""What `streamlit run app.py` starts: the ASGI application with its lifespan, health route and security headers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.errors import ExpressOpsError

#: Only this server's own files, data: images (icons) and blob: (downloads, workers); no frame may hold the app.
#: Streamlit needs inline styles and scripts, and WebAssembly.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'self'; object-src 'none'; form-action 'self'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
#: Streamlit checks the name in front of its websocket only; pages and media files are held to the same list.
ALLOWED_HOSTS = list(st.get_option("server.allowedHosts")) or ["*"]


class SecurityHeaders:
    """Puts the headers above on every HTTP answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, bool]]:
    """Interrupted runs are marked before the first page; on SIGTERM the calls in flight are finished and settled."""
    from lib.ui.resources import get_resources, release  # noqa: PLC0415 - Streamlit's runtime must be up first

    try:
        get_resources()
    except ExpressOpsError as error:
        logging.getLogger(__name__).error("%s", error.message)  # noqa: TRY400 - the words say it all; every page shows them
    yield {"ready": True}
    release()


async def health(_request: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


app = st.App(
    str(Path(__file__).parent / "lib" / "ui" / "shell.py"),
    lifespan=lifespan,
    routes=[Route("/healthz", health)],
    middleware=[Middleware(SecurityHeaders), Middleware(TrustedHostMiddleware, allowed_hosts=ALLOWED_HOSTS)],
)
