"""A person who pauses, resumes and cancels, processes that are killed, an API that limits and fails: nothing gets stuck.

`EXPRESS_OPS_SOAK_POINTS` says how many points of trouble (8; `make soak` takes 100), on SQLite and PostgreSQL by turns. Point
n draws the same trouble every time, but what the threads do at that moment differs.
"""

import os
import random
import time
from collections import Counter

import pytest

from lib.errors import IllegalTransition
from lib.plans.model import RunState, StepState
from tests.journal.places import sqlite_place
from tests.runs.fakes import KIM, NOW, ROBIN, plan_of
from tests.runs.processes import PATIENCE, AppServer, Site, carry_on, spawn, until

POINTS = int(os.environ.get("EXPRESS_OPS_SOAK_POINTS", "8"))
STEPS = 500 if POINTS >= 100 else 60
#: Requests a second that the API lets through.
RATE = 100
FAULTS = (
    *("timeout-after=0.005", "reset-after=0.02", "http-500=0.02", "http-503@deactivate=0.02", "still-active=0.01"),
    *("wrong-id=0.01", "bad-json=0.01", "drift=0.01"),
)
#: What happens at a point, and how often beside the others: a cancel ends a run, so that another one takes its place.
ACTS = {"pause": 4, "kill": 4, "resume": 3, "cancel": 1, "cancel, then kill": 1, "kill, then cancel": 1, "pause, then kill": 2}


class Soak:
    """One run after the other on one journal, carried by child processes; this one looks on and gives the orders."""

    def __init__(self, site, sandbox, seed):
        self.site, self.sandbox, self.random = site, sandbox, random.Random(seed)
        self.server = AppServer(site)
        records = [record for page in self.server.client.iter_pages() for record in page.customers if record.is_active]
        self.records, self.runs, self.children, self.cancelled = records, [], [], set()

    @property
    def run(self):
        return self.server.journal.reads.run(self.runs[-1])

    def begin(self):
        """Record the next run: the customers that no earlier one has called."""
        called = {call.customer_id for call in self.sandbox.calls() if call.operation == "deactivate"}
        left = [record for record in self.records if record.id not in called][:STEPS]
        plan = plan_of(left, fingerprint=self.site.connection.fingerprint, reason=f"Run {len(self.runs)}")
        self.runs.append(self.server.journal.record(plan, NOW, who=ROBIN).id)
        self.carry("submit")

    def carry(self, begin):
        self.children.append(spawn(carry_on, self.site, self.runs[-1], begin))

    def order(self, what):
        """Give it where the run allows it now; what was accepted must be carried out."""
        try:
            getattr(self.server.worker, what)(self.runs[-1], who=KIM)
        except IllegalTransition:
            return
        if what == "cancel":
            self.cancelled.add(self.runs[-1])

    def kill(self):
        for child in self.children:
            child.kill()
            child.join(PATIENCE)
        self.children.clear()

    def point(self):
        """Some trouble, after a while; then the run goes on, or the next one does."""
        if not self.runs or not self.run.live:
            self.begin()
        elif self.run.can_resume:  # trouble with the API had paused it
            self.carry("resume")
        time_left = time.monotonic() + self.random.uniform(0.2, 1.5)
        until(lambda: time.monotonic() > time_left or not self.run.live)
        (act,) = self.random.choices(list(ACTS), ACTS.values())
        for part in act.split(", then "):
            self.kill() if part == "kill" else self.carry("resume") if part == "resume" else self.order(part)
        asked = self.run.requested
        until(lambda: self.run.requested is None, f"what {act} asked for")
        if asked == "pause":
            assert self.run.state is not RunState.RUNNING
        if self.runs[-1] in self.cancelled:
            until(lambda: not self.run.live, f"the end after {act}")
        elif "kill" in act or asked == "pause":
            until(lambda: self.run.state is not RunState.RUNNING, f"noticing {act}")
            if self.run.can_resume:
                self.carry("resume")

    def finish(self):
        """A person goes on for as long as a run is live, and then tries again what did not work out."""
        self.sandbox.set_faults([])
        for child in self.children:
            child.join(PATIENCE)
        for run_id in self.runs:
            for _ in range(20):
                run = self.server.journal.reads.run(run_id)
                if not run.live and not run.can_retry:
                    break
                act = "submit" if run.state is RunState.PLANNED else "resume" if run.live else "retry"
                getattr(self.server.worker, act)(run_id, who=ROBIN)
                assert self.server.worker.join(run_id, PATIENCE)
            else:
                raise AssertionError(f"{run_id} did not end: {run.words}")

    def check(self, applied):
        """Each order was kept, each customer is accounted for, and the API's own record agrees."""
        reads = self.server.journal.reads
        assert self.server.journal.log.verify_chain().ok
        assert reads.live_runs(RunState.RUNNING, RunState.PAUSED, RunState.INTERRUPTED, RunState.PLANNED) == ()
        taken = set()  # by a later run: what a cancel left planned comes up again
        for run_id in reversed(self.runs):
            run = reads.run(run_id)
            assert run.totals.in_flight == 0
            if run_id in self.cancelled and run.state is not RunState.CANCELLED:
                assert run.totals.planned == 0  # it was over when the order came
            if run.state is RunState.FINISHED:
                assert run.totals.verified + run.totals.skipped == run.totals.total
            for step in reads.steps(run_id, limit=STEPS):
                assert applied[step.customer_id] <= 1
                if step.state is StepState.VERIFIED:
                    assert applied[step.customer_id] == 1
                if step.state is StepState.PLANNED and step.customer_id not in taken:
                    assert applied[step.customer_id] == 0, f"{step.customer_id} of {run_id}"
                taken.add(step.customer_id)

    def close(self):
        self.kill()
        self.server.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_whatever_happens_to_a_run_each_order_is_kept_and_nothing_is_stuck(engine, tmp_path, request, start_sandbox):
    place = sqlite_place(tmp_path) if engine == "sqlite" else request.getfixturevalue("postgresql").new_place()
    runs = max(POINTS // 5, 3)
    sandbox = start_sandbox(customers=int(runs * STEPS * 1.3), rate_limit=RATE)
    soak = Soak(Site(place.url, sandbox.base_url, sandbox.api_key, timeout=2.0, lease=6.0, concurrency=8), sandbox, engine)
    sandbox.set_faults(FAULTS)
    try:
        for _ in range(POINTS // 2):
            soak.point()
        soak.finish()
        applied = Counter(call.customer_id for call in sandbox.calls() if call.operation == "deactivate" and call.applied)
        soak.check(applied)
    finally:
        soak.close()
