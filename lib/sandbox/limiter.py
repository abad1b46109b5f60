"""The sandbox's rate limit: a token bucket with one second's worth of burst."""

from __future__ import annotations


class TokenBucket:
    """Lets `rate` requests a second through, on average; at most one second's worth (at least one) at once."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._size = max(1.0, rate)
        self._tokens = self._size
        self._at: float | None = None

    def take(self, now: float) -> float:
        """Takes one token at `now` (seconds). 0 where there was one, else the seconds until there is."""
        if self._at is not None:
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate
