from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara.retry import Attempts, RetryPolicy, decide
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


def decision(error: ApiError, *, changes=False, so_far=Attempts(), should_retry=None, chance=0.0, policy=POLICY):  # noqa: B008
    """Seconds to wait, or None."""
    return decide(policy, so_far, changes=changes, error=error, should_retry=should_retry, random=lambda: chance)[1]


AGAIN, FINAL = 0.5, None

RULES = [
    # error, a read, a change
    (Unreachable(), AGAIN, AGAIN),  # nothing was sent
    (RateLimited(status=429), AGAIN, AGAIN),  # the API said no
    (NoAnswer(), AGAIN, FINAL),  # it may have been applied
    (NoAnswer(status=408), AGAIN, FINAL),
    (ServiceBroken(status=500), AGAIN, FINAL),
    (ServiceBroken(status=503), AGAIN, FINAL),
    (ServiceBroken(status=503, retry_after=2), 2.0, FINAL),
    (BadAnswer(status=200), AGAIN, FINAL),  # cut short, say
    (BadAnswer(status=302), FINAL, FINAL),  # a redirect stays one
    (BadAnswer(), FINAL, FINAL),  # too large stays so
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
    for changes in (False, True):  # being asked to slow down is waited out, whatever that header says
        assert (decision(error, should_retry=False, changes=changes) is None) != isinstance(error, RateLimited)
    assert decision(error, should_retry=True) is not None
    assert (decision(error, should_retry=True, changes=True) is None) == error.may_have_applied


@pytest.mark.parametrize(
    ("attempt", "chance", "wait"),
    [(1, 0, 0.5), (2, 0, 1), (3, 0, 2), (4, 0, 4), (5, 0, 8), (6, 0, 8), (5000, 0, 8), (1, 0.999, 0.375), (5, 0.999, 6.0)],
)
def test_waits_double_from_half_a_second_to_eight_less_up_to_a_quarter(attempt, chance, wait):
    again = decision(ServiceBroken(), so_far=Attempts(failed=attempt - 1), chance=chance, policy=RetryPolicy(retries=9999))
    assert again == pytest.approx(wait, abs=0.01)


@pytest.mark.parametrize("retries", [0, 2, 4])
def test_it_ends_after_the_retries_of_the_policy(retries):
    assert waits(Unreachable(), policy=RetryPolicy(retries=retries)) == pytest.approx([0.5, 1.0, 2.0, 4.0][:retries])


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (RateLimited(retry_after=1.0), 3600),
        (RateLimited(retry_after=51.0), 70),
        (RateLimited(retry_after=3600.0), 1),
        (RateLimited(retry_after=3600.1), 0),
        (RateLimited(), 453),  # every 8 seconds at last
        (ServiceBroken(retry_after=60.0), 2),
        (ServiceBroken(retry_after=60.1), 0),
    ],
)
@pytest.mark.parametrize("changes", [False, True])
def test_being_asked_to_slow_down_is_waited_out_for_an_hour_and_counts_as_no_failure(error, number, changes):
    assert len(waits(error, changes=changes)) == (0 if changes and error.may_have_applied else number)


def test_throttling_in_between_leaves_all_the_retries_that_there_were():
    errors = [Unreachable(), *[RateLimited(retry_after=1.0)] * 50, Unreachable(), RateLimited(), Unreachable()]
    so_far, told = Attempts(), []
    for error in errors:
        so_far, wait = decide(POLICY, so_far, changes=True, error=error, should_retry=None, random=lambda: 0.0)
        told.append(wait is not None)
    assert told == [True] * 53 + [False]


def waits(error, *, changes=False, policy=POLICY):
    """The seconds waited between attempts that all end alike."""
    so_far, waited = Attempts(), []
    while True:
        so_far, wait = decide(policy, so_far, changes=changes, error=error, should_retry=None, random=lambda: 0.0)
        if wait is None:
            return waited
        waited.append(wait)


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [(None, 0.5), (0.0, 0.5), (0.05, 0.05), (7.0, 7.0), (60.0, 60.0)],  # "now" is no licence to hammer
)
def test_the_wait_that_the_api_asks_for_is_kept(retry_after, expected):
    assert decision(RateLimited(retry_after=retry_after)) == expected


@given(
    st.integers(1, 10**6),
    st.none() | st.floats(0, 60, exclude_min=True),
    st.floats(0, 1, exclude_max=True),
)
def test_no_wait_is_earlier_than_asked_nor_ever_beyond_its_bound(failed, retry_after, chance):
    error, policy = ServiceBroken(retry_after=retry_after), RetryPolicy(retries=10**7)
    again = decision(error, so_far=Attempts(failed), chance=chance, policy=policy)
    assert (retry_after or 0) <= again <= max(8, (retry_after or 0) + 2)
