"""Group commit: one writer thread, a queue and futures, so that the requests of many threads share a durable transaction.

A commit waits for the disk, so one transaction a request would let sixty-four threads through one by one. Here one thread
carries out all that has queued up; while the disk is waited for, the next group gathers. No SQL.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

from lib.errors import JournalUnavailable

_R = TypeVar("_R")


class GroupCommit(Generic[_R]):
    """`carry_out` gets requests in the order of their arrival, at most `most` of them, and gives an error or None for each.

    What it raises is every request's error of that group. `patience` is how many seconds a request is waited for.
    """

    def __init__(
        self, carry_out: Callable[[Sequence[_R]], Sequence[Exception | None]], *, most: int = 256, patience: float = 30.0
    ) -> None:
        self._carry_out, self._most, self._patience = carry_out, most, patience
        self._queue: SimpleQueue[tuple[_R, Future[None]] | None] = SimpleQueue()  # None: it is closed
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        self._closed = False

    def do(self, request: _R) -> None:
        """Return once the request is carried out, or raise its own error.

        Raises JournalUnavailable after `patience` seconds, too. A request that had not been taken up by then never will be;
        of one that had, nobody knows: it may be written yet, so whoever asked must take it for not done and look again.
        """
        done: Future[None] = Future()
        with self._lock:
            if self._closed:
                raise JournalUnavailable("The journal is closed, so no call is made.")
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, daemon=True, name="journal writer")
                self._writer.start()
            self._queue.put((request, done))
        try:
            done.result(self._patience)
        except TimeoutError:
            done.cancel()
            raise JournalUnavailable(
                f"The journal can't be written (no answer for {self._patience:g} seconds), so no call is made."
            ) from None

    def close(self) -> None:
        """Carry out what is queued, then end the writer. A request that comes later is refused."""
        with self._lock:
            self._closed = True
            writer = self._writer
            self._queue.put(None)
        if writer is not None:
            writer.join(self._patience)

    def _write(self) -> None:
        closing = False
        while not closing:
            group = [self._queue.get()]
            group += [self._queue.get() for _ in range(min(self._queue.qsize(), self._most - 1))]  # nobody else takes any
            closing = None in group
            self._together([entry for entry in group if entry is not None and entry[1].set_running_or_notify_cancel()])

    def _together(self, group: Sequence[tuple[_R, Future[None]]]) -> None:
        errors: Sequence[Exception | None]
        try:
            errors = self._carry_out([request for request, _ in group]) if group else ()
        except Exception as exc:  # noqa: BLE001 - whatever it was, each of them must hear of it in its own thread
            errors = [_own_copy(exc) for _ in group]
        for (_, done), error in zip(group, errors, strict=True):
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)


def _own_copy(exc: Exception) -> Exception:
    """An exception raised by several threads would mix up their tracebacks."""
    if isinstance(exc, JournalUnavailable):
        return JournalUnavailable(exc.message, run_id=exc.run_id)
    failed = RuntimeError(f"A group of writes failed: {type(exc).__name__}")
    failed.__cause__ = exc
    return failed
