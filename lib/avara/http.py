"""The one place that speaks HTTP: one attempt at one request, whatever comes of it as a value.

The key leaves this module in one header of a request to the connection's own base URL, and nowhere else: redirects are not
followed, no cookie is kept, and what went wrong is returned outside the handler of an httpx error, whose request holds that
header. httpcore logs the steps of a request (DEBUG) without its headers.

A request goes through httpx's transport, not its client, and each transport has one connection: what a client would do
besides (redirects, cookies, authentication, merging of addresses) takes as long as the request itself, and a pool of many
connections looks at all of them whenever one is wanted.
"""

from __future__ import annotations

import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import cast
from urllib.parse import urlencode

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
_ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEP_IDLE)


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
        self._waits = {"timeout": httpx.Timeout(timeout, connect=connect_timeout).as_dict()}
        self._url = _resolvable(connection.base_url)
        host = self._url.host
        # Read once: to read an address and its headers anew takes a tenth of the time of a request.
        self._headers = httpx.Headers(
            {
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": USER_AGENT,
                "Authorization": f"Bearer {connection.api_key.get_secret_value()}",
            }
        )
        # A company's proxy and certificates come from the environment, but what goes to this machine goes there directly:
        # it may be plain http, and a proxy would see the key.
        self._proxy = None if is_loopback(host) else _proxy_for(connection.base_url, host)
        self._certificates = httpx.create_ssl_context(trust_env=not is_loopback(host))
        self._places = threading.BoundedSemaphore(max_connections)
        self._lock = threading.Lock()
        # With the time since when each is idle. The one used last is used next, so that the others can be closed.
        self._idle: deque[tuple[float, httpx.HTTPTransport]] = deque()
        self._closed = False
        self._put_back(self._transport())  # a proxy that can't be used shows now

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
                transport = self._idle.pop()[1] if self._idle else self._transport()
            try:
                return self._exchange(transport, request)
            finally:
                self._put_back(transport)
        finally:
            self._places.release()

    def close(self) -> None:
        """Closes the connections; one that is in use, as soon as it is not any more."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop()[1].close()

    def _put_back(self, transport: httpx.HTTPTransport) -> None:
        now = time.monotonic()
        with self._lock:
            self._idle.append((now, transport))
            while self._idle and (self._closed or now - self._idle[0][0] > _KEEP_IDLE):
                self._idle.popleft()[1].close()

    def _exchange(self, transport: httpx.HTTPTransport, request: Request) -> Reply | ApiError:
        deadline = time.monotonic() + self._timeout
        try:
            response = transport.handle_request(self._built(request))
            try:
                body = _body(response, deadline)
            finally:
                response.close()
        except httpx.HTTPError as exc:
            return self._failure(request, exc)
        if body is None:
            return too_large(request, LARGEST_ANSWER)
        return Reply(response.status_code, dict(response.headers), body, self._now(), self._connection.api_key)

    def _built(self, request: Request) -> httpx.Request:
        query = f"?{urlencode(request.params)}" if request.params else ""
        url = self._url.copy_with(raw_path=self._url.raw_path.rstrip(b"/") + f"{request.path}{query}".encode("ascii"))
        return httpx.Request(request.method, url, headers=self._headers, json=request.json, extensions=self._waits)

    def _transport(self) -> httpx.HTTPTransport:
        try:
            return httpx.HTTPTransport(verify=self._certificates, proxy=self._proxy, limits=_ONE_CONNECTION)
        except (ValueError, ImportError, httpx.InvalidURL):  # its words could hold the password of the proxy
            pass
        raise ConfigError(
            "The proxy that HTTPS_PROXY or ALL_PROXY names can't be used. Write it like http://proxy.example:3128"
        )

    def _failure(self, request: Request, exc: httpx.HTTPError) -> ApiError:
        """What an error on the way means: Unreachable only where nothing can have been sent."""
        host = self._connection.host
        match exc:
            case httpx.ConnectTimeout() | httpx.PoolTimeout():
                return unreachable(request, f"{host} took too long to connect")
            case httpx.ConnectError() | httpx.ProxyError() | httpx.UnsupportedProtocol():
                return unreachable(request, f"{host} could not be reached ({one_line(str(exc), 200) or type(exc).__name__})")
            case httpx.TimeoutException():
                return no_answer(request, f"no answer came within {self._timeout:g} s")
            case _:
                return no_answer(request, "the connection broke before the answer was complete")


def _body(response: httpx.Response, deadline: float) -> bytes | None:
    """The whole body, None if it is too large. Raises httpx.ReadTimeout where it comes too slowly to end in time."""
    chunks: list[bytes] = []
    size, late = 0, False
    # What is not encoded comes as it is: httpx would look at each piece three times.
    encoded = "content-encoding" in response.headers
    for chunk in response.iter_bytes() if encoded else cast("Iterable[bytes]", response.stream):
        if late:  # asked only when there is more to come: an answer that is whole counts, however late
            raise httpx.ReadTimeout("too slow")
        size += len(chunk)
        if size > LARGEST_ANSWER:
            return None
        chunks.append(chunk)
        late = time.monotonic() > deadline
    return b"".join(chunks)


def _proxy_for(base_url: str, host: str) -> str | None:
    """The proxy that the environment (on Windows and macOS also the system) names for this host, if any."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(httpx.URL(base_url).scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _resolvable(base_url: str) -> httpx.URL:
    """The base URL, as httpx reads it. A host that no resolver takes would end in a UnicodeError in the middle of a request."""
    try:
        url = httpx.URL(base_url)
        url.raw_host.decode("ascii").encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        raise ConfigError("AVARA_BASE_URL names a host that can't exist. Write it like https://api.avarasoftware.com") from None
    return url
