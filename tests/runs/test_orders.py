"""An order that was accepted is carried out, wherever the process that was to do so is killed: between any two statements.

`make crash` tries every statement of each path, `make test` each eighth.
"""

import itertools
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.plans.model import RunState, StepState
from tests.runs.fakes import KIM, NOW, ROBIN, plan_of
from tests.runs.processes import PATIENCE, AppServer, Site, obey_until, order_until, spawn, until

#: Customers of a run; the order comes during this call of it, which is the last one that may go out.
STEPS, CALL = 6, 3
AT_A_TIME = 4
EVERY = max(1, 160 // int(os.environ.get("EXPRESS_OPS_CRASH_POINTS", "20")))
#: More statements than any of these paths has.
MOST = 400


@pytest.fixture
def site(place, start_sandbox):
    sandbox = start_sandbox(customers=4000)  # enough for a run at each of some hundred statements
    return sandbox, Site(place.url, sandbox.base_url, sandbox.api_key, lease=5.0, concurrency=1)


def recorder(server, where):
    active = (record for page in server.client.iter_pages() for record in page.customers if record.is_active)

    def record(reason):
        plan = plan_of(list(itertools.islice(active, STEPS)), fingerprint=where.connection.fingerprint, reason=reason)
        return server.journal.record(plan, NOW, who=ROBIN)

    return record


def ended(run_id, server, told):
    """The run once the app server, new at work, has ended it."""
    until(lambda: not server.journal.reads.run(run_id).live, told)
    run = server.journal.reads.run(run_id)
    server.close()
    return run


def at_every_moment(check, record):
    """Have `check` kill a process at one moment after the other; until it survives, which True says."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for first in range(1, MOST, AT_A_TIME * EVERY):
            moments = range(first, first + AT_A_TIME * EVERY, EVERY)
            runs = [record(f"Moment {moment}") for moment in moments]
            if all(pool.map(check, runs, moments)):
                return first
    raise AssertionError("the path never ended")


@pytest.mark.parametrize("order", ["cancel", "pause"])
def test_an_order_is_kept_wherever_the_process_that_carries_the_run_is_killed(site, order):
    sandbox, where = site
    server = AppServer(where)

    def check(run, moment):
        child = spawn(order_until, where, run.id, order, CALL, moment)
        child.join(PATIENCE)
        assert child.exitcode in (0, -signal.SIGKILL)
        reads = server.journal.reads
        told = f"killed at statement {moment}"
        until(lambda: (now := reads.run(run.id)).state is not RunState.RUNNING and now.requested is None, told)
        assert server.worker.join(run.id, PATIENCE)
        now, entries = reads.run(run.id), server.journal.log.entries(run.id)
        called = {call.customer_id for call in sandbox.calls() if call.operation == "deactivate"}
        called &= {step.customer_id for step in reads.steps(run.id)}
        asked = f"{order} asked" in [entry.event for entry in entries]
        if not asked:
            assert (now.state, now.totals.in_flight) == (RunState.INTERRUPTED, 1), told
            server.worker.cancel(run.id, who=ROBIN)
            return False
        if order == "cancel":
            assert (now.state, now.totals.in_flight) == (RunState.CANCELLED, 0), told
            verified = {step.customer_id for step in reads.steps(run.id, StepState.VERIFIED)}
            assert verified == called, told
        else:
            assert now.state in (RunState.PAUSED, RunState.INTERRUPTED), told
        assert now.totals.planned == STEPS - CALL, told
        assert len(called) <= CALL, told
        return child.exitcode == 0

    try:
        assert at_every_moment(check, recorder(server, where)) > 20
        assert server.journal.log.verify_chain().ok
    finally:
        server.close()


@pytest.mark.parametrize("applied", [True, False])
def test_a_cancel_is_kept_wherever_the_process_that_takes_it_over_is_killed(site, applied):
    sandbox, where = site
    server = AppServer(where)
    record = recorder(server, where)

    def left_behind(reason):
        """A run whose process died with a call in flight, after somebody had asked it to cancel."""
        run, journal = record(reason), server.journal
        owner = f"elsewhere:1:{reason}"
        journal.claim(run.id, owner=owner, now=NOW, who=ROBIN, lease=PATIENCE)
        step = journal.steps.begin(journal.reads.steps(run.id, limit=1)[0], owner=owner, now=NOW, who=ROBIN)
        if applied:
            server.client.deactivate(step.customer_id)
        journal.request(run.id, "cancel", now=NOW, who=KIM)
        return run

    run = left_behind("All at once")
    server.journal.renew("elsewhere:1:All at once", -1)
    until(lambda: not server.journal.reads.run(run.id).live)
    # From here on this process only looks on until the other one is dead.
    server.worker.stop()
    survived, moment, tried = False, 1 - EVERY, 0
    while not survived:
        moment += EVERY
        run = left_behind(f"Moment {moment}")
        server.journal.renew(f"elsewhere:1:Moment {moment}", -1)
        child = spawn(obey_until, where, run.id, moment)
        child.join(PATIENCE)
        survived, tried = child.exitcode == 0, tried + 1
        assert survived or child.exitcode == -signal.SIGKILL
        now = ended(run.id, AppServer(where), f"what was killed at statement {moment}")
        assert (now.state, now.requested, now.totals.planned) == (RunState.CANCELLED, None, STEPS - 1)
        assert (now.totals.verified, now.totals.not_applied) == (int(applied), int(not applied))
    assert moment > 20
    changes = [call.customer_id for call in sandbox.calls() if call.operation == "deactivate"]
    assert len(changes) == len(set(changes)) == (tried + 1 if applied else 0)
    server.close()
