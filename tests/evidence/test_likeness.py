"""Which customers are taken for likely the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara.models import id_key
from lib.customers.frame import build
from lib.evidence.facts import facts_of
from lib.evidence.likeness import twins_of
from lib.evidence.rules import AllOf, Answer, AnyOf, LikelyDuplicate, Not, Rule
from tests.customers.records import NOW, customer


@pytest.mark.parametrize(
    ("one", "other", "are_twins"),
    [
        ("Springfield Cardiology", "Springfield Cardiology", True),
        ("Springfield Cardiology", "Springfield Radiology", False),
        ("Springfield Regional Medical Center Cardiology", "Springfield Regional Medical Center Radiology", False),
        ("Springfield Cardiology", "Cardiology, SPRINGFIELD", True),
        ("Springfield Cardiology", "Sprngfield Cardiology", True),
        ("Springfield Cardiology", "Springfield Cardioolgy", True),
        ("Springfield Urology", "Springfield Neurology", False),
        ("Springfield Hospital North", "Springfield Hospital South", False),
        ("Springfield Hospital North", "Springfield Hospital Northwest", False),
        ("Springfield General Hospital", "Springfield General Hospital East", False),
        ("St. Mary Hospital", "Saint Mary's Hospital", True),
        ("St. Mary Hospital of Springfield", "St. Mark Hospital of Springfield", False),
        ("Clinic Nord 1", "Clinic Nord 2", False),
        ("Imaging Center Springfield II", "Imaging Center Springfield III", False),
        ("Imaging Center Springfield A", "Imaging Center Springfield B", False),
        ("Radiologie Praxis12 Hamburg", "Radiologie Praxis13 Hamburg", False),
        ("MRT Zentrum Köln", "MRT-Zentrum Koeln GmbH", True),
        ("MRT Zentrum Köln", "MRTZentrum Köln", True),
        ("Ｓpringfield Ctr. for Imaging", "Springfield Imaging Center, Inc.", True),
        ("Hôpital Saint-Louis", "Hopital St Louis", True),
        ("The", "The", True),
        ("???", "!!!", False),
        ("???", "???", True),
    ],
)
def test_names_are_twins_where_only_spellings_differ_and_not_where_another_word_stands(one: str, other: str, are_twins: bool):
    records = [customer(0, name=one), customer(1, name=other)]
    for frame in (build(records), build(reversed(records))):
        twins = twins_of(frame, LikelyDuplicate())
        assert twins.keys() == ({id_key(record.id) for record in records} if are_twins else set())


def answers(rule: Rule, *metadata: dict[str, str], names: list[str]) -> list[Answer]:
    """What the rule says of customers of these names, in their order."""
    records = [customer(at, name=name, metadata=own) for at, (name, own) in enumerate(zip(names, metadata, strict=True))]
    frame = build(records)
    return [rule.ask(facts).answer for facts in facts_of(frame, frame.rows["id"], rule, {}, NOW)]


WEST, EAST, NAMES = {"region": "west"}, {"region": "east"}, ["Springfield Cardiology", "Sprngfield Cardiology", "Clinic Nord"]
asked = st.builds(
    LikelyDuplicate, likeness=st.sampled_from((50, 98, 100)), same=st.sampled_from(((), ("region",), ("Region",)))
)
trees = st.recursive(
    asked,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: AllOf(rules=tuple(rules))),
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: AnyOf(rules=tuple(rules))),
        inner.map(lambda rule: Not(rule=rule)),
    ),
    max_leaves=5,
)


def apart(rule: Rule, metadata: list[dict[str, str]]) -> list[Answer]:
    """The same, each question asked in a rule set of its own."""
    match rule:
        case AllOf(rules=rules) | AnyOf(rules=rules):
            each = zip(*(apart(inner, metadata) for inner in rules), strict=True)
            return [(min if isinstance(rule, AllOf) else max)(found) for found in each]
        case Not(rule=inner):
            return [found.opposite for found in apart(inner, metadata)]
        case _:
            return answers(rule, *metadata, names=NAMES)


@given(trees, trees, st.lists(st.sampled_from((WEST, EAST, {})), min_size=3, max_size=3))
def test_questions_for_duplicates_never_change_each_others_answers(rule: Rule, more: Rule, metadata: list[dict[str, str]]):
    found = answers(rule, *metadata, names=NAMES)
    assert found == apart(rule, metadata)
    both = answers(AllOf(rules=(rule, more)), *metadata, names=NAMES)
    assert all(after <= before for after, before in zip(both, found, strict=True))


@pytest.mark.parametrize(
    ("one", "other", "are_twins"),
    [
        (WEST, WEST, True),
        (WEST, {"REGION": "West"}, True),
        (WEST, EAST, False),
        (WEST, {}, False),
        ({}, {}, False),
        ({"region": " "}, {"region": ""}, False),
    ],
)
def test_only_what_both_have_is_the_same(one: dict[str, str], other: dict[str, str], are_twins: bool):
    found = answers(LikelyDuplicate(same=("region",)), one, other, names=["Clinic Nord", "Clinic Nord"])
    assert found == [Answer.YES if are_twins else Answer.NO] * 2


@pytest.mark.parametrize("name", ["General Hospital Berlin", "The", "???"])
def test_customers_of_the_same_name_are_found_however_many_they_are_and_three_are_told(name: str):
    records = [customer(at, name=name) for at in range(1000)]
    twins = twins_of(build(records), LikelyDuplicate(likeness=100))
    assert [len(twins[id_key(record.id)]) for record in records] == [3] * 1000
    assert all(record.id not in {id_ for _, id_, _ in twins[id_key(record.id)]} for record in records)
