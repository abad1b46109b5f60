"""What if: whom a rule set means by each of many numbers of days, and who comes or goes between two of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.evidence.rule_set import RuleSet
from lib.evidence.rules import AllOf, Answer, AnyOf, Facts, Finding, NoStudyFor, Not, NotUpdatedFor, Rule, leaves


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What a rule set says of each of `facts` by each of `days`, ascending: `answers` has a row a customer, a column a number
    of days. `present` is what it says as it stands, whose number of days is `now`: None where its questions have several.
    """

    rules: RuleSet
    facts: Sequence[Facts]
    days: tuple[int, ...]
    answers: npt.NDArray[np.int8]
    present: npt.NDArray[np.int8]
    now: int | None

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a number of days: columns `days`, `candidates`, `unknown`."""
        yes, unknown = ((self.answers == answer).sum(axis=0) for answer in (Answer.YES, Answer.UNKNOWN))
        return pd.DataFrame({"days": self.days, "candidates": yes, "unknown": unknown})

    def having(self, answer: Answer, days: int) -> tuple[str, ...]:
        """The ids of those with this answer by so many days, one of `days`."""
        return self._ids(self._by(days) == answer)

    def changed(self, days: int, before: int | None = None) -> Iterator[tuple[Facts, Answer, Finding]]:
        """Whom so many days would give another answer than `before` (None: than the rule set as it stands): what is known of
        each, the answer before, and the new one with its sentence. Whoever becomes a candidate comes first.
        """
        old, new = self.present if before is None else self._by(before), self._by(days)
        rules = self.rules.with_days(days)
        places = np.flatnonzero(old != new)
        for place in places[np.argsort(-new[places], kind="stable")].tolist():
            facts = self.facts[place]
            yield facts, Answer(int(old[place])), rules.judge(facts)

    def _by(self, days: int) -> npt.NDArray[np.int8]:
        column: npt.NDArray[np.int8] = self.answers[:, self.days.index(days)]
        return column

    def _ids(self, mask: npt.NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self.facts[place].record.id for place in np.flatnonzero(mask).tolist())


def days_of(rules: RuleSet) -> tuple[int, ...]:
    """The different numbers of days that it asks for, of studies and of updates, ascending."""
    return tuple(sorted({leaf.days for leaf in leaves(rules.rule) if isinstance(leaf, NoStudyFor | NotUpdatedFor)}))


def what_if(rules: RuleSet, facts: Sequence[Facts], days: Iterable[int]) -> WhatIf:
    """What the rule set would say by each number of days; where it asks for none, they change nothing."""
    steps = tuple(sorted(set(days)))
    asked = [rules.with_days(one) for one in steps]
    one_way = len(_ways(rules.rule)) < 2
    answers = np.empty((len(facts), len(steps)), dtype=np.int8)
    for row, known in enumerate(facts):
        if one_way:
            _fill(answers[row], asked, known)
        else:
            answers[row] = [one.judge(known).answer for one in asked]
    own = days_of(rules)
    if len(own) == 1 and own[0] in steps:
        present = answers[:, steps.index(own[0])]
    else:
        present = np.array([rules.judge(known).answer for known in facts], dtype=np.int8)
    return WhatIf(rules, facts, steps, answers, present, own[0] if len(own) == 1 else None)


def _fill(answers: npt.NDArray[np.int8], asked: Sequence[RuleSet], known: Facts) -> None:
    """More days turn answers one way only, so where the first and the last agree, so do all between: of most customers two
    are asked for.
    """
    if not asked:
        return
    answers[0], answers[-1] = (asked[at].judge(known).answer for at in (0, -1))
    spans = [(0, len(asked) - 1)]
    while spans:
        first, last = spans.pop()
        if answers[first] == answers[last]:
            answers[first:last] = answers[first]
        elif last - first > 1:
            middle = (first + last) // 2
            answers[middle] = asked[middle].judge(known).answer
            spans += [(first, middle), (middle, last)]


def _ways(rule: Rule, *, forward: bool = True) -> frozenset[bool]:
    """Which way more days turn the rule's answer: True towards no, False towards yes."""
    match rule:
        case NoStudyFor() | NotUpdatedFor():
            return frozenset({forward})
        case AllOf(rules=rules) | AnyOf(rules=rules):
            return frozenset().union(*(_ways(inner, forward=forward) for inner in rules))
        case Not(rule=inner):
            return _ways(inner, forward=not forward)
        case _:
            return frozenset()
