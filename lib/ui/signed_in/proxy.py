"""People whom a proxy has signed in: its headers are believed only from its own addresses, with the secret that it knows."""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lib.accounts.proxies import Proxy, Token, plain_address
from lib.errors import ConfigError
from lib.files import path_of, read_secret
from lib.logs import Trouble
from lib.people import People, Person, by_proxy
from lib.ui.signed_in import tokens
from lib.ui.signed_in.sessions import HOLDERS

SECRET = "x-express-ops-secret"  # noqa: S105 - the header's name
#: What the door found out, for the pages: a header that begins with what no client can know.
_VOUCHED, _MARK = "x-express-ops-vouched", secrets.token_hex(16)
_SHORTEST, _LONGEST = 16, 4096
#: How long the proxy's word stands; open pages have it given anew several times meanwhile (still_in.js).
STANDS = timedelta(seconds=45)
#: Where a page has it given anew, and the header in which it names its session.
STILL_IN, TAB = "/still-in", "x-express-ops-tab"

logger = logging.getLogger(__name__)


class ProxySignIn:
    """Lets through of a request's headers what the proxy says of the person, once it has shown to be the proxy; and the session
    that a websocket goes on with only where it is that person's.

    A websocket's headers are as old as the tab. So each page asks again and again whether whoever has it is still in, which
    brings what the proxy says of them now: 204, else 403. Its secret goes no further, and neither does what anybody else
    claims. `proxy`: as the settings say now; `now` is in UTC.
    """

    def __init__(
        self, app: ASGIApp, proxy: Callable[[], Proxy | None], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.app, self._proxy, self._now = app, proxy, now
        self._trouble = Trouble(logger, "Nobody is signed in by the proxy")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = MutableHeaders(scope=scope)
            tab, proxy = scope["type"] == "websocket", self._proxy()
            token = proxy.jwt.header if proxy is not None and proxy.jwt is not None else SECRET
            asks = proxy is not None and (tab or SECRET in headers or token in headers)
            vouched = self._vouched(proxy, headers, _peer(scope, headers)) if proxy is not None and asks else ""
            for name in (SECRET, _VOUCHED, token):
                del headers[name]
            if vouched:
                headers[_VOUCHED] = f"{_MARK}{vouched}"
            if tab:
                HOLDERS.leave_own(headers, _person(vouched).name if vouched else "")
            elif scope["method"] == "POST" and scope["path"] == still_in_path():
                is_in = bool(vouched) and HOLDERS.confirm(headers.get(TAB, ""), _person(vouched))
                await Response(status_code=204 if is_in else 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _vouched(self, proxy: Proxy, headers: Headers, peer: str) -> str:
        """Who it is, from where and until when, as JSON; empty where nobody vouches for them, and the log says why."""
        try:
            said = _said(proxy, headers, peer, self._now())
        except _NotVouched as why:
            self._trouble.is_now(f"A tab came from {why}.")
        except ConfigError as error:
            self._trouble.is_now(error.message)
        else:
            self._trouble.is_now("")
            return json.dumps(said)
        return ""


class _NotVouched(Exception):
    """Where a tab came from, and what was missing."""


def _said(proxy: Proxy, headers: Headers, peer: str, now: datetime) -> Mapping[str, object]:
    """What `_person` reads. Raises _NotVouched, and ConfigError where a file can't be used."""
    if peer not in proxy.addresses:
        came = peer[:60] or "an address that only X-Forwarded-For says"
        raise _NotVouched(f"{came}, which [people.proxy] does not name. Let it send no X-Forwarded-For")
    if proxy.secret_file:
        shown = headers.getlist(SECRET)
        if len(shown) != 1 or not hmac.compare_digest(shown[0].encode(), _secret(proxy)):
            raise _NotVouched(f"{peer} without its secret")
    known, until = f"by the proxy at {peer}", now + STANDS
    if proxy.jwt is not None:
        told = _token(proxy.jwt, headers, peer, now)
        name, groups, known = told.name, list(told.groups), f"{known}, with a token of {proxy.jwt.issuer}"
        until = datetime.fromtimestamp(min(told.until, until.timestamp()), UTC)
    else:
        names, listed = headers.getlist(proxy.name), headers.getlist(proxy.groups) if proxy.groups else []
        if len(names) != 1 or not names[0].strip() or len(listed) > 1:
            raise _NotVouched(f"{peer} without exactly one {proxy.name}, or with several {proxy.groups or 'groups'}")
        name, groups = names[0], [one.strip() for one in "".join(listed).split(",") if one.strip()]
    return {"name": name, "groups": groups, "known": known, "until": until.isoformat()}


def _token(by: Token, headers: Headers, peer: str, now: datetime) -> tokens.Vouched:
    sent = headers.getlist(by.header)
    if len(sent) != 1:
        raise _NotVouched(f"{peer} without exactly one {by.header}")
    try:
        return tokens.read(sent[0].removeprefix("Bearer "), by, now)
    except ValueError as why:
        raise _NotVouched(f"{peer} with a token in {by.header} that is not good ({why})") from None


def still_in_path() -> str:
    """Where this server takes the question whether somebody is still in."""
    return f"/{st.get_option('server.baseUrlPath').strip('/')}".rstrip("/") + STILL_IN


def vouched_for(headers: Mapping[str, str], people: People, session: str = "") -> Person | None:
    """Whom the door let through as signed in by the proxy, if it did, by its last word on whoever has this session."""
    if people.proxy is None or not came_by_proxy(headers):
        return None
    return HOLDERS.latest(session, _person(headers[_VOUCHED][len(_MARK) :]))


def came_by_proxy(headers: Mapping[str, str]) -> bool:
    """Whether the door found these to be the headers of somebody whom the proxy has signed in."""
    return hmac.compare_digest(headers.get(_VOUCHED, "")[: len(_MARK)].encode(), _MARK.encode())


def _person(vouched: str) -> Person:
    said = json.loads(vouched)
    return by_proxy(said["name"], said["groups"], said["known"], datetime.fromisoformat(said["until"]))


def _peer(scope: Scope, headers: Headers) -> str:
    """The address that the request came from, as addresses are compared; empty where only a header says so.

    The server puts an address of X-Forwarded-For in the place of the real one where a request comes from this machine
    (uvicorn's proxy headers, which Streamlit leaves on), and by then nothing else tells one from the other.
    """
    address = str((scope.get("client") or ("",))[0])
    said = ", ".join(headers.getlist("x-forwarded-for"))
    if re.search(rf"(?<![\w.]){re.escape(address)}(?![\w.])", said):
        return ""
    try:
        return plain_address(address)
    except ValueError:
        return address


def _secret(proxy: Proxy) -> bytes:
    """What the proxy shows. Raises ConfigError in words where its file can't be used, or others may read it."""
    try:
        secret = read_secret(path_of(proxy.secret_file), _LONGEST).strip()
    except ValueError as exc:
        raise ConfigError(f"The proxy's secret_file can't be used: {exc}.") from None
    if len(secret) < _SHORTEST:
        raise ConfigError(f"The proxy's secret_file holds fewer than {_SHORTEST} characters.")
    return secret
