"""The frame gives back what went in, keeps one row an id, and changes by making a new one."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara.models import Customer, id_key
from lib.customers import idindex
from lib.customers.facets import facet_keys
from lib.customers.frame import FrameBuilder, build
from lib.customers.ours import OwnUpdate
from tests.customers.records import (
    API_KEY_ID,
    NOW,
    USER_ID,
    an_id,
    customer,
    customers,
    distinct_customers,
    lists_of_customers,
)

DTYPES = {
    "id": "str",
    "name": "str",
    "is_active": "bool",
    "user_count": "int64",
    "created_at": "datetime64[us, UTC]",
    "updated_at": "datetime64[us, UTC]",
    "created_by": "category",
    "created_by_user_id": "str",
    "created_by_api_key_id": "str",
}


@pytest.mark.parametrize("records", [[], [customer()], [customer(created_at=None, updated_at=None, metadata={})]])
def test_columns_and_dtypes_are_the_same_whatever_came(records):
    frame = build(records)
    assert frame.rows.dtypes.astype(str).to_dict() == DTYPES
    assert frame.rows["created_by"].cat.categories.tolist() == ["user", "api_key", "unknown"]
    assert frame.metadata.dtypes.astype(str).to_dict() == {"row": "int32", "key": "category", "value": "category"}
    assert isinstance(frame.rows.index, pd.RangeIndex)
    assert len(frame) == len(records)


@given(distinct_customers)
def test_every_record_comes_back_as_it_went_in(records):
    frame = build(records)
    back = frame.records([record.id for record in records])
    assert back == records
    assert [list(record.metadata.items()) for record in back] == [list(record.metadata.items()) for record in records]
    assert [record.model_dump_json() for record in back] == [record.model_dump_json() for record in records]


@given(lists_of_customers)
def test_reading_page_by_page_gives_what_reading_at_once_gives(records):
    builder = FrameBuilder()
    for record in records:
        builder.add([record])
        builder.frame()  # looking in between changes nothing
    assert_same(builder.frame(), build(records))


@given(lists_of_customers)
def test_an_id_that_comes_twice_keeps_its_first_place_and_its_newest_record(records):
    newest = {}
    for record in records:
        held = newest.setdefault(record.id, record)
        if record.updated_at is None:
            newer = held.updated_at is None
        else:
            newer = held.updated_at is None or record.updated_at >= held.updated_at
        newest[record.id] = record if newer else held
    frame = build(records)
    assert frame.ids(np.arange(len(frame))) == tuple(newest)
    assert frame.records(newest) == list(newest.values())


@pytest.mark.parametrize(
    ("user", "key", "maker"),
    [(USER_ID, None, "user"), (USER_ID, API_KEY_ID, "user"), (None, API_KEY_ID, "api_key"), (None, None, "unknown")],
)
def test_created_by_names_the_dashboard_user_before_the_api_key(user, key, maker):
    frame = build([customer(created_by_user_id=user, created_by_api_key_id=key)])
    assert frame.rows["created_by"].tolist() == [maker]


def test_ids_that_the_frame_lacks_are_never_taken_for_another():
    frame = build([customer(1), customer(2)])
    assert frame.record(an_id(2))
    assert not frame.record(an_id(3))
    assert not frame.record("")
    assert frame.record(an_id(3)) is None
    assert frame.positions([an_id(3), an_id(2), "é", an_id(1)]).tolist() == [1, 0]
    assert frame.known([an_id(3), an_id(2)]).tolist() == [False, True]
    assert frame.positions([]).tolist() == []
    assert build([]).positions([an_id(1)]).tolist() == []


def test_a_metadata_column_is_aligned_with_the_rows():
    frame = build([customer(1, metadata={"a": "x"}), customer(2, metadata={}), customer(3, metadata={"b": "y", "a": ""})])
    column = frame.metadata_column("a")
    assert column.dtype == "str"
    assert column.isna().tolist() == [False, True, False]
    assert column[[0, 2]].tolist() == ["x", ""]
    assert frame.metadata_column("none").isna().all()
    assert facet_keys(frame) == [("a", 2), ("b", 1)]


@given(distinct_customers, st.randoms(use_true_random=False))
def test_the_metadata_of_some_customers_is_that_of_their_records(records, random):
    frame = build(records)
    some = [random.randrange(len(records)) for _ in range(5)] if records else []
    found = frame.pairs.of_customers(np.array(some, dtype=np.int64))
    assert [list(pairs.items()) for pairs in found] == [list(records[place].metadata.items()) for place in some]


@given(distinct_customers, lists_of_customers, st.randoms(use_true_random=False))
def test_many_ids_at_once_are_looked_up_as_one_by_one(records, others, random):
    frame = build(records)
    asked = [record.id for record in [*records, *others]]
    random.shuffle(asked)
    places = {record.id: place for place, record in enumerate(records)}
    assert frame.index.find(asked).tolist() == [places.get(id_, -1) for id_ in asked]


@given(distinct_customers, st.lists(customers, max_size=4))
def test_with_records_puts_records_in_the_place_of_those_that_are_no_newer(records, fresh):
    frame = build(records)
    frame.text.mask("north")  # what was prepared must not outlive a change
    expected = {record.id: record for record in records}
    for record in {record.id: record for record in fresh}.values():
        times = [one.updated_at for one in (expected.get(record.id), record) if one]
        if len(times) == 2 and (None in times or times[0] <= times[1]):
            expected[record.id] = record
    changed = frame.with_records(fresh)
    assert_same(changed, build(expected.values()))
    assert changed.text.mask("north").tolist() == build(expected.values()).text.mask("north").tolist()
    assert frame.records([record.id for record in records]) == records, "the older frame is as it was"
    assert changed is frame or changed.version > frame.version


def test_with_records_shares_what_did_not_change():
    frame = build([customer(1), customer(2)])
    changed = frame.with_records([customer(2, is_active=False, updated_at=NOW)])
    assert changed.metadata is frame.metadata
    assert changed.text is frame.text
    assert np.shares_memory(changed.rows["user_count"].to_numpy(), frame.rows["user_count"].to_numpy())


def test_a_change_of_metadata_leaves_all_other_customers_as_they_were():
    records = [customer(n, metadata={"n": str(n)} if n % 2 else {}) for n in range(30)]
    frame = build(records).with_records([customer(3, metadata={"new": "x"}), customer(4, metadata={"n": "4"})])
    expected = [*records[:3], customer(3, metadata={"new": "x"}), customer(4, metadata={"n": "4"}), *records[5:]]
    assert frame.records(an_id(n) for n in range(30)) == expected
    assert frame.metadata_column("n").isna().tolist() == ["n" not in record.metadata for record in expected]


def test_a_search_finds_the_new_name_and_the_new_metadata_and_not_the_old_ones():
    frame = build([customer(1, name="Old", metadata={"k": "before"}), customer(2, name="Other", metadata={})])
    assert frame.text.mask("old").tolist() == frame.text.mask("before").tolist() == [True, False]
    changed = frame.with_records([customer(1, name="New", metadata={"k": "before"})])
    assert changed.text.mask("new").tolist() == [True, False]
    assert not changed.text.mask("old").any()
    changed = frame.with_records([customer(1, name="Old", metadata={"k": "after"})])
    assert changed.text.mask("after").tolist() == [True, False]
    assert not changed.text.mask("before").any()


def test_what_was_updated_last_by_runs_of_ours_has_the_time_before_them():
    at = [NOW - timedelta(days=days) for days in range(9)]
    old = at[8]
    ours = {
        an_id(1): OwnUpdate("run_1", at[1], old),
        an_id(2): OwnUpdate("run_1", at[1], old),  # somebody updated it since
        an_id(3): OwnUpdate("run_2", at[1], None),
        an_id(4): OwnUpdate("run_2", None, old),
        an_id(7): OwnUpdate("run_2", at[1], old),  # not in the list
    }
    frame = build(customer(n, updated_at=updated) for n, updated in ((1, at[1]), (2, at[0]), (3, at[1]), (4, None), (5, at[2])))
    changed = frame.with_ours(ours)
    assert changed.updated_before_ours.tolist() == [old, at[0], pd.NaT, old, at[2]]
    assert changed.updated_before_ours.dtype == frame.rows["updated_at"].dtype
    own = [changed.own_update(an_id(n)) for n in range(1, 8)]
    assert own == [ours[an_id(1)], None, ours[an_id(3)], ours[an_id(4)], None, None, None]
    assert frame.updated_before_ours.tolist() == frame.rows["updated_at"].tolist()
    renamed = changed.with_records([customer(1, name="New", updated_at=at[1])])
    assert renamed.updated_before_ours.tolist() == changed.updated_before_ours.tolist()


def test_nothing_can_be_written_into_a_shared_frame_by_way_of_a_row_of_it():
    frame = build([customer(1)])
    taken = frame.rows.take([0])
    taken.loc[0, "name"] = "other"
    assert frame.rows["name"].tolist() == ["Hospital 1"]


def assert_same(frame, other):
    assert frame.rows.dtypes.to_dict() == other.rows.dtypes.to_dict()
    assert frame.ids(np.arange(len(frame))) == other.ids(np.arange(len(other)))
    assert frame.records(frame.rows["id"]) == other.records(other.rows["id"])
    assert facet_keys(frame) == facet_keys(other)


def in_upper_case(record: Customer) -> Customer:
    return record.model_copy(update={"id": "cus_" + record.id[4:].upper()})


def test_a_customer_is_the_same_in_any_case_of_its_id():
    record = customer(0xAB, updated_at=NOW, name="New")
    other, older = in_upper_case(record), customer(0xAB, updated_at=NOW - timedelta(days=1), name="Old")
    for records in ([older, other], [other, older], [in_upper_case(older), record], [record, in_upper_case(older)]):
        frame = build(records)
        assert [frame.record(id_).name for id_ in (record.id, other.id)] == ["New", "New"]
        assert len(frame) == 1
    frame = build([customer(1), older, customer(3)]).with_records([other])
    assert frame.ids([0, 1, 2]) == (customer(1).id, other.id, customer(3).id)
    assert frame.positions([older.id, other.id, customer(3).id]).tolist() == [1, 1, 2]


@given(lists_of_customers)
def test_the_keys_of_a_column_are_those_of_its_ids(records):
    ids = [in_upper_case(record).id for record in records]
    assert idindex.id_keys(pd.Series(ids, dtype="str")).tolist() == [id_key(id_) for id_ in ids]
