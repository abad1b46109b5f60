"""A value that may be a moment old is read once for many, and anew where it must be."""

from __future__ import annotations

import pytest

from lib.ui.lately import Lately


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_value_is_read_again_only_once_it_is_old_or_was_changed_from_here() -> None:
    clock, readings = Clock(), iter("abcd")
    lately = Lately(lambda: next(readings), 1.0, clock)
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

    lately = Lately(read, 1.0, clock)
    assert lately.get() == 1
    clock.now += 1
    with pytest.raises(OSError, match="gone"):
        lately.get()
    assert lately.get() == 2
