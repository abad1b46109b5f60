"""Rule sets: a rule under a name, whom it means and why. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lib.avara.text import one_line
from lib.errors import UploadUnreadable
from lib.evidence.activity import NOT_READ, Activity
from lib.evidence.judgement import LONGEST, MOST_QUESTIONS, Answered, Judgement
from lib.evidence.rules import (
    LONGEST_AGO,
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
from lib.spelling import visible

#: Bytes of a file of rules.
LARGEST = 1_000_000
#: Choices of keys by which all names are compared: each takes seconds with 10,000 customers.
_MOST_COMPARED = 5
_YEAR, _GRACE = 365, 90


class RuleSet(BaseModel):
    """A rule with a name, a version and an author; the hash names exactly what it asks.

    `unknown_counts`: an analyst said that *unknown* is to be taken for yes; then every candidate by it says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=80)
    version: int = Field(default=1, ge=1, le=10**6)
    author: str = Field(default="", max_length=100)
    about: str = Field(default="", max_length=300)
    rule: Rule
    unknown_counts: bool = False

    @field_validator("rule")
    @classmethod
    def _not_endless(cls, rule: Rule) -> Rule:
        if len(tuple(leaves(rule))) > MOST_QUESTIONS:
            raise ValueError(f"asks more than {MOST_QUESTIONS} questions")
        if len({leaf.same for leaf in leaves(rule) if isinstance(leaf, LikelyDuplicate)}) > _MOST_COMPARED:
            raise ValueError(f"asks for duplicates by more than {_MOST_COMPARED} choices of the same keys")
        return rule

    @field_validator("name")
    @classmethod
    def _in_one_line(cls, name: str) -> str:
        if not visible(name):
            raise ValueError("shows nothing")
        return visible(name)

    @property
    def hash(self) -> str:
        asked = self.model_dump(mode="json", include={"rule", "unknown_counts"})
        return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def label(self) -> str:
        """ "dormant, version 1, 3f2a90c1": as a plan and its receipt name it."""
        return f"{self.name}, version {self.version}, {self.hash[:8]}"

    @property
    def asks(self) -> str:
        """Its questions in one line: "older than 90 days; no users or never a study"."""
        return _asks(self.rule)

    def judge(self, facts: Facts) -> Finding:
        """Whether the customer is a candidate, and why; for one that is none, what stands in the way."""
        found = self.rule.ask(facts)
        if found.answer is Answer.UNKNOWN and self.unknown_counts:
            return Finding(Answer.YES, f"taken for yes although unknown: {found.words}")
        return found

    def explain(self, facts: Facts) -> tuple[tuple[Rule, Finding], ...]:
        """Each question that the rule is made of, with its answer and what it saw."""
        return tuple((leaf, leaf.ask(facts)) for leaf in leaves(self.rule))

    def judgement(self, facts: Facts) -> Judgement:
        """All of it in plain values, to be kept with a pick.

        Where the rule asks of studies and they were not read, it says so: one that comes in later is told from that moment.
        """
        activity = facts.activity
        if activity is None and proof_within(self.rule) is not None:
            activity = Activity(facts.now, why=NOT_READ)
        found = self.judge(facts)
        answers = tuple(
            Answered(question=_short(rule.about), answer=str(one.answer), seen=_short(one.words))
            for rule, one in self.explain(facts)
        )
        return Judgement(
            rules=_short(self.label),
            hash=self.hash,
            answer=str(found.answer),
            words=_short(found.words),
            answers=answers,
            activity=activity,
        )

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
            rules = cls.model_validate_json(body, strict=True)
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            at, why = one_line(where, 200) or "it", one_line(first["msg"], 300)
            raise UploadUnreadable(f"This file holds no rules that can be used: {at}: {why}.") from None
        except RecursionError:
            raise UploadUnreadable("This file's rules stand within each other too deeply.") from None
        json.loads(body, object_pairs_hook=_each_name_once)
        return rules


def _each_name_once(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UploadUnreadable(f"This file holds no rules that can be used: {one_line(twice[0], 60)} is there twice.")


#: For the first day. Each is a copy to begin with: another number of days or another key makes a rule set of one's own.
PRESETS: tuple[RuleSet, ...] = (
    RuleSet(
        name="never used",
        about="A customer for longer than 90 days, without users, and never a study came in.",
        rule=AllOf(rules=(NeverAStudy(), NoUsers(), OlderThan(days=_GRACE))),
    ),
    RuleSet(
        name="dormant",
        about="A customer for longer than 90 days, and for a year no study came in and nobody changed its record.",
        rule=AllOf(rules=(NoStudyFor(days=_YEAR), NotUpdatedFor(days=_YEAR), OlderThan(days=_GRACE))),
    ),
    RuleSet(
        name="empty shell",
        about="Without users, and for a year no study came in.",
        rule=AllOf(rules=(NoStudyFor(days=_YEAR), NoUsers(), OlderThan(days=_GRACE))),
    ),
    RuleSet(
        name="duplicate",
        about="Its name is nearly another customer's, and for 90 days no study came in.",
        rule=AllOf(rules=(LikelyDuplicate(), NoStudyFor(days=_GRACE))),
    ),
)


def preset(name: str, hash_: str) -> RuleSet | None:
    """The preset of this name, if it asks what this hash, or the beginning of one, names: an address may be an old one."""
    return next((one for one in PRESETS if one.name == name and hash_ and one.hash.startswith(hash_)), None)


def _short(words: str) -> str:
    return one_line(words, LONGEST)


def _asks(rule: Rule) -> str:
    match rule:
        case AllOf(rules=rules):
            return "; ".join(map(_asks, rules))
        case AnyOf(rules=rules):
            return " or ".join(f"({_asks(inner)})" if isinstance(inner, AllOf) else _asks(inner) for inner in rules)
        case Not(rule=inner):
            return f"not: {_asks(inner)}"
        case _:
            return rule.about


def proof_within(rule: Rule) -> int | None:
    """A study within so many days answers all that the rule asks of studies; None where it asks nothing of them."""
    asked = [one for one in leaves(rule) if isinstance(one, NoStudyFor | NeverAStudy)]
    return min((one.days if isinstance(one, NoStudyFor) else LONGEST_AGO for one in asked), default=None)


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
