"""The customers whom rows of a list may mean, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from lib.avara.models import Customer
from lib.customers.frame import CustomerFrame
from lib.customers.lists.report import Entry
from lib.ui.text import exact, number
from lib.ui.widgets import id_table
from lib.ui.widgets.id_table import MOST_ROWS, Cell, Column

_COLUMNS = (
    Column("Row", 60, "number"),
    Column("In the list", 200, "long"),
    Column("Alike", 60, "number", help="How like the names are, of 100"),
    Column("Customer", 200, "long"),
    Column("Status", 100, "state"),
    Column("Users", 60, "number"),
    Column("Updated", 180, "time"),
    Column("Metadata", 240, "long"),
    Column("Id", 300, "id"),
)


def people(entries: Sequence[Entry], frame: CustomerFrame) -> tuple[list[Column], list[tuple[Cell, ...]]]:
    """One row a customer that a row of the list may mean, the first ones in this order: which row, what stands there, and its
    record, of which nothing is cut off; in the columns that some of them have something for.
    """
    pairs = [(entry, place) for entry in entries[:MOST_ROWS] for place in range(len(entry.ids))]
    records = {record.id: record for record in frame.records({entry.ids[place] for entry, place in pairs})}
    return id_table.filled(
        _COLUMNS,
        [
            _person(entry, f"{entry.scores[place]:.0f}" if entry.scores else "", records[entry.ids[place]])
            for entry, place in pairs[:MOST_ROWS]
        ],
    )


def _person(entry: Entry, alike: str, record: Customer) -> tuple[str, dict[str, Cell]]:
    return f"{entry.line} {record.id}", {
        "Row": str(entry.line),
        "In the list": entry.text,
        "Alike": alike,
        "Customer": record.name,
        "Status": "● Active" if record.is_active else "○ Inactive",
        "Users": number(record.user_count),
        "Updated": exact(record.updated_at),
        "Metadata": " · ".join(f"{key}: {value}" for key, value in record.metadata.items()),
        "Id": record.id,
    }
