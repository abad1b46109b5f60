"""How a run ends for now, and the words that say so. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.runs.model import Hold, Run, RunState, Step, StepState
from lib.runs.words import Words, joined


@dataclass(frozen=True)
class Halt:
    """Why nothing more is taken up, in words; `hold` is None where the journal can't be written."""

    words: str
    hold: Hold | None = Hold.BREAKER


@dataclass(frozen=True)
class Ending:
    """The state that the run goes into, the words that a person reads, and what holds it if it is paused."""

    state: RunState
    words: str = ""
    hold: Hold | None = None


def ending(run: Run, requested: str | None, halt: Halt | None, *, stopping: bool) -> Ending:
    """What becomes of a run that its crew no longer works on. `run` has the totals as they are now."""
    totals = run.totals
    so_far = f"after {totals.settled:,} of {totals.total:,} customers"
    if requested == "cancel" and not totals.in_flight:
        return Ending(RunState.CANCELLED, Words(f"Cancelled {so_far}; the other {totals.planned:,} were not started."))
    if not totals.planned + totals.in_flight:
        return Ending(RunState.FINISHED)
    if halt is not None and halt.hold is None:
        return Ending(RunState.INTERRUPTED, joined(halt.words, Words(f"Stopped {so_far}; resume the run to go on.")))
    if halt is not None:
        return Ending(RunState.PAUSED, joined(halt.words, Words(f"Paused {so_far}; resume the run to go on.")), halt.hold)
    if stopping:
        return Ending(RunState.INTERRUPTED, Words(f"Express Ops was stopped {so_far}; resume the run to go on."))
    return Ending(RunState.PAUSED, Words(f"Paused by a person {so_far}."), Hold.PERSON)


def canary_words(first: Sequence[Step]) -> Words:
    """What the first steps brought, for whoever decides whether the others follow."""
    verified = sum(step.state is StepState.VERIFIED for step in first)
    return Words(f"The first {len(first)} customers were the canary: {verified} verified. Look at their records.")


def all_verified(first: Sequence[Step]) -> bool:
    """Whether every one of the first steps was called and verified: one that was skipped shows nothing."""
    return bool(first) and all(step.state is StepState.VERIFIED for step in first)
