"""The words of ranges that are no common ones."""

from __future__ import annotations

import pytest

from lib.ui.customers.ranges import in_words, users_option


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (None, 2, "At most 2"),
        (0, 1200, "At most 1,200"),
        (3, 7, "3 to 7"),
        (7, 7, "7"),
        (7, None, "7 or more"),
        (0, None, "0 or more"),
    ],
)
def test_a_range_of_users_says_what_it_lets_pass(low: int | None, high: int | None, words: str) -> None:
    assert in_words(users_option(low, high)) == words


def test_a_number_of_days_says_so() -> None:
    assert in_words("400") == "400 days"
