"""What another number of days would make of a rule set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import AllOf, Answer, AnyOf, NoStudyFor, Not, NotUpdatedFor, NoUsers, OlderThan
from lib.evidence.what_if import days_of, what_if
from tests.evidence.test_rules import activity, ago, facts, study

BY_NAME = {preset.name: preset for preset in PRESETS}
DAYS = (5, 30, 90, 365, 400, 1000)

rules = st.recursive(
    st.sampled_from([NoStudyFor(days=90), NotUpdatedFor(days=365), NoUsers(), OlderThan(days=90)]),
    lambda inner: (
        st.builds(lambda some: AllOf(rules=tuple(some)), st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda some: AnyOf(rules=tuple(some)), st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda one: Not(rule=one), inner)
    ),
    max_leaves=6,
)
ages = st.none() | st.floats(0, 1500)
some_facts = st.builds(
    lambda read, seen, whole, updated, users: facts(
        activity(*map(study, seen), whole=whole) if read else None,
        updated_at=None if updated is None else ago(updated),
        user_count=users,
    ),
    st.booleans(),
    st.lists(ages, max_size=3),
    st.booleans(),
    ages,
    st.integers(0, 1),
)


@given(rules, st.lists(some_facts, max_size=4), st.booleans())
def test_each_answer_is_the_one_that_the_rule_set_of_those_days_gives(rule, many, counts):
    asked = RuleSet(name="x", rule=rule, unknown_counts=counts)
    found = what_if(asked, many, DAYS)
    assert found.answers.tolist() == [[asked.with_days(days).judge(one).answer for days in DAYS] for one in many]
    assert found.present.tolist() == [asked.judge(one).answer for one in many]


def test_the_days_move_and_the_grace_of_new_customers_stays():
    many = [facts(activity(study(days))) for days in (40, 200, 600)] + [facts(activity(study(600)), created_at=ago(89))]
    found = what_if(BY_NAME["dormant"], [*many, facts()], (500, 30, 100))
    assert found.now == 365
    assert found.table.values.tolist() == [[30, 3, 1], [100, 2, 1], [500, 1, 1]]


def test_who_comes_and_who_goes_is_told_with_the_sentence_of_the_new_answer():
    names = ("comes", "stays", "goes", "unread")
    seen = (activity(study(200)), activity(study(400)), activity(study(390)), None)
    many = [facts(one, name=name, updated_at=ago(900)) for name, one in zip(names, seen, strict=True)]
    found = what_if(BY_NAME["dormant"], many, (100, 395))

    def told(days, before=None):
        changed = found.changed(days, before)
        return [(one.record.name, before, new.answer, new.words.partition(";")[0]) for one, before, new in changed]

    assert told(100) == [("comes", Answer.NO, Answer.YES, "no study since 2025-08-13")]
    assert told(395) == [("goes", Answer.YES, Answer.NO, "a study came in on 2025-02-04")]
    assert [(name, before) for name, before, *_ in told(395, 100)] == [("comes", Answer.YES), ("goes", Answer.YES)]
    assert len(found.having(Answer.YES, 100)) == 3
    assert len(found.having(Answer.UNKNOWN, 395)) == 1


@given(some_facts)
def test_a_longer_window_never_has_more_candidates(known):
    found = what_if(RuleSet(name="x", rule=NoStudyFor(days=1)), [known], DAYS).table["candidates"]
    assert found.is_monotonic_decreasing


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        (BY_NAME["never used"].rule, ()),
        (BY_NAME["dormant"].rule, (365,)),
        (AnyOf(rules=(NoStudyFor(days=90), Not(rule=NotUpdatedFor(days=30)))), (30, 90)),
    ],
)
def test_a_rule_set_has_the_days_that_it_asks_studies_and_updates_for(rule, days):
    assert days_of(RuleSet(name="x", rule=rule)) == days
    assert what_if(RuleSet(name="x", rule=rule), [], [7]).now == (days[0] if len(days) == 1 else None)


def test_a_curve_of_many_days_asks_each_customer_a_few_times_only():
    many = [facts(activity(study(days)), updated_at=ago(1500)) for days in np.linspace(0, 1400, 200)]
    asked = 0
    judge = RuleSet.judge

    def counted(self, known):
        nonlocal asked
        asked += 1
        return judge(self, known)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RuleSet, "judge", counted)
        what_if(BY_NAME["dormant"], many, range(5, 1100, 5))
    assert asked < 12 * len(many)
