"""Signals that ask a process to end: noted instead of obeyed, so that calls in flight can be settled first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def noted(*names: str) -> Iterator[Sequence[int]]:
    """Gives the signals of these names that have come so far. Ignored ones stay so (nohup); elsewhere than in the main thread,
    which alone hears of signals, none comes.
    """
    came: list[int] = []
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    before = {number: handler for number in numbers if (handler := signal.getsignal(number)) is not signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, lambda number, _: came.append(number))
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
