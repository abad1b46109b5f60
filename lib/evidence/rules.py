"""Rules: small questions about one customer, each answered yes, no or unknown with a sentence, and how answers combine. Pure.

A rule says yes where it speaks for a customer being inactive. `unknown` is an answer of its own (Kleene's three-valued logic):
no combination turns it into a yes that nothing supports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lib.avara.models import Customer
from lib.avara.times import known, to_minute
from lib.evidence.activity import Activity
from lib.spelling import folded

_EVER = 36_500
Days = Annotated[int, Field(ge=1, le=_EVER)]


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
    were not read. `twins`: the names and ids of customers that look like the same one, with their likeness in percent.
    """

    record: Customer
    now: datetime
    activity: Activity | None = None
    ours: bool = False
    updated_before_ours: datetime | None = None
    twins: tuple[tuple[str, str, int], ...] = ()


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @property
    def about(self) -> str:
        """The question in a few words: "no study for 365 days", "has metadata: key tier"."""
        told = self.model_dump(exclude={"kind"}, exclude_defaults=True)
        days = told.pop("days", None)
        words = self.kind.replace("_", " ") + (f" {days:,} days" if days else "")  # type: ignore[attr-defined]
        return f"{words}: {', '.join(f'{name} {value}' for name, value in told.items())}" if told else words


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
        if facts.activity is None:
            return Finding(Answer.UNKNOWN, "its studies were not read")
        return _unless(facts.activity.within(self.days, facts.now), facts.activity.words)


class NeverAStudy(_Rule):
    """No study ever came in."""

    kind: Literal["never_a_study"] = "never_a_study"

    def ask(self, facts: Facts) -> Finding:
        if facts.activity is None:
            return Finding(Answer.UNKNOWN, "its studies were not read")
        return _unless(facts.activity.ever, facts.activity.words)


class NotUpdatedFor(_Rule):
    """Nobody but our own runs changed the record for so many days."""

    kind: Literal["not_updated_for"] = "not_updated_for"
    days: Days

    def ask(self, facts: Facts) -> Finding:
        stated = facts.updated_before_ours if facts.ours else facts.record.updated_at
        left_out = ", our own runs left out" if facts.ours else ""
        return _older(stated, self.days, facts.now, f"last updated {{}}{left_out}", "when it was last updated is unknown")


class OlderThan(_Rule):
    """It is a customer for longer than so many days: new ones have their time."""

    kind: Literal["older_than"] = "older_than"
    days: Days

    def ask(self, facts: Facts) -> Finding:
        return _older(facts.record.created_at, self.days, facts.now, "created {}", "when it was created is unknown")


class HasMetadata(_Rule):
    """A key of the metadata is there, or holds one of these values or what a pattern finds; letters of any size are alike."""

    kind: Literal["has_metadata"] = "has_metadata"
    key: str = Field(min_length=1)
    one_of: tuple[str, ...] = ()
    matches: str = ""

    @field_validator("matches")
    @classmethod
    def _can_be_read(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as exc:
            raise ValueError(f"is no pattern: {exc}") from None
        return pattern

    def ask(self, facts: Facts) -> Finding:
        values = [value for key, value in facts.record.metadata.items() if folded(key) == folded(self.key)]
        if not values:
            return Finding(Answer.NO, f"has no {self.key}")
        fits = any(self._fits(value) for value in values)
        return Finding(Answer.YES if fits else Answer.NO, f"{self.key} is {', '.join(values)}")

    def _fits(self, value: str) -> bool:
        among = not self.one_of or folded(value) in map(folded, self.one_of)
        return among and (not self.matches or re.search(self.matches, value, re.IGNORECASE) is not None)


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
    likeness: int = Field(default=92, ge=50, le=100)
    same: tuple[str, ...] = ()

    def ask(self, facts: Facts) -> Finding:
        twins = [(name, id_, percent) for name, id_, percent in facts.twins if percent >= self.likeness]
        if not twins:
            return Finding(Answer.NO, "no other customer has nearly its name")
        told = "; ".join(f"{name} ({id_}), {percent} % alike" for name, id_, percent in twins[:3])
        return Finding(Answer.YES, f"looks like {told}")


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


def proof_within(rule: Rule) -> int | None:
    """A study within so many days answers all that the rule asks of studies; None where it asks nothing of them."""
    asked = [one for one in leaves(rule) if isinstance(one, NoStudyFor | NeverAStudy)]
    return min((one.days if isinstance(one, NoStudyFor) else _EVER for one in asked), default=None)


def _combined(findings: Iterable[Finding], answer_of: Callable[[Iterable[Answer]], Answer]) -> Finding:
    told = list(findings)
    answer = answer_of(one.answer for one in told)
    return Finding(answer, "; ".join(one.words for one in told if one.answer is answer))


def _unless(came: object, words: str) -> Finding:
    """Yes where no study came: None is for nobody knows."""
    return Finding(Answer.UNKNOWN if came is None else Answer.NO if came else Answer.YES, words)


def _older(stated: datetime | None, days: int, now: datetime, words: str, unknown: str) -> Finding:
    at = known(stated, now)
    if at is None:
        said = f": the record says {to_minute(stated)}" if stated is not None else ""
        return Finding(Answer.UNKNOWN, unknown + said)
    age = max((now - at).days, 0)
    answer = Answer.YES if now - at >= timedelta(days=days) else Answer.NO
    return Finding(answer, f"{words.format(to_minute(at))}, {age:,} {'day' if age == 1 else 'days'} ago")
