"""How fast requests may go to one connection: how many at a time, and how many a second. Pure; lib/avara/limiter.py obeys.

The API documents no limits, so they are found out: by a number at a time that grows until answers take longer or stay out, and
a bucket of tokens that learns its rate from what was let through.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum, auto

from lib.avara.reply import Reply
from lib.avara.reply import retry_after as asked_to_wait
from lib.errors import ApiError, NoAnswer, Unreachable

#: Requests at a time: to begin with (half as many more with every round until the first sign that it is too much) ...
START = 2.0
#: ... and at most, whatever the API puts up with.
CEILING = 64
#: Seconds that are waited for as the API asks. Who is asked for more is told, so nobody else waits for it unheard.
LONGEST_WAIT = 3600.0

#: What is left of the number at a time after a timeout, and after a latency that rose.
_CUT, _EASE = 0.5, 0.8
#: A latency has risen once its average is so many times the lowest seen, and so many seconds more.
_RISEN, _RISEN_SECONDS = 4.0, 0.02
_AVERAGE = 0.1  # weight of the newest latency
_FORGET = 0.01  # how fast the lowest latency is forgotten, a second
#: Seconds to wait after a 429 that does not say how long.
_NO_WORD = 0.5
#: Seconds of unused rate that may always be made up for: threads wake up late.
_CATCH_UP = 0.25
#: Of the rate counted, so much is used. It grows by so much with each answer, at most so much a second; faster while it was
#: counted only once.
_USED, _GROWTH, _FIRST_GROWTH = 0.97, (0.0003, 0.01), (0.01, 0.05)
#: What is left of a known rate after a 429, at least.
_KEPT = 0.7
#: A rate that was let through for long beyond the one counted grows faster.
_BEYOND, _FASTEST = 20.0, 0.05
#: So many more that say so make a verdict sure.
_SURE = 2
#: Seconds for which 429s are noise, at first and at most.
_NOISE, _LONGEST_NOISE = 10.0, 320.0
#: The share of 429s among the latest answers (each newest one weighs so much) from which noise is doubted.
_MOST, _SHARE = 0.4, 1 / 32
#: Seconds without a request after which counting begins anew.
_IDLE = 1.0
#: Seconds within which the call that follows a reading should be able to go.
_SOON = 1.0
#: Seconds that everybody waits longer than asked, at most, so that not all programs come back at once.
_JITTER = 0.1

#: The kinds of request that differ in how long they take, and in who goes first.
CALL, READ, LIST = "call", "read", "list"


class Sign(Enum):
    """What the end of a request says about our speed."""

    FINE = auto()
    REFUSED = auto()  # 429, or 503 with a Retry-After
    TIMEOUT = auto()  # no answer in time, or a connection that broke
    NOTHING = auto()  # an error of another kind


def sign_of(sent: Reply | ApiError) -> tuple[Sign, float | None]:
    """What the end of a request says, and the seconds that the API asked to wait, if it did."""
    if isinstance(sent, ApiError):
        return (Sign.TIMEOUT if isinstance(sent, NoAnswer | Unreachable) else Sign.NOTHING), None
    wait = asked_to_wait(sent)
    if sent.status == 429 or (wait is not None and sent.status in (403, 503)):
        return Sign.REFUSED, wait
    if sent.status == 408:
        return Sign.TIMEOUT, wait
    return (Sign.FINE if sent.status < 500 else Sign.NOTHING), wait


@dataclass
class Latency:
    """Of one kind of request, in seconds: the lowest average of late, and the average now."""

    lowest: float
    average: float

    def add(self, seconds: float, since: float) -> None:
        """Take in one more answer, `since` seconds after the one before."""
        self.average += _AVERAGE * (seconds - self.average)
        self.lowest = min(self.average, self.lowest * (1 + _FORGET * min(since, 1.0)))

    @property
    def risen(self) -> bool:
        return self.average > max(self.lowest * _RISEN, self.lowest + _RISEN_SECONDS)


@dataclass
class Throttle:
    """How fast to go. Times are seconds of one clock; `rate` is requests a second, None while no limit is known.

    A 429 that the known limit explains has everybody wait for as long as the API asked (`floor`). Any other is a question:
    the others go on until two more of what was sent after it were let through than refused (it was only that request: for a
    while 429s are noise and delay nobody else, until they become too many), or the other way round (a limit, and everybody
    waits). A limit's rate is what was let through from one such wait to the next.
    """

    ceiling: int = CEILING
    at_once: float = START
    rate: float | None = None
    floor: float = 0.0  # nothing is sent before this time
    latencies: dict[str, Latency] = field(default_factory=dict)
    _eased_at: float | None = None  # the last cut of the number at a time: answers to what was sent before say nothing new
    _answered_at: float = 0.0
    # The bucket: since when it has been filling, and how many seconds' worth it holds.
    _empty_at: float = 0.0
    _holds: float = _CATCH_UP
    _counted: float = 0.0  # the rate as it was last found out
    _times: int = 0  # how often it was, by more than the waits of a single one
    # What came back since the last verdict.
    _since: float = 0.0
    _let: int = 0
    # The 429 that waits for its verdict: when its request was sent and when it came; until when the API asked to wait; how
    # many more of those sent after it were let through than refused.
    _open: tuple[float, float] | None = None
    _until: float = 0.0
    _score: float = 0
    _doubts: int = 0
    # Of a single one that waits, so that nothing else can tell: how many were let through before, and how often as many.
    _before: int = -9
    _alike: int = 0
    _noise_until: float = 0.0
    _noise: float = _NOISE
    _share: float = 0.0  # of 429s among the latest answers

    @property
    def asked_until(self) -> float:
        """Until when the API asked to wait."""
        return self.floor if self._open is None else max(self.floor, self._until)

    def due(self, now: float, to_follow: int = 0) -> float:
        """When the next request may go, if it does not go now; after a reading `to_follow` calls should be able to go soon."""
        if self._open is not None and now >= self._until:
            self._limited(self._open[1])
        if self.rate is None:
            return max(now, self.floor)
        latency = self.latencies[READ].average if READ in self.latencies else 0.0
        tokens = max(1.0, to_follow - self.rate * (_SOON + latency) if to_follow else 1.0)
        return max(now, self.floor, self._level(now, self.rate) + tokens / self.rate)

    def take(self, now: float, *, idle: bool) -> None:
        """One request goes; `idle`: no other is under way."""
        wanted_since = max(self._answered_at, self.floor, self._empty_at + 1 / self.rate if self.rate else 0.0)
        if idle and self._open is None and now - wanted_since > _IDLE:
            self._begin(now)
        if self.rate is not None:
            self._empty_at = self._level(now, self.rate) + 1 / self.rate

    def crowd(self, now: float) -> None:
        """There are several: a limit that only a single one came to suspect is not held against them. They find out at once."""
        if self.rate is not None and not self._times:
            self.rate = None
            self._begin(now)

    def give_back(self) -> None:
        """It did not go after all."""
        if self.rate is not None:
            self._empty_at -= 1 / self.rate

    def fine(self, now: float, sent: float, kind: str, in_flight: int) -> None:
        """After an answer: one more at a time with each round (or two answers, until the first cut), and a little more rate."""
        latency = self.latencies.setdefault(kind, Latency(now - sent, now - sent))
        latency.add(now - sent, max(now - self._answered_at, 0.0))
        paced = self.rate is not None and now - self._level(now, self.rate) < _CATCH_UP + 1 / self.rate
        if latency.risen and self._news(sent) and not paced:
            self.at_once, self._eased_at = max(self.at_once * _EASE, 1.0), now
        elif in_flight * 2 >= self.at_once:
            more = 0.5 if self._eased_at is None else 1 / self.at_once
            self.at_once = min(self.at_once + more, float(self.ceiling))
        if paced:
            self._grow(now - self._answered_at)
        self._let += sent >= self._since
        self._share -= _SHARE * self._share
        self._answered_at = now
        if self._open is not None and sent > self._open[0]:
            self._score += 1
            if self._score >= _SURE:
                self.floor = now
                self._noisy(now)

    def refused(self, now: float, sent: float, wait: float | None, chance: float = 0.0) -> None:
        """After a 429 that asked to wait so many seconds. `chance` is in [0, 1)."""
        wait = wait or _NO_WORD
        self._share += _SHARE * (1 - self._share)
        self._answered_at = now
        if self._open is not None:
            self._score -= sent > self._open[0]
        elif sent < self._since or (now < self._noise_until and self._share < _MOST):
            return  # on its way when the rate was found out, or noise
        else:
            self._open, self._score, self._until = (sent, now), 0, now
            known = self.rate is not None and self._as_known(now + wait)
            self._doubts = 0 if known or self.rate is None else self._doubts + 1
            if known or (self.rate is not None and self._times and self._doubts < _SURE):
                self._score = -math.inf
            else:
                self.rate = None
        if wait <= LONGEST_WAIT:
            self._until = max(self._until, now + wait)
        if self._score <= -_SURE:
            self.floor = self._until + chance * min(_JITTER, wait / 10)

    def timed_out(self, now: float, sent: float) -> None:
        """After no answer came: half as many at a time."""
        if self._news(sent):
            self.at_once, self._eased_at = max(self.at_once * _CUT, 1.0), now

    def _news(self, sent: float) -> bool:
        return self._eased_at is None or sent >= self._eased_at

    def _level(self, now: float, rate: float) -> float:
        """Since when the bucket has been filling."""
        return max(self._empty_at, now - max(self._holds, 1 / rate))

    def _as_known(self, until: float) -> bool:
        """Whether the known limit explains a 429: we had gone beyond it, or all that it allows until then was let through."""
        allowed = self._counted * (until - self._since)
        return self._let >= 0.98 * allowed or ((self.rate or 0.0) >= 0.99 * self._counted and self._let + 1 >= 0.9 * allowed)

    def _begin(self, now: float) -> None:
        self._since, self._let, self._open = now, 0, None

    def _noisy(self, now: float) -> None:
        self._noise_until, self._noise = now + self._noise, min(self._noise * 2, _LONGEST_NOISE)
        self._doubts, self._times, self.rate = 0, 0, None
        self._begin(now)

    def _limited(self, refused_at: float) -> None:
        """The wait is over: find out the rate. Where nothing else went meanwhile that could tell, it takes several alike."""
        let, until = self._let, self._until
        # The next one goes at `until`; with a known limit it might have been let through a little earlier.
        counted = (let + 1 if self.rate else max(let, 1)) / max(until - self._since, 0.001)
        self._begin(until)
        if self._score >= 0:
            self._alike = self._alike + 1 if abs(let - self._before) <= max(1, let / 10) else 0
            self._before = let
            if self._alike < 2 * _SURE:
                return
        if self.rate is None:
            self._holds = max(until - refused_at, _CATCH_UP)
        elif refused_at - self._level(refused_at, self.rate) > max(_CATCH_UP, 2 / self.rate):  # it held less
            self._holds = max(let / self.rate, _CATCH_UP)
        # What was let through while the rate was still growing says little, so most of it is kept.
        self._counted = max(min(counted, self.rate), self.rate * _KEPT) if self.rate else counted
        self.rate, self._times = self._counted * _USED, self._times + (self._score < 0)
        self._empty_at = min(refused_at, until - 1 / self.rate)

    def _grow(self, seconds: float) -> None:
        assert self.rate is not None  # noqa: S101 - for the type checker
        an_answer, a_second = _FIRST_GROWTH if self._times <= 1 else _GROWTH
        growth = min(an_answer, a_second * max(seconds, 0.0))
        self.rate *= 1 + min(growth * (1 + _BEYOND * max(self.rate / self._counted - 1, 0.0)), _FASTEST)
