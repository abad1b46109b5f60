"""Evidence: why a customer was picked, and what its record said then. Pure.

A filter or a list of ids picks; what it saw of the record is told in words, beside the record itself and when it was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property

from lib.avara.models import Customer
from lib.avara.times import known


class Way(StrEnum):
    """How a person picks."""

    TICKED = "Ticked in the table"
    ALL = "Picked with all that matched"
    RECORD = "Picked from its record"
    LISTED = "Picked by a list of ids"


@dataclass(frozen=True)
class Picked:
    """How customers came to be picked: the filter on show then, and when they had been read (None: not all of them yet).

    One value serves all that were picked at once.
    """

    way: Way
    filter_text: str = ""
    read_at: datetime | None = None

    @cached_property
    def words(self) -> str:
        """In one line: "Ticked in the table, filter: active · no users; customers as read 2026-03-01 12:00 UTC"."""
        chosen = f"{self.way}, filter: {self.filter_text}" if self.filter_text else str(self.way)
        return f"{chosen}; customers {f'as read {_time(self.read_at.astimezone(UTC))}' if self.read_at else 'not all read yet'}"


def filters_of(picked: Iterable[Picked]) -> str:
    """The filters that these were picked under, each once, for a plan: "active · no users; all customers"."""
    return "; ".join(dict.fromkeys(one.filter_text or str(one.way) for one in picked))


def seen_in(record: Customer, read_at: datetime) -> tuple[str, str]:
    """What speaks for a customer being inactive: its users, and its last update with its age when it was read."""
    users = "1 user" if record.user_count == 1 else f"{record.user_count:,} users"
    if record.updated_at is None:
        return users, "when it last changed is unknown"
    if known(record.updated_at, read_at) is None:
        return users, f"when it last changed is unknown: the record says {_time(record.updated_at)}"
    days = max((read_at - record.updated_at).days, 0)
    return users, f"last changed {_time(record.updated_at)}, {days:,} {'day' if days == 1 else 'days'} before it was read"


def _time(at: datetime) -> str:
    # A hundred thousand picks come through here: a record's times are in UTC as they are, and this is faster than strftime.
    return f"{at.isoformat(' ', 'minutes')[:16]} UTC"
