"""Sorting is stable, puts the unknown last, and reads text as people do."""

from datetime import UTC, datetime
from functools import cmp_to_key

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara.times import known
from lib.customers.frame import build
from lib.customers.sorting import page_count, page_slice, sort_positions
from lib.customers.text import fold, natural_keys
from tests.customers.records import an_id, customer, distinct_customers


def natural(text):
    return None if text is None else natural_keys([fold(text)])[0].encode()


def maker(record):
    return "user" if record.created_by_user_id else "api_key" if record.created_by_api_key_id else None


COLUMNS = {
    "id": lambda record: record.id,
    "name": lambda record: natural(record.name),
    "is_active": lambda record: record.is_active,
    "user_count": lambda record: record.user_count,
    "created_at": lambda record: known(record.created_at, datetime.now(UTC)),
    "updated_at": lambda record: known(record.updated_at, datetime.now(UTC)),
    "created_by": maker,
    "created_by_user_id": lambda record: record.created_by_user_id,
    "created_by_api_key_id": lambda record: record.created_by_api_key_id and str(record.created_by_api_key_id),
    "metadata:region": lambda record: natural(record.metadata.get("region")),
    "metadata:none": lambda record: None,
}


@given(distinct_customers, st.sampled_from(sorted(COLUMNS)), st.booleans(), st.randoms(use_true_random=False))
def test_the_order_is_that_of_a_plain_stable_sort_with_the_unknown_last(records, by, descending, random):
    value = COLUMNS[by]
    some = [place for place in range(len(records)) if random.random() < 0.8]
    given_order = random.sample(some, len(some))

    def compare(one, other):
        a, b = value(records[one]), value(records[other])
        if a is None or b is None:
            return (a is None) - (b is None)
        return ((a > b) - (a < b)) * (-1 if descending else 1)

    frame = build(records)
    for _ in range(2):  # the second time the order is known
        ordered = sort_positions(frame, np.array(given_order, dtype=np.int64), by, descending=descending)
        assert ordered.tolist() == sorted(some, key=cmp_to_key(compare))


def test_names_sort_as_people_read_them():
    names = ["ward 10", "Ward 2", "łódź", "Zamość", "äther", "Ärzte", "ward 9"]
    frame = build([customer(n, name=name) for n, name in enumerate(names)])
    ordered = sort_positions(frame, np.arange(len(names)), "name")
    assert [names[place] for place in ordered] == ["Ärzte", "äther", "łódź", "Ward 2", "ward 9", "ward 10", "Zamość"]


def test_a_change_of_the_sorted_column_is_seen_in_the_new_frame():
    frame = build([customer(1, user_count=1), customer(2, user_count=2)])
    assert sort_positions(frame, np.arange(2), "user_count").tolist() == [0, 1]
    assert sort_positions(frame, np.arange(2), "id").tolist() == [0, 1]
    changed = frame.with_records([customer(1, user_count=5)])
    assert sort_positions(changed, np.arange(2), "user_count").tolist() == [1, 0]
    assert sort_positions(changed, np.arange(2), "id").tolist() == [0, 1]


def test_a_column_that_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match="no column 'nothing'"):
        sort_positions(build([customer()]), np.arange(1), "nothing")


@pytest.mark.parametrize(
    ("page", "shown"),
    [(1, [0, 1, 2]), (2, [3, 4, 5]), (3, [6]), (4, [6]), (99, [6]), (0, [0, 1, 2]), (-1, [0, 1, 2])],
)
def test_a_page_beyond_the_ends_is_the_nearest_one(page, shown):
    assert page_slice(np.arange(7), page, 3).tolist() == shown


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (1, 1), (3, 1), (4, 2), (7, 3)])
def test_even_an_empty_table_has_a_page(total, pages):
    assert page_count(total, 3) == pages
    assert page_slice(np.arange(0), 1, 3).tolist() == []


def test_sorting_no_rows_gives_no_rows():
    frame = build([customer()])
    assert sort_positions(frame, np.arange(0), "name").tolist() == []
    assert frame.record(an_id(1))
