from __future__ import annotations

from datetime import UTC, datetime

from lib.ui.id_table import Changed
from lib.ui.record_view import field_values, rows_of
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
    rows = {name: value for _, name, value in rows_of(field_values(after), field_values(BEFORE))}
    assert [name for name, value in rows.items() if isinstance(value, Changed)] == ["Active", "Updated"]
    assert rows["Active"] == Changed("yes", "no")
    assert rows["Updated"] == Changed("2025-01-25 12:00:00 UTC", "2026-03-02 08:00:00 UTC")
    assert rows["Name"] == "=1+1"


def test_metadata_is_a_row_a_key_in_the_records_order_and_what_is_gone_comes_last() -> None:
    now = {"region": "south", "site": "7", "note": "", "owner": "x"}
    before = {"region": "north", "tier": "gold", "owner": "x"}
    assert rows_of(now, before) == [
        ("region", "region", Changed("north", "south")),
        ("site", "site", Changed(None, "7")),
        ("note", "note", Changed(None, "")),  # came with an empty value
        ("owner", "owner", "x"),
        ("tier", "tier", Changed("gold", None)),
    ]
    assert rows_of({}, {}) == []
