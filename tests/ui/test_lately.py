"""A value that may be a moment old is read once for many, and anew where it must be."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest

from lib.errors import JournalUnavailable
from lib.ui.lately import Lately


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_value_is_read_again_only_once_it_is_old_or_was_changed_from_here() -> None:
    clock, readings = Clock(), iter("abcd")
    lately = Lately(lambda: next(readings), 1.0, monotonic=clock)
    assert [lately.get(), lately.get()] == ["a", "a"]
    clock.now += 0.9
    assert lately.get() == "a"
    clock.now += 0.1
    assert lately.get() == "b"
    lately.forget()
    assert lately.get() == "c"


def test_a_reading_that_fails_is_told_and_the_next_one_is_tried() -> None:
    clock, answers = Clock(), iter([1, OSError("gone"), 2])

    def read() -> int:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    lately = Lately(read, 1.0, monotonic=clock)
    assert lately.get() == 1
    clock.now += 1
    with pytest.raises(OSError, match="gone"):
        lately.get()
    clock.now += 1
    assert lately.get() == 2


class Frozen:
    """A reading that takes until it is let go."""

    def __init__(self) -> None:
        self.go_on, self.value, self.begun = threading.Event(), "a", threading.Semaphore(0)
        self.go_on.set()

    def __call__(self) -> str:
        value = self.value
        self.begun.release()
        assert self.go_on.wait(60)
        return value


def test_a_reading_that_hangs_keeps_nobody_waiting_and_is_told_once_it_is_late_until_it_is_over() -> None:
    clock, frozen = Clock(), Frozen()
    lately = Lately(frozen, 1.0, patience=0.1, late=3.0, monotonic=clock)
    assert lately.get() == "a"
    frozen.go_on.clear()
    frozen.value = "b"
    clock.now += 1
    assert lately.get() == "a"  # it may only be slow
    clock.now += 3
    for _ in range(3):
        with pytest.raises(JournalUnavailable, match="does not answer"):
            lately.get()
    assert [frozen.begun.acquire(blocking=False) for _ in range(3)] == [True, True, False]
    frozen.go_on.set()
    deadline = time.monotonic() + 60
    value = ""
    while value != "b" and time.monotonic() < deadline:
        with suppress(JournalUnavailable):
            value = lately.get()
    assert value == "b"


def test_whoever_changed_the_value_sees_no_reading_that_began_before() -> None:
    frozen = Frozen()
    lately = Lately(frozen, 1000.0, patience=60.0)
    frozen.go_on.clear()
    asking = threading.Thread(target=lately.get)
    asking.start()
    assert frozen.begun.acquire(timeout=60)
    frozen.value = "b"
    lately.forget()
    frozen.go_on.set()
    assert lately.get() == "b"
    asking.join(60)


def test_the_first_reading_is_waited_for_until_it_is_late() -> None:
    frozen = Frozen()
    frozen.go_on.clear()
    with pytest.raises(JournalUnavailable):
        Lately(frozen, 1.0, patience=60.0, late=0.1).get()
    frozen.go_on.set()
