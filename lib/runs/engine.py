"""Carries out one step: read the record, wait for the call's turn, write the intent, call, judge, write the outcome. It decides
nothing itself: `drift` and the policy say whether to call, `judge` what an answer means, the journal which state may follow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lib.avara.limiter import Wanted, always
from lib.avara.models import Customer
from lib.errors import ApiError, Withdrawn
from lib.plans.model import Action, Run, RunState, Step, StepState
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
from lib.runs.look import look, read_record
from lib.runs.tools import Client, Tools

#: Seconds for which the record read before a call counts. When the call had to wait for longer (the API asked to, say), the
#: customer is read again, and that reading counts twice as long.
FRESH = 15.0
#: Seconds for which the journal's word that a call may go counts: as long as a call takes to leave by a connection that stands.
_JUST_NOW = 0.02
#: Why a call was not made.
LEASE_LOST = said(
    "The journal could not be reached for a while, so another process may have this run by now. Nothing more was sent."
)


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
        record, read_at, before_call = look(run, step, client, tools, wanted)
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
    told: Sequence[float] = ()  # when the journal last said that the call may go, once it is in flight

    def ready(self) -> bool:
        """Whether the call may go now. Asked again before each time that it is repeated."""
        tools = self.tools
        if not self._stands():
            return False
        if self.step.state is StepState.IN_FLIGHT:  # it is repeated, so no writing asks the journal for what it holds by now
            return self._ordered()
        self.refusal = self.admit(self.record)
        if self.refusal:
            return False
        self.step = tools.journal.steps.begin(self.step, owner=tools.owner, now=tools.now(), who=tools.who)
        self.told = tools.clocks()
        return self._stands()  # writing may have taken its time

    def still_wanted(self) -> bool:
        """Whether nobody asked for a stop and the run is still ours: also asked when the connection stands.

        Another process may have asked, which this one hears of when it looks: so the journal is, where dialling took its time.
        """
        if not (self.tools.held() and self.wanted()):
            return False
        return not self.told or self._since(self.told) < _JUST_NOW or self._ordered()

    def _stands(self) -> bool:
        self.old = self.tools.policy.preflight and self._since(self.read_at) >= self.fresh
        return not self.old and self.still_wanted()

    def _ordered(self) -> bool:
        """Whether the run is to go on by what the journal holds now."""
        self.told = self.tools.clocks()
        orders = self.tools.journal.reads.orders(self.step.run_id)
        return (orders.state, orders.owner, orders.requested) == (RunState.RUNNING, self.tools.owner, None)

    def _since(self, then: Sequence[float]) -> float:
        """Seconds, by the clock that shows the longest time."""
        return max(now - was for now, was in zip(self.tools.clocks(), then, strict=True))


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
        settled = judge_read_back(action, customer_id, open_case.why, read_record(client, customer_id), len(waits) - number)
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


def _call(action: Action, client: Client, customer_id: str, wanted: Wanted, ready: Wanted) -> _Call:
    began = time.monotonic()
    change = client.deactivate if action is Action.DEACTIVATE else client.reactivate
    try:
        answer = change(customer_id, wanted, ready)
    except ApiError as exc:
        return _Call(exc, exc.status, exc.request_id, exc.sent, time.monotonic() - began)
    return _Call(answer.customer, answer.status, answer.request_id, answer.sent, answer.seconds)
