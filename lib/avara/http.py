"""The one place that sends: one attempt at one request, whatever comes of it as a value.

The key leaves this module in one header of a request to the connection's own base URL, and nowhere else: httpx's transport
follows no redirect and keeps no cookie, and what went wrong is returned outside the handler of its error.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from urllib.parse import urlencode

import httpx

from lib.avara.connection import Connection
from lib.avara.echoes import Echoes
from lib.avara.limiter import Wanted, always
from lib.avara.reply import Reply, no_answer, unreachable
from lib.avara.requests import Request
from lib.avara.text import one_line
from lib.avara.transport import Line, Lines, NotWanted
from lib.errors import ApiError, ConfigError

USER_AGENT = "express-ops/0.1.0"
_SLOW_DOWN = 429
#: A page of 100 customers with 50 full pairs of metadata each is 6 MB; nothing the API promises comes near this.
LARGEST_ANSWER = 32 * 1024 * 1024


class Http:
    """Sends to one connection, for any number of threads: how many at a time is the limiter's to say.

    Times are in seconds: `timeout` bounds each wait for bytes and, to within a tenth, an answer as a whole; `connect_timeout`
    the dialling. The constructor raises ConfigError where the base URL or the environment's proxy or certificates can't be
    used.
    """

    def __init__(self, connection: Connection, *, timeout: float, connect_timeout: float, now: Callable[[], datetime]) -> None:
        self._connection, self._timeout, self._now = connection, timeout, now
        self._waits = httpx.Timeout(timeout, connect=connect_timeout).as_dict()
        self._url = _resolvable(connection.base_url)
        self._lines = Lines(self._url, timeout)
        self._echoes = Echoes(connection.api_key)
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": USER_AGENT,
            "Authorization": f"Bearer {connection.api_key.get_secret_value()}",
        }

    def send(self, request: Request, wanted: Wanted = always) -> Reply | ApiError | None:
        """One attempt; None where it was not `wanted` any more right before its first byte, so that nothing was sent.

        What went wrong on the way is returned, not raised: see the top of the module. Raises RuntimeError once this is closed.
        """
        with self._lines.one(wanted) as line:
            outcome: Reply | httpx.TransportError
            try:
                with closing(line.transport.handle_request(self._built(request, line))) as response:
                    try:
                        body, unreadable = _body(response, self._echoes.hidden_text)
                    except httpx.TransportError:
                        if response.status_code != _SLOW_DOWN:  # that is a no, whatever it goes on to say
                            raise
                        body, unreadable = b"", "is cut short"
                    outcome = self._reply(response, body, unreadable)
            except NotWanted:
                return None
            except httpx.TransportError as exc:
                outcome = exc
            cut, sent = line.cut, line.sending  # before it is another request's
        if isinstance(outcome, Reply) and (not cut or outcome.status == _SLOW_DOWN):
            return outcome
        late = cut or isinstance(outcome, httpx.ReadTimeout | httpx.WriteTimeout)
        if late and sent:
            return no_answer(request, f"no answer came within {self._timeout:g} s")
        return self._failure(request, outcome, sent=sent)

    def close(self) -> None:
        """Closes the connections; one that is in use, as soon as it is not any more."""
        self._lines.close()

    def _built(self, request: Request, line: Line) -> httpx.Request:
        query = f"?{urlencode(request.params)}" if request.params else ""
        path = self._url.raw_path.rstrip(b"/") + f"{request.path}{query}".encode("ascii")
        url, extensions = self._url.copy_with(raw_path=path), {"timeout": self._waits, "trace": line.heard}
        return httpx.Request(request.method, url, headers=self._headers, extensions=extensions)

    def _reply(self, response: httpx.Response, body: bytes, unreadable: str) -> Reply:
        """What came back, without the key: nothing of an answer goes on from here that was not looked through for it."""
        hide, clean = self._echoes.hidden_text, self._echoes.hidden(body)
        if clean is None:
            clean, unreadable = b"", "holds the API key, hidden in other text, and was not read"
        headers = {hide(name): hide(value) for name, value in response.headers.items()}
        return Reply(response.status_code, headers, clean, self._now(), unreadable)

    def _failure(self, request: Request, exc: object, *, sent: bool) -> ApiError:
        """What an error on the way means: Unreachable only where nothing can have been sent."""
        host, proxy = self._connection.host, self._lines.proxy
        said = one_line(self._echoes.hidden_text(str(exc)), 200) or type(exc).__name__
        way = f"{host} (through the proxy {proxy})" if proxy else host
        match exc:
            case httpx.ConnectTimeout():
                return unreachable(request, f"{way} took too long to connect")
            case httpx.ConnectError() | httpx.UnsupportedProtocol():
                return unreachable(request, f"{way} could not be reached ({said})")
            case httpx.ProxyError():
                return unreachable(
                    request, f"The proxy {proxy} did not let us through to {host} ({said})", "Check HTTPS_PROXY."
                )
            case _ if not sent:
                return unreachable(request, f"{way} broke the connection off before the request ({said})")
            case _:
                return no_answer(request, "the connection broke before the answer was complete")


def _body(response: httpx.Response, hidden: Callable[[str], str]) -> tuple[bytes, str]:
    """The whole body as it was before it was packed; or none, and what is wrong with it, `hidden` what a header says.

    httpx would unpack as often as the answer asks for, and each piece to its end: 7 KB can be gigabytes.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip"):
        return b"", f"came as {one_line(hidden(coding), 40)!r}, which was not asked for"
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding == "gzip" else None
    parts: list[bytes] = []
    size = 0
    try:
        for part in response.iter_raw():
            whole = unpacker.decompress(part, LARGEST_ANSWER + 1 - size) if unpacker else part
            size += len(whole)
            if size > LARGEST_ANSWER:
                return b"", f"is larger than {LARGEST_ANSWER // 1024**2} MB and was not read"
            parts.append(whole)
            if unpacker and unpacker.eof:
                break  # it would keep whatever follows, however much that is
    except zlib.error:
        return b"", "is not the gzip that it says it is"
    if unpacker and size and not unpacker.eof:
        return b"", "is cut short: its gzip does not end"
    return b"".join(parts), ""


def _resolvable(base_url: str) -> httpx.URL:
    """The base URL, as httpx reads it. A host that no resolver takes would end in a UnicodeError in the middle of a request."""
    try:
        url = httpx.URL(base_url)
        url.host.encode("idna")  # read back from what goes on the wire, as httpx does with each request
        url.raw_host.decode("ascii").encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        raise ConfigError("AVARA_BASE_URL names a host that can't exist. Write it like https://api.avarasoftware.com") from None
    return url
