"""Evidence: why a customer was picked, and what its record said then. Pure.

A filter or a list of ids picks; what it saw of the record is told in words, beside the record itself and when it was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from lib.avara.models import Customer
from lib.avara.times import known, to_minute
from lib.evidence.activity import Activity
from lib.evidence.judgement import Judgement, without_hash
from lib.plans.plan import PlannedCustomer


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
    read (None: not all of them yet). `judgement`: what the rule set said of just this one.

    One value serves all that were picked at once.
    """

    way: Way
    filter_text: str = ""
    read_at: datetime | None = None
    judgement: Judgement | None = None

    @property
    def names_source(self) -> bool:
        return self.way in (Way.LISTED, Way.CHOSEN, Way.RULES)

    @property
    def chosen(self) -> str:
        """In one line: "Picked from a list: names.xlsx, column Hospital"."""
        return self._chosen(self.filter_text)

    def _chosen(self, filter_text: str) -> str:
        between = ": " if self.names_source else ", filter: "
        return f"{self.way}{between}{filter_text}" if filter_text else str(self.way)

    @cached_property
    def words(self) -> str:
        """In one line: "Ticked in the table, filter: active · no users; customers as read 2026-03-01 12:00 UTC"."""
        read = f"as read {to_minute(self.read_at)}" if self.read_at else "not all read yet"
        told = without_hash(self.filter_text) if self.judgement else self.filter_text
        return f"{self._chosen(told)}; customers {read}"


def filters_of(picked: Iterable[Picked]) -> str:
    """The filters and lists that these were picked by, each once, for a plan: "active · no users; all customers"."""
    return "; ".join(dict.fromkeys(one.chosen if one.names_source else one.filter_text or str(one.way) for one in picked))


def picked_by(filter_text: str) -> str:
    """What stands behind "picked by", without such words once more: "active · no users; a list: names.xlsx"."""
    return re.sub(r"(^|; )Picked (?:by|from|with|in) ", r"\1", filter_text)


def planned(record: Customer, how: Picked, read_at: datetime, activity: Activity | None) -> PlannedCustomer:
    """One customer of a plan: how it was picked, what its record said, and what is known of studies if no judgement says it."""
    studied = () if activity is None or how.judgement is not None else (activity.words,)
    evidence = (how.words, *seen_in(record, read_at), *studied)
    return PlannedCustomer(record=record, evidence=evidence, read_at=read_at, judgement=how.judgement)


def seen_in(record: Customer, read_at: datetime) -> tuple[str, str]:
    """What speaks for a customer being inactive: its users, and its last update with its age when it was read."""
    users = "1 user" if record.user_count == 1 else f"{record.user_count:,} users"
    if record.updated_at is None:
        return users, "when it last changed is unknown"
    if known(record.updated_at, read_at) is None:
        return users, f"when it last changed is unknown: the record says {to_minute(record.updated_at)}"
    days = max((read_at - record.updated_at).days, 0)
    return users, f"last changed {to_minute(record.updated_at)}, {days:,} {'day' if days == 1 else 'days'} before it was read"
