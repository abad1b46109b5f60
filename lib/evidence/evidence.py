"""What a session knows of why customers are inactive: rule sets asked of its list and of the studies that were read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from weakref import ref

from lib.avara.models import id_key
from lib.customers.frame import CustomerFrame
from lib.evidence.activity import Activity
from lib.evidence.columns import EvidenceColumns
from lib.evidence.facts import facts_of
from lib.evidence.judgement import Judgement
from lib.evidence.reading import ActivityReading
from lib.evidence.rule_set import RuleSet, proof_within
from lib.evidence.rules import Answer, Facts, Finding, HasMetadata, LikelyDuplicate, NoUsers, Rule, leaves
from lib.evidence.what_if import WhatIf, what_if

#: Rule sets whose findings, and whose curves, are remembered, and for how long: ages are told in days.
_REMEMBERED, _CURVES, _ANSWERS_STAND = 16, 4, timedelta(hours=1)


@dataclass(frozen=True, eq=False)
class Judged:
    """What a rule set says of every active customer of a list, by what was known at `at`: by `id_key`, in the list's order."""

    rules: RuleSet
    at: datetime
    findings: Mapping[str, Finding]
    #: What this was made of: the list, and what was known of studies.
    frame: ref[CustomerFrame]
    revision: int
    known: Mapping[str, Activity]

    def having(self, answer: Answer) -> tuple[str, ...]:
        """The `id_key`s of those with this answer."""
        return tuple(key for key, finding in self.findings.items() if finding.answer is answer)


class Evidence:
    """The rule sets of a session at work. `reading` has what was read of studies. Any thread may call it."""

    def __init__(self, reading: ActivityReading, now: Callable[[], datetime]) -> None:
        self.reading, self._now = reading, now
        self._judged: dict[str, Judged] = {}
        self._asked: dict[str, RuleSet] = {}
        self._what_if: dict[Hashable, tuple[object, datetime, WhatIf]] = {}
        self._columns: dict[str, tuple[object, EvidenceColumns]] = {}

    def close(self) -> None:
        """Stop reading, and keep what was read."""
        self.reading.close()

    def judged(self, rules: RuleSet, frame: CustomerFrame) -> Judged:
        """What the rule set says of each active customer by what is known now; nothing is read for it.

        While only more becomes known of studies, only those are asked of whom it does: the list is asked whole once in a while.
        """
        return self.judged_all([rules], frame)[0]

    def judged_all(self, asked: Iterable[RuleSet], frame: CustomerFrame) -> list[Judged]:
        """The same by each of these; what they share is put together once."""
        self.reading.catch_up()
        now, revision = self._now(), self.reading.revision
        known = dict(self.reading.known)

        @cache
        def everybody(alike: Rule | None) -> list[Facts]:
            return facts_of(frame, _active(frame), alike or NoUsers(), known, now)

        def judge(rules: RuleSet) -> Judged:
            kept = self._judged.get(rules.hash)
            if kept is None or kept.frame() is not frame or now - kept.at > _ANSWERS_STAND:
                facts = everybody(rules.rule if _asks_of_all(rules.rule) else None)
                return Judged(rules, now, _findings(rules, facts), ref(frame), revision, known)
            if kept.revision == revision:
                return kept
            facts = facts_of(frame, _changed(kept, frame, known), rules.rule, known, now)
            return Judged(rules, kept.at, {**kept.findings, **_findings(rules, facts)}, ref(frame), revision, known)

        judged = [judge(rules) for rules in map(self._noted, asked)]
        fresh = {one.rules.hash: one for one in judged}
        others = [(name, one) for name, one in self._judged.items() if name not in fresh]
        self._judged = dict([*others, *fresh.items()][-_REMEMBERED:])
        return judged

    def what_if(self, rules: RuleSet, frame: CustomerFrame, days: Iterable[int]) -> WhatIf:
        """What the rule set would say of them by each of these numbers of days; nothing is read for it."""
        self.reading.catch_up()
        now, steps = self._now(), tuple(sorted(set(days)))
        key, made_of = (rules.hash, steps), (frame.version, self.reading.revision)
        before, at, found = self._what_if.get(key, (None, now, None))
        if found is None or before != made_of or now - at > _ANSWERS_STAND:
            found, at = what_if(rules, facts_of(frame, _active(frame), rules.rule, self.reading.known, now), steps), now
            others = [(name, one) for name, one in self._what_if.items() if name != key]
            self._what_if = dict([*others, (key, (made_of, at, found))][-_CURVES:])
        return found

    def columns(self, rules: RuleSet | None, frame: CustomerFrame) -> EvidenceColumns:
        """The same beside the list's own columns, with what is known of studies; made once for each of `judged`."""
        self.reading.catch_up()
        judged = None if rules is None else self.judged(rules, frame)
        made_of: object = judged or (frame.version, self.reading.revision)
        name = "" if rules is None else rules.hash
        before, columns = self._columns.get(name, (None, None))
        if columns is None or before != made_of:
            columns = EvidenceColumns.of(frame, self.reading.known, None if judged is None else judged.findings)
            others = [(hash_, one) for hash_, one in self._columns.items() if hash_ != name]
            self._columns = dict([*others, (name, (made_of, columns))][-_REMEMBERED:])
        return columns

    def judgements(self, rules: RuleSet, frame: CustomerFrame, ids: Sequence[str]) -> dict[str, Judgement]:
        """What the rule set says of each active customer among these, to be kept with a pick; nothing is read for it."""
        facts = facts_of(frame, ids, rules.rule, self.reading.known, self._now())
        return {one.record.id: rules.judgement(one) for one in facts if one.record.is_active}

    def find(
        self, rules: RuleSet, frame: CustomerFrame, tell: Callable[[int, int], object] = lambda *_: None
    ) -> list[tuple[Facts, Finding]]:
        """Every active customer with what is known of it, and what the rule set says.

        Studies are read only of those whom the other rules leave open; `tell` hears of how many, and of how many they are.
        Raises ApiError.
        """
        self._noted(rules)
        return [(one, rules.judge(one)) for one in self.facts(rules, frame, _active(frame), tell=tell)]

    def judged_as(
        self, said: Iterable[Judgement | None], frame: CustomerFrame, saved: Callable[[Judgement], RuleSet | None]
    ) -> list[Judged]:
        """What the rule sets that said this say of every active customer; one that was not asked lately nor is `saved` is left
        out.
        """
        by_hash = {one.hash: one for one in said if one is not None}
        return self.judged_all([rules for one in by_hash.values() if (rules := self._asked.get(one.hash) or saved(one))], frame)

    def _noted(self, rules: RuleSet) -> RuleSet:
        others = [(name, one) for name, one in self._asked.items() if name != rules.hash]
        self._asked = dict([*others, (rules.hash, rules)][-_REMEMBERED:])
        return rules

    def facts(
        self,
        rules: RuleSet,
        frame: CustomerFrame,
        ids: Sequence[str],
        *,
        tell: Callable[[int, int], object] = lambda *_: None,
    ) -> list[Facts]:
        """What is known of these customers; who is not in the frame is left out. Studies are read as by `find`."""
        now = self._now()
        facts = facts_of(frame, ids, rules.rule, self.reading.known, now)
        days = proof_within(rules.rule)
        if days is None:
            return facts
        undecided = [one.record.id for one in facts if rules.rule.ask(replace(one, activity=None)).answer is Answer.UNKNOWN]
        self.reading.read(undecided, within=days, tell=lambda done: tell(done, len(undecided)))
        known: Mapping[str, Activity] = self.reading.known
        return [replace(one, activity=known.get(id_key(one.record.id))) for one in facts]


def _asks_of_all(rule: Rule) -> bool:
    """Whether the names or metadata of all customers are gone through for it at once."""
    return any(isinstance(leaf, LikelyDuplicate | HasMetadata) for leaf in leaves(rule))


def _findings(rules: RuleSet, facts: Iterable[Facts]) -> dict[str, Finding]:
    return {id_key(one.record.id): rules.judge(one) for one in facts}


def _active(frame: CustomerFrame) -> list[str]:
    return list(frame.rows.loc[frame.rows["is_active"], "id"])


def _changed(kept: Judged, frame: CustomerFrame, known: Mapping[str, Activity]) -> list[str]:
    """The ids of those that were judged by other studies than are known now."""
    keys = [key for key in kept.findings if kept.known.get(key) is not known.get(key)]
    return list(frame.ids(frame.positions(keys)))
