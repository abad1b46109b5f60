"""Rules, by tables; how their answers combine, by properties."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara.models import Customer, Study
from lib.evidence.activity import Activity
from lib.evidence.rules import (
    AllOf,
    Answer,
    AnyOf,
    Facts,
    HasMetadata,
    LikelyDuplicate,
    LooksLikeTest,
    NeverAStudy,
    NoStudyFor,
    Not,
    NotUpdatedFor,
    NoUsers,
    OlderThan,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def record(**fields: object) -> Customer:
    plain = {"id": f"cus_{1:032x}", "name": "Mercy Hospital", "is_active": True, "user_count": 3}
    return Customer(**{**plain, "created_at": ago(1000), "updated_at": ago(500), **fields})


def study(days: float | None, *, cancelled: bool = False) -> Study:
    at = None if days is None else ago(days)
    return Study(id=f"stu_{0:032x}", created_at=at, updated_at=at, is_cancelled=cancelled)


def activity(*studies: Study, whole: bool = True, why: str = "") -> Activity:
    return Activity(NOW, whole=whole, why=why).seen(studies)


def facts(seen: Activity | None = None, **fields: object) -> Facts:
    return Facts(record(**fields), NOW, seen)


@pytest.mark.parametrize(
    ("rule", "known", "answer", "words"),
    [
        (NoUsers(), facts(user_count=0), YES, "no users"),
        (NoUsers(), facts(user_count=1), NO, "1 user"),
        (NoStudyFor(days=90), facts(), UNKNOWN, "its studies were not read"),
        (NoStudyFor(days=90), facts(activity()), YES, "never a study"),
        (NoStudyFor(days=90), facts(activity(study(91))), YES, "no study since 2025-11-30"),
        (NoStudyFor(days=90), facts(activity(study(89))), NO, "a study came in on 2025-12-02"),
        (NoStudyFor(days=90), facts(activity(study(89), whole=False)), NO, "a study came in on 2025-12-02"),
        (
            NoStudyFor(days=90),
            facts(activity(study(91), whole=False)),
            UNKNOWN,
            "(reading stopped at it)",
        ),
        (
            NoStudyFor(days=90),
            facts(activity(study(9, cancelled=True), study(91))),
            YES,
            "11-30, 1 cancelled left out",
        ),
        (
            NoStudyFor(days=90),
            facts(activity(study(None), study(91))),
            UNKNOWN,
            "0 in 90 days, 1 without",
        ),
        (NoStudyFor(days=90), facts(activity(study(-9))), UNKNOWN, "no study seen, 1 without a time that can be"),
        (NoStudyFor(days=90), facts(activity(whole=False, why="403")), UNKNOWN, "studies could not be read: 403"),
        (NeverAStudy(), facts(), UNKNOWN, "its studies were not read"),
        (NeverAStudy(), facts(activity()), YES, "never a study"),
        (NeverAStudy(), facts(activity(study(9, cancelled=True))), YES, "never a study, 1 cancelled left out"),
        (NeverAStudy(), facts(activity(study(900))), NO, "a study came in on 2023-09-13"),
        (NeverAStudy(), facts(activity(whole=False)), UNKNOWN, "no study seen"),
        (NeverAStudy(), facts(activity(study(None))), UNKNOWN, "no study seen, 1 without a time that can be"),
        (NotUpdatedFor(days=365), facts(), YES, "record unchanged since 2024-10-17"),
        (NotUpdatedFor(days=501), facts(), NO, "record changed on 2024-10-17"),
        (NotUpdatedFor(days=365), facts(updated_at=None), UNKNOWN, "when it was last updated is unknown"),
        (NotUpdatedFor(days=365), facts(updated_at=datetime(1, 1, 1, tzinfo=UTC)), UNKNOWN, "the record says 0001-01-01"),
        (NotUpdatedFor(days=365), facts(updated_at=ago(-9)), UNKNOWN, "the record says 2026-03-10"),
        (
            NotUpdatedFor(days=365),
            Facts(record(updated_at=ago(1)), NOW, ours=True, updated_before_ours=ago(500)),
            YES,
            "record unchanged since 2024-10-17, our own runs left out",
        ),
        (NotUpdatedFor(days=365), Facts(record(updated_at=ago(1)), NOW, ours=True), UNKNOWN, "is unknown"),
        (OlderThan(days=90), facts(created_at=ago(90)), YES, "a customer since 2025-12-01"),
        (OlderThan(days=90), facts(created_at=ago(89)), NO, "a customer only since 2025-12-02"),
        (OlderThan(days=90), facts(created_at=None), UNKNOWN, "when it was created is unknown"),
        (HasMetadata(key="tier"), facts(metadata={"Tier": "Gold"}), YES, "tier is Gold"),
        (HasMetadata(key="tier"), facts(), NO, "has no tier"),
        (HasMetadata(key="tier", one_of=("gold", "silver")), facts(metadata={"tier": "ＧＯＬＤ"}), YES, "tier is ＧＯＬＤ"),
        (HasMetadata(key="tier", one_of=("silver",)), facts(metadata={"tier": "gold"}), NO, "tier is gold"),
        (HasMetadata(key="end", matches=r"^202[0-4]-"), facts(metadata={"end": "2024-06-30"}), YES, "end is 2024-06-30"),
        (HasMetadata(key="end", matches=r"^202[0-4]-"), facts(metadata={"end": "2026-06-30"}), NO, "end is 2026-06-30"),
        (LooksLikeTest(), facts(name="Test Hospital 3"), YES, "its name says “Test”"),
        (LooksLikeTest(), facts(name="ZZZ do not use"), YES, "its name says “ZZZ”"),
        (LooksLikeTest(), facts(name="sandbox_2"), YES, "its name says “sandbox”"),
        (LooksLikeTest(), facts(name="Testarossa Clinic"), NO, "real"),
        (LooksLikeTest(), facts(name="Contest of Demopolis"), NO, "real"),
        (LikelyDuplicate(), facts(), NO, "no other customer has nearly its name"),
        (
            LikelyDuplicate(likeness=90),
            Facts(record(), NOW, twins={LikelyDuplicate(likeness=90): (("Mercy Hosptal", "cus_2", 96),)}),
            YES,
            "looks like Mercy Hosptal (cus_2), 96 % alike",
        ),
    ],
)
def test_each_rule_answers_with_a_sentence_and_knows_what_it_does_not_know(rule, known, answer, words):
    found = rule.ask(known)
    assert (found.answer, words in found.words) == (answer, True), found


#: Rules that answer each of the three, whatever the customer.
SURE = {YES: NoUsers(), NO: OlderThan(days=5000), UNKNOWN: NeverAStudy()}
THESE = facts(user_count=0)


@pytest.mark.parametrize(("one", "other"), [*itertools.product(Answer, repeat=2)])
def test_answers_combine_by_kleenes_tables(one, other):
    assert AllOf(rules=(SURE[one], SURE[other])).ask(THESE).answer == min(one, other)
    assert AnyOf(rules=(SURE[one], SURE[other])).ask(THESE).answer == max(one, other)
    assert Not(rule=SURE[one]).ask(THESE).answer == {YES: NO, NO: YES, UNKNOWN: UNKNOWN}[one]


leaf = st.sampled_from(list(SURE.values()))
trees = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: AllOf(rules=tuple(rules))),
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: AnyOf(rules=tuple(rules))),
        inner.map(lambda rule: Not(rule=rule)),
    ),
    max_leaves=8,
)


@given(st.lists(trees, min_size=1, max_size=4), trees)
def test_one_rule_more_in_all_never_adds_a_candidate(rules, more):
    assert AllOf(rules=(*rules, more)).ask(THESE).answer <= AllOf(rules=tuple(rules)).ask(THESE).answer


@given(st.lists(trees, min_size=1, max_size=4).flatmap(lambda rules: st.tuples(st.just(rules), st.permutations(rules))))
def test_the_order_of_rules_never_matters(rules):
    given_, turned = rules
    for combination in (AllOf, AnyOf):
        assert combination(rules=given_).ask(THESE).answer == combination(rules=turned).ask(THESE).answer


@given(trees)
def test_unknown_never_becomes_yes_by_combining(tree):
    """A yes stays one whatever the unknown turns out to be."""
    if tree.ask(THESE).answer is YES:
        for seen in (activity(), activity(study(9))):
            assert tree.ask(facts(seen, user_count=0)).answer is YES


studies = st.lists(st.builds(study, st.one_of(st.none(), st.floats(-10, 3000)), cancelled=st.booleans()), max_size=5)


@given(studies, st.booleans(), st.integers(1, 2000), st.integers(0, 2000))
def test_a_later_now_never_makes_a_dormant_customer_less_so(seen, whole, days, later):
    known = activity(*seen, whole=whole)
    rule = AllOf(rules=(NoStudyFor(days=days), NotUpdatedFor(days=days), OlderThan(days=days)))
    first = rule.ask(Facts(record(), NOW, known)).answer
    assert rule.ask(Facts(record(), NOW + timedelta(days=later), known)).answer >= first


@given(studies, st.booleans())
def test_the_order_of_studies_never_matters_nor_how_they_come(seen, whole):
    known = Activity(NOW, whole=whole)
    assert known.seen(seen) == known.seen(seen[::-1]) == known.seen(seen[:2]).seen(seen[2:])
