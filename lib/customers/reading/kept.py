"""The list of an earlier load, on show until all customers have been read again."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from lib.avara.models import Customer, RecordProblem
from lib.customers.frame import CustomerFrame
from lib.customers.ours import Ours
from lib.customers.reading.progress import LoadProgress, LoadState
from lib.customers.reading.snapshot import Snapshot


class Kept:
    """The snapshot of an earlier load, on show like a complete one until all customers have been read again."""

    complete = True

    def __init__(self, snapshot: Snapshot) -> None:
        # Not the snapshot itself: it would hold its frame beside the one that `update` makes of it.
        self.started_at, self.finished_at = snapshot.started_at, snapshot.finished_at
        self.problems: tuple[RecordProblem, ...] = snapshot.problems
        self._problem_count = max(snapshot.problem_count, len(snapshot.problems))
        self._frame = snapshot.frame
        self._lock = threading.Lock()

    def frame(self) -> CustomerFrame:
        return self._frame

    def update(self, records: Iterable[Customer], ours: Ours) -> None:
        with self._lock:
            self._frame = self._frame.with_records(records).with_ours(ours)

    def progress(self) -> LoadProgress:
        return LoadProgress(
            state=LoadState.COMPLETE,
            pages=0,
            customers=len(self._frame),
            problems=self._problem_count,
            elapsed=0.0,
            rate=0.0,
            cursor=None,
            error=None,
            started_at=self.started_at,
            finished_at=self.finished_at,
        )
