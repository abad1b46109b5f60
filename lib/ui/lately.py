"""A value that many reruns ask for and that may be a moment old."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lately(Generic[T]):
    """Reads a value anew once it is `seconds` old, or after `forget`. Shared by all sessions, for any thread."""

    def __init__(self, read: Callable[[], T], seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._read, self._seconds, self._monotonic = read, seconds, monotonic
        self._lock = threading.Lock()
        self._held: tuple[float, T] | None = None

    def get(self) -> T:
        with self._lock:
            now = self._monotonic()
            if self._held is None or now - self._held[0] >= self._seconds:
                self._held = None  # a reading that fails must not leave the older value
                self._held = now, self._read()
            return self._held[1]

    def forget(self) -> None:
        """The value has just been changed from here: whoever asks next must see it."""
        with self._lock:  # waits for a reading under way, which may have begun before the change
            self._held = None
