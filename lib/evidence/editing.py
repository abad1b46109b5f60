"""Changing a rule set as a person does: questions side by side, each as it is or turned round. Pure.

Rules that stand within each other more deeply can be asked, kept and told, but are changed in their file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from pydantic import ValidationError

from lib.errors import PlanError
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import (
    AllOf,
    AnyOf,
    HasMetadata,
    LikelyDuplicate,
    LooksLikeTest,
    NeverAStudy,
    NoStudyFor,
    Not,
    NotUpdatedFor,
    NoUsers,
    OlderThan,
    Rule,
    leaves,
)

Made = TypeVar("Made")
How = Literal["all", "any"]
#: What another question is called, and how it begins; `key` is a key of the metadata that there is.
QUESTIONS: dict[str, Callable[[str], Rule]] = {
    "No users": lambda _: NoUsers(),
    "No study for some days": lambda _: NoStudyFor(days=365),
    "Never a study": lambda _: NeverAStudy(),
    "Not updated for some days": lambda _: NotUpdatedFor(days=365),
    "A customer for some days (grace)": lambda _: OlderThan(days=90),
    "Metadata": lambda key: HasMetadata(key=key or "key"),
    "Name looks like a test": lambda _: LooksLikeTest(),
    "Likely duplicate": lambda _: LikelyDuplicate(),
}
#: What a name ends with that nobody has saved.
CHANGED = " (changed)"
_LONGEST = 80


def questions(rule: Rule) -> tuple[How, tuple[Rule, ...]] | None:
    """How the questions are combined, and each as it is asked; None where they stand within each other more deeply."""
    how: How = "any" if isinstance(rule, AnyOf) else "all"
    asked = rule.rules if isinstance(rule, AllOf | AnyOf) else (rule,)
    return None if any(isinstance(turned(one)[0], AllOf | AnyOf | Not) for one in asked) else (how, asked)


def turned(rule: Rule) -> tuple[Rule, bool]:
    """The question, and whether its opposite is asked."""
    return (rule.rule, True) if isinstance(rule, Not) else (rule, False)


def combined(how: How, asked: Sequence[Rule]) -> Rule:
    return AnyOf(rules=tuple(asked)) if how == "any" else AllOf(rules=tuple(asked))


def grace(rule: Rule) -> int | None:
    """For how many days new customers are left alone; None where nothing asks for that."""
    return next((leaf.days for leaf in leaves(rule) if isinstance(leaf, OlderThan)), None)


def days(rule: Rule) -> int | None:
    """The days without a study or an update; None where nothing asks for them."""
    return next((leaf.days for leaf in leaves(rule) if isinstance(leaf, NoStudyFor | NotUpdatedFor)), None)


def with_grace(rule: Rule, days: int) -> Rule:
    match rule:
        case OlderThan():
            return rule.model_copy(update={"days": days})
        case AllOf(rules=rules) | AnyOf(rules=rules):
            return rule.model_copy(update={"rules": tuple(with_grace(inner, days) for inner in rules)})
        case Not(rule=inner):
            return rule.model_copy(update={"rule": with_grace(inner, days)})
        case _:
            return rule


def changed(rules: RuleSet, rule: Rule, *, unknown_counts: bool, who: str) -> RuleSet:
    """The rule set with this rule: what nobody saved must not bear the name and version of what was."""
    name = rules.name.removesuffix(CHANGED)[: _LONGEST - len(CHANGED)] + CHANGED
    made = RuleSet(name=name, author=who, rule=rule, unknown_counts=unknown_counts)
    return next((one for one in (rules, *PRESETS) if one.hash == made.hash), made)


def valid(make: Callable[[], Made]) -> Made:
    """What it makes. Raises PlanError, with which part can't be used and why."""
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = next((str(part) for part in reversed(first["loc"]) if isinstance(part, str)), "it")
        raise PlanError(f"This can't be used: {where}: {first['msg'].removeprefix('Value error, ')}.") from None
