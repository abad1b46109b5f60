"""Customers asked about a few at a time, for somebody who waits: once that one has gone, nothing goes on that they wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, wait
from typing import TypeVar

from lib.avara.limiter import Wanted

_T = TypeVar("_T")
_R = TypeVar("_R")

#: Enough to hide latency, too few to crowd out those who work in the app.
_AT_ONCE = 4
#: Seconds between two words on how far it is, while nothing comes.
_LOOK = 0.5


def in_order(ask: Callable[[_T, Wanted], _R], those: Sequence[_T], meanwhile: Callable[[], bool]) -> Generator[_R, None, None]:
    """What `ask` says of each, in their order; it gets a `wanted` that says no once this is closed, or whoever waits is gone.

    `meanwhile` is called every now and then, and ends it by a False. The threads are daemons: an API that asks to wait for an
    hour, or never answers, keeps no process from its end.
    """
    over = threading.Event()
    answers: list[Future[_R]] = [Future() for _ in those]
    left = iter(list(zip(those, answers, strict=True)))  # a list's: no two threads get one of them

    def work() -> None:
        for one, answer in left:
            if over.is_set():
                return
            try:
                answer.set_result(ask(one, lambda: not over.is_set()))
            except Exception as exc:  # noqa: BLE001 - whatever it was, whoever waits for it hears of it
                answer.set_exception(exc)

    for _ in range(min(_AT_ONCE, len(those))):
        threading.Thread(target=work, name="ask", daemon=True).start()
    try:
        for answer in answers:
            while wait([answer], timeout=_LOOK).not_done:
                if not meanwhile():
                    return
            yield answer.result()
    finally:
        over.set()
