"""The loads of one connection over a session: the one on show, and the one that runs behind it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lib.customers.changes import Changes, changes
from lib.customers.frame import CustomerFrame
from lib.customers.ours import Left, Ours, note
from lib.customers.reading.kept import Kept
from lib.customers.reading.load import Load, LoadState, prepare
from lib.customers.reading.snapshot import Shelf, Snapshot
from lib.errors import ExpressOpsError, ListTooOld, LoadIncomplete, SnapshotNotKept, SnapshotUnusable

_log = logging.getLogger(__name__)

#: How far the clocks of servers that share a journal may be apart. A record that was read sooner only is as new as the listed.
_CLOCKS_APART = timedelta(minutes=1)


#: Seconds between two words on how far a load is.
_LOOK = 0.1


@dataclass(frozen=True)
class Word:
    """Something to tell everyone about the kept list, and since when."""

    text: str
    at: datetime


@dataclass(frozen=True, eq=False)
class Comparison:
    """What changed from the list of `since` to the one of `at` that took its place."""

    since: datetime | None
    at: datetime | None
    changes: Changes

    @classmethod
    def of(cls, old: Load | Kept, new: Load) -> Comparison:
        since, at = old.progress().finished_at, new.progress().finished_at
        return cls(since, at, changes(old.frame(), new.frame()))


@dataclass(frozen=True, eq=False)
class View:
    """The customers on show at one moment, all or, while they are first read, what has come; and what they are good for.

    Whoever plans asks one view for all of it: the list on show may be another one a moment later.
    """

    frame: CustomerFrame
    complete: bool
    #: When a list that was kept from an earlier start was read; None for one read since this start.
    kept_at: datetime | None
    #: When the whole list had been read; None where it is not whole.
    read_at: datetime | None
    #: Why no plan can be made from it, in words of what to wait for; None where one can.
    obstacle: LoadIncomplete | None

    @property
    def active_total(self) -> int | None:
        """How many customers are active, by a list that may feed a plan; None where this one may not."""
        return int(self.frame.rows["is_active"].sum()) if self.obstacle is None else None


class Loads:
    """Shared by everyone on the connection (design decision 4). All methods may be called from any thread.

    While a load runs, the last complete list stays on show; a load that fails or is cancelled changes nothing of it. One that
    has read all takes its place when it is ready to be used: prepared, and compared with the list before it. Where a snapshot
    is kept on the `shelf`, it is that list at the start: good for looking and picking at once. A plan is made from it only
    while it is younger than `kept_feeds_plans_for`, counted from its first page, since each record is read again right before
    its call; from an older one never.

    `runs_left` gives what runs have left of customers behind an entry of the journal's log, and the number of the last entry
    that it looked at; its caller asks on until that stays the same.
    """

    def __init__(
        self,
        new_load: Callable[[], Load],
        *,
        runs_left: Callable[[int], tuple[int, Sequence[Left]]] = lambda known: (known, ()),
        shelf: Shelf | None = None,
        kept_feeds_plans_for: timedelta = timedelta(0),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._new_load, self._runs_left, self._shelf, self._now = new_load, runs_left, shelf, now
        self._kept_feeds_plans_for = kept_feeds_plans_for
        self._lock, self._catching_up = threading.Lock(), threading.Lock()
        self._known = 0
        self._ours: Ours = {}
        self._complete: Load | Kept | None = None
        self._newest: Load | None = None
        self._compared: Comparison | None = None
        self._word: Word | None = None

    def start(self) -> None:
        """Show what is kept, and begin the first load; nothing happens when there is one already."""
        with self._lock:
            if self._newest is None:
                self._open_kept()
                self._begin()

    def reload(self) -> None:
        """Begin another load behind the one on show; nothing happens while one is running."""
        with self._lock:
            if self._under_way() is None:
                self._begin()

    @property
    def newest(self) -> Load | None:
        return self._newest

    @property
    def under_way(self) -> Load | None:
        """The load that is reading, or has read all and is being made ready to take over; None while nothing is going on."""
        with self._lock:
            return self._under_way()

    @property
    def shown(self) -> Load | Kept | None:
        """The last complete load or the kept one, else what has come of the first one."""
        with self._lock:
            return self._complete or self._newest

    @property
    def kept(self) -> Kept | None:
        """The kept list, while that is the one on show."""
        shown = self.shown
        return shown if isinstance(shown, Kept) else None

    @property
    def complete(self) -> bool:
        """Is a whole list on show? Whether it is fit to plan from, its `view` says."""
        return self._complete is not None

    @property
    def compared(self) -> Comparison | None:
        """The list on show beside the one before it; None where there was none."""
        return self._compared

    @property
    def word(self) -> Word | None:
        """What went wrong with the kept list last, if anything did. The customers themselves are not affected."""
        return self._word

    def frame(self) -> CustomerFrame:
        """The customers on show, whole or not: to look at, not to plan from."""
        return self.view().frame

    def view(self, patience: float = 0.0) -> View:
        """What is on show now, of one and the same list. Starts the first load where nobody has.

        With `patience`, waits so many seconds at most for the first customers of the first load.
        """
        with self._lock:
            shown, complete = self._complete or self._newest, self._complete is not None
        if shown is None:
            self.start()
            return self.view(patience)
        if isinstance(shown, Load):
            shown.wait_for_answer(patience)
        read_at = shown.progress().finished_at if complete else None
        kept_at = read_at if isinstance(shown, Kept) else None
        return View(shown.frame(), complete, kept_at, read_at, self._obstacle(shown) if complete else LoadIncomplete())

    def wait(self, tell: Callable[[int], object] = lambda _: None) -> View:
        """The whole list, once it has been read, with what runs left since; `tell` hears now and then how many have come.

        Raises what the load failed by, and what keeps the list from feeding a plan where somebody cancelled it.
        """
        self.start()
        while (load := self.under_way) is not None:
            tell(load.progress().customers)
            time.sleep(_LOOK)
        self.catch_up()
        view = self.view()
        if view.obstacle is not None:
            raise (self._newest and self._newest.failure) or view.obstacle
        return view

    def active_total(self) -> int | None:
        """How many customers are active; see `View`."""
        return self.view().active_total

    def _obstacle(self, shown: Load | Kept) -> LoadIncomplete | None:
        if isinstance(shown, Kept) and not timedelta(0) <= self._now() - shown.started_at < self._kept_feeds_plans_for:
            return ListTooOld()
        return None

    def catch_up(self) -> None:
        """Bring the lists up to date with what any run has left of their customers. Raises JournalUnavailable."""
        with self._catching_up:
            while self._newest is not None:
                known, left = self._runs_left(self._known)
                if known == self._known:
                    return
                self._learn(left)
                self._known = known

    def _learn(self, left: Sequence[Left]) -> None:
        """Records that were read since a list began to be read are put in it, once it is known whose updates they are."""
        if not left:
            return
        ours = dict(self._ours)
        for one in left:
            note(ours, one)
        self._ours = ours
        with self._lock:
            loads = {load for load in (self._complete, self._newest) if load is not None}
        for load in loads:
            since = (load.progress().started_at or self._now()) - _CLOCKS_APART
            load.update([one.record for one in left if one.read_at >= since], ours)

    def _begin(self) -> None:
        load = self._new_load()
        load.update((), self._ours)
        load.when_complete(lambda: self._finish(load))
        self._newest = load
        load.start()

    def _under_way(self) -> Load | None:
        newest = self._newest
        if newest is None or newest is self._complete:
            return None
        return newest if newest.progress().state in (LoadState.LOADING, LoadState.COMPLETE) else None

    def _take_over(self, load: Load) -> None:
        with suppress(ExpressOpsError):  # whoever follows the journal hears of it too
            self.catch_up()  # what our own runs did is no news
        with self._lock:
            before = self._complete
        compared = None
        try:
            compared = Comparison.of(before, load) if before is not None else None
        except Exception as error:  # noqa: BLE001 - whatever went wrong there, all customers have come
            _log.error("A list was not compared with the one before it: %s", type(error).__name__)
        with self._lock:
            self._complete, self._compared = load, compared

    def _open_kept(self) -> None:
        try:
            snapshot = self._shelf.read() if self._shelf else None
        except SnapshotUnusable as error:
            self._say(error.message)
            return
        if snapshot is not None:
            self._complete = Kept(snapshot)
            threading.Thread(target=prepare, args=(snapshot.frame,), name="prepare-kept", daemon=True).start()

    def _finish(self, load: Load) -> None:
        """In the load's own thread: put it on show, and keep it for the next start.

        One that failed may be gone on with, in a tab that slept, when a newer one has read all long since: it stays behind.
        """
        if load is not self._newest:
            return
        self._take_over(load)
        progress = load.progress()
        if self._shelf is None or progress.started_at is None or progress.finished_at is None:
            return
        try:
            self._shelf.write(Snapshot(load.frame(), load.problems, progress.started_at, progress.finished_at))
        except SnapshotNotKept as error:
            self._say(error.message)

    def _say(self, text: str) -> None:
        _log.warning("%s", text)
        self._word = Word(text, self._now())
