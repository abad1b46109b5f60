"""What a rehearsal showed: how long the run takes, who is skipped and why, what was met on the way. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import humanize

from lib.avara.text import count, one_line
from lib.avara.times import to_minute
from lib.plans.model import Run, Step, StepState, Totals
from lib.plans.plan import Plan
from lib.receipts.page import PAGES
from lib.rehearsal.conditions import FAULTS, Conditions

#: What has no line of its own in the report.
_AS_ASKED = frozenset({StepState.VERIFIED, StepState.PLANNED, StepState.IN_FLIGHT})
_ASKED_TO_WAIT = "429, asked to wait"


class Asked(Protocol):
    """A request as the stand-in for the API saw it."""

    @property
    def customer_id(self) -> str: ...
    @property
    def status(self) -> int | str: ...
    @property
    def fault(self) -> str: ...


@dataclass(frozen=True)
class Met:
    """Something that went wrong on the way: how often, with how many customers, and what became of them."""

    what: str
    requests: int
    customers: Mapping[StepState, int]

    @property
    def words(self) -> str:
        ended = ", ".join(f"{number:,} {_named(state)}" for state, number in self.customers.items())
        number = sum(self.customers.values())
        return f"{self.what}: {count(self.requests, 'request')} of {count(number, 'customer')}; in the end {ended}"


@dataclass(frozen=True)
class Report:
    """What came of rehearsing `plan` on the list read at `read_at`; times in seconds. `whole`: nobody stopped it.

    `requests` that were sent in all, `waited` while the stand-in asked to wait; `calls`: how many steps took so many calls.
    """

    plan: Plan
    conditions: Conditions
    read_at: datetime | None
    at: datetime
    run: Run
    whole: bool
    canary: int | None
    seconds: float
    waited: float
    requests: int
    met: tuple[Met, ...]
    calls: Mapping[int, int]
    left: tuple[Step, ...]
    #: Of how many customers the studies were known.
    studies: int

    @property
    def totals(self) -> Totals:
        return self.run.totals

    @property
    def title(self) -> str:
        return f"Rehearsal: {self.plan.action} {count(self.totals.total, 'customer')}"

    @property
    def expected(self) -> float | None:
        """Seconds for the whole run, by what was seen of it; None while nothing was."""
        return self.seconds * self.totals.total / self.totals.settled if self.totals.settled else None

    @property
    def facts(self) -> Mapping[str, str]:
        """What a person reads first, a name and its words each."""
        took = f"{_time(self.seconds)} for {self.totals.settled:,} of {count(self.totals.total, 'customer')}"
        if self.totals.settled < self.totals.total and self.expected is not None:
            took += f"; all of them: about {_time(self.expected)}"
        hold = "the real run holds until you have seen their records; passed by itself here"
        known = f", the studies known of {self.studies:,}" if self.studies else ", no studies known"
        return {
            "took": took,
            "ended": self.ended,
            "customers": ", ".join(f"{n:,} {_named(state)}" for state in StepState if (n := self.totals.count(state))),
            "requests": f"{self.requests:,}" + (f", {_time(self.waited)} waited as asked" if self.waited >= 1 else ""),
            "calls": ", ".join(f"{count(calls, 'call')} for {n:,}" for calls, n in self.calls.items()),
            "after the first": "" if self.canary is None else f"{self.canary:,}: {hold}",
            "conditions": "; ".join(self.conditions.words),
            "made of": f"the list read {to_minute(self.read_at)}{known}" if self.read_at else f"the list{known}",
            "plan": self.plan.hash,
        }

    @property
    def ended(self) -> str:
        """How the run ended, or what would hold it."""
        if not self.whole:
            return "stopped by you"
        return f"{self.run.state}: {self.run.words}" if self.run.words else str(self.run.state)

    def __str__(self) -> str:
        """The whole report as plain text."""
        lines = [self.title, f"{to_minute(self.at)}. Nothing was sent to the API and nothing was changed.", ""]
        lines += [f"{name:<16} {words}" for name, words in self.facts.items() if words]
        lines += ["", "What was met on the way:", *(f"  {one.words}" for one in self.met)] if self.met else []
        lines += ["", "Not as asked:"] if self.left else []
        lines += [f"  {one.customer_id}  {_named(one.state):<11}  {one_line(one.name, 60)}  {one.words}" for one in self.left]
        return "\n".join(lines) + "\n"

    __repr__ = __str__

    def to_html(self) -> bytes:
        """The whole report as a UTF-8 page to print or to file, which needs nothing else."""
        return PAGES.get_template("rehearsal.html").render(report=self).encode("utf-8", errors="replace")


def met(asked: Iterable[Asked], steps: Sequence[Step]) -> tuple[Met, ...]:
    """What went wrong with these requests, most often first, and what became of the customers that they were about."""
    states = {step.customer_id: step.state for step in steps}
    requests: Counter[str] = Counter()
    customers: dict[str, set[str]] = defaultdict(set)
    for one in asked:
        for fault in one.fault.split(",") if one.fault else [_ASKED_TO_WAIT] if one.status == 429 else []:
            what = f"{fault}, {FAULTS[fault]}" if fault in FAULTS else fault
            requests[what] += 1
            customers[what].add(one.customer_id)
    return tuple(
        Met(what, number, Counter(states[id_] for id_ in sorted(customers[what]) if id_ in states))
        for what, number in requests.most_common()
    )


def calls_of(steps: Iterable[Step]) -> Mapping[int, int]:
    """How many steps took so many calls."""
    return dict(sorted(Counter(step.attempts for step in steps if step.attempts).items()))


def left_of(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps that did not go as asked, by their state."""
    return tuple(sorted((step for step in steps if step.state not in _AS_ASKED), key=lambda step: step.state))


def words_of(expected: float) -> str:
    """How long a rehearsal may take, told before it begins."""
    return f"About {_time(expected)} when all goes well" if expected >= 1 else "A moment when all goes well"


def _named(state: StepState) -> str:
    return state.value.replace("_", " ")


def _time(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} seconds"
    return humanize.precisedelta(timedelta(seconds=round(seconds)), minimum_unit="seconds", format="%0.0f")
