"""The queue before the API: all who use a connection share one. How fast it moves, lib/avara/throttle.py says."""

from __future__ import annotations

import math
import random as random_numbers
import threading
import time
from collections import deque
from collections.abc import Callable

from lib.avara.reply import Reply
from lib.avara.throttle import CALL, CEILING, LIST, READ, START, Sign, Throttle, sign_of
from lib.errors import ApiError

#: Seconds between two looks at whether somebody who waits for a turn still wants it.
_LOOK = 0.25

Wanted = Callable[[], bool]


def always() -> bool:
    """A request that stays wanted however long it has to wait."""
    return True


class _Waiting(threading.Event):
    """One who waits; set to have it look whether its turn has come."""

    asking = False  # whether it is still wanted: may take its time, and the others go on


class Limiter:
    """A fair queue before the API: first come, first served, and calls before readings, which only lead to more calls.

    A reading goes only while the call that follows it can go soon. `clock` gives seconds, `random` numbers in [0, 1), `sleep`
    waits for an event, for some seconds at most.
    """

    def __init__(
        self,
        *,
        ceiling: int = CEILING,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[threading.Event, float | None], object] = threading.Event.wait,
        random: Callable[[], float] = random_numbers.random,
    ) -> None:
        self.throttle = Throttle(ceiling, min(START, float(ceiling)))
        self._clock, self._sleep, self._random = clock, sleep, random
        self._lock = threading.Lock()
        self._calls: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()
        self._under_way = {CALL: 0, READ: 0, LIST: 0}

    @property
    def waiting(self) -> float:
        """Seconds for which everybody still waits, because the API asked to."""
        with self._lock:
            return max(self.throttle.asked_until - self._clock(), 0.0)

    def send(
        self, kind: str, request: Callable[[], Reply | ApiError], wanted: Wanted = always, ready: Wanted = always
    ) -> Reply | ApiError | None:
        """Make the request once its turn has come; None where it was not made, because nobody wanted it any more.

        `wanted` is asked every now and then meanwhile, `ready` once, when nothing is left to wait for; neither holds up others.
        """
        if not self._turn(kind, wanted):
            return None
        began, sign, wait = None, Sign.NOTHING, None
        try:
            if not wanted() or not ready():
                return None
            began = self._clock()
            sent = request()
            sign, wait = sign_of(sent)
            return sent
        finally:
            self._leave(kind, began, sign, wait)

    def _turn(self, kind: str, wanted: Wanted) -> bool:
        """Wait for the turn and take it; False once nobody wants it any more. Who leaves, however, wakes the next one."""
        mine, queue = _Waiting(), self._calls if kind == CALL else self._others
        with self._lock:
            queue.append(mine)
        try:
            while (due := self._due(mine, kind)) != 0.0:
                if not self._still(mine, wanted):
                    return False
                look = due if wanted is always else min(due, _LOOK)
                self._sleep(mine, None if look == math.inf else look)
                mine.clear()
            return True
        finally:
            with self._lock:
                queue.remove(mine)
                self._wake()

    def _still(self, mine: _Waiting, wanted: Wanted) -> bool:
        if wanted is always:
            return True
        with self._lock:
            first = mine is self._next()
            mine.asking = True
            if first:
                self._wake()
        try:
            return wanted()
        finally:
            mine.asking = False

    def _due(self, mine: _Waiting, kind: str) -> float:
        """Seconds until `mine` should look again, if nobody wakes it; 0 where its turn has come, which it then has taken."""
        with self._lock:
            under_way = sum(self._under_way.values())
            if mine is not self._next() or under_way >= int(self.throttle.at_once):
                return math.inf
            now = self._clock()
            if under_way + len(self._calls) + len(self._others) > 1:
                self.throttle.crowd(now)
            to_follow = self._under_way[READ] + len(self._calls) + 1 if kind == READ else 0
            if (wait := self.throttle.due(now, to_follow) - now) > 1e-6:  # less is rounding
                return wait
            self.throttle.take(now, idle=not under_way)
            self._under_way[kind] += 1
            return 0.0

    def _leave(self, kind: str, began: float | None, sign: Sign, wait: float | None) -> None:
        with self._lock:
            now, under_way = self._clock(), sum(self._under_way.values())
            self._under_way[kind] -= 1
            if began is None:
                self.throttle.give_back()
            elif sign is Sign.FINE:
                self.throttle.fine(now, began, kind, under_way)
            elif sign is Sign.REFUSED:
                self.throttle.refused(now, began, wait, self._random())
            elif sign is Sign.TIMEOUT:
                self.throttle.timed_out(now, began)
            self._wake()

    def _next(self) -> _Waiting | None:
        return next((one for queue in (self._calls, self._others) for one in queue if not one.asking), None)

    def _wake(self) -> None:
        """Have the next one look whether its turn has come: whoever comes to the front, or may have room, is told."""
        if (first := self._next()) is not None:
            first.set()
