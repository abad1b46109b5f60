"""The engine as a person, its faults and its crashes drive it: whatever the order, the promises hold."""

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lib.avara.limiter import always
from lib.errors import (
    CapExceeded,
    Conflict,
    IllegalTransition,
    JournalUnavailable,
    NotAuthorized,
    NotFound,
    RateLimited,
    Unreachable,
)
from lib.journal.journal import Journal
from lib.plans.model import LIVE, RunState, StepState
from lib.plans.policy import Canary, Caps, Policy, ProtectedCustomers, Thresholds
from lib.runs.worker import Worker
from tests.runs.fakes import FINGERPRINT, NOW, READ_FAULTS, ROBIN, WRITE_FAULTS, FakeApi, customer, id_of, plan_of

PATIENCE = 30.0
SIZE, OUTSIDE, PROTECTED, USERS_CAP = 7, 3, id_of(2), 9
NUMBERS = st.integers(1, SIZE)
POLICY = Policy(
    canary=Canary(steps=2, from_size=4),
    caps=Caps(max_users=USERS_CAP),
    protected=ProtectedCustomers(ids=frozenset({PROTECTED})),
    breaker=Thresholds(in_a_row=3, window=6, at_least=4),
    drift=frozenset({"active", "name"}),  # users may grow: then the cap on them is what holds
)


class Api(FakeApi):
    """Has the machine check each call before it is answered, and knows of whom a call has left the outcome open."""

    def __init__(self, records, machine):
        super().__init__(records)
        self.machine = machine
        self.open = set()

    def get_customer(self, customer_id, /, wanted=always, ready=always):
        with suppress(NotFound):
            record = super().get_customer(customer_id, wanted, ready)
            self.open.discard(customer_id)
            return record
        self.open.discard(customer_id)
        raise NotFound(status=404)

    def _change(self, what, customer_id, *, active):
        self.machine.before_call(customer_id)
        if customer_id in self.records:
            self.machine.users_when_called[customer_id] = self.records[customer_id].user_count
        self.open.add(customer_id)
        try:
            answer = super()._change(what, customer_id, active=active)
        except (NotAuthorized, NotFound, Conflict, RateLimited, Unreachable):  # it certainly changed nothing
            self.open.discard(customer_id)
            raise
        if answer.customer.id == customer_id and answer.customer.is_active is active:
            self.open.discard(customer_id)
        return answer


class Engine(RuleBasedStateMachine):
    """One run, carried by workers that may die; one API with faults; a clock that stands still.

    Rules that don't apply do nothing, rather than having preconditions: how threads interleave must not decide what is drawn.
    """

    @initialize(
        preflight=st.booleans(),
        goes_on=st.booleans(),
        concurrency=st.integers(1, 3),
        users=st.lists(st.integers(0, 1), min_size=SIZE, max_size=SIZE),
        joined=st.lists(st.integers(0, 3), min_size=SIZE, max_size=SIZE),
        reads=st.dictionaries(NUMBERS, st.lists(st.sampled_from([*READ_FAULTS, "ok"]), min_size=1, max_size=4)),
        calls=st.dictionaries(NUMBERS, st.lists(st.sampled_from(WRITE_FAULTS), min_size=1, max_size=2)),
    )
    def begin(self, preflight, goes_on, concurrency, users, joined, reads, calls):
        self.folder = Path(tempfile.mkdtemp())
        self.journal = Journal(self.folder / "journal.sqlite")
        records = [customer(number, user_count=count) for number, count in enumerate(users, start=1)]
        others = [customer(number) for number in range(SIZE + 1, SIZE + OUTSIDE + 1)]
        by_now = [
            record.model_copy(update={"user_count": record.user_count + more})
            for record, more in zip(records, joined, strict=True)
        ]
        self.api = Api([*by_now, *others], self)
        self.policy = POLICY.model_copy(update={"preflight": preflight})
        self.concurrency = concurrency
        self.planned = {record.id for record in records}
        self.orders, self.asked, self.wish, self.never_sent = {}, Counter(), None, Counter()
        self.users_when_called = Counter()
        self.seen_verified, self.broken_promises = set(), []
        self.api.script = self.order
        self.run_id = self.journal.record(plan_of(records, goes_on=goes_on), NOW, who=ROBIN).id
        self.worker = self.new_worker()
        self.orders |= {("get", id_of(number)): list(faults) for number, faults in reads.items()}
        self.orders |= {("deactivate", id_of(number)): list(faults) for number, faults in calls.items()}
        self.act("submit")

    def new_worker(self):
        return Worker(
            self.journal,
            {FINGERPRINT: self.api}.get,
            policy=self.policy,
            concurrency=self.concurrency,
            now=lambda: NOW,
            sleep=lambda _: None,
        )

    def order(self, what, customer_id, _nth):
        """What happens to this request; faults are used up one by one."""
        waiting = self.orders.get((what, customer_id), [])
        order = waiting.pop(0) if waiting else "ok"
        if self.wish and self.wish[1] == (what, customer_id):
            wish, self.wish = self.wish[0], None
            with suppress(IllegalTransition):
                getattr(self.worker, wish)(self.run_id, who=ROBIN)
        return order

    def before_call(self, customer_id):
        step = self.journal.reads.step(self.run_id, customer_id)
        if step.state is not StepState.IN_FLIGHT:
            self.broken_promises.append(f"{customer_id} was called while {step.state}")
        if customer_id in self.api.open:
            self.broken_promises.append(f"{customer_id} was called again before anybody read what the last call had done")
        if customer_id in self.seen_verified:
            self.broken_promises.append(f"{customer_id} was called after it was verified")
        totals = self.journal.reads.run(self.run_id).totals
        if totals.total != SIZE:
            self.broken_promises.append(f"the totals were {totals}")

    def act(self, what):
        """Do what a person may do now, and wait for the worker to let go of the run."""
        try:
            getattr(self.worker, what)(self.run_id, who=ROBIN)
        except (IllegalTransition, CapExceeded):
            return
        assert self.worker.join(self.run_id, PATIENCE)

    def run(self):
        return self.journal.reads.run(self.run_id)

    @rule(number=NUMBERS, faults=st.lists(st.sampled_from([*READ_FAULTS, "ok"]), min_size=1, max_size=4))
    def reads_will_fail(self, number, faults):
        self.orders["get", id_of(number)] = list(faults)

    @rule(number=NUMBERS, faults=st.lists(st.sampled_from(WRITE_FAULTS), min_size=1, max_size=3))
    def calls_will_fail(self, number, faults):
        self.orders["deactivate", id_of(number)] = list(faults)

    @rule(number=NUMBERS, field=st.sampled_from(["users", "name", "active", "gone"]))
    def somebody_else_changes_a_customer(self, number, field):
        record = self.api.records.get(id_of(number))
        if record is None or field == "gone":
            self.api.records.pop(id_of(number), None)
            return
        changed = {"users": {"user_count": record.user_count + 5}, "name": {"name": record.name + "!"}}
        self.api.records[record.id] = record.model_copy(update=changed.get(field, {"is_active": False}))

    @rule(number=NUMBERS, what=st.sampled_from(["get", "deactivate"]), wish=st.sampled_from(["pause"] * 5 + ["cancel"]))
    def a_person_will_step_in(self, number, what, wish):
        self.wish = (wish, (what, id_of(number)))

    @rule()
    def resume(self):
        if self.run().can_resume:
            self.act("resume")

    @rule()
    def retry(self):
        if self.run().can_retry:
            self.act("retry")

    @rule(chance=st.integers(0, 9))
    def cancel(self, chance):
        if chance == 9 and self.run().live:  # it ends everything, so it must not come too often
            self.act("cancel")

    @rule(what=st.sampled_from(["submit", "resume", "retry", "cancel", "pause"]))
    def what_is_over_stays_over(self, what):
        if self.run().live or self.run().can_retry:
            return
        calls = len(self.api.calls)
        with pytest.raises(IllegalTransition):
            getattr(self.worker, what)(self.run_id, who=ROBIN)
        assert len(self.api.calls) == calls

    @rule(applied=st.booleans())
    def the_process_dies_with_a_call_in_flight(self, applied):
        """As a kill between the intent and the outcome leaves it: the run has an owner that is gone."""
        if not self.run().can_resume:
            return
        self.worker.stop()
        run = self.journal.claim(self.run_id, owner="dead", now=NOW, who=ROBIN)
        for step in self.journal.reads.steps(run.id, StepState.PLANNED, limit=1):
            if run.canary is not None and step.position >= run.canary:
                continue
            if step.customer_id == PROTECTED or self.users_with(step) > USERS_CAP:
                continue
            self.journal.steps.begin(step, owner="dead", now=NOW, who=ROBIN)
            if applied and step.customer_id in self.api.records:
                self.api.script = lambda *_: "ok"
                self.api.deactivate(step.customer_id)
                self.api.script = self.order
            else:
                self.never_sent[step.customer_id] += 1
            self.api.open.add(step.customer_id)  # whatever it did: nobody heard of it
        self.journal.renew("dead", -1)
        self.worker = self.new_worker()
        self.worker.recover()
        assert self.run().state is RunState.INTERRUPTED

    @rule(after=st.integers(0, 5))
    def the_disk_fills_up(self, after):
        """From some write on the journal refuses the steps, until this crew has given up."""
        if not self.run().can_resume:
            return
        self.never_sent.update(self.planned)  # a call that was withdrawn can not be noted as such
        left, began, settled = [after], self.journal.steps.begin, self.journal.steps.settle

        def failing(real):
            def write(*args, **kwargs):
                left[0] -= 1
                if left[0] < 0:
                    raise JournalUnavailable
                return real(*args, **kwargs)

            return write

        self.journal.steps.begin, self.journal.steps.settle = failing(began), failing(settled)
        try:
            self.act("resume")
        finally:
            del self.journal.steps.begin, self.journal.steps.settle

    def users_with(self, step):
        """The users of all that was called and of this one, by the freshest records."""
        called = [other for other in self.journal.reads.steps(self.run_id) if other.attempts]
        now = self.api.records.get(step.customer_id, step.before)
        return now.user_count + sum((other.after or other.before).user_count for other in called)

    @invariant()
    def the_promises_hold(self):
        if not hasattr(self, "run_id"):
            return
        assert self.broken_promises == []
        run, steps = self.journal.reads.run(self.run_id), self.journal.reads.steps(self.run_id)
        assert run.totals.total == len(steps) == SIZE
        assert {customer_id for _, customer_id in self.api.calls} <= self.planned
        assert PROTECTED not in self.api.changes()
        assert run.state is not RunState.RUNNING
        calls = Counter(self.api.changes())
        calls.subtract(self.api.never_left)
        for step in steps:
            assert calls[step.customer_id] <= step.attempts <= calls[step.customer_id] + self.never_sent[step.customer_id]
            if step.state is StepState.VERIFIED:
                self.seen_verified.add(step.customer_id)
            else:
                assert step.customer_id not in self.seen_verified
            if step.state in (StepState.SKIPPED, StepState.FAILED, StepState.NOT_APPLIED, StepState.UNKNOWN):
                assert step.words
        if run.state is RunState.FINISHED:
            assert not run.totals.planned + run.totals.in_flight
        if run.state in LIVE and run.state is not RunState.PLANNED:
            assert run.words
        if run.canary is not None and run.state is RunState.PAUSED:
            assert all(step.position < run.canary for step in steps if step.attempts)

    @invariant()
    def no_more_users_are_affected_than_the_cap_allows(self):
        if hasattr(self, "run_id") and self.policy.preflight:  # without it, what was planned is all that is known
            verified = self.journal.reads.steps(self.run_id, StepState.VERIFIED)
            # those who join after the call are nobody's fault
            assert sum(self.users_when_called[step.customer_id] for step in verified) <= USERS_CAP

    def teardown(self):
        if hasattr(self, "journal"):
            self.worker.stop(PATIENCE)
            assert self.journal.log.verify_chain().ok
            assert self.journal.audit.all().findings == ()
            self.journal.close()
            shutil.rmtree(self.folder)


TestEngine = Engine.TestCase
TestEngine.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
