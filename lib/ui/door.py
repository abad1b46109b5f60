"""The door: on which address the app is served, under which names, to whose pages, and with which headers.

A browser lets a page of any site send requests to this machine; what it can't do is lie about `Origin` and `Host`. So whatever
could change something (a websocket, any method but reading) comes in only from a page that this app itself served. That is
decided before Streamlit sees the request: it lets in every page of this machine, and asks a host on the internet about others.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from dataclasses import dataclass
from typing import Self

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.ui import sign_in
from lib.ui.signed_in import provider
from lib.ui.signed_in.proxy import ProxySignIn
from lib.ui.signed_in.requests import SignedInOnly
from lib.ui.signed_in.uploads import BoundedUploads

#: This machine's own names, as they stand in `Host`: no other site's name may resolve to this server.
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
#: Methods that change nothing (RFC 9110, 9.2.1).
_READING = ("GET", "HEAD", "OPTIONS")
#: Figures of the process, Streamlit's and our own, which nobody who comes through a proxy needs to know.
_FIGURES = ("/_stcore/metrics", "/metrics")
#: An origin as browsers send it: scheme and host in small letters, the port only where it is not the scheme's own.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?")

#: Only this server's own files, data: images (icons) and blob: (downloads, workers, the script of the customers' table, which
#: Streamlit makes a blob of); no frame may hold the app. Streamlit needs inline styles and scripts, and WebAssembly.
_POLICY = (
    "default-src 'self'; script-src 'self' blob: 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src {connect}; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'self'; object-src 'none'; form-action 'self'"
)
HEADERS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
#: Whether the process lives. Load balancers ask each server for it by its address, under whatever name they like.
ALIVE = "/healthz"
REFUSED = "Express Ops takes this only from a page of its own. Behind a proxy, see docs/team.md."
NOT_OUR_NAME = (
    "Express Ops does not answer to the name that this request was sent to (its Host header). Behind a proxy, start it with "
    "the address that people open (--server.corsAllowedOrigins https://express-ops.example.com) and have the proxy pass Host "
    "on as the browser sent it. See docs/team.md."
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Addresses:
    """Where browsers find the app: at this machine's own names under `scheme`, and at the `public` origins of a proxy."""

    scheme: str
    public: tuple[str, ...] = ()

    @classmethod
    def configured(cls) -> Self:
        """As Streamlit's options say. A proxy's addresses never come from a header: any client could send that."""
        scheme = "https" if st.get_option("server.sslCertFile") else "http"
        return cls(scheme, tuple(origin.strip() for origin in st.get_option("server.corsAllowedOrigins")))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that `Host` may hold, without ports."""
        return (*LOCAL_NAMES, *(_without_port(origin.partition("://")[2]) for origin in self.public))

    def origins(self, headers: Headers) -> tuple[str, ...]:
        """The origins of the app's own pages, for a browser that reached it by this request's `Host`; none if that is unclear.

        Compared as text, as RFC 6454 does: a browser writes the host of a page alike in both headers.
        """
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            return ()
        local = (f"{self.scheme}://{hosts[0]}",) if _without_port(hosts[0]) in LOCAL_NAMES else ()
        return (*local, *(origin for origin in self.public if origin.partition("://")[2] == hosts[0]))


def _without_port(host: str) -> str:
    return re.sub(r":\d+$", "", host)


class OwnNamesOnly:
    """Refuses with 400 what was sent to another name than the app's own: a name of somebody else's that was bent to this.

    The answer never repeats the name. Whether the process lives may be asked under any.
    """

    def __init__(self, app: ASGIApp, addresses: Addresses) -> None:
        self.app, self._names = app, addresses.names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._is_ours(scope):
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse(NOT_OUR_NAME, status_code=400)(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        if scope["type"] == "http" and scope["path"] == ALIVE and scope["method"] in _READING:
            return True
        hosts = Headers(scope=scope).getlist("host")
        return len(hosts) == 1 and _without_port(hosts[0].lower()) in self._names


class OwnPagesOnly:
    """Refuses with 403 what could change something and does not come from a page of the app itself; and everything on another
    address than loopback while nobody has to log in.

    So is what names no `Origin`: browsers always do for such requests, and the app has no other clients.
    """

    def __init__(self, app: ASGIApp, addresses: Addresses) -> None:
        self.app, self.addresses = app, addresses
        self._asks_who = sign_in.login_configured()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._welcome(scope):
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse(REFUSED, status_code=403)(scope, receive, send)

    def _welcome(self, scope: Scope) -> bool:
        if not (_is_local(scope) or self._asks_who):  # by another server than Streamlit's, which listens where it likes
            return False
        if scope["type"] == "http" and scope["method"] in _READING:
            return scope["path"].rstrip("/") not in _FIGURES or is_from_here(scope)
        headers = Headers(scope=scope)
        came_from, own = headers.getlist("origin"), self.addresses.origins(headers)
        if len(came_from) == 1 and came_from[0] in own:
            return True
        logger.warning("Refused %.200s from %.200r: the app's own pages are %.200r", scope["path"], came_from, own)
        return False


class SecurityHeaders:
    """Puts the headers above on every HTTP answer. What a page may connect to is its own origin, also by websocket."""

    def __init__(self, app: ASGIApp, addresses: Addresses) -> None:
        self.app, self.addresses = app, addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # 'self' alone does not cover websockets in older Firefox and Safari.
        own = [origin.replace("http", "ws", 1) for origin in self.addresses.origins(Headers(scope=scope))]
        headers = {**HEADERS, "content-security-policy": _POLICY.format(connect=" ".join(["'self'", *own]))}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def middleware(addresses: Addresses) -> list[Middleware]:
    """In the order in which a request meets them: a name that is not ours gets no answer that repeats it."""
    return [
        Middleware(OwnNamesOnly, addresses=addresses),
        Middleware(SecurityHeaders, addresses=addresses),
        Middleware(OwnPagesOnly, addresses=addresses),
        Middleware(ProxySignIn, proxy=lambda: sign_in.people_now().proxy),
        Middleware(SignedInOnly),
        Middleware(BoundedUploads),
    ]


def is_from_here(scope: Scope) -> bool:
    """Whether a program of this machine asks, by one of its own names: through a proxy it is the name that people open."""
    return _is_local(scope) and _without_port(Headers(scope=scope).get("host", "")) in LOCAL_NAMES


def _is_local(scope: Scope) -> bool:
    server = scope.get("server")
    return server is not None and is_loopback(server[0])


def is_loopback(address: str) -> bool:
    """Is this an address at which only programs of this machine can reach a server?"""
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def obstacle() -> str | None:
    """Why the app must not be served as Streamlit's options say, in words for a terminal; None where it may."""
    address = st.get_option("server.address")
    if not is_loopback(address or "") and not sign_in.login_configured():
        return (
            f"Nobody has to log in here, so Express Ops is served to this machine only, not at {address or 'every address'!r} "
            "(server.address): whoever reached it could deactivate customers. Leave server.address out, or set it to "
            "127.0.0.1; or say who may do what ([people] in settings.toml) and how they log in: docs/team.md. Then start again."
        )
    if st.get_option("server.trustedUserHeaders"):
        return (
            "server.trustedUserHeaders would let anybody be whom they like: these headers are believed from every client. "
            "Leave it out and name your proxy in settings.toml instead ([people.proxy]): docs/team.md."
        )
    wrong = [origin for origin in Addresses.configured().public if not _ORIGIN.fullmatch(origin)]
    if wrong:
        return (
            f"server.corsAllowedOrigins holds {wrong[0]!r}, which is not how browsers write an origin: "
            "https://express-ops.example.com, in small letters and without a path. Correct it and start again."
        )
    return provider.obstacle() or None
