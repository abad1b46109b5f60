"""Customers counted by their newest study."""

from __future__ import annotations

import pytest

from lib.avara.models import id_key
from lib.customers.frame import build
from lib.evidence.counts import by_newest_study
from tests.evidence.test_rules import NOW, activity, record, study


@pytest.mark.parametrize(
    ("seen", "bar"),
    [
        (None, "not read"),
        (activity(), "never"),
        (activity(study(9, cancelled=True)), "never"),
        (activity(whole=False, why="403"), "unknown"),
        (activity(study(None)), "unknown"),
        (activity(study(9)), "< 1 month"),
        (activity(study(9), whole=False), "< 1 month"),  # no newer one could be in another bar
        (activity(study(40)), "1–3 months"),
        (activity(study(40), whole=False), "unknown"),  # reading ended at it: a newer one may be among the rest
        (activity(study(40), study(None)), "unknown"),
        (activity(study(800), study(400)), "1–2 years"),
        (activity(study(731)), "> 2 years"),
    ],
)
def test_a_customer_is_in_the_bar_of_its_newest_study_only_where_that_is_certain(seen, bar):
    frame = build([record()])
    counted = by_newest_study(frame, {} if seen is None else {id_key(record().id): seen}, NOW)
    assert [label for label in counted.labels if len(counted.positions(label))] == [bar]
