from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara.retry import GiveUp, Retry, RetryPolicy, decide
from lib.errors import (
    ApiError,
    BadAnswer,
    Conflict,
    NoAnswer,
    NotAuthorized,
    NotFound,
    RateLimited,
    Rejected,
    ServiceBroken,
    Unreachable,
)

POLICY = RetryPolicy()


def decision(error: ApiError, *, changes=False, attempt=1, should_retry=None, chance=0.0, policy=POLICY):
    return decide(policy, attempt=attempt, changes=changes, error=error, should_retry=should_retry, random=lambda: chance)


AGAIN = Retry(0.5)
FINAL = GiveUp("final")
UNKNOWN = GiveUp("outcome unknown")

RULES = [
    # error, a read, a change
    (Unreachable(), AGAIN, AGAIN),  # nothing was sent
    (RateLimited(status=429), AGAIN, AGAIN),  # the API said no
    (NoAnswer(), AGAIN, UNKNOWN),  # it may have been applied
    (NoAnswer(status=408), AGAIN, UNKNOWN),
    (ServiceBroken(status=500), AGAIN, UNKNOWN),
    (ServiceBroken(status=503), AGAIN, UNKNOWN),
    (ServiceBroken(status=503, retry_after=2), Retry(2), UNKNOWN),
    (BadAnswer(status=200), AGAIN, UNKNOWN),  # cut short, say
    (BadAnswer(status=302), FINAL, UNKNOWN),  # a redirect stays one
    (BadAnswer(), FINAL, UNKNOWN),  # too large stays so
    (Conflict(status=409), AGAIN, FINAL),
    (Rejected(status=400), FINAL, FINAL),
    (Rejected(status=422), FINAL, FINAL),
    (NotAuthorized(status=401), FINAL, FINAL),
    (NotAuthorized(status=403), FINAL, FINAL),
    (NotFound(status=404), FINAL, FINAL),
]


@pytest.mark.parametrize(
    ("error", "read", "change"), RULES, ids=lambda value: f"{type(value).__name__} {getattr(value, 'status', '')}"
)
def test_a_read_is_repeated_where_it_may_help_and_a_change_only_where_it_surely_was_not_applied(error, read, change):
    assert decision(error) == read
    assert decision(error, changes=True) == change


@pytest.mark.parametrize("error", [rule[0] for rule in RULES], ids=lambda error: f"{type(error).__name__} {error.status}")
def test_the_header_x_should_retry_is_obeyed_but_never_repeats_a_change_of_unknown_outcome(error):
    told_not_to = GiveUp("told not to")
    assert decision(error, should_retry=False) == decision(error, should_retry=False, changes=True) == told_not_to
    assert isinstance(decision(error, should_retry=True), Retry)
    assert isinstance(decision(error, should_retry=True, changes=True), GiveUp if error.may_have_applied else Retry)


@pytest.mark.parametrize(
    ("attempt", "chance", "wait"),
    [(1, 0, 0.5), (2, 0, 1), (3, 0, 2), (4, 0, 4), (5, 0, 8), (6, 0, 8), (5000, 0, 8), (1, 0.999, 0.375), (5, 0.999, 6.0)],
)
def test_waits_double_from_half_a_second_to_eight_less_up_to_a_quarter(attempt, chance, wait):
    again = decision(ServiceBroken(), attempt=attempt, chance=chance, policy=RetryPolicy(retries=9999))
    assert again.seconds == pytest.approx(wait, abs=0.01)


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (2, 3), (4, 5)])
def test_it_ends_after_the_retries_of_the_policy(retries, attempts):
    policy = RetryPolicy(retries=retries)
    said = [decision(Unreachable(), attempt=attempt, policy=policy) for attempt in range(1, attempts + 1)]
    assert [type(step) for step in said] == [Retry] * retries + [GiveUp]
    assert said[-1] == GiveUp("tried often enough")


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        (None, Retry(0.5)),
        (0.0, Retry(0.5)),  # "now" is no licence to hammer
        (0.05, Retry(0.05)),
        (7.0, Retry(7.0)),
        (60.0, Retry(60.0)),
        (60.1, GiveUp("asked to wait too long")),
        (86_400.0, GiveUp("asked to wait too long")),
    ],
)
def test_the_wait_that_the_api_asks_for_is_kept_unless_it_is_over_a_minute(retry_after, expected):
    assert decision(RateLimited(retry_after=retry_after)) == expected


@given(
    st.integers(1, 10**6),
    st.none() | st.floats(0, 60, exclude_min=True),
    st.floats(0, 1, exclude_max=True),
)
def test_no_wait_is_earlier_than_asked_nor_ever_beyond_its_bound(attempt, retry_after, chance):
    again = decision(RateLimited(retry_after=retry_after), attempt=attempt, chance=chance, policy=RetryPolicy(retries=10**6))
    assert (retry_after or 0) <= again.seconds <= max(8, (retry_after or 0) + 2)
