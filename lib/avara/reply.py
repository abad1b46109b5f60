"""A reply of the API as plain values, and what a reply that is no success means. Pure.

The shape of an error body is not documented: what it says is quoted where it can be found and never depended on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

from lib.avara.requests import Request
from lib.avara.text import one_line, without_tags
from lib.errors import (
    ApiError,
    BadAnswer,
    Conflict,
    NoAnswer,
    NotAuthorized,
    NotFound,
    RateLimited,
    Rejected,
    ServiceBroken,
    Unreachable,
)

E = TypeVar("E", bound=ApiError)

_LONGEST_QUOTE = 300
#: Seconds: no clock, sleep or sum of ours has to bear more.
_LONGEST_WAIT = 366 * 86_400.0

_REFUSALS: dict[int, type[ApiError]] = {
    401: NotAuthorized,
    403: NotAuthorized,
    404: NotFound,
    408: NoAnswer,  # the server gave up waiting; whoever sent this, it does not say that nothing was applied
    409: Conflict,
    429: RateLimited,
}


@dataclass(frozen=True)
class Reply:
    """What came back, without the API key (lib/avara/echoes.py). Header names are lower case.

    `unreadable` says what is wrong with a body that could not be read ("is larger than 32 MB and was not read"), which is
    empty then.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    received: datetime
    unreadable: str = ""

    @property
    def request_id(self) -> str | None:
        """The server's own name for the request, where it gives one: its support can find the request by that."""
        text = self.headers.get("x-request-id") or self.headers.get("request-id")
        return one_line(text, 100) if text else None

    @property
    def should_retry(self) -> bool | None:
        """The server's word on trying again, which the official client obeys; None where it says nothing."""
        return {"true": True, "false": False}.get(self.headers.get("x-should-retry", "").strip().lower())


def raise_unless_ok(request: Request, reply: Reply) -> None:
    """Raises the ApiError that a reply means which is no readable success: what happened, what the API said, what to do."""
    if 200 <= reply.status < 300:
        if reply.unreadable:
            raise bad_answer(request, reply, f"The API's answer {reply.unreadable}.")
        return
    if 300 <= reply.status < 400:
        raise _misled(request, reply, _redirect_words(reply))
    if not 400 <= reply.status < 600:
        raise _misled(request, reply, "The API answered with a status that means nothing. Check AVARA_BASE_URL.")
    wait = retry_after(reply)
    error_class = ServiceBroken if reply.status >= 500 else _REFUSALS.get(reply.status, Rejected)
    if is_throttle(reply):
        error_class = RateLimited
    asked = f"It asked to wait {math.ceil(wait):,} s" if wait else ""
    raise _error(error_class, request, reply, _words(error_class, request, reply.status, asked), wait)


def bad_answer(request: Request, reply: Reply, words: str) -> BadAnswer:
    """The error for an answer that is no error and yet not what was promised; `words` say what is wrong with it."""
    return _error(BadAnswer, request, reply, f"{words} {_next_step(request)}")


def unreachable(request: Request, what: str, next_step: str = "Check the network and AVARA_BASE_URL.") -> Unreachable:
    """The error where nothing can have been sent; `what` begins the sentence."""
    return Unreachable(f"{what}, so nothing was sent. {next_step}", method=request.method, path=request.path)


def no_answer(request: Request, what: str) -> NoAnswer:
    """The error where the request may have arrived; `what` goes on after "but"."""
    words = f"The request was sent, but {what}. {_next_step(request)} ({request.method} {request.path})"
    return NoAnswer(words, method=request.method, path=request.path)


def is_throttle(reply: Reply) -> bool:
    """Whether the API says that we are too fast: 429, or 403 (as GitHub's API does it) with a time to wait."""
    return reply.status == 429 or (reply.status == 403 and retry_after(reply) is not None)


def retry_after(reply: Reply) -> float | None:
    """How many seconds the API asked us to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date; None if it didn't.

    At most a year, whatever the header says. A date is measured against the reply's own `Date`, so that a clock that is wrong
    on either side makes no difference.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(reply.headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), _LONGEST_WAIT)
    until = _http_date(reply.headers.get("retry-after", ""))
    if until is None:
        return None
    since = _http_date(reply.headers.get("date", "")) or reply.received
    return min(max((until - since).total_seconds(), 0.0), _LONGEST_WAIT)


def quote(reply: Reply) -> str:
    """What the API said, in one short line: `message`, `error` or `detail` of a JSON body, else its start.

    Of a success only the former: its body could be full of records.
    """
    text = reply.body.decode("utf-8", "replace")
    said = None
    try:
        said = _message_in(json.loads(text))
    except (ValueError, RecursionError):
        text = without_tags(text)
    return one_line(said or (text if reply.status >= 400 else ""), _LONGEST_QUOTE)


def _message_in(body: object) -> str | None:
    """The first text under the usual names; `error` may be an object with a message of its own."""
    if not isinstance(body, dict):
        return None
    for name in ("message", "error", "detail"):
        value = body.get(name)
        if isinstance(value, dict):
            value = value.get("message")
        if isinstance(value, str) and value.strip():
            return value
    return None


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ArithmeticError, LookupError, TypeError, ValueError):  # the parser's own mistakes at a text that is no date
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _next_step(request: Request) -> str:
    if not request.changes:
        return "Try again in a moment."
    return "The change may have been applied: read the customer again."


def _misled(request: Request, reply: Reply, words: str) -> BadAnswer:
    """As bad_answer, where trying again is no advice."""
    return _error(BadAnswer, request, reply, f"{words} {_next_step(request)}" if request.changes else words)


def _redirect_words(reply: Reply) -> str:
    """Where to, without what could be secret in an address: user, password, query."""
    location = reply.headers.get("location", "")
    if not location:
        return "The API answered that what was asked for is elsewhere, and not where. Check AVARA_BASE_URL."
    where = "an address that can't be read"
    with suppress(ValueError):
        target = urlsplit(location)
        host = target.netloc.rpartition("@")[2]
        where = f"{target.scheme or 'https'}://{host}{target.path}" if host else target.path or where
    return (
        f"The API sent us on to {one_line(where, 100)}. That is never followed, because the key would go along. "
        "Check AVARA_BASE_URL."
    )


def _words(error_class: type[ApiError], request: Request, status: int, asked: str) -> str:
    """What to tell the user; the class's own message speaks of one customer and of a change that may have been applied.

    `asked`: for how long the API asked to wait, if it did. Then nobody is told to try again in a moment.
    """
    if asked and error_class is RateLimited:
        return f"The API asked us to slow down. {asked}: try again then."
    if status == 403 and error_class is NotAuthorized:
        return "The API does not allow this key to do that. Use a key with the right to manage Express customers."
    if error_class is NotFound and request.customer_id is None:
        return "The API has nothing at this address. Check AVARA_BASE_URL."
    if error_class.may_have_applied and not request.changes:
        return f"The API failed to answer. {f'{asked}: try again then.' if asked else _next_step(request)}"
    return " ".join(filter(None, (error_class().message, asked and f"{asked}.")))


def _error(error_class: type[E], request: Request, reply: Reply, words: str, wait: float | None = None) -> E:
    said = "" if 300 <= reply.status < 400 or request.about_patients else quote(reply)
    facts = [f"HTTP {reply.status}", f"{request.method} {request.path}"]
    if reply.request_id:
        facts.append(f"request {reply.request_id}")
    return error_class(
        words + (f' The API said: "{said}"' if said else "") + f" ({', '.join(facts)})",
        method=request.method,
        path=request.path,
        status=reply.status,
        request_id=reply.request_id,
        retry_after=wait,
    )
