"""Several processes on one journal: exactly one may carry a run, and what one leaves behind another can finish."""

import os
import signal
from collections import Counter

import pytest

from lib.errors import JournalUnavailable
from lib.plans.model import RunState
from tests.runs.fakes import NOW, ROBIN, customer, plan_of
from tests.runs.processes import (
    PATIENCE,
    AppServer,
    Site,
    context,
    race_to_record,
    race_to_submit,
    serve,
    spawn,
    until,
)


@pytest.fixture
def site(place, start_sandbox):
    def make(*, lease=2.0, **options):
        sandbox = start_sandbox(customers=80, **options)
        return sandbox, Site(place.url, sandbox.base_url, sandbox.api_key, lease=lease)

    return make


@pytest.fixture
def app_server():
    opened = []

    def make(site):
        opened.append(AppServer(site))
        return opened[-1]

    yield make
    for server in opened:
        server.close()


def recorded(server, site, count):
    active = [record for page in server.client.iter_pages() for record in page.customers if record.is_active]
    return server.journal.record(plan_of(active[:count], fingerprint=site.connection.fingerprint), NOW, who=ROBIN)


def changes(sandbox):
    return Counter(call.customer_id for call in sandbox.calls() if call.operation == "deactivate")


def race(target, arguments):
    """What each process of a race said."""
    start, told = context.Barrier(len(arguments)), context.Queue()
    racers = [spawn(target, *each, start, told) for each in arguments]
    outcomes = [told.get(timeout=PATIENCE) for _ in racers]
    for racer in racers:
        racer.join(PATIENCE)
        assert racer.exitcode == 0
    return outcomes


def test_of_two_processes_that_take_up_one_run_exactly_one_carries_it(site, app_server):
    sandbox, where = site()
    server = app_server(where)
    run = recorded(server, where, 20)
    assert sorted(race(race_to_submit, [(where, run.id)] * 2)) == ["IllegalTransition", "won"]
    run = server.journal.reads.run(run.id)
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 20)
    assert set(changes(sandbox).values()) == {1}
    assert [entry.event for entry in server.journal.log.entries(run.id)].count("approved") == 1
    assert server.journal.log.verify_chain().ok
    assert server.journal.audit.all().findings == ()


def test_of_processes_that_record_overlapping_plans_exactly_one_wins(place):
    journal = place.open()
    plans = [plan_of([customer(1), *(customer(n) for n in range(10 * k, 10 * k + 5))], reason=f"No {k}") for k in (1, 2, 3)]
    outcomes = race(race_to_record, [(place.url, plan.to_json()) for plan in plans])
    (winner,) = journal.reads.runs()
    assert sorted(outcomes) == [("RunsOverlap", winner.id)] * 2 + [("won", winner.id)]
    assert winner.totals.total == 6
    assert journal.log.verify_chain().entries == 1


def test_of_processes_that_record_the_same_plan_exactly_one_wins(place):
    journal, plan = place.open(), plan_of([customer(1)])
    outcomes = race(race_to_record, [(place.url, plan.to_json())] * 3)
    (winner,) = journal.reads.runs()
    assert sorted(outcomes) == [("AlreadyStarted", winner.id)] * 2 + [("won", winner.id)]


def test_a_living_app_server_finishes_the_run_of_a_killed_one_as_soon_as_it_is_asked(site, app_server):
    sandbox, where = site(lease=10 * PATIENCE, latency_ms=10)
    server = app_server(where)
    run = recorded(server, where, 60)
    child = spawn(serve, where, run.id)
    until(lambda: server.journal.reads.totals(run.id).verified >= 10)
    child.kill()
    child.join(PATIENCE)
    assert 10 <= server.journal.reads.run(run.id).totals.settled < 60
    server.worker.resume(run.id, who=ROBIN)
    assert server.worker.join(run.id, PATIENCE)
    run = server.journal.reads.run(run.id)
    assert run.state is RunState.FINISHED
    assert run.totals.verified == 60
    (noticed,) = [entry for entry in server.journal.log.entries(run.id) if entry.event == "interrupt"]
    assert "ended in the middle" in noticed.payload
    assert set(changes(sandbox).values()) == {1}
    assert run.owner == server.worker.owner
    assert server.journal.log.verify_chain().ok
    assert server.journal.audit.all().findings == ()


def test_a_killed_process_is_noticed_and_the_cancel_that_it_was_given_carried_out(place, site, app_server):
    sandbox, where = site(latency_ms=10)
    server = app_server(where)
    run = recorded(server, where, 60)
    child = spawn(serve, where, run.id)
    until(lambda: server.journal.reads.totals(run.id).verified >= 10)
    put_to_sleep(child, place)
    server.worker.cancel(run.id, who=ROBIN)  # accepted: that process may be well
    child.kill()
    child.join(PATIENCE)
    until(lambda: not server.journal.reads.run(run.id).live, "the end of the dead process's run")
    run = server.journal.reads.run(run.id)
    assert (run.state, run.requested, run.totals.in_flight) == (RunState.CANCELLED, None, 0)
    assert run.totals.verified == len(changes(sandbox)) < 60


def put_to_sleep(child, place):
    """Stop the process outside of any transaction: a sleeper's locks are its own until it wakes or dies."""
    outsider = place.open(patience=0.3)

    def asleep():
        os.kill(child.pid, signal.SIGSTOP)
        try:
            outsider.renew("nobody", 1)
        except JournalUnavailable:
            free = False
        else:
            free = not _transactions(place)
        if not free:
            os.kill(child.pid, signal.SIGCONT)
        return free

    until(asleep, "a moment without a transaction")


def _transactions(place):
    """Other sessions of PostgreSQL that are within one; its locks are on rows, so that a stranger's update tells nothing."""
    if place.engine_name == "sqlite":
        return []
    others = "datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
    return place.run(f"SELECT pid FROM pg_stat_activity WHERE {others}")


def test_a_process_that_slept_through_its_lease_calls_nothing_once_it_wakes(place, site, app_server):
    sandbox, where = site(lease=3.0, latency_ms=20)
    server = app_server(where)
    run = recorded(server, where, 60)
    child = spawn(serve, where, run.id)
    until(lambda: server.journal.reads.totals(run.id).verified >= 5)
    put_to_sleep(child, place)
    until(lambda: server.journal.reads.run(run.id).state is RunState.INTERRUPTED, "noticing the sleeping process")
    server.worker.resume(run.id, who=ROBIN)
    until(lambda: server.journal.reads.totals(run.id).verified >= 20)
    os.kill(child.pid, signal.SIGCONT)
    child.join(PATIENCE)
    assert server.worker.join(run.id, PATIENCE)
    run = server.journal.reads.run(run.id)
    assert (run.state, run.owner) == (RunState.FINISHED, server.worker.owner)
    assert run.totals.verified == 60
    assert set(changes(sandbox).values()) == {1}


def test_a_terminated_process_settles_what_is_in_flight_and_is_gone_within_seconds(site, app_server):
    sandbox, where = site(latency_ms=30)
    server = app_server(where)
    run = recorded(server, where, 60)
    child = spawn(serve, where, run.id)
    until(lambda: server.journal.reads.totals(run.id).verified >= 5)
    child.terminate()
    child.join(10)
    assert child.exitcode == 0
    run = server.journal.reads.run(run.id)
    assert (run.state, run.totals.in_flight) == (RunState.INTERRUPTED, 0)
    assert run.totals.verified == len(changes(sandbox)) < 60
    assert "was stopped" in run.words
