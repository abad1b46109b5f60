"""Carries out one step: read the record, wait for the call's turn, write the intent, call, judge, write the outcome. It decides
nothing itself: `drift` and the policy say whether to call, `judge` what an answer means, the journal which state may follow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from lib.avara.limiter import Wanted, always
from lib.avara.models import Customer
from lib.errors import ApiError, Withdrawn
from lib.journal.journal import Journal
from lib.plans.model import ITSELF, Action, Person, Run, RunState, Step, StepState
from lib.plans.policy import Policy
from lib.plans.words import NOTHING, Words, of_error, said
from lib.runs.judge import (
    INTERRUPTED,
    LEFT_OPEN,
    NotSent,
    ReadBack,
    Settled,
    Trouble,
    judge,
    judge_read_back,
    keeping,
    suspicion_of,
)
from lib.runs.preflight import preflight, protection

#: Seconds to wait before each reading of a record whose call left its outcome open.
READ_BACK_WAITS = (0.2, 0.8, 2.0)
#: Seconds for which the record read before a call counts. When the call had to wait for longer (the API asked to, say), the
#: customer is read again, and that reading counts twice as long.
FRESH = 15.0
#: Why a call was not made.
LEASE_LOST = said(
    "The journal could not be reached for a while, so another process may have this run by now. Nothing more was sent."
)


class Answer(Protocol):
    """What the client returns for a call that changes something."""

    @property
    def customer(self) -> Customer: ...
    @property
    def status(self) -> int: ...
    @property
    def request_id(self) -> str | None: ...
    @property
    def sent(self) -> int: ...
    @property
    def seconds(self) -> float: ...


class Client(Protocol):
    """The part of the API client that a run needs. Every method raises ApiError, whose `sent` counts the requests that left.

    A request may have to wait until it can go out. `wanted` is asked meanwhile; `ready` each time that its turn has come, what
    it raises comes through; and `wanted` once more right before the first byte, for the connection may have to be dialled, or
    the machine slept. Once one says no, nothing is sent any more (Withdrawn).
    """

    def get_customer(self, customer_id: str, /, wanted: Wanted = always, ready: Wanted = always) -> Customer: ...
    def deactivate(self, customer_id: str, /, wanted: Wanted = always, ready: Wanted = always) -> Answer: ...
    def reactivate(self, customer_id: str, /, wanted: Wanted = always, ready: Wanted = always) -> Answer: ...


def clocks() -> tuple[float, float]:
    """Seconds by two clocks: one never jumps but stands still while the machine sleeps; the other is the other way round."""
    return time.monotonic(), time.time()


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Tools:
    """What the engine works with, wired once by the worker."""

    journal: Journal
    owner: str
    who: Person = ITSELF  # for whom it works, as the log names them
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], object] = time.sleep
    read_back_waits: Sequence[float] = READ_BACK_WAITS
    policy: Policy = field(default_factory=Policy)
    held: Callable[[], bool] = always  # whether the run's lease can't have run out; see lib/runs/heartbeat.py
    clocks: Callable[[], Sequence[float]] = clocks  # seconds; the longest of the times that they show counts


#: Asked with the freshest record right before its call; the reason why the run must hold instead, or nothing.
Admit = Callable[[Customer], Words]
#: Told what the requests of a step met as soon as that is known; of the reading back, too, where that met trouble.
Heard = Callable[[Trouble | None], object]


@dataclass(frozen=True)
class _Call:
    """One call as made: what came of it, and its facts for the journal."""

    outcome: Customer | ApiError
    status: int | None
    request_id: str | None
    sent: int
    seconds: float


def carry_out_step(
    run: Run,
    step: Step,
    client: Client,
    tools: Tools,
    *,
    admit: Admit = lambda _: NOTHING,
    wanted: Wanted = always,
    heard: Heard = lambda _: None,
) -> tuple[Step, Trouble | None]:
    """Take a planned step as far as it goes; the step as journalled, and the channel's trouble, if it showed any.

    The step is back in `planned` when the call certainly changed nothing for a reason that is not this customer's, and
    stays there when `admit` refuses. The intent is written when the call's turn has come, and only for a record that is still
    fresh: else the customer is read again. No call goes out once it is not `wanted` any more: somebody paused or cancelled the
    run, or the process is being stopped. Trouble is told even where the step could be settled in spite of it; `heard` gets
    it first, but nothing of a step that was withdrawn.
    Raises JournalError when the journal can't be written (before the call: it is not made; after it: the step stays
    `in_flight`, to be read back) or when the step or its run is no longer this worker's.
    """
    fresh = FRESH
    while True:
        record, read_at, before_call = _look(run, step, client, tools, wanted)
        if before_call is not None:
            if before_call.trouble is not None or isinstance(before_call, Settled):
                heard(before_call.trouble)
            settled = _settle(step, before_call, tools) if isinstance(before_call, Settled) else step
            return settled, before_call.trouble
        intent = _Intent(step, tools, record, read_at, fresh, admit, wanted)
        call = _call(run.action, client, step.customer_id, intent.still_wanted, intent.ready)
        if not isinstance(call.outcome, Withdrawn):
            return _judged(run, intent.step, call, client, tools, heard=heard)
        step, trouble = _withdrawn(intent, call, tools, heard)
        if trouble is not None or not intent.old or not wanted():
            return step, trouble
        fresh *= 2  # where the API lets no call follow sooner, nothing fresher can be had


@dataclass
class _Intent:
    """The intent to call, written when nothing is left to wait for. `step` is in flight from then on."""

    step: Step
    tools: Tools
    record: Customer
    read_at: Sequence[float]
    fresh: float  # seconds for which the record counts
    admit: Admit
    wanted: Wanted
    refusal: Words = NOTHING
    old: bool = False  # the record, by the time that the call could go

    def ready(self) -> bool:
        """Whether the call may go now. Asked again before each time that it is repeated."""
        tools = self.tools
        if not self._stands():
            return False
        if self.step.state is StepState.IN_FLIGHT:  # it is repeated, so no writing asks the journal for what it holds by now
            orders = tools.journal.reads.orders(self.step.run_id)
            return (orders.state, orders.owner, orders.requested) == (RunState.RUNNING, tools.owner, None)
        self.refusal = self.admit(self.record)
        if self.refusal:
            return False
        self.step = tools.journal.steps.begin(self.step, owner=tools.owner, now=tools.now(), who=tools.who)
        return self._stands()  # writing may have taken its time

    def still_wanted(self) -> bool:
        """Whether nobody asked for a stop and the run is still ours: also asked when the connection stands."""
        return self.tools.held() and self.wanted()

    def _stands(self) -> bool:
        age = max(now - then for now, then in zip(self.tools.clocks(), self.read_at, strict=True))
        self.old = self.tools.policy.preflight and age >= self.fresh
        return not self.old and self.still_wanted()


def _withdrawn(intent: _Intent, call: _Call, tools: Tools, heard: Heard) -> tuple[Step, Trouble | None]:
    """The step whose call was not made, or not repeated, and why the run must hold, if it must."""
    step, words = intent.step, NOTHING if tools.held() else LEASE_LOST
    trouble = Trouble(words) if words else Trouble(intent.refusal, at_once=True) if intent.refusal else None
    if words:
        heard(trouble)
    if step.state is StepState.IN_FLIGHT and isinstance(call.outcome, ApiError):
        step = _settle(step, Settled(StepState.PLANNED, words or of_error(call.outcome)), tools, sent=call.sent)
    return step, trouble


def _judged(run: Run, step: Step, call: _Call, client: Client, tools: Tools, *, heard: Heard) -> tuple[Step, Trouble | None]:
    """What becomes of the step by a call that was made."""
    verdict = judge(run.action, step.customer_id, call.outcome)
    trouble = suspicion_of(call.outcome) if isinstance(call.outcome, ApiError) else None
    heard(trouble)
    read_back = isinstance(verdict, ReadBack)
    if isinstance(verdict, NotSent):
        verdict = Settled(StepState.PLANNED, verdict.words, trouble=verdict.trouble)
    elif isinstance(verdict, ReadBack):
        verdict = _read_back(run.action, step.customer_id, verdict, client, tools)
        if verdict.trouble is not None:
            heard(verdict.trouble)
    return _settle(step, verdict, tools, call, sent=call.sent, read_back=read_back), verdict.trouble or trouble


def _look(
    run: Run, step: Step, client: Client, tools: Tools, wanted: Wanted
) -> tuple[Customer, Sequence[float], Settled | NotSent | None]:
    """The freshest record there is, when its request left, and what stands in the way of the call, if anything does."""
    left = [tools.clocks()]
    protected = protection(step.before, tools.policy)
    if protected is not None or not tools.policy.preflight:
        return step.before, left[-1], protected

    def leaves() -> bool:  # it may have waited for its turn, too
        left.append(tools.clocks())
        return True

    read = _read(client, step.customer_id, wanted, leaves)
    verdict = preflight(run.action, step, read, tools.policy, exact=run.undo_of is not None)
    return read if isinstance(read, Customer) else step.before, left[-1], verdict


def read_back_step(
    run: Run, step: Step, client: Client, tools: Tools, *, again: bool = False, heard: Heard = lambda _: None
) -> tuple[Step, Trouble | None]:
    """Settle a step that is `in_flight` (left by a dead process) or `unknown` by reading its record; nothing is sent.

    `again`: a person asked for another try, so a step found not applied is planned once more.
    """
    open_case = ReadBack(INTERRUPTED if step.state is StepState.IN_FLIGHT else LEFT_OPEN)
    verdict = _read_back(run.action, step.customer_id, open_case, client, tools)
    heard(verdict.trouble)
    settled = _settle(step, verdict, tools)
    if again and settled.state is StepState.NOT_APPLIED:
        settled = _settle(settled, Settled(StepState.PLANNED, verdict.words), tools)
    return settled, verdict.trouble


def _read_back(action: Action, customer_id: str, open_case: ReadBack, client: Client, tools: Tools) -> Settled:
    waits = tools.read_back_waits
    for number, wait in enumerate(waits, start=1):
        tools.sleep(wait)
        settled = judge_read_back(action, customer_id, open_case.why, _read(client, customer_id), len(waits) - number)
        if settled is not None:
            return keeping(settled, open_case.seen)
    raise ValueError("read_back_waits must not be empty")


def _settle(
    step: Step,
    verdict: Settled,
    tools: Tools,
    call: _Call | None = None,
    *,
    sent: int | None = None,
    read_back: bool = False,
) -> Step:
    return tools.journal.steps.settle(
        step,
        verdict.state,
        owner=tools.owner,
        read_back=read_back,
        sent=sent,
        now=tools.now(),
        who=tools.who,
        words=verdict.words,
        after=verdict.after,
        status=call.status if call else None,
        request_id=call.request_id if call else None,
        seconds=call.seconds if call else None,
    )


def _read(client: Client, customer_id: str, wanted: Wanted = always, ready: Wanted = always) -> Customer | ApiError:
    try:
        return client.get_customer(customer_id, wanted, ready)
    except ApiError as exc:
        return exc


def _call(action: Action, client: Client, customer_id: str, wanted: Wanted, ready: Wanted) -> _Call:
    began = time.monotonic()
    change = client.deactivate if action is Action.DEACTIVATE else client.reactivate
    try:
        answer = change(customer_id, wanted, ready)
    except ApiError as exc:
        return _Call(exc, exc.status, exc.request_id, exc.sent, time.monotonic() - began)
    return _Call(answer.customer, answer.status, answer.request_id, answer.sent, answer.seconds)
