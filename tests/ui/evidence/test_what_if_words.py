"""What moving the number of days would do, in a sentence."""

from __future__ import annotations

from collections import Counter

import pytest

from lib.ui.evidence.what_if import in_words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"becomes unknown": 337}, "**337** become unknown: their studies are not known that far"),
        ({"comes": 3, "goes": 1200}, "**3** would come, **1,200** would go"),
        ({"comes": 1, "is no longer unknown": 2}, "**1** would come, **2** would no longer be unknown"),
    ],
)
def test_only_what_changes_is_counted(changes, words):
    assert in_words(Counter(changes)) == words
