"""What is computed once a frame is kept for that frame only, and goes with it."""

import gc
import weakref

from lib.customers.frame import build
from lib.customers.once import once_a_frame
from tests.customers.records import customer


def test_each_frame_and_argument_is_computed_once_and_the_answers_go_with_the_frame():
    calls = []

    @once_a_frame
    def counted(frame, unit, *, twice=False):
        calls.append((len(frame), unit))
        return f"{len(frame) * (1 + twice)} {unit}"

    one, two = build([customer(1)]), build([customer(1), customer(2)])
    for _ in range(2):
        assert counted(one, "a") == "1 a"
        assert counted(one, "b") == "1 b"
        assert counted(one, "a", twice=True) == "2 a"
        assert counted(two, "a") == "2 a"
    assert calls == [(1, "a"), (1, "b"), (1, "a"), (2, "a")]
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None
    assert counted(two, "a") == "2 a"
