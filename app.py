"""What `streamlit run app.py` starts: the ASGI application with its lifespan, its health routes and its door."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
import streamlit.logger
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from lib import logs
from lib.config import logs_as_json
from lib.errors import ConfigError, JournalError, NotStarted
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
    logs.set_up(as_json=logs_as_json())  # by now the server has loggers too
    starter.begin()
    yield {"ready": True}
    starter.end()
    from lib.ui.resources import release  # noqa: PLC0415 - see _start

    release()


async def alive(_request: Request) -> JSONResponse:
    """Answered as long as the process can answer at all; whoever watches it starts it anew where this stays out."""
    return JSONResponse({"ok": True})


def ready(request: Request) -> JSONResponse:
    """Whether people should be sent here, and in words why not: those, and what accounts there are, for this machine alone.

    No coroutine: Starlette asks in a thread, and pages go on.
    """
    answer = _standing()
    if not door.is_from_here(request.scope):
        answer = {name: told for name, told in answer.items() if name in ("ok", "state")}
    return JSONResponse(answer, status_code=200 if answer["ok"] else 503)


def _standing() -> dict[str, object]:
    if not starter.started:
        failed = {"state": "failed", "reason": starter.problem}
        return {"ok": False, **(failed if starter.problem else {"state": "starting"})}
    from lib.ui.resources import troubles  # noqa: PLC0415 - see _start

    try:
        told = troubles()
    except (NotStarted, JournalError) as error:
        told = {"": error.message}
    accounts = {name: {"ok": not why} | ({"reason": why} if why else {}) for name, why in told.items() if name}
    answer = {"accounts": accounts} if accounts else {}
    if told and all(told.values()):
        reason = " ".join(told.values())
        return {"ok": False, "state": "in trouble", "reason": reason, **answer}
    return {"ok": True, **answer}


def metrics(_request: Request) -> Response:
    """Figures for Prometheus where the settings say so (`metrics`), else nothing: no such address. The door lets only this
    machine ask.
    """
    from lib.ui.accounts import figures  # noqa: PLC0415 - see _start

    try:
        told = figures.text()
    except (NotStarted, ConfigError) as error:
        return Response(error.message, status_code=503, media_type="text/plain")
    return Response("Not Found", status_code=404) if told is None else Response(told, media_type=figures.TYPE)


async def customers(request: Request) -> RedirectResponse:
    """Customers opens first, so its address is the root; at the one that one would guess Streamlit says "Page not found".

    The redirect is relative, for a server that stands behind a path.
    """
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


streamlit.logger.setup_formatter = logs.hand_over  # of those that Streamlit makes from here on
logs.set_up(as_json=logs_as_json())
if (obstacle := door.obstacle()) is not None:
    sys.exit(obstacle)

app = st.App(
    str(Path(__file__).parent / "lib" / "ui" / "shell.py"),
    lifespan=lifespan,
    routes=[Route(door.ALIVE, alive), Route("/readyz", ready), Route("/metrics", metrics), Route("/customers", customers)],
    middleware=door.middleware(door.Addresses.configured()),
)
