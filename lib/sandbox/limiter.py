"""The sandbox's rate limits, and how they are written. Each says of one more request how long to wait; 0 lets it through.

N          N requests a second, on average; at most one second's worth (at least one) at once: a bucket of tokens
N/SECONDS  N requests in each window of so many seconds
N%         no limit: so many percent of the requests, at random, are refused for a second
1:N        no limit: every Nth request is refused for a second
"""

from __future__ import annotations

import random
import re
from typing import Protocol


class RateLimit(Protocol):
    """`now` is in seconds and never goes back."""

    def take(self, now: float) -> float:
        """0 where one more request is let through at `now`, else the seconds until it may be tried again."""
        ...


class TokenBucket:
    """Lets `rate` requests a second through, on average; at most one second's worth (at least one) at once."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._size = max(1.0, rate)
        self._tokens = self._size
        self._at: float | None = None

    def take(self, now: float) -> float:
        if self._at is not None:
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


class FixedWindow:
    """Lets `most` requests through in each window of so many seconds; the first one begins with the first request."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._ends, self._taken = 0.0, 0

    def take(self, now: float) -> float:
        if now >= self._ends:
            late = (now - self._ends) % self._seconds if self._ends else 0.0
            self._ends, self._taken = now - late + self._seconds, 0
        if self._taken < self._most:
            self._taken += 1
            return 0.0
        return self._ends - now


class RandomRefusals:
    """Refuses this share of the requests for a second, at random."""

    def __init__(self, share: float, seed: int) -> None:
        self._share, self._random = share, random.Random(seed)

    def take(self, _now: float) -> float:
        return 1.0 if self._random.random() < self._share else 0.0


class EveryNth:
    """Refuses every nth request for a second."""

    def __init__(self, nth: int) -> None:
        self._nth, self._asked = nth, 0

    def take(self, _now: float) -> float:
        self._asked += 1
        return 0.0 if self._asked % self._nth else 1.0


class LimitError(ValueError):
    """A rate limit that can't be: the message says what is allowed."""


def rate_limit(text: str, seed: int) -> RateLimit:
    """Reads a limit as it is written at the top. Raises LimitError."""
    number = r"(\d+(?:\.\d+)?)"
    if (found := re.fullmatch(number, text)) and float(text) > 0:
        return TokenBucket(float(text))
    if (found := re.fullmatch(rf"(\d+)/{number}", text)) and min(map(float, found.groups())) > 0:
        return FixedWindow(int(found[1]), float(found[2]))
    if (found := re.fullmatch(rf"{number}%", text)) and float(found[1]) <= 100:
        return RandomRefusals(float(found[1]) / 100, seed)
    if (found := re.fullmatch(r"1:(\d+)", text)) and int(found[1]) > 0:
        return EveryNth(int(found[1]))
    raise LimitError(f"{text!r} is no rate limit. Write N, N/SECONDS, N% or 1:N, as --help says.")
