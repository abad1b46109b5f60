"""The queue before the API: all who use a connection share one. How fast it moves, lib/avara/throttle.py says."""

from __future__ import annotations

import math
import threading
import time
from bisect import insort
from collections.abc import Callable, Mapping
from itertools import count

from lib.avara.met import Met, kind_of
from lib.avara.reply import Reply
from lib.avara.requests import Request
from lib.avara.throttle import CALL, CEILING, LAST, LIST, READ, START, Throttle
from lib.errors import ApiError

#: Seconds between two looks at whether somebody who waits for a turn still wants it.
_LOOK = 0.25

Wanted = Callable[[], bool]
#: Who goes before whom.
_ORDER = {CALL: 0, READ: 1, LIST: 1, LAST: 2}
#: One who waits: its place in that order, its number, and what is set to have it look whether its turn has come.
_Waiting = tuple[int, int, threading.Event]


def always() -> bool:
    """A request that stays wanted however long it has to wait."""
    return True


class Limiter:
    """A fair queue before the API: first come, first served, and calls before readings, which only lead to more calls; after
    them all, what is LAST.

    A reading goes only while the call that follows it can go soon. `clock` gives seconds.
    """

    def __init__(self, *, ceiling: int = CEILING, clock: Callable[[], float] = time.monotonic) -> None:
        self.throttle = Throttle(ceiling, min(START, float(ceiling)))
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = count()
        self._queue: list[_Waiting] = []
        self._under_way = dict.fromkeys(_ORDER, 0)
        self._met: dict[str, Met] = {}

    @property
    def waiting(self) -> float:
        """Seconds for which everybody still waits, because the API asked to."""
        with self._lock:
            return max(self.throttle.asked_until - self._clock(), 0.0)

    @property
    def seen(self) -> tuple[float | None, float | None]:
        """Requests a second that the API lets through, and the seconds that an answer takes lately; None while not known."""
        with self._lock:
            return self.throttle.rate, self.throttle.answers_in

    @property
    def met(self) -> Mapping[str, Met]:
        """What became of the requests so far, by the kinds of lib/avara/met.py."""
        with self._lock:
            return dict(self._met)

    @property
    def queued(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    def note(self, request: Request, outcome: Reply | ApiError, *, repeats: bool) -> None:
        """What became of one that was sent, or sent again."""
        kind = kind_of(request)
        with self._lock:
            self._met[kind] = self._met.get(kind, Met()).after(outcome, repeats=repeats)

    def send(
        self, kind: str, request: Callable[[], Reply | ApiError | None], wanted: Wanted = always, ready: Wanted = always
    ) -> Reply | ApiError | None:
        """Make the request once its turn has come; None where it was not made, because nobody wanted it any more: `request`
        says so itself where it found that out.

        `wanted` is asked every now and then meanwhile, `ready` once, when nothing is left to wait for; neither holds up others.
        """
        mine = (_ORDER[kind], next(self._numbers), threading.Event())
        while not self._turn(mine, kind, math.inf if wanted is always else _LOOK):
            if not wanted():
                return None
        began = outcome = None
        try:
            if wanted() and ready():
                began = self._clock()
                outcome = request()
            return outcome
        finally:
            self._leave(kind, began, outcome)

    def _turn(self, mine: _Waiting, kind: str, look: float) -> bool:
        """Wait for the turn, in its place in the queue, and take it; False where it did not come in `look` seconds.

        Who leaves the queue, for whatever reason, wakes the next one.
        """
        until = self._clock() + look
        with self._lock:
            insort(self._queue, mine)
        try:
            while (due := self._due(mine, kind)) > 0:
                if (left := until - self._clock()) <= 0:
                    return False
                mine[-1].wait(None if (wait := min(due, left)) == math.inf else wait)
                mine[-1].clear()
            return True
        finally:
            with self._lock:
                self._queue.remove(mine)
                self._wake()

    def _due(self, mine: _Waiting, kind: str) -> float:
        """Seconds until `mine` should look again, if nobody wakes it; 0 where its turn has come, which it then has taken."""
        with self._lock:
            if mine is not self._queue[0] or sum(self._under_way.values()) >= int(self.throttle.at_once):
                return math.inf
            now = self._clock()
            to_follow = self._under_way[READ] + 1 if kind == READ else 0  # calls that wait would be before it
            if (wait := self.throttle.due(now, to_follow) - now) > 1e-6:  # less is rounding
                return wait
            self.throttle.take(now)
            self._under_way[kind] += 1
            return 0.0

    def _leave(self, kind: str, began: float | None, outcome: Reply | ApiError | None) -> None:
        with self._lock:
            under_way = sum(self._under_way.values())
            self._under_way[kind] -= 1
            self._wake()
            if began is None or outcome is None:
                self.throttle.give_back()
            else:
                self.throttle.ended(self._clock(), began, under_way, outcome)

    def _wake(self) -> None:
        """Have the next one look whether its turn has come: whoever comes to the front, or may have room, is told."""
        if self._queue:
            self._queue[0][-1].set()
