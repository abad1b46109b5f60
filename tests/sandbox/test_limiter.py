from __future__ import annotations

import pytest

from lib.sandbox.limiter import TokenBucket


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
