"""Requests without a page, from people who are signed in or not: for files, and to log out."""

from __future__ import annotations

import streamlit as st
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.errors import ConfigError
from lib.people import NotAllowed, Right, by_login
from lib.ui.sign_in import asked_for, gate_of_the_door, key_of, people_now, signed_in
from lib.ui.signed_in.logins import LOGINS

#: Where Streamlit gives files out and takes them, and where it ends a login.
DOWNLOADS, UPLOADS, _LOG_OUT = "/media/", "/_stcore/upload_file/", "/auth/logout"
NOT_SIGNED_IN = "Log in first, in a page of Express Ops."
NO_EXPORT = "You may not take data out of Express Ops, so this file is not for you."


class SignedInOnly:
    """Refuses with 403 to give files out, or to take them, where people sign in and whoever asks has not; a page asks itself.
    What is to be saved, and no picture of a page, is for whoever may take data out.

    Streamlit gives a file to whoever names its id, and takes any from whoever has a tab. Its address for logging out ends the
    login, also for whoever has kept the cookie.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope)
        if path.startswith((DOWNLOADS, UPLOADS)):
            if not _may(Right.READ, Request(scope)):
                await PlainTextResponse(NOT_SIGNED_IN, status_code=403)(scope, receive, send)
                return
            if not _may(Right.EXPORT, Request(scope)):
                send = _nothing_to_save(scope, receive, send)
        if path == _LOG_OUT:
            _end(Request(scope))
        await self.app(scope, receive, send)


def path_of(scope: Scope) -> str:
    """The path of a request as Streamlit knows it; empty for what is none."""
    base = f"/{st.get_option('server.baseUrlPath').strip('/')}".rstrip("/")
    return str(scope["path"]).removeprefix(base) if scope["type"] == "http" else ""


def _nothing_to_save(scope: Scope, receive: Receive, send: Send) -> Send:
    """Sends on an answer, but for a file to be saved: Streamlit sends that, and nothing else, as an attachment."""
    refused = False

    async def send_unless_attached(message: Message) -> None:
        nonlocal refused
        if "content-disposition" in Headers(raw=message.get("headers", [])):
            refused = True
            await PlainTextResponse(NO_EXPORT, status_code=403)(scope, receive, send)
        elif not refused:
            await send(message)

    return send_unless_attached


def _may(right: Right, request: Request) -> bool:
    """Whether a request for a file is of somebody who may do so; anybody's, where nobody signs in."""
    gate = gate_of_the_door()
    try:
        who = signed_in(gate, LOGINS.claims(request.cookies), request.headers)
        if who is None:
            return not asked_for(gate)
        gate.check(right, who)
    except (NotAllowed, ConfigError, ValidationError):
        return False
    return True


def _end(request: Request) -> None:
    """End the login whose cookie a request has, if it has one."""
    claims = LOGINS.claims(request.cookies)
    if claims and (sign_in := by_login(claims, people_now(), key_of(claims)).sign_in) is not None:
        gate_of_the_door().end(sign_in)
