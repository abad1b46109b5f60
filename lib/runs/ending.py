"""How a run ends for now, and the words that say so. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.plans.model import DamagedStep, Hold, Run, RunState, Step, StepState
from lib.plans.words import NOTHING, Words, joined, said

#: What to say of a run that is `never_started`.
NEVER_STARTED = "It was recorded but never started: start or cancel it. Until then it holds its customers."
#: How the words go on: for a run that a person may resume, one held after its first steps, and one to be cancelled.
_RESUME = "; resume the run to go on."
_LET_IT_GO_ON = " until somebody lets it go on."
_TO_BE_CANCELLED = "; it is cancelled as soon as the calls that were under way are read back."

#: What to say of a live run that a key of another account made.
CANCEL_ONLY = "Here it can only be cancelled: nothing is sent for that, and a call that was under way ends as unknown."

#: Going on alone would meet the same cap again.
_PAST_THE_CAP = (
    ". Cancel it and plan the others apart; or raise max_users in settings.toml, start Express Ops again and resume the run."
)


@dataclass(frozen=True)
class Halt:
    """Why nothing more is taken up, in words; `hold` is None where the journal can't be written."""

    words: Words
    hold: Hold | None = Hold.BREAKER


@dataclass(frozen=True)
class Ending:
    """The state that the run goes into, the words that a person reads, and what holds it if it is paused."""

    state: RunState
    words: Words = NOTHING
    hold: Hold | None = None


#: For a run whose process is gone.
ABANDONED = Halt(said("The process that carried this run ended in the middle, or lost its way to the journal."), hold=None)


def cancelled(run: Run, by: str) -> Words:
    """What is said of a run that is cancelled as it stands, for whoever asked for it."""
    totals = run.totals
    left = f"the other {totals.planned:,} were not started" if totals.planned else "nothing was left to start"
    return said(f"Cancelled by {by} after {totals.settled:,} of {totals.total:,} customers; {left}.")


def ending(run: Run, halt: Halt | None, *, asked_by: str = "", stopping: bool = False) -> Ending:
    """What becomes of a run that nobody works on any more. `run` is as it is now: its totals, and what was asked for."""
    totals = run.totals
    so_far = f"after {totals.settled:,} of {totals.total:,} customers"
    if run.requested == "cancel" and not totals.in_flight:
        return Ending(RunState.CANCELLED, cancelled(run, asked_by))
    if not totals.planned + totals.in_flight:
        late = said(f"It had already finished when {asked_by} asked for a pause: no call was left to hold.")
        return Ending(RunState.FINISHED, late if run.requested == "pause" else NOTHING)
    next_ = _TO_BE_CANCELLED if run.requested == "cancel" else _RESUME
    if halt is not None and (halt.hold is None or run.requested == "cancel"):
        return Ending(RunState.INTERRUPTED, joined(halt.words, said(f"Stopped {so_far}{next_}")))
    if halt is not None:
        next_ = _PAST_THE_CAP if halt.hold is Hold.CAP else _LET_IT_GO_ON if halt.hold is Hold.CANARY else next_
        return Ending(RunState.PAUSED, joined(halt.words, said(f"Paused {so_far}{next_}")), halt.hold)
    if stopping or run.requested == "cancel":
        return Ending(RunState.INTERRUPTED, said(f"Express Ops was stopped {so_far}{next_}"))
    return Ending(RunState.PAUSED, said(f"Paused by {asked_by} {so_far}."), Hold.PERSON)


def where_stopped(first: Step | DamagedStep, left: int) -> str:
    """Which of the customers were not started: `left`, of which this is the `first`. Those before and after it may have been,
    as several are taken up at a time."""
    others = "" if left == 1 else f" and {left - 1:,} {'other' if left == 2 else 'others'}"
    return f"Not started: {first.name} ({first.customer_id}){others}."


def canary_words(first: Sequence[Step]) -> Words:
    """What the first steps brought, for whoever decides whether the others follow."""
    verified = sum(step.state is StepState.VERIFIED for step in first)
    who = "first customer is" if len(first) == 1 else f"first {len(first):,} customers are"
    return said(f"The {who} done: {verified:,} verified. Look at their records.")


def all_verified(first: Sequence[Step]) -> bool:
    """Whether every one of the first steps was called and verified: one that was skipped shows nothing."""
    return bool(first) and all(step.state is StepState.VERIFIED for step in first)
