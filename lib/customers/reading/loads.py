"""The loads of one connection over a session: the one on show, and the one that runs behind it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from lib.avara.models import Customer
from lib.customers.frame import CustomerFrame
from lib.customers.ours import Left
from lib.customers.reading.came import ListTooLong
from lib.customers.reading.comparison import Comparison
from lib.customers.reading.heard import Heard, RunsLeft, read_since
from lib.customers.reading.kept import Kept
from lib.customers.reading.load import Load
from lib.customers.reading.progress import LoadState
from lib.customers.reading.ready import make_ready
from lib.customers.reading.shared import SharedList
from lib.customers.reading.shelf import Shelf
from lib.customers.reading.view import View, Word
from lib.errors import ExpressOpsError, ListTooOld, LoadIncomplete, SnapshotNotKept, SnapshotUnusable

_log = logging.getLogger(__name__)

#: A list that another server read began no longer ago than this, or after the one on show.
_TAKEN_WITHIN = timedelta(days=1)
#: Seconds between two words on how far a load is.
_LOOK = 0.1


class Loads:
    """Shared by everyone on the connection (design decision 4). All methods may be called from any thread.

    While a load runs, the last complete list stays on show; a load that fails or is cancelled changes nothing of it. One that
    has read all takes its place when it is ready to be used: prepared, and compared with the list before it. Where a snapshot
    is kept on the `shelf`, it is that list at the start: good for looking and picking at once. A plan is made from it only
    while it is younger than `kept_feeds_plans_for`, counted from its first page, since each record is read again right before
    its call; from an older one never.

    Where servers share a list (`shared`), a load waits for its turn to read and else takes what another server has read; at
    the start one does that a plan may be made from.
    """

    def __init__(
        self,
        new_load: Callable[[], Load],
        *,
        runs_left: RunsLeft = lambda known: (known, ()),
        shelf: Shelf | None = None,
        shared: SharedList | None = None,
        kept_feeds_plans_for: timedelta = timedelta(0),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._new_load, self._heard, self._shelf, self._now = new_load, Heard(runs_left), shelf, now
        self._shared = shared
        self._kept_feeds_plans_for = kept_feeds_plans_for
        self._lock, self._catching_up, self._keeping = threading.Lock(), threading.Lock(), threading.Lock()
        self._complete: Load | Kept | None = None
        self._newest: Load | None = None
        self._compared: Comparison | None = None
        self._word: Word | None = None

    def start(self) -> None:
        """Show what is kept, and begin the first load; nothing happens when there is one already."""
        with self._lock:
            if self._newest is None:
                self._open_kept()
                kept = self._complete.started_at if isinstance(self._complete, Kept) else datetime.min.replace(tzinfo=UTC)
                self._begin(lambda: max(self._now() - self._kept_feeds_plans_for, kept))

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

    def by_us(self, record: Customer) -> str:
        """Of a record whose last update a run of ours made, by which and when the one before was (see CustomerFrame.by_us);
        nothing while no list is on show: none is read for it.
        """
        shown = self.shown
        return shown.frame().by_us(record) if shown is not None else ""

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
            progress = load.progress()
            tell((progress.elsewhere or progress).customers)
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
            while self._newest is not None and self._heard.listen(self._learn):
                pass

    def follow(self) -> None:
        """As `catch_up`; and take over a list that another server has read since the one on show, or share that one where it is
        owed. Raises JournalUnavailable.
        """
        self.catch_up()
        shown = self.shown
        started_at = shown.progress().started_at if shown is not None else None
        if self._shared is None or started_at is None or self.under_way is not None:
            return
        try:
            snapshot = self._shared.newer_than(started_at, self._kept_feeds_plans_for)
        except SnapshotUnusable as error:
            self._say(error.message)
            return
        if snapshot is None:
            if isinstance(shown, Load):
                self._shared.share_owed(started_at, shown.snapshot, self._kept_feeds_plans_for)
            return
        load = self._new_load()
        try:
            make_ready(load.adopt(snapshot))
        except ListTooLong as error:
            self._say(error.message)
            return
        if self._take_over(load):
            self._keep(load)

    def close(self) -> None:
        """Stop reading; a server that waits for this one's list reads by itself."""
        if self._shared is not None:
            self._shared.leave()
        if (load := self.under_way) is not None:
            load.cancel()

    def _learn(self, left: Sequence[Left]) -> None:
        """Records that were read since a list began to be read are put in it, once it is known whose updates they are."""
        with self._lock:
            loads = {load for load in (self._complete, self._newest) if load is not None}
        began = [load.progress().started_at or self._now() for load in loads]
        for load, started_at in zip(loads, began, strict=True):
            load.update(read_since(started_at, left), self._heard.ours)
        self._heard.forget_before(min(*began, self._now() - _TAKEN_WITHIN))

    def _begin(self, since: Callable[[], datetime] | None = None) -> None:
        """Without `since` a list that another server began to read before this will not do."""
        load = self._new_load()
        load.update((), self._heard.ours)
        load.when_complete(lambda: self._finish(load))
        if (shared := self._shared) is not None:
            load.take_turns(lambda: shared.turn(since and since(), self._say))
        self._newest = load
        load.start()

    def _under_way(self) -> Load | None:
        newest = self._newest
        if newest is None or newest is self._complete:
            return None
        return newest if newest.progress().state in (LoadState.LOADING, LoadState.COMPLETE) else None

    def _take_over(self, load: Load) -> bool:
        """Put it on show; False where another list was while this one was compared. One that is being read stays the newest."""
        with suppress(ExpressOpsError):  # whoever follows the journal hears of it too
            self.catch_up()  # what our own runs did is no news
        ours, started_at = self._heard.ours, load.progress().started_at or self._now()
        load.update(self._heard.since(started_at), ours)  # also where another server read it
        with self._lock:
            before = self._complete
        compared = None
        try:
            compared = Comparison.of(before, load) if before is not None else None
        except Exception as error:  # noqa: BLE001 - whatever went wrong there, all customers have come
            _log.error("A list was not compared with the one before it: %s", type(error).__name__)
        with self._lock:
            if self._complete is not before:
                return False
            if self._under_way() is None:
                self._newest = load
            self._complete, self._compared = load, compared
        if self._heard.ours is not ours:  # while nobody knew of a list that another server read
            load.update(self._heard.since(started_at), self._heard.ours)
        return True

    def _open_kept(self) -> None:
        try:
            snapshot = self._shelf.read() if self._shelf else None
        except SnapshotUnusable as error:
            self._say(error.message)
            return
        if snapshot is not None:
            self._complete = Kept(snapshot)
            threading.Thread(target=make_ready, args=(snapshot.frame,), name="prepare-kept", daemon=True).start()

    def _finish(self, load: Load) -> None:
        """In the load's own thread: put it on show, and keep it for the next start.

        One that failed may be gone on with, in a tab that slept, when a newer one has read all long since: it stays behind.
        """
        if load is not self._newest:
            return
        while not self._take_over(load):
            pass  # one that another server read came in between; this one began later
        self._keep(load)

    def _keep(self, load: Load) -> None:
        with self._keeping:
            if self._shelf is None or load is not self._complete:
                return
            try:
                self._shelf.write(load.snapshot())
            except SnapshotNotKept as error:
                self._say(error.message)

    def _say(self, text: str) -> None:
        _log.warning("%s", text)
        self._word = Word(text, self._now())
