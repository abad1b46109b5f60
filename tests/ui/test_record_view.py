from __future__ import annotations

from datetime import UTC, datetime

from lib.ui.record_view import change_table, field_values, metadata_table
from tests.runs.fakes import customer

BEFORE = customer(1, name="=1+1", user_count=3, metadata={"region": "north", "tier": "gold"})
LATER = datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_every_field_is_told_in_words_and_what_is_missing_is_empty() -> None:
    values = field_values(customer(1, created_at=None, updated_at=None, is_active=False))
    assert values["Active"] == "no"
    assert values["Created"] == values["Updated"] == ""
    assert values["Created by user"] == values["Created by API key"] == ""


def test_exactly_the_changed_fields_are_marked() -> None:
    after = BEFORE.model_copy(update={"is_active": False, "updated_at": LATER})
    table = change_table(BEFORE, after).set_index("Field")
    assert table.index[table["Change"] != ""].tolist() == ["Active", "Updated"]
    assert table.loc["Active"].tolist() == ["yes", "no", "◀ changed"]
    assert table.loc["Updated", "Now"] == "2026-03-02 08:00:00 UTC"
    assert table.loc["Name", "Now"] == "=1+1"


def test_a_record_that_did_not_change_has_no_mark() -> None:
    assert set(change_table(BEFORE, BEFORE)["Change"]) == {""}


def test_metadata_is_a_row_a_key_in_the_records_order() -> None:
    table = metadata_table(BEFORE)
    assert table.to_dict("list") == {"Key": ["region", "tier"], "Value": ["north", "gold"]}
    assert metadata_table(BEFORE, BEFORE).equals(table)


def test_metadata_that_changed_shows_before_and_now_with_keys_that_came_and_went() -> None:
    after = BEFORE.model_copy(update={"metadata": {"region": "south", "site": "7"}})
    table = metadata_table(after, BEFORE)
    assert table.values.tolist() == [
        ["region", "north", "south", "◀ changed"],
        ["site", "", "7", "◀ changed"],
        ["tier", "gold", "", "◀ changed"],
    ]


def test_a_key_that_came_with_an_empty_value_is_marked_too() -> None:
    after = BEFORE.model_copy(update={"metadata": {**BEFORE.metadata, "note": ""}})
    marked = metadata_table(after, BEFORE)
    assert marked.set_index("Key").loc["note", "Change"] == "◀ changed"


def test_no_metadata_is_an_empty_table() -> None:
    assert metadata_table(customer(1, metadata={})).empty
