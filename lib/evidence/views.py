"""A view: filters, rules, columns, sort and page, as a value that a link, a saved view and a page share. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from lib.customers.filters import Filter
from lib.customers.sorting import METADATA
from lib.customers.views import Sort
from lib.evidence.rule_set import RuleSet, preset


class SeenFilter(BaseModel):
    """What narrows the table besides `Filter`: the rule set's answers, and when studies came in. Days are UTC days.

    Whose studies are not known well enough to tell matches no condition on them (see `EvidenceColumns.matching`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Any of these answers; empty: whatever the rule set says. Without a rule set nobody has an answer.
    candidate: tuple[Literal["yes", "unknown", "no"], ...] = ()
    #: A study came in on this day or later.
    study_from: date | None = None
    #: None did: the newest one came before, or there never was one.
    no_study_from: date | None = None
    #: Instead of those who match: whoever is left out only because of unknown studies. Without such a condition: whose are.
    studies_unknown: bool = False

    def conditions(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Each active condition: its field, its words, and the fields that switch it off."""
        if self.candidate:
            yield "candidate", f"candidate: {' or '.join(self.candidate)}", {"candidate": ()}
        if self.study_from is not None:
            yield "study_from", f"a study from {self.study_from} on", {"study_from": None}
        if self.no_study_from is not None:
            yield "no_study_from", f"no study from {self.no_study_from} on", {"no_study_from": None}
        if self.studies_unknown:
            yield "studies_unknown", "studies unknown", {"studies_unknown": False}


@dataclass(frozen=True)
class SeenChip:
    """One active condition in words, and the filter without it."""

    field: str
    label: str
    without: SeenFilter


def chips(seen: SeenFilter) -> tuple[SeenChip, ...]:
    return tuple(SeenChip(field, label, seen.model_copy(update=cleared)) for field, label, cleared in seen.conditions())


class View(BaseModel):
    """What narrows the table, the rule set that is asked, which metadata keys are its columns (None: the most common ones), its
    order, rows on a page, and which page, from 1 (one that the table is too short for: its last).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: Filter = Filter()
    rules: RuleSet | None = None
    seen: SeenFilter = SeenFilter()
    columns: tuple[str, ...] | None = None
    sort: Sort = Sort()
    rows: Literal[50, 100, 250] = 100
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    @field_serializer("rules")
    def _whole(self, rules: RuleSet | None) -> dict[str, Any] | None:
        """Also what is as by default, such as the kind of each rule."""
        return None if rules is None else rules.model_dump(mode="json")

    @property
    def names_data(self) -> bool:
        """Whether it holds text of people or of records, which must not stand in an address."""
        flt = self.filter
        by_key = self.sort.column.startswith(METADATA)
        own_rules = self.rules is not None and preset(self.rules.name, self.rules.hash) != self.rules
        listed = flt.among is not None or self.columns is not None
        return bool(flt.text or flt.metadata or flt.metadata_absent or listed or by_key or own_rules)

    @property
    def described(self) -> str:
        """The conditions of `seen` in one line, with the rule set whose answers are asked for; empty where there are none."""
        told = [label for _, label, _ in self.seen.conditions()]
        if self.seen.candidate and self.rules is not None:
            told[0] += f" by {self.rules.label}"
        return " · ".join(told)
