"""Customers opened from elsewhere, showing exactly those who are meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from lib.customers.filters import Filter
from lib.evidence.rule_set import RuleSet
from lib.evidence.rules import Answer
from lib.evidence.views import SeenFilter, View
from lib.ui.customers import address
from lib.ui.resources import Resources


def look_at(resources: Resources, ids: Iterable[str], what: str, rules: RuleSet | None = None) -> NoReturn:
    """Open Customers with these alone; `what` they are, in a few words, is the name of that filter.

    With `rules` it says of each what they answer.
    """
    address.go(resources, View(filter=Filter(among=tuple(ids), among_is=what), rules=rules))


def look_at_answer(resources: Resources, rules: RuleSet, answer: Answer) -> NoReturn:
    """Open Customers with those to whom the rule set gives this answer, and why."""
    address.go(resources, View(rules=rules, seen=SeenFilter.model_validate({"candidate": (str(answer),)})))
