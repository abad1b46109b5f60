"""Rule sets: presets, what they mean, and files of them."""

from __future__ import annotations

import pytest

from lib.errors import UploadUnreadable
from lib.evidence.rule_set import PRESETS, RuleSet, candidates, what_if
from lib.evidence.rules import AllOf, Answer, NoStudyFor, NoUsers
from tests.evidence.test_rules import activity, ago, facts, study

BY_NAME = {preset.name: preset for preset in PRESETS}


@pytest.mark.parametrize(
    ("preset", "known", "answer"),
    [
        ("never used", facts(activity(), user_count=0), Answer.YES),
        ("never used", facts(activity(), user_count=0, created_at=ago(10)), Answer.NO),
        ("never used", facts(activity(study(900)), user_count=0), Answer.NO),
        ("never used", facts(user_count=0), Answer.UNKNOWN),
        ("never used", facts(user_count=2), Answer.NO),
        ("dormant", facts(activity(study(400))), Answer.YES),
        ("dormant", facts(activity(study(0.1))), Answer.NO),  # its record is old, its studies are new
        ("dormant", facts(activity(study(400)), updated_at=ago(9)), Answer.NO),
        ("dormant", facts(activity(study(400), whole=False)), Answer.UNKNOWN),
        ("empty shell", facts(activity(study(400)), user_count=0), Answer.YES),
        ("duplicate", facts(activity(study(400))), Answer.NO),
    ],
)
def test_presets_mean_what_their_names_say(preset, known, answer):
    assert BY_NAME[preset].judge(known).answer is answer


def test_unknown_counts_only_where_the_analyst_says_so_and_then_each_says_so():
    rules = RuleSet(name="bold", rule=NoStudyFor(days=90), unknown_counts=True)
    found = rules.judge(facts())
    assert (found.answer, found.words) == (Answer.YES, "taken for yes although unknown: its studies were not read")
    assert rules.hash != RuleSet(name="bold", rule=NoStudyFor(days=90)).hash


def test_a_customer_is_explained_question_by_question():
    told = [(leaf.kind, found.answer) for leaf, found in BY_NAME["dormant"].explain(facts(activity(study(9))))]
    assert told == [("older_than", Answer.YES), ("no_study_for", Answer.NO), ("not_updated_for", Answer.YES)]
    assert BY_NAME["dormant"].judge(facts(activity(study(9)))).words.startswith("newest study 2026-02-20")


def test_candidates_are_told_apart_from_those_of_whom_nobody_knows():
    many = [
        facts(activity(), id=f"cus_{1:032x}"),
        facts(None, id=f"cus_{2:032x}"),
        facts(activity(study(1)), id=f"cus_{3:032x}"),
    ]
    found = candidates(RuleSet(name="x", rule=NoStudyFor(days=90)), many)
    assert (found.yes, found.unknown) == ((f"cus_{1:032x}",), (f"cus_{2:032x}",))


def test_what_if_moves_the_days_and_leaves_the_grace_of_new_customers():
    many = [facts(activity(study(days))) for days in (40, 200, 600)]
    assert [(days, len(found.yes)) for days, found in what_if(BY_NAME["dormant"], many, (30, 100, 500))] == [
        (30, 3),
        (100, 2),
        (500, 1),
    ]
    assert BY_NAME["dormant"].with_days(30).explain(many[0])[0][0].days == 90


def test_a_rule_set_goes_into_a_file_and_comes_back_as_it_was():
    for preset in PRESETS:
        assert RuleSet.from_json(preset.to_json()) == preset
        assert RuleSet.from_json(preset.to_json()).hash == preset.hash


def test_the_hash_names_what_is_asked_and_not_by_whom():
    one = RuleSet(name="a", author="Kim", rule=NoUsers())
    assert (
        one.hash == RuleSet(name="b", version=2, rule=NoUsers()).hash != RuleSet(name="a", rule=AllOf(rules=(NoUsers(),))).hash
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no rules that can be used"),
        (b"[]", "no rules that can be used"),
        (b'{"name": "x", "rule": {"kind": "nonsense"}}', "rule"),
        (b'{"name": "x", "rule": {"kind": "no_study_for", "days": 0}}', "days"),
        (b'{"name": "x", "rule": {"kind": "has_metadata", "key": "a", "matches": "("}}', "is no pattern"),
        (b'{"name": "x", "rule": {"kind": "all", "rules": []}}', "rules"),
        (b'{"name": "x", "rule": {"kind": "no_users", "more": 1}}', "more"),
        (b'{"name": "x", "rule": ' + b'{"kind": "not", "rule": ' * 20_000, "no rules that can be used"),
        (b"\xff\xfe", "no rules that can be used"),
        (b" " * 1_000_001, "larger than 1 MB"),
    ],
)
def test_a_file_that_holds_no_rules_says_what_is_wrong(body, says):
    with pytest.raises(UploadUnreadable, match=says):
        RuleSet.from_json(body)
