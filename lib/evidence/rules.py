"""Rules: small questions about one customer, each answered yes, no or unknown with a sentence, and how answers combine. Pure.

A rule says yes where it speaks for a customer being inactive. `unknown` is an answer of its own (Kleene's three-valued logic):
no combination turns it into a yes that nothing supports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, field_validator

from lib.avara.models import Customer
from lib.avara.times import known, to_day
from lib.evidence.activity import Activity
from lib.spelling import folded

LONGEST_AGO, _folded = 36_500, lru_cache(4096)(folded)
#: Percent that two names are alike, at least, to be compared; and name, id and that percentage of one of them.
LEAST = 50
Twin = tuple[str, str, int]
Key = Annotated[str, Field(min_length=1, max_length=200)]
_Text = Annotated[str, Field(max_length=500)]
Days = Annotated[int, Field(ge=1, le=LONGEST_AGO)]


class Answer(IntEnum):
    """Kleene's truth values: all of several is the least of them, any of several the greatest."""

    NO = 0
    UNKNOWN = 1
    YES = 2

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def opposite(self) -> Answer:
        return Answer(2 - self)


@dataclass(frozen=True)
class Finding:
    """What a rule says of a customer, and the sentence that a person reads."""

    answer: Answer
    words: str


@dataclass(frozen=True)
class Facts:
    """What is known of a customer at `now`.

    `updated_before_ours`: the last update before our own runs', where the last one is ours. `activity`: None while its studies
    were not read. `twins`: by the question, who looks like the same one. `matching`: by the pattern,
    what it finds of all that may be asked for.
    """

    record: Customer
    now: datetime
    activity: Activity | None = None
    ours: bool = False
    updated_before_ours: datetime | None = None
    twins: Mapping[LikelyDuplicate, tuple[Twin, ...]] = field(default_factory=dict)
    matching: Mapping[str, frozenset[str]] = field(default_factory=dict)


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @property
    def about(self) -> str:
        """The question in a few words: "no study for 365 days", "has metadata: key tier, one of free or trial"."""
        told = self.model_dump(exclude={"kind"}, exclude_defaults=True)
        days = told.pop("days", None)
        words = self.kind.replace("_", " ") + (f" {days:,} days" if days else "")  # type: ignore[attr-defined]
        asked = {
            name.replace("_", " "): " or ".join(value) if isinstance(value, tuple) else value for name, value in told.items()
        }
        return f"{words}: {', '.join(f'{name} {value}' for name, value in asked.items())}" if told else words


class NoUsers(_Rule):
    """Nobody can sign in."""

    kind: Literal["no_users"] = "no_users"

    def ask(self, facts: Facts) -> Finding:
        users = facts.record.user_count
        return Finding(Answer.NO if users else Answer.YES, "1 user" if users == 1 else f"{users or 'no'} users")


class NoStudyFor(_Rule):
    """No study came in for so many days."""

    kind: Literal["no_study_for"] = "no_study_for"
    days: Days

    def ask(self, facts: Facts) -> Finding:
        seen = facts.activity
        return _studied(seen, came=None if seen is None else seen.within(self.days, facts.now))


class NeverAStudy(_Rule):
    """No study ever came in."""

    kind: Literal["never_a_study"] = "never_a_study"

    def ask(self, facts: Facts) -> Finding:
        return _studied(facts.activity, came=None if facts.activity is None else facts.activity.ever)


class NotUpdatedFor(_Rule):
    """Nobody but our own runs changed the record for so many days."""

    kind: Literal["not_updated_for"] = "not_updated_for"
    days: Days

    def ask(self, facts: Facts) -> Finding:
        stated = facts.updated_before_ours if facts.ours else facts.record.updated_at
        left_out = ", our own runs left out" if facts.ours else ""
        words = (f"record unchanged since {{}}{left_out}", f"record changed on {{}}{left_out}")
        return _older(stated, self.days, facts.now, words, "when it was last updated is unknown")


class OlderThan(_Rule):
    """It is a customer for longer than so many days: new ones have their time."""

    kind: Literal["older_than"] = "older_than"
    days: Days

    def ask(self, facts: Facts) -> Finding:
        words = ("a customer since {}", "a customer only since {}")
        return _older(facts.record.created_at, self.days, facts.now, words, "when it was created is unknown")


class HasMetadata(_Rule):
    """A key of the metadata is there, or holds one of these values or what a pattern finds; letters of any size are alike.

    Patterns are RE2's, which answer in time whatever they are: Python's own can be made to search for years.
    """

    kind: Literal["has_metadata"] = "has_metadata"
    key: Key
    one_of: tuple[_Text, ...] = Field(default=(), max_length=1000)
    matches: _Text = ""

    @field_validator("matches")
    @classmethod
    def _can_be_read(cls, pattern: str) -> str:
        try:
            pc.match_substring_regex(pa.scalar(""), pattern)
        except pa.ArrowInvalid as exc:
            raise ValueError(f"is no pattern: {exc}") from None
        return pattern

    def ask(self, facts: Facts) -> Finding:
        values = self.values(facts.record)
        if not values:
            return Finding(Answer.NO, f"has no {self.key}")
        matching = facts.matching[self.matches] if self.matches in facts.matching else self.matching(values)
        fits = any((not self.one_of or _folded(value) in self._among) and value in matching for value in values)
        return Finding(Answer.YES if fits else Answer.NO, f"{self.key} is {', '.join(values)}")

    def values(self, record: Customer) -> list[str]:
        return [value for key, value in record.metadata.items() if _folded(key) == _folded(self.key)]

    def matching(self, values: Iterable[str]) -> frozenset[str]:
        """Those that the pattern finds, which is made ready once for all of them: that takes milliseconds."""
        each = pa.array(set(values), pa.string())
        return frozenset(each.filter(pc.match_substring_regex(each, self.matches, ignore_case=True)).to_pylist())

    @cached_property
    def _among(self) -> frozenset[str]:
        return frozenset(map(folded, self.one_of))


class LooksLikeTest(_Rule):
    """Its name says that it is for trying things out."""

    kind: Literal["looks_like_test"] = "looks_like_test"

    def ask(self, facts: Facts) -> Finding:
        found = _TEST.search(facts.record.name)
        if found is None:
            return Finding(Answer.NO, "its name looks like a real one")
        return Finding(Answer.YES, f"its name says “{found[0].strip()}”")


class LikelyDuplicate(_Rule):
    """Another customer has nearly its name, by so many percent at least; and the same values of these keys of the metadata."""

    kind: Literal["likely_duplicate"] = "likely_duplicate"
    likeness: int = Field(default=92, ge=LEAST, le=100)
    same: tuple[Key, ...] = Field(default=(), max_length=20)

    def ask(self, facts: Facts) -> Finding:
        twins = facts.twins.get(self, ())
        if not twins:
            return Finding(Answer.NO, " and the same ".join(("no other customer has nearly its name", *self.same)))
        return Finding(Answer.YES, "looks like " + "; ".join(f"{name} ({id_}), {like} % alike" for name, id_, like in twins))


class AllOf(_Rule):
    """Every one of these."""

    kind: Literal["all"] = "all"
    rules: tuple[Rule, ...] = Field(min_length=1)

    def ask(self, facts: Facts) -> Finding:
        return _combined((rule.ask(facts) for rule in self.rules), min)


class AnyOf(_Rule):
    """At least one of these."""

    kind: Literal["any"] = "any"
    rules: tuple[Rule, ...] = Field(min_length=1)

    def ask(self, facts: Facts) -> Finding:
        return _combined((rule.ask(facts) for rule in self.rules), max)


class Not(_Rule):
    """The opposite."""

    kind: Literal["not"] = "not"
    rule: Rule

    def ask(self, facts: Facts) -> Finding:
        found = self.rule.ask(facts)
        return Finding(found.answer.opposite, found.words)


Rule = Annotated[
    NoUsers
    | NoStudyFor
    | NeverAStudy
    | NotUpdatedFor
    | OlderThan
    | HasMetadata
    | LooksLikeTest
    | LikelyDuplicate
    | AllOf
    | AnyOf
    | Not,
    Field(discriminator="kind"),
]
for _combination in (AllOf, AnyOf, Not):
    _combination.model_rebuild()

#: Words by themselves, so that "Testarossa Clinic" and "Demopolis Hospital" are no tests.
_TEST = re.compile(r"(?i)(?<![^\W_])(test|tests|testing|demo|dummy|sandbox|sample|do not use|zz+|xx+)(?![^\W_])")


def leaves(rule: Rule) -> Iterable[Rule]:
    """The questions that a rule is made of, from left to right."""
    match rule:
        case AllOf(rules=rules) | AnyOf(rules=rules):
            for inner in rules:
                yield from leaves(inner)
        case Not(rule=inner):
            yield from leaves(inner)
        case _:
            yield rule


def _combined(findings: Iterable[Finding], answer_of: Callable[[Iterable[Answer]], Answer]) -> Finding:
    told = list(findings)
    answer = answer_of(one.answer for one in told)
    return Finding(answer, "; ".join(one.words for one in told if one.answer is answer))


def _studied(seen: Activity | None, *, came: bool | None) -> Finding:
    """Yes where no study `came`, with the day of the newest one; None is for nobody knows."""
    if seen is None:
        return Finding(Answer.UNKNOWN, "its studies were not read")
    if came is None:
        return Finding(Answer.UNKNOWN, seen.words)
    if came:
        return Finding(Answer.NO, f"a study came in on {to_day(seen.newest)}")
    left_out = f", {seen.cancelled:,} cancelled left out" if seen.cancelled else ""
    return Finding(Answer.YES, (f"no study since {to_day(seen.newest)}" if seen.newest else "never a study") + left_out)


def _older(stated: datetime | None, days: int, now: datetime, words: tuple[str, str], unknown: str) -> Finding:
    at = known(stated, now)
    if at is None:
        said = f": the record says {to_day(stated)}" if stated is not None else ""
        return Finding(Answer.UNKNOWN, unknown + said)
    older = now - at >= timedelta(days=days)
    return Finding(Answer.YES if older else Answer.NO, words[not older].format(to_day(at)))
