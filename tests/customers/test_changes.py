"""What changed between two lists is told exactly, whatever the order they came in."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.customers.changes import FIELDS, changes
from lib.customers.frame import build
from tests.customers.records import API_KEY_ID, USER_ID, an_id, customer, customers, distinct_customers

LATER = datetime(2026, 2, 2, 8, tzinfo=UTC)

CHANGED = [
    ({"is_active": False}, {"status"}, [("status", "active", "inactive")]),
    ({"user_count": 1204}, {"users"}, [("users", "3", "1,204")]),
    ({"name": "Other"}, {"name"}, [("name", "Hospital 1", "Other")]),
    ({"updated_at": LATER}, {"last update"}, [("last update", "2025-03-15 14:20:00 UTC", "2026-02-02 08:00:00 UTC")]),
    ({"updated_at": None}, {"last update"}, [("last update", "2025-03-15 14:20:00 UTC", "unknown")]),
    ({"created_at": None}, {"created"}, [("created", "2024-01-15 09:00:00 UTC", "unknown")]),
    ({"created_by_user_id": USER_ID}, {"created"}, [("created by", "unknown", USER_ID)]),
    ({"created_by_api_key_id": API_KEY_ID}, {"created"}, [("created by", "unknown", str(API_KEY_ID))]),
    (
        {"metadata": {"department": "CT", "region": "northeast"}},
        {"metadata"},
        [("metadata: department", "radiology", "CT")],
    ),
    ({"metadata": {"region": "northeast"}}, {"metadata"}, [("metadata: department", "radiology", "not set")]),
    (
        {"metadata": {"department": "northeast", "region": "radiology"}},
        {"metadata"},
        [("metadata: department", "radiology", "northeast"), ("metadata: region", "northeast", "radiology")],
    ),
    (
        {"metadata": {"department": "radiology", "place": "northeast"}},
        {"metadata"},
        [("metadata: region", "northeast", "not set"), ("metadata: place", "not set", "northeast")],
    ),
    ({"metadata": {"region": "northeast", "department": "radiology"}}, set(), []),
    (
        {"name": "Other", "user_count": 0, "updated_at": LATER},
        {"name", "users", "last update"},
        [
            ("users", "3", "0"),
            ("name", "Hospital 1", "Other"),
            ("last update", "2025-03-15 14:20:00 UTC", "2026-02-02 08:00:00 UTC"),
        ],
    ),
]


@pytest.mark.parametrize(("change", "fields", "told"), CHANGED)
def test_each_field_that_differs_is_told_with_both_sides(change, fields, told) -> None:
    found = changes(build([customer(1), customer(2)]), build([customer(2), customer(1, **change)]))
    assert {field: set(ids) for field, ids in found.fields.items()} == {field: {an_id(1)} for field in fields}
    assert found.changed == ({an_id(1)} if fields else set())
    assert bool(found) == bool(fields)
    rows = list(found.told([an_id(1), an_id(2), an_id(3)]))
    assert [(one.what, one.before, one.now) for one in rows] == told
    assert {one.id for one in rows} <= {an_id(1)}


def test_who_is_new_and_who_is_gone_is_told_with_what_they_are() -> None:
    found = changes(build([customer(1), customer(2, user_count=1204)]), build([customer(1), customer(3, is_active=False)]))
    assert (found.new, found.gone, found.fields) == ((an_id(3),), (an_id(2),), {})
    assert found.ids() == (an_id(2), an_id(3))
    assert list(found.told(found.ids())) == [
        (an_id(2), "Hospital 2", "gone", "active, 1,204 users", ""),
        (an_id(3), "Hospital 3", "new", "", "inactive, 3 users"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ([], [], ""),
        ([customer(1)], [customer(1)], ""),
        ([], [customer(1)], "1 new"),
        ([customer(1)], [], "1 gone"),
        (
            [customer(1), customer(2), customer(3), customer(4), customer(5)],
            [
                customer(1, user_count=9, updated_at=LATER),
                customer(2, user_count=9, metadata={}),
                customer(3, updated_at=LATER),
                customer(4),
                customer(6),
            ],
            "1 new, 1 gone, 3 changed (users 2, metadata 1, only last update 1)",
        ),
    ],
)
def test_the_words_count_what_happened(old, new, words) -> None:
    found = changes(build(old), build(new))
    assert found.words == words
    assert bool(found) == bool(words)


def expected(old, new):
    """The same, customer by customer."""
    was, now = ({record.id: record for record in records} for records in (old, new))
    fields: dict[str, set[str]] = {}
    for id_ in was.keys() & now.keys():
        for field, columns in {**FIELDS, "metadata": ("metadata",)}.items():
            if any(getattr(was[id_], column) != getattr(now[id_], column) for column in columns):
                fields.setdefault(field, set()).add(id_)
    return [record.id for record in new if record.id not in was], [record.id for record in old if record.id not in now], fields


@given(distinct_customers, st.lists(customers, max_size=6), st.randoms(use_true_random=False))
def test_it_finds_what_a_comparison_one_by_one_finds(records, others, chance: random.Random) -> None:
    old = {record.id: record for record in records}
    new = {record.id: record for record in records if chance.random() > 0.2}
    for record in others:  # some take the place of an old one, field by field or as a whole
        like = chance.choice(records) if records and chance.random() < 0.7 else record
        new[like.id] = like.model_copy(
            update={name: getattr(record, name) for name in type(record).model_fields if name != "id" and chance.random() < 0.4}
        )
    shuffled = chance.sample(list(new.values()), len(new))
    found = changes(build(old.values()), build(shuffled))
    fresh, gone, fields = expected(old.values(), shuffled)
    assert (list(found.new), list(found.gone)) == (fresh, gone)
    assert {field: set(ids) for field, ids in found.fields.items()} == fields
    concerned = [id_ for id_ in new if id_ in found.changed or id_ in found.new]
    assert found.after.records(concerned) == [new[id_] for id_ in concerned]
    assert len(found.after) == len(concerned)
    earlier = [id_ for id_ in old if id_ in found.changed or id_ in found.gone]
    assert found.before.records(earlier) == [old[id_] for id_ in earlier]
    assert len(found.before) == len(earlier)
    assert {one.id for one in found.told(found.ids())} == {*concerned, *earlier}


@given(distinct_customers, st.randoms(use_true_random=False))
def test_the_order_of_customers_and_of_metadata_is_no_change(records, chance: random.Random) -> None:
    shuffled = [
        record.model_copy(update={"metadata": dict(chance.sample(list(record.metadata.items()), len(record.metadata)))})
        for record in chance.sample(records, len(records))
    ]
    assert not changes(build(records), build(shuffled))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            {"updated_at": datetime(2026, 11, 25, 9, 0, 1, tzinfo=UTC)},
            {"updated_at": datetime(2026, 11, 25, 9, 0, 1, 250_000, tzinfo=UTC)},
            ("last update", "2026-11-25 09:00:01.000000 UTC", "2026-11-25 09:00:01.250000 UTC"),
        ),
        (
            {"created_by_user_id": str(API_KEY_ID), "created_by_api_key_id": None},
            {"created_by_user_id": None, "created_by_api_key_id": API_KEY_ID},
            ("created by", f"user {API_KEY_ID}", f"API key {API_KEY_ID}"),
        ),
    ],
    ids=["within a second", "the same maker of another kind"],
)
def test_a_change_that_would_be_told_alike_is_told_exactly(before, after, told) -> None:
    record = customer(1)
    old, new = (build([record.model_copy(update=changed)]) for changed in (before, after))
    found = changes(old, new)
    assert [(one.what, one.before, one.now) for one in found.told(found.ids())] == [told]
