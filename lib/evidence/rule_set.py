"""Rule sets: a rule under a name, whom it means, why, and what another number of days would make of it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.errors import UploadUnreadable
from lib.evidence.rules import (
    AllOf,
    Answer,
    AnyOf,
    Facts,
    Finding,
    LikelyDuplicate,
    NeverAStudy,
    NoStudyFor,
    Not,
    NotUpdatedFor,
    NoUsers,
    OlderThan,
    Rule,
    leaves,
)

#: Bytes of a file of rules.
LARGEST = 1_000_000
_YEAR, _GRACE = 365, 90


class RuleSet(BaseModel):
    """A rule with a name, a version and an author; the hash names exactly what it asks.

    `unknown_counts`: an analyst said that *unknown* is to be taken for yes; then every candidate by it says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=80)
    version: int = Field(default=1, ge=1)
    author: str = Field(default="", max_length=100)
    about: str = Field(default="", max_length=300)
    rule: Rule
    unknown_counts: bool = False

    @property
    def hash(self) -> str:
        asked = self.model_dump(mode="json", include={"rule", "unknown_counts"})
        return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def label(self) -> str:
        """ "dormant, version 1, 3f2a90c1": as a plan and its receipt name it."""
        return f"{self.name}, version {self.version}, {self.hash[:8]}"

    def judge(self, facts: Facts) -> Finding:
        """Whether the customer is a candidate, and why; for one that is none, what stands in the way."""
        found = self.rule.ask(facts)
        if found.answer is Answer.UNKNOWN and self.unknown_counts:
            return Finding(Answer.YES, f"taken for yes although unknown: {found.words}")
        return found

    def explain(self, facts: Facts) -> tuple[tuple[Rule, Finding], ...]:
        """Each question that the rule is made of, with its answer and what it saw."""
        return tuple((leaf, leaf.ask(facts)) for leaf in leaves(self.rule))

    def with_days(self, days: int) -> Self:
        """The same with another number of days in what asks for studies or updates; the grace of new customers stays."""
        return self.model_copy(update={"rule": _with_days(self.rule, days)})

    def to_json(self) -> bytes:
        return self.model_dump_json(indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Raises UploadUnreadable, which says what is wrong and where."""
        if len(body) > LARGEST:
            raise UploadUnreadable(f"This file is larger than {LARGEST // 1_000_000} MB, so it holds no rules.")
        try:
            return cls.model_validate_json(body)
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UploadUnreadable(f"This file holds no rules that can be used: {where or 'it'}: {first['msg']}.") from None
        except RecursionError:
            raise UploadUnreadable("This file's rules stand within each other too deeply.") from None


#: For the first day. Each is a copy to begin with: another number of days or another key makes a rule set of one's own.
PRESETS: tuple[RuleSet, ...] = (
    RuleSet(
        name="never used",
        about="A customer for longer than 90 days, without users, and never a study came in.",
        rule=AllOf(rules=(OlderThan(days=_GRACE), NoUsers(), NeverAStudy())),
    ),
    RuleSet(
        name="dormant",
        about="A customer for longer than 90 days, and for a year no study came in and nobody changed its record.",
        rule=AllOf(rules=(OlderThan(days=_GRACE), NoStudyFor(days=_YEAR), NotUpdatedFor(days=_YEAR))),
    ),
    RuleSet(
        name="empty shell",
        about="Without users, and for a year no study came in.",
        rule=AllOf(rules=(OlderThan(days=_GRACE), NoUsers(), NoStudyFor(days=_YEAR))),
    ),
    RuleSet(
        name="duplicate",
        about="Its name is nearly another customer's, and for 90 days no study came in.",
        rule=AllOf(rules=(LikelyDuplicate(), NoStudyFor(days=_GRACE))),
    ),
)


@dataclass(frozen=True)
class Candidates:
    """Whom a rule set means, by id, in the order of the facts: for certain, and perhaps."""

    yes: tuple[str, ...]
    unknown: tuple[str, ...]


def candidates(rules: RuleSet, facts: Iterable[Facts]) -> Candidates:
    found: dict[Answer, list[str]] = {answer: [] for answer in Answer}
    for one in facts:
        found[rules.judge(one).answer].append(one.record.id)
    return Candidates(tuple(found[Answer.YES]), tuple(found[Answer.UNKNOWN]))


def what_if(rules: RuleSet, facts: Sequence[Facts], days: Iterable[int]) -> tuple[tuple[int, Candidates], ...]:
    """The candidates by each number of days, in its order. Whoever enters or leaves between two is a difference of sets."""
    return tuple((one, candidates(rules.with_days(one), facts)) for one in days)


def _with_days(rule: Rule, days: int) -> Rule:
    match rule:
        case NoStudyFor() | NotUpdatedFor():
            return rule.model_copy(update={"days": days})
        case AllOf(rules=rules) | AnyOf(rules=rules):
            return rule.model_copy(update={"rules": tuple(_with_days(inner, days) for inner in rules)})
        case Not(rule=inner):
            return rule.model_copy(update={"rule": _with_days(inner, days)})
        case _:
            return rule
