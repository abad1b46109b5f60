"""The API's endpoints as methods: what `requests` builds goes out through `http`, comes back through `protocol` and is repeated
as `retry` decides."""

from __future__ import annotations

import random as random_numbers
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from lib.avara import protocol, requests
from lib.avara.connection import Connection
from lib.avara.http import Http
from lib.avara.limiter import Limiter, Wanted, always
from lib.avara.models import Customer, CustomerPage, StudyPage
from lib.avara.paging import Pages
from lib.avara.reply import Reply
from lib.avara.requests import LARGEST_PAGE, PRODUCTS, Product, Request
from lib.avara.retry import Attempts, RetryPolicy, decide
from lib.avara.throttle import CALL, LAST, LIST, READ
from lib.errors import ApiError, Unreachable, Withdrawn

T = TypeVar("T")
P = TypeVar("P", CustomerPage, StudyPage)

#: Seconds: a wait before another attempt is slept through in parts, with a look at whether it is still wanted.
_LOOK = 0.25


@dataclass(frozen=True)
class Answer:
    """What came back from a change. Status 2xx is no proof: the caller judges by the customer's id and `is_active`."""

    customer: Customer
    status: int
    request_id: str | None
    sent: int  # requests that left: what was surely not applied is sent again
    seconds: float


class AvaraClient:
    """The API of one connection, for any number of threads; close it, or use it in a `with`.

    Times are in seconds: `timeout` bounds each wait for bytes and an answer as a whole, `connect_timeout` the dialling.
    Every method raises only ApiError (and BadId or ValueError before anything is sent), the constructor ConfigError.
    Every request waits for its turn in `limiter`, for as long as the API asks, and whoever shares the limiter waits with it.
    Where a method takes `wanted`, that is asked meanwhile, and `ready` once before each attempt, when its turn has come; then
    `wanted` once more, when the connection stands: when one says no, nothing is sent any more (Withdrawn). An error's `sent`
    says how many requests had left.
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
        self.limiter = limiter or Limiter()
        self._http = Http(connection, timeout=timeout, connect_timeout=connect_timeout, now=now)

    def iter_pages(self, cursor: str | None = None, *, limit: int = LARGEST_PAGE) -> Pages[CustomerPage]:
        """All customers from `cursor` on, one request a page. CursorRepeated where it would never end."""
        return self._pages(lambda at: requests.list_customers(at, limit), protocol.read_customer_page, cursor)

    def get_customer(self, customer_id: str, wanted: Wanted = always, ready: Wanted = always) -> Customer:
        """The record as it is now. Raises NotFound, or BadAnswer where the answer is about another customer."""
        return self._read(requests.get_customer(customer_id), protocol.read_same_customer, wanted, ready)

    def deactivate(self, customer_id: str, wanted: Wanted = always, ready: Wanted = always) -> Answer:
        """Sent again only where it surely was not applied. After an error with `may_have_applied`, read the record."""
        return self._change(requests.deactivate(customer_id), wanted, ready)

    def reactivate(self, customer_id: str, wanted: Wanted = always, ready: Wanted = always) -> Answer:
        """Sent again only where it surely was not applied. After an error with `may_have_applied`, read the record."""
        return self._change(requests.reactivate(customer_id), wanted, ready)

    def iter_studies(
        self,
        product: Product,
        customer_id: str | None = None,
        *,
        limit: int = LARGEST_PAGE,
        wanted: Wanted = always,
        last: bool = False,
    ) -> Pages[StudyPage]:
        """One product's studies of one customer or of all, ids and times only, as iter_pages. Their order is not documented.

        `last`: each page after all other requests that wait for their turn.
        """
        build = partial(requests.list_studies, product, limit=limit, customer_id=customer_id, last=last)
        return self._pages(build, protocol.read_study_page, None, wanted)

    def peek_studies(self, customer_id: str, wanted: Wanted = always) -> Iterator[StudyPage]:
        """The first page of each list of a customer's studies, each requested when it is asked for; for a call that waits for
        it, so it goes before other readings as that call would. May end in any error of a reading.
        """
        for product in PRODUCTS:
            request = requests.list_studies(product, None, LARGEST_PAGE, customer_id)
            yield self._read(request, protocol.read_study_page, wanted, kind=CALL)

    @property
    def waiting(self) -> float:
        """Seconds for which all requests still wait because the API asked to; 0 where they don't."""
        return self.limiter.waiting

    def close(self) -> None:
        """Closes the connections. The client can't be used afterwards."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def _pages(
        self,
        build: Callable[[str | None], Request],
        read: Callable[[Request, Reply], P],
        cursor: str | None,
        wanted: Wanted = always,
    ) -> Pages[P]:
        return Pages(lambda request, still: self._read(request, read, lambda: still() and wanted()), build, cursor)

    def _read(
        self,
        request: Request,
        read: Callable[[Request, Reply], T],
        wanted: Wanted,
        ready: Wanted = always,
        *,
        kind: str | None = None,
    ) -> T:
        kind = kind or (LAST if request.last else READ if request.customer_id else LIST)
        value, _, _ = self._ask(request, read, wanted, ready, kind)
        return value

    def _change(self, request: Request, wanted: Wanted, ready: Wanted) -> Answer:
        began = time.monotonic()
        customer, reply, sent = self._ask(request, protocol.read_customer, wanted, ready, CALL)
        return Answer(customer, reply.status, reply.request_id, sent, time.monotonic() - began)

    def _ask(
        self, request: Request, read: Callable[[Request, Reply], T], wanted: Wanted, ready: Wanted, kind: str
    ) -> tuple[T, Reply, int]:
        """Sends until there is a usable answer or `decide` gives up; then the last error is raised. And how many were sent."""
        so_far, left = Attempts(), 0
        while True:
            answer = self.limiter.send(kind, lambda: self._http.send(request, wanted), wanted, ready)
            if answer is None:
                raise Withdrawn(method=request.method, path=request.path, sent=left)
            left += not isinstance(answer, Unreachable)
            self.limiter.note(request, answer, repeats=left > 1)
            try:
                if isinstance(answer, ApiError):
                    raise answer
                return read(request, answer), answer, left
            except ApiError as exc:
                error, error.sent = exc, left
            should_retry = answer.should_retry if isinstance(answer, Reply) else None
            so_far, wait = decide(
                self._retry, so_far, changes=request.changes, error=error, should_retry=should_retry, random=self._random
            )
            if wait is None:
                raise error
            if not self._slept(wait, wanted):
                raise Withdrawn(method=request.method, path=request.path, sent=left)

    def _slept(self, seconds: float, wanted: Wanted) -> bool:
        """Wait before another attempt; False as soon as it is not wanted any more."""
        while wanted is not always and seconds > _LOOK:
            self._sleep(_LOOK)
            seconds -= _LOOK
            if not wanted():
                return False
        self._sleep(seconds)
        return True
