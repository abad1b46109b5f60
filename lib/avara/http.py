"""The one place that speaks HTTP: one attempt at one request, whatever comes of it as a value.

The key leaves this module in one header of a request to the connection's own base URL, and nowhere else: redirects are not
followed, no cookie is kept, and what went wrong is returned outside the handler of its error. httpcore logs the steps of a
request (DEBUG) without its headers.

httpx reads addresses, certificates, proxies and encoded answers; what it sends with itself, httpcore, is used without the
client around it: what that does besides (redirects, cookies, authentication, merging of addresses, objects for all of it)
takes as long as the request itself. Each pool has one connection, for a pool of many looks at all of them whenever one is
wanted.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final, cast
from urllib.parse import urlencode

import httpcore
import httpx

from lib.avara.connection import Connection, is_loopback
from lib.avara.reply import Reply, no_answer, too_large, unreachable
from lib.avara.requests import Request
from lib.avara.text import one_line
from lib.errors import ApiError, ConfigError

USER_AGENT = "express-ops/0.1.0"
#: A page of 100 customers with 50 full pairs of metadata each is 6 MB; nothing the API promises comes near this.
LARGEST_ANSWER = 32 * 1024 * 1024
#: Seconds. Node and uvicorn close idle connections after 5: to go first means not to send a change into a closing one.
_KEEP_IDLE = 4.0
#: What can go wrong on the way (httpcore has no one name for it), or in the decoding of what came.
_ERRORS: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    httpx.DecodingError,
)


class Http:
    """Sends to one connection, for any number of threads, up to `max_connections` at a time.

    Times are in seconds: `timeout` bounds each wait for bytes and an answer as a whole, `connect_timeout` the dialling.
    The constructor raises ConfigError where the base URL or the environment's proxy can't be used.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        timeout: float,
        connect_timeout: float,
        max_connections: int,
        now: Callable[[], datetime],
    ) -> None:
        self._connection, self._timeout, self._now = connection, timeout, now
        self._waits = {"timeout": {"connect": connect_timeout, "read": timeout, "write": timeout, "pool": timeout}}
        url = _resolvable(connection.base_url)
        self._url = _for_httpcore(url)
        self._headers = [
            (b"Host", url.netloc),
            (b"Accept", b"application/json"),
            (b"Accept-Encoding", b"gzip, deflate"),
            (b"User-Agent", USER_AGENT.encode("ascii")),
            (b"Authorization", b"Bearer " + connection.api_key.get_secret_value().encode("ascii")),
        ]
        # A company's proxy and certificates come from the environment, but what goes to this machine goes there directly:
        # it may be plain http, and a proxy would see the key.
        here = is_loopback(url.host)
        self._certificates = httpx.create_ssl_context(trust_env=not here)
        self._proxy = None if here else _proxy_for(url)
        self._places = threading.BoundedSemaphore(max_connections)
        self._lock = threading.Lock()
        # With the time since when each is idle. The one used last is used next, so that the others can be closed.
        self._idle: deque[tuple[float, httpcore.ConnectionPool]] = deque()
        self._closed = False

    def send(self, request: Request) -> Reply | ApiError:
        """One attempt. What went wrong on the way is returned, not raised: see the top of the module.

        Raises RuntimeError once this is closed.
        """
        if not self._places.acquire(timeout=self._timeout):
            return unreachable(request, "All connections are busy", "Try again in a moment.")
        try:
            with self._lock:
                if self._closed:
                    raise RuntimeError("This client is closed.")
                pool = self._idle.pop()[1] if self._idle else self._pool()
            try:
                return self._exchange(pool, request)
            finally:
                self._put_back(pool)
        finally:
            self._places.release()

    def close(self) -> None:
        """Closes the connections; one that is in use, as soon as it is not any more."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop()[1].close()

    def _put_back(self, pool: httpcore.ConnectionPool) -> None:
        now = time.monotonic()
        with self._lock:
            self._idle.append((now, pool))
            while self._idle and (self._closed or now - self._idle[0][0] > _KEEP_IDLE):
                self._idle.popleft()[1].close()

    def _exchange(self, pool: httpcore.ConnectionPool, request: Request) -> Reply | ApiError:
        deadline = time.monotonic() + self._timeout
        try:
            response = pool.handle_request(self._built(request))
            try:
                headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                body = _body(response, deadline)
            finally:
                response.close()
        except _ERRORS as exc:
            return self._failure(request, exc)
        if body is None:
            return too_large(request, LARGEST_ANSWER)
        return Reply(response.status, headers, body, self._now(), self._connection.api_key)

    def _built(self, request: Request) -> httpcore.Request:
        query = f"?{urlencode(request.params)}" if request.params else ""
        base = self._url
        target = base.target.rstrip(b"/") + f"{request.path}{query}".encode("ascii")
        url = httpcore.URL(scheme=base.scheme, host=base.host, port=base.port, target=target)
        body, about = _content(request)
        return httpcore.Request(request.method, url, headers=[*self._headers, *about], content=body, extensions=self._waits)

    def _pool(self) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            ssl_context=self._certificates, proxy=self._proxy, max_connections=1, keepalive_expiry=_KEEP_IDLE
        )

    def _failure(self, request: Request, exc: Exception) -> ApiError:
        """What an error on the way means: Unreachable only where nothing can have been sent."""
        host = self._connection.host
        match exc:
            case httpcore.ConnectTimeout() | httpcore.PoolTimeout():
                return unreachable(request, f"{host} took too long to connect")
            case httpcore.ConnectError() | httpcore.ProxyError() | httpcore.UnsupportedProtocol():
                return unreachable(request, f"{host} could not be reached ({one_line(str(exc), 200) or type(exc).__name__})")
            case httpcore.TimeoutException():
                return no_answer(request, f"no answer came within {self._timeout:g} s")
            case _:
                return no_answer(request, "the connection broke before the answer was complete")


def _content(request: Request) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The body of a request, and the headers that tell of it."""
    if request.json is not None:
        body = json.dumps(request.json, separators=(",", ":")).encode("ascii")
        return body, [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body))]
    return b"", [] if request.method == "GET" else [(b"Content-Length", b"0")]


def _body(response: httpcore.Response, deadline: float) -> bytes | None:
    """The whole body, None if it is too large. Raises ReadTimeout where it comes too slowly to end in time."""
    chunks: list[bytes] = []
    size, late = 0, False
    for chunk in _parts(response):
        if late:  # asked only when there is more to come: an answer that is whole counts, however late
            raise httpcore.ReadTimeout("too slow")
        size += len(chunk)
        if size > LARGEST_ANSWER:
            return None
        chunks.append(chunk)
        late = time.monotonic() > deadline
    return b"".join(chunks)


def _parts(response: httpcore.Response) -> Iterable[bytes]:
    """The body as it comes, decoded piece by piece: what is small on the way may be far too large here."""
    parts = cast("Iterable[bytes]", response.stream)
    if all(name.lower() != b"content-encoding" for name, _ in response.headers):
        return parts
    return httpx.Response(response.status, headers=response.headers, stream=_Stream(parts)).iter_bytes()


class _Stream(httpx.SyncByteStream):
    """What httpx wants to be given to decode."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)


def _proxy_for(url: httpx.URL) -> httpcore.Proxy | None:
    """The proxy that the environment (on Windows and macOS also the system) names for this address, if any."""
    proxies = urllib.request.getproxies()
    named = proxies.get(url.scheme) or proxies.get("all")
    if not named or urllib.request.proxy_bypass(url.host):
        return None
    try:
        proxy = httpx.Proxy(named if "://" in named else f"http://{named}")
        if proxy.url.scheme.startswith("http"):  # for SOCKS a library is missing
            return httpcore.Proxy(_for_httpcore(proxy.url), proxy.raw_auth)
    except (ValueError, httpx.InvalidURL):  # its words could hold the password of the proxy
        pass
    raise ConfigError("The proxy that HTTPS_PROXY or ALL_PROXY names can't be used. Write it like http://proxy.example:3128")


def _for_httpcore(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _resolvable(base_url: str) -> httpx.URL:
    """The base URL, as httpx reads it. A host that no resolver takes would end in a UnicodeError in the middle of a request."""
    try:
        url = httpx.URL(base_url)
        url.raw_host.decode("ascii").encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        raise ConfigError("AVARA_BASE_URL names a host that can't exist. Write it like https://api.avarasoftware.com") from None
    return url
