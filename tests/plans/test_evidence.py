"""Evidence says why a customer was picked, under which filter, and what its record said when it was read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lib.evidence.activity import Activity
from lib.evidence.rule_set import PRESETS
from lib.evidence.rules import Facts
from lib.plans.evidence import Picked, Way, filters_of, picked_by, planned, seen_in
from lib.plans.plan import PlannedCustomer
from tests.runs.fakes import NEVER, NOW, customer, judgement

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("picked", "words"),
    [
        (
            Picked(Way.TICKED, "active · no users", NOW),
            "Ticked in the table, filter: active · no users; customers as read 2026-03-01 12:00 UTC",
        ),
        (Picked(Way.ALL, "all customers"), "Picked with all that matched, filter: all customers; customers not all read yet"),
        (
            Picked(Way.LISTED, "ids.csv, column id", NOW),
            "Picked from a list: ids.csv, column id; customers as read 2026-03-01 12:00 UTC",
        ),
    ],
)
def test_how_a_customer_was_picked_in_words(picked, words):
    assert picked.words == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"user_count": 1}, ("1 user", "last changed 2025-01-25 12:00 UTC, 400 days before it was read")),
        (
            {"updated_at": NOW + timedelta(minutes=1)},
            ("0 users", "last changed 2026-03-01 12:01 UTC, 0 days before it was read"),
        ),
        (
            {"updated_at": NOW + timedelta(hours=1)},
            ("0 users", "when it last changed is unknown: the record says 2026-03-01 13:00 UTC"),
        ),
        (
            {"updated_at": datetime.min.replace(tzinfo=UTC)},
            ("0 users", "when it last changed is unknown: the record says 0001-01-01 00:00 UTC"),
        ),
        ({"user_count": 1200, "updated_at": None}, ("1,200 users", "when it last changed is unknown")),
    ],
)
def test_what_a_record_said_when_it_was_read(fields, words):
    assert seen_in(customer(**fields), NOW) == words


@pytest.mark.parametrize("way", list(Way))
def test_a_pick_that_no_rules_judged_tells_of_its_studies_where_they_are_known(way):
    how, record = Picked(way, "x", NOW), customer()
    usual = (how.words, *seen_in(record, NOW))
    assert planned(record, how, NOW, None).evidence == usual
    assert planned(record, how, NOW, NEVER).evidence == (*usual, NEVER.words)
    assert planned(record, replace(how, judgement=judgement()), NOW, NEVER).evidence == usual


def test_a_plan_names_each_filter_once_in_the_order_of_its_picks():
    picked = [
        Picked(Way.ALL, "active"),
        Picked(Way.TICKED, "active"),
        Picked(Way.LISTED, "ids.csv"),
        Picked(Way.TICKED, "no users"),
    ]
    assert filters_of(picked) == "active; Picked from a list: ids.csv; no users"


def test_behind_picked_by_such_words_do_not_stand_once_more():
    told = "active; Picked from a list: ids.csv; Picked by a rule set: dormant, version 1, 0123abcd"
    assert picked_by(told) == "active; a list: ids.csv; a rule set: dormant, version 1, 0123abcd"
    assert not [way for way in Way if picked_by(way.value).startswith("Picked")]


def test_the_reader_meets_the_sentence_first_and_the_hash_of_a_rule_set_once():
    said = judgement(rules="dormant, version 1, 0123abcd", words="no study since 2020-10-12; a customer since 2018-10-22")
    picked = Picked(Way.RULES, said.rules, NOW, said)
    told = PlannedCustomer(record=customer(1), evidence=(picked.words,), read_at=NOW, judgement=said).told
    assert told[0] == "No study since 2020-10-12; a customer since 2018-10-22"
    assert told[1] == "Picked by a rule set: dormant, version 1, 0123abcd; customers as read 2026-03-01 12:00 UTC"
    assert "; ".join(told).count("dormant") == 1
    assert filters_of([picked]) == "Picked by a rule set: dormant, version 1, 0123abcd"


OLD = Activity(NOW, NOW - 900 * DAY, (0, 0, 0, 3), whole=True)
RECENT = Activity(NOW, NOW - 9 * DAY, (1, 1, 1, 3), whole=True)
CUT = Activity(NOW, why="403")


@pytest.mark.parametrize("rules", PRESETS, ids=lambda rules: rules.name)
@pytest.mark.parametrize("way", [Way.RULES, Way.TICKED])
@pytest.mark.parametrize("activity", [None, NEVER, OLD, RECENT, CUT], ids=["unread", "never", "old", "recent", "cut off"])
@pytest.mark.parametrize("users", [0, 3])
def test_the_rule_set_the_newest_study_the_users_and_the_update_are_told_once(rules, way, activity, users):
    record = customer(1, user_count=users, updated_at=NOW - 800 * DAY, created_at=NOW - 1000 * DAY)
    said = rules.judgement(Facts(record, NOW, activity))
    how = Picked(way, said.rules if way is Way.RULES else "active", NOW, said)
    told = planned(record, how, NOW, activity).told
    text = "; ".join(told)
    once = [said.rules, f"{record.updated_at:%Y-%m-%d}", *(["2023-09-13", "2026-02-20"] if activity else [])]
    assert [text.count(word) for word in once if word in text] == [1 for word in once if word in text]
    assert text.count(rules.label) == 1
    assert sum(f"{word} user" in text for word in ("no", "0", "3")) == (2 if "no users: no" in text else 1)
    assert "customers as read 2026-03-01 12:00 UTC" in text
    assert told[0][0].isupper()
    assert rules.name not in told[0]
    assert all(f"{one.question}: {one.answer}" in text for one in said.answers)


def test_the_sentence_of_a_dormant_customer_is_one():
    record = customer(1, updated_at=NOW - 800 * DAY, created_at=NOW - 1000 * DAY)
    said = next(one for one in PRESETS if one.name == "dormant").judgement(Facts(record, NOW, OLD))
    assert said.sentence == "No study since 2023-09-13, record unchanged since 2023-12-22, a customer since 2023-06-05"
