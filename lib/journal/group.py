"""Group commit: the requests of many threads share one durable transaction, without a thread of its own. No SQL.

A commit waits for the disk, so one transaction a request would let sixty-four threads through one by one. Here whoever
finds nobody at work carries out all that has queued up, itself included; while the disk is waited for, the next group
gathers. When it is done it hands over to the first that waits. A thread sleeps on a lock of its own, so that nobody wakes
for nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from lib.errors import JournalUnavailable

_R = TypeVar("_R")


class _Ticket(Generic[_R]):
    """A request in the queue, and what became of it."""

    __slots__ = ("done", "error", "request", "wake")

    def __init__(self, request: _R) -> None:
        self.request = request
        self.error: Exception | None = None
        self.done = False
        self.wake = threading.Lock()
        self.wake.acquire()


class GroupCommit(Generic[_R]):
    """`carry_out` gets requests in the order of their arrival, at most `most` of them, and gives an error or None for each.

    What it raises is every request's error of that group.
    """

    def __init__(self, carry_out: Callable[[Sequence[_R]], Sequence[Exception | None]], *, most: int = 256) -> None:
        self._carry_out, self._most = carry_out, most
        self._mutex = threading.Lock()
        self._queue: deque[_Ticket[_R]] = deque()
        self._busy = False

    def do(self, request: _R) -> None:
        """Return once the request is carried out, or raise its own error."""
        ticket = _Ticket(request)
        with self._mutex:
            self._queue.append(ticket)
            leads, self._busy = not self._busy, True
        if not leads:
            ticket.wake.acquire()
        if not ticket.done:
            self._lead()
        if ticket.error is not None:
            raise ticket.error

    def _lead(self) -> None:
        """Carry out a group; the caller's ticket is the first in the queue, so it is in it."""
        with self._mutex:
            group = [self._queue.popleft() for _ in range(min(len(self._queue), self._most))]
        try:
            errors = self._carry_out([ticket.request for ticket in group])
            for ticket, error in zip(group, errors, strict=True):
                ticket.error = error
        except BaseException as exc:  # whatever it was, each of the others must hear of it in its own thread
            for ticket in group:
                ticket.error = _own_copy(exc)
            if not isinstance(exc, Exception):  # this very thread is asked to stop
                raise
        finally:
            for ticket in group:
                ticket.done = True
            with self._mutex:
                heir = self._queue[0] if self._queue else None
                self._busy = heir is not None
            for ticket in (*group[1:], *([heir] if heir else [])):
                ticket.wake.release()


def _own_copy(exc: BaseException) -> Exception:
    """An exception raised by several threads would mix up their tracebacks."""
    if isinstance(exc, JournalUnavailable):
        return JournalUnavailable(exc.message, run_id=exc.run_id)
    failed = RuntimeError(f"A group of writes failed: {type(exc).__name__}")
    failed.__cause__ = exc
    return failed
