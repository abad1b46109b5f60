"""What changed as a table: each change a row, with the run of ours that made it and no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from lib.customers.changes import changes
from lib.customers.compared import COLUMNS, KINDS, Compared, Done, rows_of
from lib.customers.frame import build
from tests.customers.records import an_id, customer, distinct_customers

SINCE, UNTIL = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
RUN_AT = datetime(2026, 2, 10, 12, tzinfo=UTC)


def compared(old, new, *done):
    return Compared(SINCE, UNTIL, changes(build(old), build(new)), done)


def told(table):
    return [tuple(row) for row in table[["id", "what", "key", "before", "after"]].astype("str").to_numpy()]


def test_each_kind_of_change_is_a_row_in_the_order_of_the_kinds():
    old = [customer(number) for number in range(1, 10)]
    new = [
        customer(2, is_active=False, updated_at=RUN_AT),
        customer(3, user_count=1204, name="Other", updated_at=RUN_AT),
        customer(4, metadata={"department": "CT", "place": "2"}),
        customer(5, updated_at=RUN_AT),
        customer(6, created_at=None),
        *old[6:],
        customer(77, user_count=1),
    ]
    table = compared(old, new).table
    assert list(table.columns) == list(COLUMNS)
    assert list(table["what"].cat.categories) == list(KINDS)
    assert told(table) == [
        (an_id(77), "new", "", "", "active, 1 users"),
        (an_id(1), "gone", "", "active, 3 users", ""),
        (an_id(2), "deactivated", "", "active", "inactive"),
        (an_id(3), "users", "", "3", "1,204"),
        (an_id(3), "name", "", "Hospital 3", "Other"),
        (an_id(4), "metadata", "department", "radiology", "CT"),
        (an_id(4), "metadata", "place", "not set", "2"),
        (an_id(4), "metadata", "region", "northeast", "not set"),
        (an_id(6), "created", "", "2024-01-15 09:00:00 UTC", "unknown"),
        (an_id(5), "last update", "", "2025-03-15 14:20:00 UTC", "2026-02-10 12:00:00 UTC"),
    ]
    assert table["name"].tolist()[3:5] == ["Other", "Other"]


def test_where_nothing_changed_the_table_is_empty_and_has_its_columns():
    table = compared([customer(1)], [customer(1)]).table
    assert (len(table), list(table.columns)) == (0, list(COLUMNS))


@given(distinct_customers, distinct_customers)
def test_the_table_tells_what_the_words_of_each_customer_tell(old, new):
    found = compared(old, new)
    expected = set()
    for one in found.changes.told(found.changes.ids()):
        what, _, key = one.what.partition(": ")
        what = {"status": "deactivated" if one.now == "inactive" else "activated", "created by": "created"}.get(what, what)
        expected.add((one.id, what, key))
    busy = {id_ for id_, what, _ in expected if what != "last update"}
    expected = {row for row in expected if row[1] != "last update" or row[0] not in busy}
    rows = told(found.table)
    assert len(rows) == len({(id_, what, key) for id_, what, key, *_ in rows})
    assert {(id_, what, key) for id_, what, key, *_ in rows} == expected
    assert all(before != after for _, _, _, before, after in rows)
    assert len(list(rows_of(found.table))) == len(rows)


def done(number, run, at=RUN_AT, **left):
    return Done(run, "Robin", at, customer(number, **{"is_active": False, "updated_at": at, **left}))


@pytest.mark.parametrize(
    ("now", "runs", "whose"),
    [
        ({"is_active": False, "updated_at": RUN_AT}, [done(1, "run_1")], {"deactivated": "run_1"}),
        ({"is_active": False, "updated_at": RUN_AT}, [], {"deactivated": ""}),
        ({"is_active": False, "updated_at": RUN_AT}, [done(2, "run_1")], {"deactivated": ""}),
        # Somebody gave it users since: that is not the run's doing, the deactivation still is.
        ({"is_active": False, "user_count": 9, "updated_at": UNTIL}, [done(1, "run_1")], {"deactivated": "run_1", "users": ""}),
        # Ours went there and back: nothing but the last update shows it.
        (
            {"updated_at": RUN_AT + timedelta(hours=1)},
            [done(1, "run_2", RUN_AT + timedelta(hours=1), is_active=True), done(1, "run_1")],
            {"last update": "run_2"},
        ),
        # ... and somebody touched it again.
        ({"updated_at": UNTIL}, [done(1, "run_2", is_active=True)], {"last update": ""}),
        # Two of ours in a row: the later one made it what it is.
        (
            {"is_active": False, "updated_at": UNTIL},
            [done(1, "run_3", UNTIL), done(1, "run_1")],
            {"deactivated": "run_3"},
        ),
    ],
)
def test_a_change_is_a_runs_only_where_that_run_made_it(now, runs, whose):
    table = compared([customer(1)], [customer(1, **now)], *runs).table
    assert dict(zip(table["what"].astype("str"), table["run"], strict=True)) == whose
    assert set(table["by"]) <= {"", "Robin"}
    assert (table["by"] == "").equals(table["run"] == "")
