from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as some

from lib.customers.filters import Filter
from lib.ui.customers import filters

RANGES = some.none() | some.integers(0, 10_000)
FILTERS = some.builds(
    Filter,
    text=some.sampled_from(["", "radiology", "a b"]),
    status=some.sampled_from(["all", "active", "inactive"]),
    users_min=RANGES,
    users_max=RANGES,
    not_updated_days=some.none() | some.integers(1, 100_000),
    created_from=some.none() | some.dates(),
    created_to=some.none() | some.dates(),
    created_by=some.lists(some.sampled_from(["user", "api_key", "unknown"]), unique=True).map(tuple),
    metadata=some.dictionaries(some.text(max_size=4), some.lists(some.text(max_size=4)).map(tuple), max_size=3).map(
        lambda keys: tuple(keys.items())
    ),
)


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "session_state", {})
        yield


@given(FILTERS, FILTERS)
def test_the_widgets_say_what_was_written_whatever_they_said_before(before: Filter, flt: Filter) -> None:
    st.session_state.clear()
    filters.write(before)
    filters.write(flt)
    assert filters.read() == flt


def test_before_any_widget_is_drawn_every_customer_matches() -> None:
    assert filters.read() == Filter()
    assert filters.kept() == Filter()


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("users", "0-0", Filter(users_min=0, users_max=0)),
        ("users", "26-", Filter(users_min=26)),
        ("users", "-5", Filter(users_max=5)),
        ("users", "3-7", Filter(users_min=3, users_max=7)),
        ("users", "any", Filter()),
        ("users", "-", Filter()),
        ("users", "7", Filter()),
        ("users", "a-b", Filter()),
        ("users", "1-2-3", Filter()),
        ("users", "--5", Filter()),
        ("users", None, Filter()),
        ("days", "365", Filter(not_updated_days=365)),
        ("days", "400 days", Filter(not_updated_days=400)),
        ("days", "any", Filter()),
        ("days", "0", Filter()),
        ("days", "0 days", Filter()),
        ("days", "-3", Filter()),
        ("days", "1.5 days", Filter()),
        ("days", "100001", Filter()),
        ("days", "9" * 5000, Filter()),
        ("users", f"1-{'9' * 5000}", Filter()),
        ("users", f"1-{2**53 - 1}", Filter(users_min=1, users_max=2**53 - 1)),
        ("users", f"1-{2**53}", Filter()),  # more than the number fields of a browser can show
        ("search", "  a ", Filter(text="a")),
        ("from", date(2024, 1, 2), Filter(created_from=date(2024, 1, 2))),
    ],
)
def test_what_a_widget_holds_is_read_and_nonsense_is_no_condition(key: str, value: object, read: Filter) -> None:
    st.session_state[key] = value
    assert filters.read() == read
