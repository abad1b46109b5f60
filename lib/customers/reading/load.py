"""Reading all customers in a thread of its own, for pages that look at how far it has come."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from lib.avara.models import Customer, CustomerPage, RecordProblem
from lib.customers import sorting
from lib.customers.facets import facet_keys
from lib.customers.frame import CustomerFrame, FrameBuilder
from lib.customers.ours import Ours
from lib.errors import (
    BadAnswer,
    CursorRepeated,
    ExpressOpsError,
    NotAuthorized,
    RateLimited,
    Rejected,
)

_log = logging.getLogger(__name__)

#: Reads pages from a cursor on (None: from the start), until one has no next cursor.
Pages = Callable[[str | None], Iterator[CustomerPage]]


@runtime_checkable
class _Stoppable(Protocol):
    """Pages that may wait for their turn to be requested: when nobody wants them any more, they must hear of it."""

    def stop(self) -> None: ...


class LoadState(StrEnum):
    LOADING = "loading"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class LoadProgress:
    """How far a load has come. `elapsed` is the seconds spent reading, pauses left out; `rate` is customers a second."""

    state: LoadState
    pages: int
    customers: int
    problems: int
    elapsed: float
    rate: float
    cursor: str | None
    error: str | None
    started_at: datetime | None
    finished_at: datetime | None


class Load:
    """One load of one connection. Every method may be called from any thread; what came is kept whatever happens."""

    def __init__(
        self,
        pages: Pages,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pages, self._now, self._monotonic = pages, now, monotonic
        self._lock = threading.RLock()
        self._when_complete: Callable[[], None] = lambda: None
        self._state = LoadState.LOADING
        self._finished_at: datetime | None = None
        self._running_since: float | None = None
        self._failure: ExpressOpsError | None = None
        # Which reading may still add pages: one that was cancelled finds another number here when its answer comes.
        self._reading = 0
        self._under_way: Iterator[CustomerPage] | None = None
        self._answered = threading.Event()
        self._fresh: list[Customer] = []  # read one by one while the list was loading
        self._ours: Ours = {}
        self._forget()

    def _forget(self) -> None:
        self._started_at: datetime | None = None
        self._elapsed = 0.0
        self._builder = FrameBuilder()
        self._frame: CustomerFrame | None = None
        self._problems: list[RecordProblem] = []
        self._page_count = 0
        self._cursor: str | None = None
        self._cursors: set[str] = set()
        self._start_over = False

    def when_complete(self, act: Callable[[], None]) -> None:
        """Have the load's own thread call `act` once every page has come and the frame is prepared.

        To be said before the load starts.
        """
        self._when_complete = act

    def start(self) -> None:
        """Begin to read; nothing happens when it was started before."""
        with self._lock:
            if self._started_at is None:
                self._run()

    def wait_for_answer(self, seconds: float) -> None:
        """Returns once the first page has come or the load has stopped, and after so many seconds in any case."""
        self._answered.wait(seconds)

    def cancel(self) -> None:
        """Stop reading at once and keep what came; an answer that is still under way is dropped."""
        with self._lock:
            if self._state is LoadState.LOADING:
                self._settle(LoadState.CANCELLED)

    def resume(self) -> None:
        """After a failure or a cancel: go on from the last cursor.

        The list is read again from its start where the cursor is to blame: it repeated, or the API refused it.
        """
        with self._lock:
            if self._state in (LoadState.FAILED, LoadState.CANCELLED):
                if self._start_over:
                    self._forget()
                self._run()

    def update(self, records: Iterable[Customer], ours: Ours) -> None:
        """Put records that were read one by one in the place of older ones of the list, once those have come; `ours` are the
        updates by runs of ours. The next `frame` is a new one with them.
        """
        fresh = list(records)
        with self._lock:
            self._ours = ours
            if self._state is LoadState.COMPLETE:
                self._frame = self.frame().with_records(fresh).with_ours(ours)
            else:
                self._fresh += fresh
                self._frame = None

    def progress(self) -> LoadProgress:
        """A snapshot; costs next to nothing."""
        with self._lock:
            running = 0.0 if self._running_since is None else self._monotonic() - self._running_since
            elapsed = self._elapsed + running
            customers = self._customers()
            return LoadProgress(
                state=self._state,
                pages=self._page_count,
                customers=customers,
                problems=len(self._problems),
                elapsed=elapsed,
                rate=customers / elapsed if elapsed > 0 else 0.0,
                cursor=self._cursor,
                error=None if self._failure is None else self._failure.message,
                started_at=self._started_at,
                finished_at=self._finished_at,
            )

    def frame(self) -> CustomerFrame:
        """The customers that have come so far. The same object until more come."""
        with self._lock:
            if self._frame is None:
                self._frame = self._builder.frame().with_records(self._fresh).with_ours(self._ours)
            return self._frame

    @property
    def problems(self) -> tuple[RecordProblem, ...]:
        """The records that were left out because they break a rule."""
        with self._lock:
            return tuple(self._problems)

    @property
    def failure(self) -> ExpressOpsError | None:
        """What the load failed by."""
        return self._failure

    @property
    def complete(self) -> bool:
        """Has every page come? Only then may a plan be made from the frame."""
        return self._state is LoadState.COMPLETE

    def _customers(self) -> int:
        return len(self._frame) if self._frame is not None and self._state is LoadState.COMPLETE else len(self._builder)

    def _run(self) -> None:
        self._state, self._failure, self._finished_at = LoadState.LOADING, None, None
        # A resumed load is as old as its first page.
        self._started_at = self._started_at or self._now()
        self._running_since = self._monotonic()
        self._reading += 1
        threading.Thread(target=self._read, args=(self._reading, self._cursor), name="load-customers", daemon=True).start()

    def _settle(self, state: LoadState, failure: ExpressOpsError | None = None) -> None:
        if self._running_since is not None:
            self._elapsed += self._monotonic() - self._running_since
        self._running_since = None
        self._state, self._failure, self._finished_at = state, failure, self._now()
        self._answered.set()
        self._reading += 1
        if isinstance(self._under_way, _Stoppable):
            self._under_way.stop()
        self._under_way = None

    def _begin(self, reading: int, cursor: str | None) -> Iterator[CustomerPage]:
        pages = self._pages(cursor)
        with self._lock:
            if reading != self._reading:
                return iter(())
            self._under_way = pages
        return pages

    def _read(self, reading: int, cursor: str | None) -> None:
        try:
            for page in self._begin(reading, cursor):
                if not self._take(reading, page):
                    return
            frame = self._end(reading)
        except ExpressOpsError as error:
            self._fail(reading, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must hear of it, and the thread ends here
            # Its type and place only: a message from elsewhere could hold anything, a key too.
            _log.error("Loading stopped: %s in %s", type(error).__name__, _place(error))
            unexpected = "Something unexpected went wrong inside Express Ops. Try again, then look at its log."
            self._fail(reading, ExpressOpsError(unexpected))
        else:
            if frame is not None:
                _prepare(frame)
                self._when_complete()

    def _take(self, reading: int, page: CustomerPage) -> bool:
        with self._lock:
            if reading != self._reading:
                return False
            if page.next_cursor is not None and page.next_cursor in self._cursors:
                raise CursorRepeated
            self._builder.add(page.customers)
            self._problems.extend(page.problems)
            self._page_count += 1
            self._cursor = page.next_cursor
            if page.next_cursor is not None:
                self._cursors.add(page.next_cursor)
            self._frame = None
        self._answered.set()
        return True

    def _end(self, reading: int) -> CustomerFrame | None:
        with self._lock:
            if reading != self._reading:
                return None
            if self._page_count == 0 or self._cursor is not None:
                came = f"after {self._page_count:,} of its pages" if self._page_count else "before its first page came"
                raise BadAnswer(f"The list of customers ended {came}. Nothing was changed; try again in a moment.")
            frame = self.frame()
            self._settle(LoadState.COMPLETE)
            self._builder, self._fresh = FrameBuilder(), []
            return frame

    def _fail(self, reading: int, failure: ExpressOpsError) -> None:
        with self._lock:
            if reading == self._reading:
                self._settle(LoadState.FAILED, failure)
                self._start_over = _is_about_cursor(failure)


def _is_about_cursor(error: ExpressOpsError) -> bool:
    refused = isinstance(error, Rejected) and not isinstance(error, NotAuthorized | RateLimited)
    return refused or isinstance(error, CursorRepeated)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "an unknown place"


def _prepare(frame: CustomerFrame) -> None:
    try:
        prepare(frame)
    except Exception as error:  # noqa: BLE001 - a frame that was not prepared is slow at first, not wrong
        _log.error("A list was not prepared: %s in %s", type(error).__name__, _place(error))


def prepare(frame: CustomerFrame) -> None:
    """Do what the first page, lookup, search and sort would otherwise wait for."""
    frame.index.warm()
    frame.text.warm()
    frame.pairs.warm()
    sorting.warm(frame)
    facet_keys(frame)
