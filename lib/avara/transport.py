"""Connections over which requests go: httpx's transports, by the environment's proxy and certificates, broken off in time.

httpx bounds each wait for bytes. An answer of which a byte comes now and then would never end for it, so every connection has
a transport to itself: then it is known which one to break off.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from lib.avara.connection import is_loopback
from lib.avara.limiter import Wanted, always
from lib.errors import ConfigError

#: Seconds. Node and uvicorn close idle connections after 5: to go first means not to send a change into a closing one.
_KEEP_IDLE = 4.0


class NotWanted(Exception):
    """The connection stands, and nobody wants the request any more: nothing of it was sent."""


class Line:
    """One connection, dialled when it is first used."""

    def __init__(self, certificates: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEP_IDLE)
        self.transport = httpx.HTTPTransport(verify=certificates, proxy=proxy, limits=limits)
        #: When what is under way must be over or, while it is idle, the connection closed; of time.monotonic.
        self.until = 0.0
        #: Whether it was broken off. Its end can look like that of a whole answer, which nobody may take it for.
        self.cut = False
        #: Whether what is about to be sent may go, and whether it has begun to; see `heard`.
        self.wanted: Wanted = always
        self.sending = False
        self._socket: socket.socket | None = None
        self._has_read = False

    def heard(self, event: str, info: Mapping[str, Any]) -> None:
        """What httpx tells of the steps of a request (its `trace` extension): which socket it goes through, and when it goes.

        Raises NotWanted at the last moment before the first byte: the dialling may have taken long, or the machine slept. And
        RemoteProtocolError where an answer was there before its request: it came together with the one before.
        """
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._listen_to(info["return_value"])
        elif event == "http11.send_request_headers.started":
            self._has_read = False
            if info["request"].method != b"CONNECT":
                if not self.wanted():
                    raise NotWanted
                self.sending = True
        elif event == "http11.receive_response_headers.complete" and not self._has_read:
            raise httpx.RemoteProtocolError("the answer was there before the request")

    def _listen_to(self, stream: Any) -> None:  # noqa: ANN401 - httpcore's NetworkStream
        """Note its socket, and whenever something is read from it."""
        self._socket, read = stream.get_extra_info("socket"), stream.read

        def noted(*how: object, **more: object) -> bytes:
            self._has_read = True
            got: bytes = read(*how, **more)
            return got

        stream.read = noted

    def break_off(self) -> None:
        """Whoever reads from it sees its end. Closed, its number could be another connection's before the reader looks."""
        self.cut = True
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Lines:
    """As many lines as are in use at a time: nobody waits for one. Those used last are used next, the others grow old."""

    def __init__(self, url: httpx.URL, seconds: float) -> None:
        """A line that is in use for longer than `seconds` is broken off, to within a tenth. Raises ConfigError."""
        secure = url.scheme == "https"
        self._certificates = _certificates() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._proxy = _proxy_for(url, self._certificates)
        #: Host and port of the proxy, without its password; empty where there is none.
        self.proxy = self._proxy.url.netloc.decode("ascii") if self._proxy else ""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._busy: set[Line] = set()
        self._idle: deque[Line] = deque()
        self._closed = False
        self._watch = threading.Thread(target=self._break_off_the_late, name="http-deadlines", daemon=True)

    @contextmanager
    def one(self, wanted: Wanted) -> Iterator[Line]:
        """A line for one request, if `wanted` is still true once it stands. Raises RuntimeError once these are closed."""
        with self._lock:
            if self._closed:
                raise RuntimeError("This client is closed.")
            if self._watch.ident is None:
                self._watch.start()
            line = self._idle.pop() if self._idle else Line(self._certificates, self._proxy)
            line.until, line.cut, line.wanted, line.sending = time.monotonic() + self._seconds, False, wanted, False
            self._busy.add(line)
        try:
            yield line
        finally:
            now = time.monotonic()
            with self._lock:
                self._busy.discard(line)
                line.until = now + _KEEP_IDLE
                self._idle.append(line)
                while self._idle and (self._closed or now > self._idle[0].until):
                    self._idle.popleft().transport.close()

    def close(self) -> None:
        """Closes the connections; one that is in use, as soon as it is not any more."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop().transport.close()

    def _break_off_the_late(self) -> None:
        while self._busy or not self._closed:
            time.sleep(self._seconds / 10)
            now = time.monotonic()
            with self._lock:
                for line in self._busy:
                    if now > line.until:
                        line.break_off()


def _certificates() -> ssl.SSLContext:
    """Those that come with httpx, or that SSL_CERT_FILE or SSL_CERT_DIR name. Raises ConfigError where there are none."""
    with suppress(OSError):  # no such file, or nothing in it; ssl's errors are such too
        context = httpx.create_ssl_context()
        if context.cert_store_stats()["x509"]:
            return context
        # Those of a folder are read one by one as they are needed, and no sooner would anybody hear that it has none.
        folder = ssl.get_default_verify_paths().capath
        if folder is not None and any(Path(folder).glob("[0-9a-f]" * 8 + ".[0-9]*")):
            return context
        raise ConfigError(
            "SSL_CERT_DIR must name one folder with certificates in it, each under its hash (openssl rehash makes those names)."
        )
    raise ConfigError("SSL_CERT_FILE must name a file with certificates (PEM): this one can't be read, or holds none.")


def _proxy_for(url: httpx.URL, certificates: ssl.SSLContext) -> httpx.Proxy | None:
    """The proxy that the environment (on Windows and macOS also the system) names for this address, if any.

    What goes to this machine goes there directly: it may be plain http, and a proxy would see the key.
    """
    proxies = urllib.request.getproxies()
    named = proxies.get("https") or proxies.get("all")
    if not named or is_loopback(url.host) or any(map(urllib.request.proxy_bypass, (url.host, f"{url.host}:{url.port or 443}"))):
        return None
    try:
        proxy = httpx.Proxy(named if "://" in named else f"http://{named}")
        if proxy.url.scheme == "https":
            return httpx.Proxy(proxy.url, auth=proxy.auth, ssl_context=certificates)
        if proxy.url.scheme == "http":  # for SOCKS a library is missing
            return proxy
    except (ValueError, httpx.InvalidURL):  # its words could hold the password of the proxy
        pass
    raise ConfigError("The proxy that HTTPS_PROXY or ALL_PROXY names can't be used. Write it like http://proxy.example:3128")
