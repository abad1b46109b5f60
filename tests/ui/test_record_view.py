from __future__ import annotations

from datetime import UTC, datetime

from lib.ui.record_view import fields, metadata
from lib.ui.widgets.id_table import Changed
from tests.runs.fakes import customer

BEFORE = customer(1, name="=1+1", user_count=1300, metadata={"region": "north", "tier": "gold"})
LATER = datetime(2026, 3, 2, 8, tzinfo=UTC)


def changed(cells: dict[str, object]) -> list[str]:
    return [name for name, cell in cells.items() if isinstance(cell, Changed)]


def test_every_field_is_told_in_words_and_what_is_missing_is_empty() -> None:
    values = fields(customer(1, created_at=None, updated_at=None, is_active=False))
    assert values["Status"] == "○ Inactive"
    assert values["Created"] == values["Updated"] == ""
    assert values["Created by user"] == values["Created by API key"] == ""


def test_exactly_the_changed_fields_are_marked() -> None:
    after = BEFORE.model_copy(update={"is_active": False, "updated_at": LATER})
    told = fields(BEFORE, after)
    assert changed(told) == ["Status", "Updated"]
    assert told["Status"] == ("● Active", "○ Inactive")
    assert told["Updated"] == ("2025-01-25 12:00:00 UTC", "2026-03-02 08:00:00 UTC")
    assert (told["Name"], told["Users"]) == ("=1+1", "1,300")
    assert changed(fields(BEFORE, BEFORE)) == []


def test_metadata_that_changed_shows_before_and_now_with_keys_that_came_and_went() -> None:
    assert metadata(BEFORE) == metadata(BEFORE, BEFORE) == {"region": "north", "tier": "gold"}
    after = BEFORE.model_copy(update={"metadata": {"region": "south", "site": "7", "note": ""}})
    assert metadata(BEFORE, after) == {
        "region": ("north", "south"),
        "site": (None, "7"),
        "note": (None, ""),
        "tier": ("gold", None),
    }
    assert len(changed(metadata(BEFORE, after))) == 4
    assert metadata(customer(1, metadata={})) == {}
