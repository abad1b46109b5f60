"""What is known besides the records, as columns: who matches, in which order, and what files have of it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from lib.avara.models import id_key
from lib.customers.frame import build
from lib.customers.views import BY_EVIDENCE
from lib.evidence.activity import Activity
from lib.evidence.columns import EvidenceColumns
from lib.evidence.rules import Answer, Finding
from lib.evidence.views import SeenFilter, View
from tests.customers.records import NOW, an_id, customer

#: What is known of each of these customers' studies.
ACTIVITY = {
    "recent": Activity(NOW, NOW - timedelta(days=3), (2, 5, 9, 9), whole=True),
    "old": Activity(NOW, NOW - timedelta(days=700), (0, 0, 0, 4), whole=True),
    "never": Activity(NOW, whole=True),
    "proved": Activity(NOW, NOW - timedelta(days=40), (0, 1, 1, 1)),  # reading stopped there: there may be a newer one
    "undated": Activity(NOW, whole=True, undated=1),
    "refused": Activity(NOW, why="The API refused the key."),
    "not read": None,
}
ANSWERS = [Answer.NO, Answer.YES, Answer.YES, Answer.NO, Answer.UNKNOWN, Answer.UNKNOWN, None]
NAMES = list(ACTIVITY)
FRAME = build([customer(number, name=name) for number, name in enumerate(NAMES)])
KNOWN = {id_key(an_id(number)): one for number, one in enumerate(ACTIVITY.values()) if one}
FINDINGS = {id_key(an_id(number)): Finding(one, f"says {one}") for number, one in enumerate(ANSWERS) if one is not None}
COLUMNS = EvidenceColumns.of(FRAME, {**KNOWN, "cus_gone": Activity(NOW)}, FINDINGS)
ALL = np.arange(len(NAMES))
DAY = date(2026, 1, 1)


def names(positions) -> list[str]:
    return [NAMES[at] for at in positions]


@pytest.mark.parametrize(
    ("seen", "expected", "unknown"),
    [
        ({}, NAMES, 0),
        ({"candidate": ("yes",)}, ["old", "never"], 0),
        ({"candidate": ("yes", "unknown")}, ["old", "never", "undated", "refused"], 0),
        ({"candidate": ("no",)}, ["recent", "proved"], 0),
        ({"study_from": DAY}, ["recent", "proved"], 3),
        ({"no_study_from": DAY}, ["old", "never"], 3),
        ({"no_study_from": date(2026, 2, 1)}, ["old", "never"], 4),  # the one that proved activity may have had one since
        ({"study_from": date(2024, 1, 1), "no_study_from": DAY}, ["old"], 3),
        ({"studies_unknown": True}, ["undated", "refused", "not read"], 0),
        ({"no_study_from": date(2026, 2, 1), "studies_unknown": True}, ["proved", "undated", "refused", "not read"], 0),
        ({"no_study_from": DAY, "candidate": ("unknown",)}, [], 2),
    ],
)
def test_who_is_not_known_to_match_does_not_match_and_is_counted(seen, expected, unknown):
    found, doubtful = COLUMNS.matching(SeenFilter(**seen), ALL)
    assert (names(found), doubtful) == (expected, unknown)
    assert names(COLUMNS.matching(SeenFilter(**seen), ALL[:2])[0]) == [name for name in expected if name in NAMES[:2]]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("candidate", ["old", "never", "undated", "refused", "recent", "proved", "not read"]),
        ("newest_study", ["never", "old", "proved", "recent", "undated", "refused", "not read"]),
        ("studies_in_90", ["old", "never", "undated", "proved", "recent", "refused", "not read"]),
    ],
)
def test_unknown_comes_last_either_way_and_never_before_all_times(by, expected):
    known = [name for name in expected if name not in ("not read",) and not (by != "candidate" and name == "refused")]
    if by == "newest_study":
        known.remove("undated")
    assert names(COLUMNS.in_order(ALL, by, descending=False)) == expected
    turned = names(COLUMNS.in_order(ALL, by, descending=True))
    assert turned[len(known) :] == expected[len(known) :]
    assert [COLUMNS_KEY[by][name] for name in turned[: len(known)]] == sorted(
        (COLUMNS_KEY[by][name] for name in known), reverse=True
    )


COLUMNS_KEY = {
    "candidate": {name: 2 - answer for name, answer in zip(NAMES, ANSWERS, strict=True) if answer is not None},
    "newest_study": {name: one.newest.timestamp() if one.newest else 0 for name, one in ACTIVITY.items() if one},
    "studies_in_90": {name: one.counts[1] for name, one in ACTIVITY.items() if one},
}


def test_files_say_how_far_studies_were_read_and_leave_empty_what_nobody_knows():
    assert COLUMNS.fields() == ("newestStudy", "studiesIn90Days", "studiesRead", "candidate", "candidateWhy")
    assert COLUMNS.cells([an_id(0), an_id(2), an_id(3), an_id(5), an_id(6)]) == [
        (NOW - timedelta(days=3), 5, "all", "no", "says no"),
        (None, 0, "all", "yes", "says yes"),
        (NOW - timedelta(days=40), 1, "until one proved activity", "no", "says no"),
        (None, None, "The API refused the key.", "unknown", "says unknown"),
        (None, None, "not read", None, None),
    ]
    without = EvidenceColumns.of(FRAME, {}, None)
    assert (without.fields(), without.cells([an_id(0)]), without.on_show) == ((), [()], False)
    assert set(BY_EVIDENCE) == set(COLUMNS_KEY)


def test_a_plan_tells_by_which_rules_somebody_is_a_candidate():
    view = View(seen=SeenFilter(candidate=("yes", "unknown"), no_study_from=DAY))
    assert view.described == "candidate: yes or unknown · no study from 2026-01-01 on"
