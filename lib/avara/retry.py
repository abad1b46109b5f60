"""Whether to send a request again, and when: a pure decision that the client only obeys.

Reads are repeated as the vendor's official client does (connection errors, 408, 409, 429, 5xx, `x-should-retry`), and after an
answer that can't be read. A change is repeated only where it surely was not applied: nothing was sent, or the API said no.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lib.errors import ApiError, BadAnswer, Conflict, NoAnswer, RateLimited, ServiceBroken, Unreachable


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently. Waits are in seconds; the defaults are the official client's."""

    retries: int = 2
    first_wait: float = 0.5
    longest_wait: float = 8.0
    longest_retry_after: float = 60.0


@dataclass(frozen=True)
class Retry:
    """Send it again after this many seconds."""

    seconds: float


@dataclass(frozen=True)
class GiveUp:
    """The error stands."""

    why: Literal["final", "outcome unknown", "told not to", "tried often enough", "asked to wait too long"]


def decide(
    policy: RetryPolicy,
    *,
    attempt: int,
    changes: bool,
    error: ApiError,
    should_retry: bool | None,
    random: Callable[[], float],
) -> Retry | GiveUp:
    """What to do after `attempt` (the first is 1) ended in `error`.

    `should_retry` is the header `x-should-retry`, None where absent; it can't have a change repeated whose outcome is
    unknown. `random` gives numbers in [0, 1).
    """
    if should_retry is False:
        return GiveUp("told not to")
    if changes and error.may_have_applied:
        return GiveUp("outcome unknown")
    if not should_retry and not _worth_repeating(error, changes=changes):
        return GiveUp("final")
    if attempt > policy.retries:
        return GiveUp("tried often enough")
    if error.retry_after is not None and error.retry_after > policy.longest_retry_after:
        return GiveUp("asked to wait too long")
    return Retry(_wait(policy, attempt, error.retry_after, random()))


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
