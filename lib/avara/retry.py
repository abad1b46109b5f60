"""Whether to send a request again, and when: a pure decision that the client only obeys.

Reads are repeated as the vendor's official client does (connection errors, 408, 409, 429, 5xx, `x-should-retry`), and after an
answer that can't be read. A change is repeated only where it surely was not applied: nothing was sent, or the API said no.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lib.errors import ApiError, BadAnswer, Conflict, NoAnswer, RateLimited, ServiceBroken, Unreachable


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently. Waits are in seconds; the defaults are the official client's, but for the last.

    Being asked to slow down is no failure: it is waited out however often it happens, up to `longest_throttled` in all.
    """

    retries: int = 2
    first_wait: float = 0.5
    longest_wait: float = 8.0
    longest_retry_after: float = 60.0
    longest_throttled: float = 3600.0


@dataclass(frozen=True)
class Attempts:
    """What came of the attempts at one request: how many failed or were throttled, and the seconds waited for the latter."""

    failed: int = 0
    throttled: int = 0
    waited: float = 0.0


def decide(
    policy: RetryPolicy,
    so_far: Attempts,
    *,
    changes: bool,
    error: ApiError,
    should_retry: bool | None,
    random: Callable[[], float],
) -> tuple[Attempts, float | None]:
    """The attempts with the one that ended in `error`, and the seconds to wait before the next; None where the error stands.

    `should_retry` is the header `x-should-retry`, None where absent; it can't have a change repeated whose outcome is
    unknown, and where we are asked to slow down that is what counts. `random` gives numbers in [0, 1).
    """
    throttled = isinstance(error, RateLimited)
    now = replace(so_far, failed=so_far.failed + (not throttled), throttled=so_far.throttled + throttled)
    wait = _wait(policy, now.throttled if throttled else now.failed, error.retry_after, random())
    now = replace(now, waited=now.waited + wait * throttled)
    tired = now.waited > policy.longest_throttled if throttled else now.failed > policy.retries
    too_long = not throttled and (error.retry_after or 0.0) > policy.longest_retry_after
    again = should_retry or _worth_repeating(error, changes=changes)
    if (should_retry is False and not throttled) or (changes and error.may_have_applied) or not again or tired or too_long:
        return now, None
    return now, wait


def _worth_repeating(error: ApiError, *, changes: bool) -> bool:
    if isinstance(error, (Unreachable, RateLimited)):
        return True
    if changes:
        return False
    if isinstance(error, BadAnswer):  # a body cut short, say; a redirect stays one however often it is asked for
        return error.status is not None and error.status < 300
    return isinstance(error, (NoAnswer, Conflict, ServiceBroken))


def _wait(policy: RetryPolicy, attempt: int, retry_after: float | None, chance: float) -> float:
    """Doubling with up to a quarter less, or what the API asked for with a little more: never earlier than asked."""
    backoff = float(min(policy.first_wait * 2.0 ** min(attempt - 1, 30), policy.longest_wait))
    if retry_after:
        return retry_after + 0.25 * chance * min(retry_after, backoff)
    return backoff * (1 - 0.25 * chance)
