"""What `streamlit run app.py` starts: the ASGI application with its lifespan, health route and security headers."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.errors import ExpressOpsError

#: Only this server's own files, data: images (icons) and blob: (downloads, workers, the script of the customers' table, which
#: Streamlit makes a blob of); no frame may hold the app. Streamlit needs inline styles and scripts, and WebAssembly.
POLICY = (
    "default-src 'self'; script-src 'self' blob: 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
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


#: Set once the start is over, well or not: what went wrong is told in words by every page, and in the log.
_started = threading.Event()
logger = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, bool]]:
    """Starts in a thread, so that browsers get their files meanwhile: a page waits for the resources by itself, and so sees
    interrupted runs marked. On SIGTERM the calls in flight are finished and settled.
    """
    _started.clear()
    starting = threading.Thread(target=_start, name="start", daemon=True)
    starting.start()
    yield {"ready": True}
    starting.join()
    from lib.ui.resources import release  # noqa: PLC0415 - see _start

    release()


def _start() -> None:
    try:
        from lib.ui.resources import start  # noqa: PLC0415 - Streamlit's runtime must be up first, and it takes a second

        start()
    except ExpressOpsError as error:
        logger.error("%s", error.message)  # noqa: TRY400 - the words say it all
    except Exception:
        logger.exception("The start went wrong")
    finally:
        _started.set()


async def health(_request: Request) -> JSONResponse:
    """503 until the start is over, so that whoever watches the process sends nobody here before."""
    if not _started.is_set():
        return JSONResponse({"ok": False, "state": "starting"}, status_code=503)
    return JSONResponse({"ok": True})


async def customers(request: Request) -> RedirectResponse:
    """Customers opens first, so its address is the root; at the one that one would guess Streamlit says "Page not found".

    The redirect is relative, for a server that stands behind a path.
    """
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


app = st.App(
    str(Path(__file__).parent / "lib" / "ui" / "shell.py"),
    lifespan=lifespan,
    routes=[Route("/healthz", health), Route("/customers", customers)],
    middleware=[Middleware(SecurityHeaders), Middleware(TrustedHostMiddleware, allowed_hosts=ALLOWED_HOSTS)],
)
