"""Evidence: why a customer was picked, and what its record said then. Pure.

A filter or a list of ids picks; what it saw of the record is told in words, beside the record itself and when it was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from lib.avara.models import Customer
from lib.avara.times import known, to_minute


class Way(StrEnum):
    """How a person picks."""

    TICKED = "Ticked in the table"
    ALL = "Picked with all that matched"
    RECORD = "Picked from its record"
    LISTED = "Picked from a list"
    CHOSEN = "Chosen by hand for a name on a list"
    RUN = "Picked from what a run left undone"
    NOTEBOOK = "Picked in a notebook"
    RULES = "Picked by a rule set"


@dataclass(frozen=True)
class Picked:
    """How customers came to be picked: the filter on show then, what was meant of a list, or a rule set, and when they had been
    read (None: not all of them yet). `seen`: what the rules saw of just this one.

    One value serves all that were picked at once.
    """

    way: Way
    filter_text: str = ""
    read_at: datetime | None = None
    seen: str = ""

    @property
    def names_source(self) -> bool:
        return self.way in (Way.LISTED, Way.CHOSEN, Way.RULES)

    @property
    def evidence(self) -> tuple[str, ...]:
        """What a plan keeps of it, a line each."""
        return (self.words, self.seen) if self.seen else (self.words,)

    @property
    def chosen(self) -> str:
        """In one line: "Picked from a list: names.xlsx, column Hospital"."""
        between = ": " if self.names_source else ", filter: "
        return f"{self.way}{between}{self.filter_text}" if self.filter_text else str(self.way)

    @cached_property
    def words(self) -> str:
        """In one line: "Ticked in the table, filter: active · no users; customers as read 2026-03-01 12:00 UTC"."""
        read = f"as read {to_minute(self.read_at)}" if self.read_at else "not all read yet"
        return f"{self.chosen}; customers {read}"


def filters_of(picked: Iterable[Picked]) -> str:
    """The filters and lists that these were picked by, each once, for a plan: "active · no users; all customers"."""
    return "; ".join(dict.fromkeys(one.chosen if one.names_source else one.filter_text or str(one.way) for one in picked))


def seen_in(record: Customer, read_at: datetime) -> tuple[str, str]:
    """What speaks for a customer being inactive: its users, and its last update with its age when it was read."""
    users = "1 user" if record.user_count == 1 else f"{record.user_count:,} users"
    if record.updated_at is None:
        return users, "when it last changed is unknown"
    if known(record.updated_at, read_at) is None:
        return users, f"when it last changed is unknown: the record says {to_minute(record.updated_at)}"
    days = max((read_at - record.updated_at).days, 0)
    return users, f"last changed {to_minute(record.updated_at)}, {days:,} {'day' if days == 1 else 'days'} before it was read"
