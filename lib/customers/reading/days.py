"""The lists kept by date, and what changed between two of them or since one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from lib.customers.changes import changes
from lib.customers.compared import Compared, Done
from lib.customers.reading.loads import Loads
from lib.customers.reading.shelf import Shelf
from lib.errors import LoadIncomplete, SnapshotUnusable

#: Comparisons that are remembered: people filter one, and look at another one beside it.
_REMEMBERED = 4
#: How far the clocks of servers that share a journal may be apart.
_CLOCKS_APART = timedelta(minutes=1)


class Days:
    """What is kept on `shelf` (None: nothing) beside the list on show. Any thread may call it.

    `done` gives what runs of ours changed between two moments; None: until now.
    """

    def __init__(self, shelf: Shelf | None, loads: Loads, done: Callable[[datetime, datetime | None], Sequence[Done]]) -> None:
        self._shelf, self._loads, self._done = shelf, loads, done
        self._lock = threading.Lock()
        self._known: dict[tuple[object, ...], Compared] = {}

    @property
    def kept(self) -> tuple[date, ...]:
        """The days of which a list is kept, the newest first."""
        return self._shelf.days() if self._shelf else ()

    def compare(self, before: date, after: date | None = None) -> Compared:
        """What changed from the last list of a day to that of a later one, or to the list on show.

        Raises SnapshotUnusable in words, LoadIncomplete while no list is on show, and JournalUnavailable.
        """
        if self._shelf is None:
            raise SnapshotUnusable("Lists are not kept on this machine (settings.toml, [snapshot] keep).")
        if after is not None and after <= before:
            raise SnapshotUnusable(f"{after} does not come after {before}: choose a later day.")
        view = self._loads.view()
        if after is None and (not view.complete or view.read_at is None):
            raise LoadIncomplete
        place = (self._shelf.stamp(before), view.frame.version if after is None else self._shelf.stamp(after))
        with self._lock:
            if (known := self._known.get(place)) is not None:
                return known
        old = self._shelf.read_day(before)
        since = old.started_at - _CLOCKS_APART
        if after is None and view.read_at is not None:
            found = Compared(old.finished_at, view.read_at, changes(old.frame, view.frame), self._done(since, None))
        else:
            new = self._shelf.read_day(after or before)
            done = self._done(since, new.finished_at + _CLOCKS_APART)
            found = Compared(old.finished_at, new.finished_at, changes(old.frame, new.frame), done)
        with self._lock:
            self._known = dict([*self._known.items(), (place, found)][-_REMEMBERED:])
        return found
