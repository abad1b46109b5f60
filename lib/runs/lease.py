"""Leases: how one process owns a run, and how the others notice that it is gone. The journal holds them; this keeps them.

A running run has one owner and the time until which its lease holds, in one row of the database, so two owners can't be.
The owner renews its leases a few times within their span; a run whose lease ran out is anybody's to mark `interrupted`
(and nobody's to take up: that needs a person).

Both the renewing and the judging use the database's clock, so that app servers whose clocks differ agree. Should that
clock jump ahead, living runs are interrupted before their time, and should it jump back, dead ones are noticed later:
neither lets two processes call, because each intent is written only while the run is still its writer's. What happens
between that intent and its call (a machine put to sleep, say) is covered by `held`: this process's own clocks, which
must say that the lease can't have run out yet.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection

from lib.errors import JournalError
from lib.journal.journal import LEASE_SECONDS, Journal

#: Renewals within that span, so that one or two may fail.
_BEATS = 4

logger = logging.getLogger(__name__)


class Heart:
    """Renews the leases of `owner` in a thread of its own, and calls `look_around` at every beat to find dead ones.

    `carried` tells the ids of the runs that `owner` is at work on: a run that its worker let go of without a word is not
    kept from others.
    """

    def __init__(
        self,
        journal: Journal,
        owner: str,
        look_around: Callable[[], object],
        *,
        carried: Callable[[], Collection[str]],
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self.seconds = seconds
        self._journal, self._owner, self._look_around, self._carried = journal, owner, look_around, carried
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._renewed = _clocks()

    def start(self) -> None:
        """Begin to beat; harmless when it does already."""
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._renewed = _clocks()
                self._thread = threading.Thread(target=self._beat, daemon=True, name=f"heart of {self._owner}")
                self._thread.start()

    def stop(self) -> None:
        """Beat no more: whatever this owner still carries is up for interruption when its lease has run out."""
        self._stopped.set()
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(self.seconds)

    def held(self) -> bool:
        """Whether no lease of this owner can have run out since it was last renewed. The longest of the clocks decides."""
        return max(now - then for now, then in zip(_clocks(), self._renewed, strict=True)) < self.seconds

    def _beat(self) -> None:
        while not self._stopped.wait(self.seconds / _BEATS) and not self._journal.closed:
            before = _clocks()  # read first: the lease holds from some moment after this one
            try:
                self._journal.renew(self._owner, self.seconds, self._carried())
                self._renewed = before
                self._look_around()
            except JournalError as exc:
                logger.warning("The leases of %s could not be renewed: %s", self._owner, exc.message)
            except Exception:  # a heart that stops beating would cost every run of this process its lease
                logger.exception("The heart of %s missed a beat", self._owner)


def _clocks() -> tuple[float, float]:
    """Seconds by two clocks: one never jumps but stands still while the machine sleeps; the other is the other way round."""
    return time.monotonic(), time.time()
