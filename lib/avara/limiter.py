"""How fast requests may go to one connection: how many at a time, how many a second, and how many may be repeated.

The API documents no limits, so they are found out. `Pace` is the pure part: additive increase, multiplicative decrease, as TCP
does it. `Limiter` makes threads wait for it; all readers and writers of a connection share one. `RetryBudget` is for a run.
"""

from __future__ import annotations

import random as random_numbers
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from lib.avara.reply import Reply
from lib.avara.reply import retry_after as asked_to_wait
from lib.errors import ApiError, NoAnswer, Unreachable

#: Requests at a time: to begin with (the number doubles with every round until the first sign that it is too much) ...
START = 2.0
#: ... and at most, whatever the API puts up with.
CEILING = 64
#: Seconds: no `Retry-After` keeps everybody waiting for longer than this. A run that is asked for more pauses by itself.
LONGEST_FLOOR = 60.0

#: What is left of the number at a time after a 429 or a timeout, and after a latency that rose.
_CUT, _EASE = 0.5, 0.8
#: How many more at a time than a rate needs on average.
_SPARE = 1.5
#: A latency has risen once its average is so many times the lowest seen, and so many seconds more.
_RISEN, _RISEN_SECONDS = 2.0, 0.02
_AVERAGE = 0.1  # weight of the newest latency
_FORGET = 0.01  # how fast the lowest latency is forgotten, a second
#: How fast the rate grows after a 429: so much a second, and as much again for every so many seconds without another.
_GROWTH, _GROWTH_SECONDS = 0.03, 3.0
#: Seconds of unused rate that may be made up for: threads wake up late.
_CATCH_UP = 0.25
#: Between two 429s the API let exactly its rate through, if we never stopped asking for so many seconds.
#: It takes so many seconds, and so many answers, to count that.
_IDLE, _MEASURED_OVER, _MEASURED_ANSWERS = 1.0, 0.5, 20
_JITTER = 0.1
#: Seconds between two looks at whether somebody who waits for a slot still wants it.
_LOOK = 0.25


def always() -> bool:
    """A request that stays wanted however long it has to wait."""
    return True


class Sign(Enum):
    """What the end of a request says about our speed."""

    FINE = auto()
    SLOW_DOWN = auto()  # 429
    TIMEOUT = auto()  # no answer in time, or a connection that broke
    NOTHING = auto()  # an error of another kind


def sign_of(sent: Reply | ApiError) -> tuple[Sign, float | None]:
    """What the end of a request says, and the seconds that the API asked to wait, if it did."""
    if isinstance(sent, ApiError):
        return (Sign.TIMEOUT if isinstance(sent, NoAnswer | Unreachable) else Sign.NOTHING), None
    match sent.status:
        case 429:
            return Sign.SLOW_DOWN, asked_to_wait(sent)
        case 408:
            return Sign.TIMEOUT, asked_to_wait(sent)
    return (Sign.FINE if sent.status < 500 else Sign.NOTHING), asked_to_wait(sent)


@dataclass(frozen=True)
class Latency:
    """Of one kind of request, in seconds: the lowest average of late, and the average now."""

    lowest: float
    average: float


@dataclass(frozen=True)
class Pace:
    """How fast to go. Times are seconds of one clock; `rate` is requests a second, None until a 429 showed a limit."""

    limit: float = START
    ceiling: int = CEILING
    rate: float | None = None
    floor: float = 0.0  # nothing is sent before this time
    next_slot: float = 0.0  # when the rate lets the next request go
    cut_at: float | None = None  # the last decrease: answers to what was sent before it say nothing new
    refused_at: float | None = None  # the last 429; None once there was an idle time since
    answers: int = 0  # answers since then that were no 429
    answered_at: float = 0.0
    latencies: Mapping[str, Latency] = field(default_factory=dict)

    def reserve(self, now: float) -> tuple[Pace, float]:
        """The time at which the next request may go, and the pace after it has been given away."""
        due = max(now, self.floor)
        if self.rate is None:
            return self, due
        due = max(due, self.next_slot)
        start = max(self.next_slot, self.floor, now - _CATCH_UP)
        idle = now - max(self.answered_at, self.floor) > _IDLE
        return replace(self, next_slot=start + 1 / self.rate, refused_at=None if idle else self.refused_at), due

    def fine(self, now: float, sent: float, kind: str, in_flight: int) -> Pace:
        """After an answer: one more at a time with each round (or each answer, until the first cut), and a little more rate."""
        latency = self._latency(now, now - sent, kind)
        limit, cut_at = self.limit, self.cut_at
        if self._risen(latency) and self._news(sent) and not self._paced(now):
            limit, cut_at = max(limit * _EASE, 1.0), now
        elif in_flight * 2 >= limit:
            limit = min(limit + (1.0 if cut_at is None else 1 / limit), float(self.ceiling))
        return replace(
            self,
            limit=limit,
            cut_at=cut_at,
            rate=self._grown(now),
            answers=self.answers + 1,
            answered_at=now,
            latencies={**self.latencies, kind: latency},
        )

    def slowed_down(self, now: float, sent: float, in_flight: int, retry_after: float | None, chance: float) -> Pace:
        """After a 429: nobody sends before `Retry-After` and a little is over, then at the rate that the API let through."""
        waiting = self.waiting(now, retry_after, chance)
        if not self._news(sent):
            return waiting
        rate = self._measured(now, in_flight)
        # By Little's law so many at a time are needed to use that rate; fewer would only leave some of it unused.
        needed = min(rate * self._slowest() * _SPARE, self.limit) if self.rate is not None else 1.0
        return replace(
            waiting,
            limit=max(self.limit * _CUT, needed),
            cut_at=now,
            rate=rate,
            next_slot=max(now, waiting.floor),
            refused_at=now,
            answers=0,
            answered_at=now,
        )

    def timed_out(self, now: float, sent: float) -> Pace:
        """After no answer came: half as many at a time."""
        if not self._news(sent):
            return self
        return replace(self, limit=max(self.limit * _CUT, 1.0), cut_at=now)

    def waiting(self, now: float, retry_after: float | None, chance: float) -> Pace:
        """Nobody sends for as long as the API asked, and up to a tenth longer; `chance` is in [0, 1)."""
        if not retry_after:
            return self
        wait = min(retry_after, LONGEST_FLOOR)
        return replace(self, floor=max(self.floor, now + wait * (1 + _JITTER * chance)))

    def _news(self, sent: float) -> bool:
        return self.cut_at is None or sent >= self.cut_at

    def _latency(self, now: float, seconds: float, kind: str) -> Latency:
        seen = self.latencies.get(kind)
        if seen is None:
            return Latency(seconds, seconds)
        average = seen.average + _AVERAGE * (seconds - seen.average)
        since = max(now - self.answered_at, 0.0)
        return Latency(min(average, seen.lowest * (1 + _FORGET * min(since, 1.0))), average)

    def _paced(self, now: float) -> bool:
        """Whether the rate is what keeps us, not the number at a time."""
        return self.rate is not None and self.next_slot >= now - _CATCH_UP

    @staticmethod
    def _risen(latency: Latency) -> bool:
        return latency.average > max(latency.lowest * _RISEN, latency.lowest + _RISEN_SECONDS)

    def _grown(self, now: float) -> float | None:
        """The rate grows only while it is what we wait for: a rate that nobody used was not tried."""
        if self.rate is None or not self._paced(now):
            return self.rate
        since = min(max(now - self.answered_at, 0.0), 0.1)
        quiet = now - max(self.floor, self.cut_at or 0.0)
        return self.rate * (1 + _GROWTH * (1 + max(quiet, 0.0) / _GROWTH_SECONDS) * since)

    def _measured(self, now: float, in_flight: int) -> float:
        """The rate that the API lets through: counted between two 429s in a row, guessed at the first.

        A bucket of tokens is empty at each 429, so what it let through in between is what was filled in.
        """
        elapsed = now - self.refused_at if self.refused_at is not None else 0.0
        if elapsed >= _MEASURED_OVER and self.answers >= _MEASURED_ANSWERS:
            counted = self.answers / elapsed
            return counted if self.rate is None else min(counted, self.rate)
        if self.rate is not None:
            return max(self.rate * _CUT, 0.1)
        return max(in_flight / self._slowest() * _CUT, 1.0)

    def _slowest(self) -> float:
        """The average latency of the slowest kind of request; a second where none has been answered."""
        return max((latency.average for latency in self.latencies.values()), default=1.0) or 0.001


@dataclass(frozen=True)
class Slot:
    """Leave to send one request, given at `sent`."""

    kind: str
    sent: float


class Limiter:
    """Makes threads wait until their request may go. `clock` gives seconds, `random` numbers in [0, 1)."""

    def __init__(
        self,
        *,
        ceiling: int = CEILING,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = random_numbers.random,
    ) -> None:
        self._pace = Pace(limit=min(START, float(ceiling)), ceiling=ceiling)
        self._clock, self._sleep, self._random = clock, sleep, random
        self._in_flight = 0
        self._free = threading.Condition()

    @property
    def pace(self) -> Pace:
        return self._pace

    def acquire(self, kind: str, wanted: Callable[[], bool] = always) -> Slot | None:
        """Wait for a slot; `kind` tells requests apart that take their time (a page of a list, one record).

        None as soon as the request is not `wanted` any more, which is asked every now and then and once its turn has come.
        """
        with self._free:
            while self._in_flight >= int(self._pace.limit):
                self._free.wait(None if wanted is always else _LOOK)
                if not wanted():
                    return None
            self._in_flight += 1
        due = self._reserve()
        while (wait := due - self._clock()) > 1e-6:  # less is rounding
            if not wanted():
                break
            self._sleep(wait if wanted is always else min(wait, _LOOK))
            if self._pace.floor > due:  # the API asked everybody to wait meanwhile
                due = self._reserve()
        slot = Slot(kind, self._clock())
        if wanted():
            return slot
        self.release(slot, Sign.NOTHING)
        return None

    def release(self, slot: Slot, sign: Sign, retry_after: float | None = None) -> None:
        """Give the slot back with what its request brought; `retry_after` is in seconds."""
        with self._free:
            now, pace = self._clock(), self._pace
            match sign:
                case Sign.FINE:
                    pace = pace.fine(now, slot.sent, slot.kind, self._in_flight)
                case Sign.SLOW_DOWN:
                    pace = pace.slowed_down(now, slot.sent, self._in_flight, retry_after, self._random())
                case Sign.TIMEOUT:
                    pace = pace.timed_out(now, slot.sent)
                case Sign.NOTHING:
                    pace = pace.waiting(now, retry_after, self._random())
            self._in_flight -= 1
            room = int(pace.limit) - self._in_flight
            self._pace = pace
            if room > 0:
                self._free.notify(room)

    def _reserve(self) -> float:
        with self._free:
            self._pace, due = self._pace.reserve(self._clock())
            return due


class RetryBudget:
    """How many requests of one run may be repeated: a bucket that every retry takes from and every good answer adds to.

    With the usual numbers a hundred retries at once, then one for every five good answers: repeats can't multiply the load
    on an API that is failing anyway.
    """

    def __init__(self, *, size: float = 500.0, cost: float = 5.0) -> None:
        self._size, self._cost, self._tokens = size, cost, size
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take what one retry costs; False when that is not there, so there must be no retry."""
        with self._lock:
            if self._tokens < self._cost:
                return False
            self._tokens -= self._cost
            return True

    def give_back(self) -> None:
        """A request ended well: one token more."""
        with self._lock:
            self._tokens = min(self._size, self._tokens + 1.0)
