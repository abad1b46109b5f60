from __future__ import annotations

import pytest

from lib.sandbox.limiter import EveryNth, FixedWindow, LimitError, RandomRefusals, TokenBucket, rate_limit


@pytest.mark.parametrize(("rate", "at_once"), [(5, 5), (1, 1), (0.5, 1)])
def test_one_seconds_worth_passes_at_once_and_the_next_waits(rate, at_once):
    bucket = TokenBucket(rate)
    assert [bucket.take(0.0) for _ in range(at_once)] == [0.0] * at_once
    assert bucket.take(0.0) == pytest.approx(1 / rate)
    assert bucket.take(1 / rate) == 0.0


def test_over_a_long_time_the_rate_is_kept():
    bucket = TokenBucket(10)
    passed = sum(bucket.take(tick / 100) == 0.0 for tick in range(1000))  # 100 a second for 10 seconds
    assert 100 <= passed <= 110


def test_idle_time_is_saved_up_for_one_second_only():
    bucket = TokenBucket(3)
    bucket.take(0.0)
    assert sum(bucket.take(1000.0) == 0.0 for _ in range(10)) == 3


def passed(limit, *times):
    return [limit.take(now) == 0.0 for now in times]


def test_a_window_lets_so_many_through_and_then_says_how_long_it_lasts():
    window = FixedWindow(2, 60)
    assert passed(window, 10.0, 20.0, 30.0) == [True, True, False]
    assert window.take(40.0) == 30.0
    assert passed(window, 70.0, 70.0, 70.0) == [True, True, False]
    assert passed(window, 200.0) == [True]  # two windows later, in the one that began at 190
    assert passed(window, 240.0, 249.0) == [True, False]


def test_refusals_at_random_are_as_many_as_asked_for_and_the_same_for_the_same_seed():
    first, second = ([RandomRefusals(0.2, seed=5).take(0.0) for _ in range(1)] for _ in range(2))
    assert first == second
    limit = RandomRefusals(0.2, seed=5)
    assert 150 < sum(limit.take(0.0) for _ in range(1000)) < 250


def test_every_nth_is_refused_for_a_second():
    limit = EveryNth(5)
    assert [limit.take(0.0) for _ in range(10)] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("10", TokenBucket), ("0.5", TokenBucket), ("60/60", FixedWindow), ("5%", RandomRefusals), ("1:5", EveryNth)],
)
def test_a_limit_is_read_as_it_is_written(text, kind):
    assert isinstance(rate_limit(text, 1), kind)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "1e3", "60/0", "0/60", "101%", "1:0", "2:5", "", "ten"])
def test_what_is_no_limit_is_refused_in_words(text):
    with pytest.raises(LimitError, match=r"is no rate limit\. Write N, N/SECONDS, N% or 1:N"):
        rate_limit(text, 1)
