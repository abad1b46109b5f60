"""The API's endpoints as methods: what `requests` builds goes out through `http`, comes back through `protocol` and is repeated
as `retry` decides."""

from __future__ import annotations

import copy
import random as random_numbers
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

from lib.avara import protocol, requests
from lib.avara.connection import Connection
from lib.avara.http import Http
from lib.avara.limiter import CEILING, Limiter, RetryBudget, always, sign_of
from lib.avara.models import Customer, CustomerPage, StudyPage
from lib.avara.paging import Pages
from lib.avara.reply import Reply
from lib.avara.requests import LARGEST_PAGE, Request
from lib.avara.retry import GiveUp, RetryPolicy, decide
from lib.errors import ApiError, Withdrawn

T = TypeVar("T")
P = TypeVar("P", CustomerPage, StudyPage)

Wanted = Callable[[], bool]
#: Seconds: a wait before another attempt is slept through in naps, with a look at whether it is still wanted.
_NAP = 0.25


@dataclass(frozen=True)
class Answer:
    """What came back from a change. Status 2xx is no proof: the caller judges by the customer's id and `is_active`."""

    customer: Customer
    status: int
    request_id: str | None
    attempts: int
    seconds: float


@dataclass(frozen=True)
class _Outcome:
    reply: Reply
    attempts: int
    seconds: float


class AvaraClient:
    """The API of one connection, for any number of threads; close it, or use it in a `with`.

    Times are in seconds: `timeout` bounds each wait for bytes and an answer as a whole, `connect_timeout` the dialling.
    Every method raises only ApiError (and BadId or ValueError before anything is sent), the constructor ConfigError.
    `limiter` is asked before each request is sent; without one, requests go as they come. Where a method takes `wanted`, it
    is asked while the request waits for its turn and right before each attempt: once it says no, nothing is sent any more
    (Withdrawn, or the error of the last attempt).
    """

    def __init__(
        self,
        connection: Connection,
        *,
        timeout: float = 60.0,
        connect_timeout: float = 5.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen, so one for all is fine
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[], float] = random_numbers.random,
        limiter: Limiter | None = None,
    ) -> None:
        self.connection = connection
        self._retry = retry
        self._sleep = sleep
        self._random = random
        self._limiter = limiter
        self._budget: RetryBudget | None = None
        self._http = Http(connection, timeout=timeout, connect_timeout=connect_timeout, now=now)

    def iter_pages(self, cursor: str | None = None, *, limit: int = LARGEST_PAGE) -> Pages[CustomerPage]:
        """All customers from `cursor` on, one request a page. CursorRepeated where it would never end."""
        return self._pages(lambda at: requests.list_customers(at, limit), protocol.read_customer_page, cursor)

    @property
    def at_once(self) -> int:
        """How many requests at a time the API seems to put up with now."""
        return int(self._limiter.pace.limit) if self._limiter is not None else CEILING

    def get_customer(self, customer_id: str, wanted: Wanted = always) -> Customer:
        """The record as it is now. Raises NotFound, or BadAnswer where the answer is about another customer."""
        return self._read(requests.get_customer(customer_id), protocol.read_same_customer, wanted)

    def deactivate(self, customer_id: str, wanted: Wanted = always) -> Answer:
        """Sent again only where it surely was not applied. After an error with `may_have_applied`, read the record."""
        return self._change(requests.deactivate(customer_id), wanted)

    def reactivate(self, customer_id: str, wanted: Wanted = always) -> Answer:
        """Sent again only where it surely was not applied. After an error with `may_have_applied`, read the record."""
        return self._change(requests.reactivate(customer_id), wanted)

    def iter_viewer_studies(
        self, customer_id: str | None = None, *, cursor: str | None = None, limit: int = LARGEST_PAGE
    ) -> Pages[StudyPage]:
        """Viewer studies of one customer or of all, as iter_pages does. Their order is not documented."""
        return self._pages(lambda at: requests.list_viewer_studies(at, limit, customer_id), protocol.read_study_page, cursor)

    def iter_autoscribe_studies(
        self, customer_id: str | None = None, *, cursor: str | None = None, limit: int = LARGEST_PAGE
    ) -> Pages[StudyPage]:
        """AutoScribe studies, ids and times only, as iter_viewer_studies."""
        return self._pages(
            lambda at: requests.list_autoscribe_studies(at, limit, customer_id), protocol.read_study_page, cursor
        )

    def spending(self, budget: RetryBudget) -> Self:
        """This client, with connections and limiter shared, taking each repeat of a request from `budget`."""
        other = copy.copy(self)
        other._budget = budget
        return other

    def close(self) -> None:
        """Closes the connections. The client can't be used afterwards."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def _pages(
        self, build: Callable[[str | None], Request], read: Callable[[Request, Reply], P], cursor: str | None
    ) -> Pages[P]:
        return Pages(lambda request, wanted: self._read(request, read, wanted), build, cursor)

    def _read(self, request: Request, read: Callable[[Request, Reply], T], wanted: Wanted) -> T:
        value, _ = self._ask(request, read, wanted)
        return value

    def _change(self, request: Request, wanted: Wanted) -> Answer:
        customer, outcome = self._ask(request, protocol.read_customer, wanted)
        return Answer(customer, outcome.reply.status, outcome.reply.request_id, outcome.attempts, outcome.seconds)

    def _ask(
        self,
        request: Request,
        read: Callable[[Request, Reply], T],
        wanted: Wanted = always,
    ) -> tuple[T, _Outcome]:
        """Sends until there is a usable answer or `decide` gives up; then the last error is raised."""
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            sent = self._send_in_turn(request, wanted)
            if isinstance(sent, Reply):
                try:
                    value = read(request, sent)
                except ApiError as exc:
                    error = exc
                else:
                    if self._budget is not None:
                        self._budget.give_back()
                    return value, _Outcome(sent, attempt, time.monotonic() - started)
            else:
                error = sent
            decision = decide(
                self._retry,
                attempt=attempt,
                changes=request.changes,
                error=error,
                should_retry=sent.should_retry if isinstance(sent, Reply) else None,
                random=self._random,
            )
            if isinstance(decision, GiveUp) or not (self._budget is None or self._budget.take()):
                raise error
            if not self._slept(decision.seconds, wanted):
                raise error

    def _slept(self, seconds: float, wanted: Wanted) -> bool:
        """Wait before another attempt; False as soon as it is not wanted any more."""
        while wanted is not always and seconds > _NAP:
            self._sleep(_NAP)
            seconds -= _NAP
            if not wanted():
                return False
        self._sleep(seconds)
        return wanted()

    def _send_in_turn(self, request: Request, wanted: Wanted = always) -> Reply | ApiError:
        """One attempt, when the limiter lets it go, if it is wanted then; the limiter hears what came of it."""
        if self._limiter is None:
            return self._http.send(request) if wanted() else _withdrawn(request)
        slot = self._limiter.acquire(f"{request.method} {'one' if request.customer_id else 'many'}", wanted)
        if slot is None:
            return _withdrawn(request)
        sent: Reply | ApiError = ApiError()  # what stays if something of our own goes wrong
        try:
            sent = self._http.send(request)
        finally:
            self._limiter.release(slot, *sign_of(sent))
        return sent


def _withdrawn(request: Request) -> Withdrawn:
    return Withdrawn(method=request.method, path=request.path)
