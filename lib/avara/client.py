"""The API's endpoints as methods: what `requests` builds goes out through `http`, comes back through `protocol` and is repeated
as `retry` decides."""

from __future__ import annotations

import copy
import random as random_numbers
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

from lib.avara import protocol, requests
from lib.avara.connection import Connection
from lib.avara.http import Http
from lib.avara.limiter import Limiter, RetryBudget, always, sign_of
from lib.avara.models import Customer, CustomerPage, StudyPage, UserChange
from lib.avara.paging import Pages, ReadPage
from lib.avara.reply import Reply
from lib.avara.requests import LARGEST_PAGE, UNSET, Request, Severity, Unset
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
        max_connections: int = 100,
        limiter: Limiter | None = None,
    ) -> None:
        self.connection = connection
        self._retry = retry
        self._sleep = sleep
        self._random = random
        self._limiter = limiter
        self._budget: RetryBudget | None = None
        self._most_at_once = max_connections
        self._http = Http(
            connection, timeout=timeout, connect_timeout=connect_timeout, max_connections=max_connections, now=now
        )

    def iter_pages(self, cursor: str | None = None, *, limit: int = LARGEST_PAGE) -> Pages[CustomerPage]:
        """All customers from `cursor` on, one request a page. CursorRepeated where it would never end.

        The first page is requested when it is asked for; once a second is, each one as soon as its cursor is known.
        """
        return self._pages(lambda at: requests.list_customers(at, limit), protocol.read_customer_page, cursor)

    @property
    def at_once(self) -> int:
        """How many requests at a time the API seems to put up with now."""
        return int(self._limiter.pace.limit) if self._limiter is not None else self._most_at_once

    def get_customer(self, customer_id: str, wanted: Wanted = always) -> Customer:
        """The record as it is now. Raises NotFound, or BadAnswer where the answer is about another customer."""
        return self._read(requests.get_customer(customer_id), protocol.read_same_customer, wanted)

    def deactivate(self, customer_id: str, wanted: Wanted = always) -> Answer:
        """Sent again only where it surely was not applied. After an error with `may_have_applied`, read the record."""
        return self._change(requests.deactivate(customer_id), wanted)

    def reactivate(self, customer_id: str, wanted: Wanted = always) -> Answer:
        """Sent again only where it surely was not applied. After an error with `may_have_applied`, read the record."""
        return self._change(requests.reactivate(customer_id), wanted)

    def create_customer(self, name: str, metadata: Mapping[str, str] | None = None) -> Customer:
        """The new record. The API allows 50 pairs of metadata, keys of 100 and values of 1,000 characters."""
        return self._read(requests.create_customer(name, metadata), protocol.read_customer)

    def update_customer(
        self, customer_id: str, *, name: str | Unset = UNSET, metadata: Mapping[str, str] | Unset | None = UNSET
    ) -> Customer:
        """Changes what is given and nothing else; `metadata=None` clears all of it."""
        return self._read(requests.update_customer(customer_id, name, metadata), protocol.read_same_customer)

    def add_user(self, customer_id: str, user_id: str) -> UserChange:
        """Raises Conflict where the customer is deactivated, BadId for an ill-formed user id."""
        return self._read(requests.add_user(customer_id, user_id), protocol.read_user_change)

    def remove_user(self, customer_id: str, user_id: str) -> UserChange:
        """Raises BadId for an ill-formed user id."""
        return self._read(requests.remove_user(customer_id, user_id), protocol.read_user_change)

    def iter_viewer_studies(
        self,
        *,
        customer_id: str | None = None,
        is_cancelled: bool | None = None,
        severity: Severity | None = None,
        status: str | None = None,
        cursor: str | None = None,
        limit: int = LARGEST_PAGE,
    ) -> Pages[StudyPage]:
        """Viewer studies, as iter_pages does; `status` is `incomplete` or `complete`. Their order is not documented."""

        def build(at: str | None) -> Request:
            return requests.list_viewer_studies(
                at, limit, customer_id=customer_id, is_cancelled=is_cancelled, severity=severity, status=status
            )

        return self._pages(build, lambda request, reply, _: protocol.read_study_page(request, reply), cursor)

    def iter_autoscribe_studies(
        self,
        *,
        customer_id: str | None = None,
        is_cancelled: bool | None = None,
        severity: Severity | None = None,
        status: str | Sequence[str] | None = None,
        cursor: str | None = None,
        limit: int = LARGEST_PAGE,
    ) -> Pages[StudyPage]:
        """AutoScribe studies, ids and times only; `status` is one or several of the report states."""

        def build(at: str | None) -> Request:
            return requests.list_autoscribe_studies(
                at, limit, customer_id=customer_id, is_cancelled=is_cancelled, severity=severity, status=status
            )

        return self._pages(build, lambda request, reply, _: protocol.read_study_page(request, reply), cursor)

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

    def _pages(self, build: Callable[[str | None], Request], read: ReadPage[P], cursor: str | None) -> Pages[P]:
        return Pages(self._send_in_turn, lambda request, read, send: self._ask(request, read, send)[0], build, read, cursor)

    def _read(self, request: Request, read: Callable[[Request, Reply], T], wanted: Wanted = always) -> T:
        value, _ = self._ask(request, read, wanted=wanted)
        return value

    def _change(self, request: Request, wanted: Wanted) -> Answer:
        customer, outcome = self._ask(request, protocol.read_customer, wanted=wanted)
        return Answer(customer, outcome.reply.status, outcome.reply.request_id, outcome.attempts, outcome.seconds)

    def _ask(
        self,
        request: Request,
        read: Callable[[Request, Reply], T],
        send: Callable[[Request], Reply | ApiError] | None = None,
        wanted: Wanted = always,
    ) -> tuple[T, _Outcome]:
        """Sends until there is a usable answer or `decide` gives up; then the last error is raised. `send` is an attempt."""
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            sent = send(request) if send else self._send_in_turn(request, wanted)
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
