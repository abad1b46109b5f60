"""Rule sets: presets, what they mean, and files of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lib.errors import UploadUnreadable
from lib.evidence.activity import NOT_READ, Activity
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import AllOf, Answer, AnyOf, NeverAStudy, NoStudyFor, Not, NoUsers, OlderThan
from tests.evidence.test_rules import NOW, activity, ago, facts, study

DAY = timedelta(days=1)
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


@pytest.mark.parametrize(
    ("rule", "known", "said", "kept"),
    [
        (NoStudyFor(days=90), None, Answer.YES, NOT_READ),
        (AllOf(rules=(NoUsers(), Not(rule=NeverAStudy()))), None, Answer.YES, NOT_READ),
        (AnyOf(rules=(NoUsers(), NoStudyFor(days=90))), None, Answer.YES, NOT_READ),  # the studies don't decide
        (AnyOf(rules=(NoUsers(), NoStudyFor(days=90))), activity(study(9)), Answer.YES, ""),
        (NoUsers(), None, Answer.YES, None),  # it asks nothing of studies
    ],
)
def test_a_judgement_that_asks_of_studies_says_what_a_later_one_is_told_from_read_or_not(rule, known, said, kept):
    asked = facts(known, user_count=0)
    judged = RuleSet(name="x", rule=rule, unknown_counts=True).judgement(asked)
    assert judged.answer == str(said)
    assert (judged.activity and judged.activity.why) == kept
    if kept:
        came, before = (Activity(NOW + DAY, NOW + by) for by in (DAY, -DAY))
        assert (judged.activity.came_since(came), judged.activity.came_since(before)) == (NOW + DAY, None)


def test_a_customer_is_explained_question_by_question():
    told = [(leaf.kind, found.answer) for leaf, found in BY_NAME["dormant"].explain(facts(activity(study(9))))]
    assert told == [("no_study_for", Answer.NO), ("not_updated_for", Answer.YES), ("older_than", Answer.YES)]
    assert BY_NAME["dormant"].judge(facts(activity(study(9)))).words.startswith("a study came in on 2026-02-20")


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
        *[
            (b'{"name": "x", "rule": {"kind": "no_study_for", "days": %s}}' % days, "days")
            for days in (b"true", b'"365"', b"1e2")
        ],
        *[(b'{"name": "x", "unknown_counts": %s, "rule": {"kind": "no_users"}}' % yes, "unknown") for yes in (b'"yes"', b"1")],
        (b'{"name": "x", "name": "y", "rule": {"kind": "no_users"}}', "name is there twice"),
        (b'{"name": "x", "rule": {"kind": "no_study_for", "days": 9, "days": 365}}', "days is there twice"),
        (b'{"name": "x", "version": 1000001, "rule": {"kind": "no_users"}}', "version"),
        (b'{"name": "x", "rule": {"kind": "has_metadata", "key": "%s"}}' % (b"a" * 201), "key"),
        (b'{"name": "x", "rule": {"kind": "has_metadata", "key": "a", "matches": "%s"}}' % (b"a" * 501), "matches"),
        (b'{"name": "x", "rule": {"kind": "has_metadata", "key": "a", "one_of": ["%s"]}}' % (b"a" * 501), "one_of"),
        (b'{"name": "x", "rule": {"kind": "has_metadata", "key": "a", "one_of": [""%s]}}' % (b',""' * 1000), "one_of"),
        (b'{"name": "x", "rule": ' + b'{"kind": "not", "rule": ' * 20_000, "no rules that can be used"),
        (b"\xff\xfe", "no rules that can be used"),
        (b" " * 1_000_001, "larger than 1 MB"),
    ],
)
def test_a_file_that_holds_no_rules_says_what_is_wrong(body, says):
    with pytest.raises(UploadUnreadable, match=says):
        RuleSet.from_json(body)


def test_a_rule_set_without_a_word_of_its_own_tells_what_it_asks():
    either = AnyOf(rules=(NoUsers(), Not(rule=NeverAStudy())))
    asked = RuleSet(name="x", rule=AllOf(rules=(OlderThan(days=90), either)))
    assert asked.asks == "older than 90 days; no users or not: never a study"
