"""What is computed from a frame once and then kept as long as the frame lives: a rerun of a page must not do it again."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from lib.customers.frame import CustomerFrame

P = ParamSpec("P")
T = TypeVar("T")


def once_a_frame(compute: Callable[Concatenate[CustomerFrame, P], T]) -> Callable[Concatenate[CustomerFrame, P], T]:
    """`compute`, called once for each frame and further arguments, which must be hashable. Its answer is shared: read-only.

    Threads that ask for the first time together may compute it twice; they get equal answers.
    """
    known: WeakKeyDictionary[CustomerFrame, dict[Any, T]] = WeakKeyDictionary()

    @wraps(compute)
    def looked_up(frame: CustomerFrame, /, *args: P.args, **kwargs: P.kwargs) -> T:
        answers = known.setdefault(frame, {})
        asked = (args, *sorted(kwargs.items()))
        if asked not in answers:
            answers[asked] = compute(frame, *args, **kwargs)
        return answers[asked]

    return looked_up
