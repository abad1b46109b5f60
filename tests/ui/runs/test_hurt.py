"""What came of a run's customers, in a sentence."""

from __future__ import annotations

import pytest

from lib.ui.runs.hurt import in_words


@pytest.mark.parametrize(
    ("counts", "total", "words"),
    [
        ({"no": 3}, 3, "No: none of the 3 has had a study since, and none is active again."),
        ({"no": 1}, 1, "No: it has had no study since, and is not active again."),
        ({"no": 2}, 3, "Not known: 2 without any sign of life, 1 not asked."),
        ({"unknown": 1, "no": 2}, 3, "Not known: 1 of whom nobody can tell, 2 without any sign of life."),
        ({"yes": 1, "no": 2}, 3, "Yes: 1 with a study since or active again, 2 without any sign of life."),
        ({}, 3, "Not known: 3 not asked."),
    ],
)
def test_no_is_said_of_all_or_not_at_all(counts, total, words):
    assert in_words(counts, total) == words
