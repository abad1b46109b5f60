"""Leases: how one worker owns a run, and how the others notice that it is gone. The journal holds them; this renews them.

A running run has one owner and the time until which its lease holds, in one row of the database, so two owners can't be.
The owner renews its leases a few times within their span; a run whose lease ran out is anybody's to mark `interrupted`
(and nobody's to take up: that needs a person).

Both the renewing and the judging use the database's clock, so that app servers whose clocks differ agree. Should that
clock jump ahead, living runs are interrupted before their time, and should it jump back, dead ones are noticed later:
neither lets two processes call, because each intent is written only while the run is still its writer's. What happens
between that intent and its call (a machine put to sleep, say) is covered by `held`: this process's own clocks, which
must say that the lease of this run can't have run out yet.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from lib.errors import JournalError
from lib.journal.journal import LEASE_SECONDS, Journal
from lib.journal.reads import Lease
from lib.logs import Trouble
from lib.plans.model import Run
from lib.runs.owner import is_gone
from lib.runs.tools import clocks

#: Seconds that any lease may hold.
LONGEST_LEASE = 3600.0
#: Renewals within that span, so that one or two may fail.
_BEATS = 4

logger = logging.getLogger(__name__)


class Heartbeat:
    """Renews the leases of `owner` in a thread of its own, and calls `look_around` at every beat to find dead ones."""

    def __init__(
        self, journal: Journal, owner: str, look_around: Callable[[], object], *, seconds: float = LEASE_SECONDS
    ) -> None:
        self.seconds = seconds
        self._journal, self._owner, self._look_around = journal, owner, look_around
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._trouble = Trouble(logger, f"The leases of {owner} can't be renewed")
        self._renewed: dict[str, tuple[float, float]] = {}  # run id → the clocks before its lease was last renewed

    def start(self) -> None:
        """Begin to beat; harmless when it does already."""
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._beat, daemon=True, name=f"heartbeat of {self._owner}")
                self._thread.start()

    def stop(self) -> None:
        """Beat no more: whatever this owner still carries is up for interruption when its lease has run out."""
        self._stopped.set()
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(self.seconds)

    def claim(self, take_up: Callable[[], Run]) -> Run:
        """Have `take_up` ask the journal for a run and its lease, and renew that from now on."""
        before = clocks()  # read first: the lease holds from some moment after this one
        run = take_up()
        with self._lock:
            self._renewed[run.id] = before
        return run

    def let_go(self, run_id: str) -> None:
        """Renew it no more."""
        with self._lock:
            self._renewed.pop(run_id, None)

    def held(self, run_id: str) -> bool:
        """Whether the lease of this run can't have run out since it was last renewed. The longest of the clocks decides."""
        with self._lock:
            renewed = self._renewed.get(run_id)
        return renewed is not None and max(now - then for now, then in zip(clocks(), renewed, strict=True)) < self.seconds

    def _beat(self) -> None:
        while not self._stopped.wait(self.seconds / _BEATS) and not self._journal.closed:
            try:
                self._renew()
                self._look_around()
                self._trouble.is_now("")
            except JournalError as exc:
                self._trouble.is_now(exc.message)
            except Exception:  # a heartbeat that ends would cost every run of this process its lease
                logger.exception("The heartbeat of %s missed a beat", self._owner)

    def _renew(self) -> None:
        with self._lock:
            asked = dict(self._renewed)
        if not asked:
            return
        before = clocks()
        kept = self._journal.renew(self._owner, self.seconds, asked)
        with self._lock:
            for run_id, renewed in asked.items():
                if self._renewed.get(run_id) != renewed:
                    continue  # let go, or taken up anew meanwhile
                if run_id in kept:
                    self._renewed[run_id] = before
                else:
                    del self._renewed[run_id]  # it has ended, or is another one's by now


def is_lost(lease: Lease) -> bool:
    """Whether the process that carries a running run is known to be gone, or was not heard of for as long as its lease.

    A lease that holds for longer than any is given, or that can't be read, is nobody's: the database's clock was ahead when
    it was written, or somebody else wrote it.
    """
    readable = isinstance(lease.left, int | float) and isinstance(lease.owner, str)
    return not readable or not 0 <= lease.left <= LONGEST_LEASE or is_gone(lease.owner)
