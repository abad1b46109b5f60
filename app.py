"""What `streamlit run app.py` starts: the ASGI application with its lifespan, its health route and its door."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

from lib.ui import door
from lib.ui.startup import Starter


def _start() -> None:
    from lib.ui.resources import start  # noqa: PLC0415 - Streamlit's runtime must be up first, and it takes a second

    start()


starter = Starter(_start)


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, bool]]:
    """Starts in a thread, so that browsers get their files meanwhile: a page waits for the resources by itself, and so sees
    interrupted runs marked. On SIGTERM the calls in flight are finished and settled.
    """
    starter.begin()
    yield {"ready": True}
    starter.end()
    from lib.ui.resources import release  # noqa: PLC0415 - see _start

    release()


async def health(_request: Request) -> JSONResponse:
    """503 until it has started, so that whoever watches the process sends nobody here before; a failed start says why."""
    if starter.problem:
        return JSONResponse({"ok": False, "state": "failed", "reason": starter.problem}, status_code=503)
    if not starter.started:
        return JSONResponse({"ok": False, "state": "starting"}, status_code=503)
    return JSONResponse({"ok": True})


async def customers(request: Request) -> RedirectResponse:
    """Customers opens first, so its address is the root; at the one that one would guess Streamlit says "Page not found".

    The redirect is relative, for a server that stands behind a path.
    """
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


if (obstacle := door.obstacle()) is not None:
    sys.exit(obstacle)

app = st.App(
    str(Path(__file__).parent / "lib" / "ui" / "shell.py"),
    lifespan=lifespan,
    routes=[Route("/healthz", health), Route("/customers", customers)],
    middleware=door.middleware(door.Addresses.configured()),
)
