"""A value that many reruns ask for, that may be a moment old, and that no page waits for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from lib.errors import JournalUnavailable

T = TypeVar("T")


class Lately(Generic[T]):
    """Reads a value anew, in a thread of its own, once it is `seconds` old or after `forget`.

    `st.cache_resource` with a `ttl` reads anew behind the pages too, but knows no deadline: of a database that is frozen it
    would keep the first page waiting for good, and tell the others what was true long ago.

    Shared by all sessions, for any thread. A reading keeps others waiting for `patience` seconds at most; until it is `late`
    seconds old the value before it stands.
    """

    def __init__(
        self,
        read: Callable[[], T],
        seconds: float,
        *,
        patience: float = 0.5,
        late: float = 3.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._seconds, self._patience, self._late = read, seconds, patience, late
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._reading: Future[T] | None = None
        self._began = 0.0
        self._before: Future[T] | None = None  # the last reading that came to an end

    def get(self) -> T:
        """The value. Raises what its reading raised, and JournalUnavailable where that is late."""
        with self._lock:
            now = self._monotonic()
            if self._reading is None or (self._reading.done() and now - self._began >= self._seconds):
                self._let_go()
                self._reading, self._began = Future(), now
                threading.Thread(target=_carry_out, args=(self._read, self._reading), daemon=True, name="lately").start()
            reading, before, age = self._reading, self._before, now - self._began
        try:
            return reading.result(max((self._patience if before else self._late) - age, 0.0))
        except TimeoutError:
            if before is not None and age < self._late:
                return before.result()
            raise JournalUnavailable("The journal does not answer. Check the database and the way to it.") from None

    def forget(self) -> None:
        """The value has just been changed from here: whoever asks next sees it."""
        with self._lock:
            self._let_go()  # also one under way: it may have begun before the change

    def _let_go(self) -> None:
        if self._reading is not None and self._reading.done():
            self._before = self._reading
        self._reading = None


def _carry_out(read: Callable[[], T], into: Future[T]) -> None:
    try:
        into.set_result(read())
    except Exception as exc:  # noqa: BLE001 - whoever asks hears of it
        into.set_exception(exc)
