"""One run as a report tells it: who planned and carried it, what came of it, and why each customer was picked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from lib.avara.text import count
from lib.avara.times import to_minute
from lib.journal.proof.chain import Entry
from lib.journal.proof.replay import Audit
from lib.plans.model import Action, DamagedStep, Run, Step, StepState
from lib.plans.plan import Plan, PlannedCustomer, Untouched
from lib.receipts.rows import approval_of

_PAST = {Action.DEACTIVATE: "deactivated", Action.REACTIVATE: "reactivated"}


@dataclass(frozen=True)
class Told:
    """One run as the report tells it. `why_not`: why its customers can't be told; empty where they can."""

    run: Run
    why_not: str
    plan: Plan | None
    steps: tuple[Step | DamagedStep, ...]
    entries: tuple[Entry, ...]
    audit: Audit
    carried_by: tuple[str, ...]
    undos: tuple[Run, ...]

    @property
    def done(self) -> list[Step]:
        return [step for step in self.steps if isinstance(step, Step) and step.state is StepState.VERIFIED]

    @property
    def not_done(self) -> list[Step | DamagedStep]:
        return [step for step in self.steps if not (isinstance(step, Step) and step.state is StepState.VERIFIED)]

    @property
    def people(self) -> tuple[str, ...]:
        """Who planned it, what a second person said to it, and who carried it out."""
        approval = approval_of(self.run)
        if self.carried_by == (self.run.operator,) and not approval:
            return (f"{self.run.operator} planned it and carried it out",)
        carried = f"{', '.join(self.carried_by) or 'nobody'} carried it out"
        return f"{self.run.operator} planned it", *filter(None, (approval,)), carried

    @property
    def came_of_it(self) -> tuple[str, ...]:
        """What a reader wants to know first: "148 of 150 customers deactivated; 2 skipped; the run is finished", and undos."""
        run, totals = self.run, self.run.totals
        rest = [state for state in StepState if state is not StepState.VERIFIED and totals.count(state)]
        parts = [f"{totals.verified:,} of {count(totals.total, 'customer')} {_PAST[run.action]}"]
        parts += [", ".join(f"{totals.count(state):,} {state_words(state)}" for state in rest)] if rest else []
        back = [f"{count(undo.totals.verified, 'customer')} taken back by {undo.id} ({undo.state})" for undo in self.undos]
        of = [f"takes back {run.undo_of}"] if run.undo_of else []
        return "; ".join([*parts, f"the run is {run.state}"]), *of, *back

    @property
    def left_out(self) -> tuple[Untouched, ...]:
        """Whom the plan leaves alone, and whom its review set aside."""
        return (*self.plan.left_alone, *self.plan.set_aside) if self.plan else ()

    @property
    def left_out_title(self) -> str:
        """Who nobody picked was not left out by a review."""
        over = [one.not_picked for one in self.left_out]
        kinds = "Not picked" if all(over) else "Left out or not picked" if any(over) else "Left out"
        return f"{kinds}, and why"

    def planned(self, step: Step | DamagedStep) -> PlannedCustomer | None:
        return self.plan.customers[step.position] if self.plan and 0 <= step.position < len(self.plan.customers) else None

    @cached_property
    def picked(self) -> tuple[str, ...]:
        """What is told of every customer of the plan alike, such as the filter by which they were picked."""
        first, *others = [_lines_of(planned) for planned in self.plan.customers] if self.plan else [()]
        return tuple(line for line in first if all(line in lines for lines in others)) if others else ()

    def why(self, step: Step | DamagedStep) -> tuple[str, ...]:
        """Why this customer was picked, a line each, without what was so for all."""
        return tuple(line for line in _lines_of(self.planned(step)) if line not in self.picked)


#: The log's entries in words. What it calls "approved" is a start, which whoever starts a run confirms.
_EVENTS = {
    "planned": "planned",
    "approved": "confirmed and started",
    "approval": "approved by a second person",
    "approval asked": "a second person asked for",
    "refusal": "refused by a second person",
    "resume": "taken up again",
    "retry": "tried again",
    "verify": "looked at again",
    "canary": "held after the first customers",
    "pause": "paused",
    "interrupt": "interrupted",
    "cancel": "cancelled",
    "finish": "finished",
    "undo": "undo planned",
    "export": "receipt or report made",
}


def event_words(event: str) -> str:
    """What an entry of the log tells, in words; its own where there are none."""
    return _EVENTS.get(event, event)


def state_words(state: StepState) -> str:
    return state.value.replace("_", " ")


def _lines_of(planned: PlannedCustomer | None) -> tuple[str, ...]:
    """Without what a rule set asked, which the report tells once, and without a second time of reading."""
    if planned is None:
        return ()
    judged, read = planned.judgement, f"read {to_minute(planned.read_at)}"
    lines = [line for line in planned.told if not (judged and judged.says_all and line == judged.answered)]
    return (*lines, *([] if any(line.endswith(f"customers as {read}") for line in lines) else [read]))
