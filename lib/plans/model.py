"""Runs and steps as frozen values, and the one table that says which state may follow which.

The engine and the journal only obey these tables; nothing else decides about states.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from lib.avara.models import Customer
from lib.errors import IllegalTransition, OtherConnection
from lib.evidence.activity import Activity

if TYPE_CHECKING:
    from lib.plans.approval import Standing


class Action(StrEnum):
    """What a plan asks for."""

    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"

    @property
    def wants_active(self) -> bool:
        """What `is_active` must say once this action has been applied."""
        return self is Action.REACTIVATE

    @property
    def opposite(self) -> Action:
        return Action.DEACTIVATE if self is Action.REACTIVATE else Action.REACTIVATE


class StepState(StrEnum):
    """Where one customer of a run stands."""

    PLANNED = "planned"  # not started: nothing was sent
    IN_FLIGHT = "in_flight"  # the intent is written; a call may have gone out
    VERIFIED = "verified"  # the record, read after the call, says what was asked for
    NOT_APPLIED = "not_applied"  # the record, read after the call, does not say so; may be tried again
    SKIPPED = "skipped"  # no call was needed or wise; `words` say why
    FAILED = "failed"  # refused or gone; nothing was changed
    UNKNOWN = "unknown"  # a call may have gone out and the record could not be read since, or is gone


class RunState(StrEnum):
    """Where a run stands."""

    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"  # a person, or trouble with the API, holds it
    INTERRUPTED = "interrupted"  # its process ended in the middle
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Hold(StrEnum):
    """What holds a paused run."""

    PERSON = "person"  # asked for it
    CANARY = "canary"  # the first steps are done; a person looks at their records before the others follow
    BREAKER = "breaker"  # trouble on the way to the API, or inside Express Ops; or it is read-only by now
    CAP = "cap"  # fresh records show that more would be affected than the settings allow


#: Which step state may follow which. `verified` and `skipped` are final: no customer is called again after them.
STEP_MOVES: Mapping[StepState, frozenset[StepState]] = {
    # the call is about to be made; or the record, read right before, makes it needless or impossible; or shows that an
    # earlier call, which was found not applied, took effect later
    StepState.PLANNED: frozenset({StepState.IN_FLIGHT, StepState.SKIPPED, StepState.FAILED, StepState.VERIFIED}),
    # back to planned only when the request certainly changed nothing (not sent, or refused for everyone)
    StepState.IN_FLIGHT: frozenset(
        {StepState.VERIFIED, StepState.NOT_APPLIED, StepState.FAILED, StepState.UNKNOWN, StepState.PLANNED}
    ),
    # read back again, later; a step is never sent again straight from unknown
    StepState.UNKNOWN: frozenset({StepState.VERIFIED, StepState.NOT_APPLIED, StepState.FAILED, StepState.UNKNOWN}),
    # a person asked to try again
    StepState.NOT_APPLIED: frozenset({StepState.PLANNED}),
    StepState.FAILED: frozenset({StepState.PLANNED}),
    StepState.VERIFIED: frozenset(),
    StepState.SKIPPED: frozenset(),
}

#: Which run state may follow which. A cancelled run stays so: what is left of it needs a new plan.
RUN_MOVES: Mapping[RunState, frozenset[RunState]] = {
    RunState.PLANNED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.RUNNING: frozenset({RunState.PAUSED, RunState.INTERRUPTED, RunState.FINISHED, RunState.CANCELLED}),
    RunState.PAUSED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.INTERRUPTED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.FINISHED: frozenset({RunState.RUNNING}),  # retry
    RunState.CANCELLED: frozenset(),
}

#: A run in one of these holds its customers: no other run may take them.
LIVE: frozenset[RunState] = frozenset({RunState.PLANNED, RunState.RUNNING, RunState.PAUSED, RunState.INTERRUPTED})

#: A recorded run is started in the next moment. One that still waits after so long was left: a crash, or a refused start.
STARTED_WITHIN = timedelta(seconds=15)

#: Steps that a person may ask to try again (`unknown` is read back first).
RETRYABLE: frozenset[StepState] = frozenset({StepState.FAILED, StepState.NOT_APPLIED, StepState.UNKNOWN})


def check(from_state: StepState | RunState, to_state: StepState | RunState) -> None:
    """Raise IllegalTransition unless the table of that kind of state lets `to_state` follow `from_state`."""
    moves: Mapping[StepState, frozenset[StepState]] | Mapping[RunState, frozenset[RunState]]
    moves, kind = (STEP_MOVES, "step") if isinstance(from_state, StepState) else (RUN_MOVES, "run")
    if type(from_state) is not type(to_state) or to_state not in moves[from_state]:  # type: ignore[index]  # same kind, tested just before
        raise IllegalTransition(f"A {kind} that is {from_state} can't become {to_state}.")


def run_states_before(to_state: RunState) -> frozenset[RunState]:
    """The run states that `to_state` may follow."""
    return frozenset(state for state, after in RUN_MOVES.items() if to_state in after)


@dataclass(frozen=True)
class Totals:
    """How many steps are in each state. `total` is their sum, so the parts always add up."""

    planned: int = 0
    in_flight: int = 0
    verified: int = 0
    not_applied: int = 0
    skipped: int = 0
    failed: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Totals:
        """A count by state; what is no state is left out, so that the total is then not that of the plan."""
        return cls(**{state.value: counts[state] for state in StepState if state in counts})

    def count(self, state: StepState) -> int:
        number: int = getattr(self, state.value)
        return number

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))

    @property
    def settled(self) -> int:
        """Steps that nobody is about to work on: neither planned nor in flight."""
        return self.total - self.planned - self.in_flight

    @property
    def retryable(self) -> int:
        return sum(self.count(state) for state in RETRYABLE)


@dataclass(frozen=True)
class Step:
    """One customer in a run. Times are UTC, `seconds` is how long the last call took, `attempts` counts calls sent."""

    run_id: str
    position: int
    customer_id: str
    name: str
    state: StepState
    before: Customer  # as planned
    after: Customer | None = None  # as last read since
    words: str = ""  # what went wrong, or why it was skipped
    attempts: int = 0
    status: int | None = None  # HTTP status of the last answer
    request_id: str | None = None
    started_at: datetime | None = None
    settled_at: datetime | None = None
    seconds: float | None = None
    activity: Activity | None = None  # of its studies, as the rule set knew it when the customer was picked

    @property
    def called_before(self) -> bool:
        """It was called and then read, and the record did not say what was asked for: that call may take effect later."""
        return self.attempts > 0 and self.after is not None


@dataclass(frozen=True)
class DamagedStep:
    """A step that can't be read, with what is known of it, and why in words."""

    run_id: str
    position: int
    customer_id: str
    name: str
    words: str


@dataclass(frozen=True)
class Run:
    """A plan being carried out. Times are UTC."""

    id: str
    state: RunState
    action: Action
    plan_hash: str
    connection_label: str
    fingerprint: str
    base_url: str
    operator: str
    reason: str
    ticket: str
    filter_text: str
    created_at: datetime
    totals: Totals
    started_at: datetime | None = None
    finished_at: datetime | None = None
    undo_of: str | None = None
    undone_by: str | None = None
    owner: str | None = None  # the worker that carries it; see lib/runs/owner.py
    requested: str | None = None  # "pause" or "cancel", asked for and not carried out yet
    hold: Hold | None = None  # what holds it, while paused
    canary: int | None = None  # it holds, or will hold, once this many first steps are done ...
    goes_on: bool = False  # ... or goes on by itself if they are all verified: the plan chose so
    words: str = ""  # why it paused, was interrupted or where it stopped
    damage: str = ""  # what of it can't be read or does not add up: then it can only be cancelled
    approval: Standing | None = None  # what the log says of a second person's word on it; None where nobody asked for that

    @property
    def live(self) -> bool:
        return self.state in LIVE

    def check_account(self, keys: Collection[str], here: str) -> None:
        """Raise OtherConnection unless one of `keys` (fingerprints) made it: those of the account at base URL `here`."""
        if self.fingerprint not in keys:
            raise OtherConnection.of("This run", fingerprint=self.fingerprint, base_url=self.base_url, here=here)

    def working(self, now: datetime) -> bool:
        """It is being carried out, or about to be; nobody has to do anything."""
        return self.live and not self.needs_person(now)

    def needs_person(self, now: datetime) -> bool:
        """It holds its customers and goes on only if a person says so."""
        waits = self.state in (RunState.PAUSED, RunState.INTERRUPTED) or (self.live and bool(self.damage))
        return waits or self.never_started(now) or (self.state is RunState.PLANNED and self.approval is not None)

    def never_started(self, now: datetime) -> bool:
        """It was recorded, and whoever recorded it did not get to start it."""
        return self.state is RunState.PLANNED and self.approval is None and now - self.created_at > STARTED_WITHIN

    def awaits_approval(self, now: datetime) -> bool:
        """It could be taken up, were it not for a second person's word; once it is over, only where somebody asked for that."""
        if self.approval is None or self.state is RunState.RUNNING or not self.approval.is_open(now):
            return False
        return self.live or (self.can_retry and not self.approval.to_ask(now))

    @property
    def on_canary(self) -> bool:
        """Its first `canary` steps are done, and it holds for a person to look at their records."""
        return self.state is RunState.PAUSED and self.hold is Hold.CANARY

    @property
    def can_pause(self) -> bool:
        return self.state is RunState.RUNNING and self.requested is None

    @property
    def can_resume(self) -> bool:
        return self.state in (RunState.PAUSED, RunState.INTERRUPTED) and self.requested != "cancel" and not self.damage

    @property
    def can_cancel(self) -> bool:
        """Also where a cancel was asked for before its process died: whoever asks again carries it out."""
        return self.live and not (self.state is RunState.RUNNING and self.requested == "cancel")

    @property
    def can_retry(self) -> bool:
        return self.state is RunState.FINISHED and self.totals.retryable > 0 and not self.damage

    @property
    def can_undo(self) -> bool:
        return not self.live and self.totals.verified > 0 and not self.damage
