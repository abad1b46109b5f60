"""Reading all customers in a thread of its own, for pages that look at how far it has come."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, runtime_checkable

from lib.avara.models import Customer, CustomerPage, RecordProblem
from lib.customers.frame import CustomerFrame, FrameBuilder
from lib.customers.ours import Ours
from lib.customers.reading.came import Came, is_about_cursor
from lib.customers.reading.progress import LoadProgress, LoadState
from lib.customers.reading.ready import make_ready
from lib.customers.reading.shared import Turn
from lib.customers.reading.snapshot import Snapshot
from lib.errors import ExpressOpsError, LoadIncomplete

_log = logging.getLogger(__name__)

#: Reads pages from a cursor on (None: from the start), until one has no next cursor.
Pages = Callable[[str | None], Iterator[CustomerPage]]


@runtime_checkable
class _Stoppable(Protocol):
    """Pages that may wait for their turn to be requested: when nobody wants them any more, they must hear of it."""

    def stop(self) -> None: ...


class Load:
    """One load of one connection. Every method may be called from any thread; what came is kept whatever happens."""

    def __init__(
        self,
        pages: Pages,
        *,
        most: int = sys.maxsize,
        most_problems: int = sys.maxsize,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pages, self._now, self._monotonic = pages, now, monotonic
        self._new_came = partial(Came, most, most_problems)
        self._lock = threading.RLock()
        self._when_complete: Callable[[], None] = lambda: None
        self._new_turn: Callable[[], Turn] | None = None
        self._turn: Turn | None = None
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
        self._came = self._new_came()
        self._frame: CustomerFrame | None = None
        self._start_over = False
        self._begun: int | None = None  # the turn in which the first page came

    def when_complete(self, act: Callable[[], None]) -> None:
        """Have the load's own thread call `act` once every page has come and the frame is prepared.

        To be said before the load starts.
        """
        self._when_complete = act

    def take_turns(self, new_turn: Callable[[], Turn]) -> None:
        """Read only when it is this server's turn to, and else take what another one has read.

        To be said before the load starts.
        """
        self._new_turn = new_turn

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
                pages=self._came.pages,
                customers=customers,
                problems=self._came.problem_count,
                elapsed=elapsed,
                rate=customers / elapsed if elapsed > 0 else 0.0,
                cursor=self._came.cursor,
                error=None if self._failure is None else self._failure.message,
                started_at=self._started_at,
                finished_at=self._finished_at,
                elsewhere=None if self._turn is None else self._turn.elsewhere,
            )

    def frame(self) -> CustomerFrame:
        """The customers that have come so far. The same object until more come."""
        with self._lock:
            if self._frame is None:
                self._frame = self._came.builder.frame().with_records(self._fresh).with_ours(self._ours)
            return self._frame

    @property
    def problems(self) -> tuple[RecordProblem, ...]:
        """The first of the records that were left out because they break a rule; `progress` says how many there are."""
        with self._lock:
            return tuple(self._came.problems)

    @property
    def failure(self) -> ExpressOpsError | None:
        """What the load failed by."""
        return self._failure

    @property
    def complete(self) -> bool:
        """Has every page come? Only then may a plan be made from the frame."""
        return self._state is LoadState.COMPLETE

    def snapshot(self) -> Snapshot:
        """The whole list as it is now, to be kept."""
        with self._lock:
            started_at, finished_at = self._started_at, self._finished_at
            if started_at is None or finished_at is None or not self.complete:
                raise LoadIncomplete
            return Snapshot(self.frame(), self.problems, started_at, finished_at, self._came.problem_count)

    def adopt(self, snapshot: Snapshot) -> CustomerFrame:
        """Be the list that was read elsewhere, with its times: instead of reading one. Raises ListTooLong."""
        came = self._new_came()
        came.take_whole(snapshot)
        with self._lock:
            self._forget()
            self._came = came
            self._settle(LoadState.COMPLETE)
            self._started_at, self._finished_at = snapshot.started_at, snapshot.finished_at
            self._frame = snapshot.frame.with_records(self._fresh).with_ours(self._ours)
            self._fresh = []
            return self._frame

    def _customers(self) -> int:
        return len(self._frame) if self._frame is not None and self._state is LoadState.COMPLETE else len(self._came.builder)

    def _so_far(self) -> tuple[int, int]:
        return self._came.pages, self._customers()

    def _run(self) -> None:
        self._state, self._failure, self._finished_at = LoadState.LOADING, None, None
        # A resumed load is as old as its first page.
        self._started_at = self._started_at or self._now()
        self._running_since = self._monotonic()
        self._reading += 1
        threading.Thread(target=self._read, args=(self._reading, self._came.cursor), name="load-customers", daemon=True).start()

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
        turn = self._turn = self._new_turn() if self._new_turn else None
        try:
            frame = self._whole(reading, cursor, turn)
        except ExpressOpsError as error:
            self._fail(reading, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must hear of it, and the thread ends here
            # Its type and place only: a message from elsewhere could hold anything, a key too.
            _log.error("Loading stopped: %s in %s", type(error).__name__, _place(error))
            unexpected = "Something unexpected went wrong inside Express Ops. Try again, then look at its log."
            self._fail(reading, ExpressOpsError(unexpected))
        else:
            if frame is not None:
                make_ready(frame)
                self._when_complete()
                if turn is not None:
                    turn.keep(self.snapshot(), self._begun)
        finally:
            if turn is not None:
                turn.end(self._ended())

    def _whole(self, reading: int, cursor: str | None, turn: Turn | None) -> CustomerFrame | None:
        """The frame, once everything has come; None where nobody wants it any more."""
        if turn is not None:
            found = turn.wait(lambda: reading == self._reading, self._so_far)
            with self._lock:
                if reading != self._reading:
                    return None
                if found is not None:
                    return self.adopt(found)
                if cursor is None:
                    self._started_at, self._running_since, self._begun = self._now(), self._monotonic(), turn.number
        for page in self._begin(reading, cursor):
            if not self._take(reading, page):
                return None
        return self._end(reading)

    def _ended(self) -> str:
        """Why no list comes of it, in words for those who wait; empty where one did."""
        if self._failure is not None:
            return self._failure.message
        return "Somebody stopped it there." if self._state is LoadState.CANCELLED else ""

    def _take(self, reading: int, page: CustomerPage) -> bool:
        with self._lock:
            if reading != self._reading:
                return False
            self._came.take(page)
            self._frame = None
        self._answered.set()
        return True

    def _end(self, reading: int) -> CustomerFrame | None:
        with self._lock:
            if reading != self._reading:
                return None
            self._came.check_whole()
            frame = self.frame()
            self._settle(LoadState.COMPLETE)
            self._came.builder, self._fresh = FrameBuilder(), []
            return frame

    def _fail(self, reading: int, failure: ExpressOpsError) -> None:
        with self._lock:
            if reading == self._reading:
                self._settle(LoadState.FAILED, failure)
                self._start_over = is_about_cursor(failure)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "an unknown place"
