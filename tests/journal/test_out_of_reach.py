"""A database that is frozen, stopped or full in mid-run: everybody hears of it in time, no call goes out, nothing is lost."""

import os
import re
import signal
import sqlite3
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest
from sqlalchemy import event

from lib.errors import AlreadyStarted, IllegalTransition, JournalUnavailable
from lib.journal import database
from lib.plans.model import RunState, StepState
from lib.plans.words import said
from lib.runs.stalled import stalled
from tests.journal.places import Server, sqlite_place
from tests.runs.fakes import NOW, ROBIN, customer, plan_of
from tests.runs.processes import context, spawn
from tests.runs.test_worker import Bench, until

OWNER = "host:1:a"
#: Seconds: a few deadlines of two seconds each, on a machine that is busy.
SOON = 20.0


@pytest.fixture(autouse=True)
def answers_within(monkeypatch):
    monkeypatch.setattr(database, "ANSWERS_WITHIN", 2.0)


@pytest.fixture(scope="module")
def postgresql():
    """A server of this module's own: no other test shall meet one that was frozen."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def pg_journal(postgresql):
    place = postgresql.new_place()
    yield place.open(patience=0.5)
    place.close()


def started(journal, count=3):
    run = journal.record(plan_of([customer(number) for number in range(1, count + 1)]), NOW, who=ROBIN)
    return journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)


def answered(act, journal, run):
    """Whether it could be done; a server that has just woken on a busy machine may be late once more."""
    try:
        act(journal, run)
    except JournalUnavailable:
        return False
    except AlreadyStarted:  # done when it was late
        return True
    return True


ACTS = {
    "the sidebar": lambda journal, _: journal.reads.live_runs(RunState.RUNNING),
    "orders": lambda journal, run: journal.reads.orders(run.id),
    "history": lambda journal, _: journal.reads.history(customer(1).id),
    "the log": lambda journal, _: journal.log.verify_chain(),
    "renewal": lambda journal, _: journal.renew(OWNER, 15),
    "pause": lambda journal, run: journal.request(run.id, "pause", now=NOW, who=ROBIN),
    "record": lambda journal, _: journal.record(plan_of([customer(77)]), NOW, who=ROBIN),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_nobody_waits_for_ever_for_a_server_that_is_frozen(postgresql, pg_journal, act):
    run = started(pg_journal)
    with postgresql.frozen():
        began = time.monotonic()
        with pytest.raises(JournalUnavailable):
            act(pg_journal, run)
        assert time.monotonic() - began < SOON
    until(lambda: answered(act, pg_journal, run))
    assert pg_journal.log.verify_chain().ok


def test_many_that_wait_for_a_frozen_server_hear_of_it_in_time_and_leave_nothing_behind(postgresql, pg_journal):
    run, heard = started(pg_journal, 40), []

    def work(step):
        for act in (pg_journal.reads.runs, lambda: pg_journal.steps.begin(step, owner=OWNER, now=NOW, who=ROBIN)):
            try:
                act()
            except JournalUnavailable as exc:
                heard.append(exc)

    threads = [threading.Thread(target=work, args=(step,)) for step in pg_journal.reads.steps(run.id)]
    with postgresql.frozen():
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert time.monotonic() - began < 2 * SOON
    assert len(heard) == 80
    for step in pg_journal.reads.steps(run.id, StepState.PLANNED):
        with suppress(IllegalTransition):  # an intent that its writer had in hand may be written after all
            pg_journal.steps.begin(step, owner=OWNER, now=NOW, who=ROBIN)
    assert pg_journal.reads.run(run.id).totals.in_flight == 40
    assert pg_journal.log.verify_chain().ok


def test_an_intent_of_whose_commit_nobody_knows_is_either_found_in_flight_or_was_never_written(postgresql, pg_journal):
    """The server freezes when the commit is on its way: the client can't know, so no call is made."""
    run = started(pg_journal)
    step = pg_journal.reads.steps(run.id)[0]
    with ExitStack() as trouble:
        event.listen(pg_journal._database._engine, "commit", lambda _: trouble.enter_context(postgresql.frozen()), once=True)
        with pytest.raises(JournalUnavailable, match="did not answer"):
            pg_journal.steps.begin(step, owner=OWNER, now=NOW, who=ROBIN)
        assert pg_journal.refusal is not None
    until(lambda: answered(ACTS["renewal"], pg_journal, run))  # in its turn behind that commit, so now it is certain
    (found,) = pg_journal.reads.steps(run.id, limit=1)
    assert (found.state, found.attempts) in {(StepState.IN_FLIGHT, 1), (StepState.PLANNED, 0)}
    if found.state is StepState.PLANNED:
        found = pg_journal.steps.begin(found, owner=OWNER, now=NOW, who=ROBIN)
    pg_journal.steps.settle(found, StepState.NOT_APPLIED, now=NOW, who=ROBIN)
    assert pg_journal.log.verify_chain().ok
    assert pg_journal.refusal is None


def hold_the_write_lock(path, has_it):
    """In a process of its own, which then stops as by SIGSTOP."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    has_it.set()
    os.kill(os.getpid(), signal.SIGSTOP)


@contextmanager
def held_by_a_stopped_process(path):
    has_it = context.Event()
    child = spawn(hold_the_write_lock, path, has_it)
    assert has_it.wait(60)
    try:
        yield
    finally:
        child.kill()
        child.join()


def test_a_process_that_stopped_with_sqlites_write_lock_keeps_nobody_from_reading_and_everybody_is_told_in_time(tmp_path):
    place = sqlite_place(tmp_path)
    journal = place.open(patience=0.5)
    run = started(journal, 8)
    steps, heard = journal.reads.steps(run.id), []

    def begin(step):
        try:
            journal.steps.begin(step, owner=OWNER, now=NOW, who=ROBIN)
        except JournalUnavailable as exc:
            heard.append(exc.message)

    def renew():
        with pytest.raises(JournalUnavailable):
            journal.renew(OWNER, 15)
        heard.append("")

    threads = [threading.Thread(target=begin, args=(step,)) for step in steps]
    threads += [threading.Thread(target=renew) for _ in range(8)]
    with held_by_a_stopped_process(place.path):
        began = time.monotonic()
        for thread in threads:
            thread.start()
        assert journal.reads.run(run.id).totals.planned == 8
        assert time.monotonic() - began < SOON
        for thread in threads:
            thread.join(60)
        assert time.monotonic() - began < SOON
        assert len(heard) == 16
        told = stalled(journal, OWNER)[run.id]
        assert told.startswith("No call is made since ")
        assert told.endswith(" UTC: the journal can't be written (database is locked).")
    for step in steps:
        journal.steps.begin(step, owner=OWNER, now=NOW, who=ROBIN)
    assert stalled(journal, OWNER) == {}
    place.close()


TROUBLES = {
    "a frozen server": lambda postgresql, _disk, _journal: postgresql.frozen(),
    "a stopped server": lambda postgresql, _disk, _journal: postgresql.down(),
    "a full disk": lambda _postgresql, disk, journal: disk.full(journal),
    "a process that stopped with the write lock": lambda _postgresql, disk, _journal: held_by_a_stopped_process(
        disk.folder / "data" / "journal.sqlite"
    ),
}


@pytest.mark.parametrize("nth", [1, 10])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_run_whose_journal_goes_out_of_reach_stops_calling_says_why_and_can_be_resumed(
    request, postgresql, disk, trouble, nth
):
    place = postgresql.new_place() if "server" in trouble else sqlite_place(disk.folder)
    request.addfinalizer(place.close)
    journal, slept, nap = place.open(patience=0.2), [], threading.Event()

    def sleep(seconds):
        slept.append(seconds)
        nap.wait(min(seconds, 0.05))

    bench = Bench(journal, count=30, concurrency=2, sleep=sleep)
    run = bench.record()
    with ExitStack() as troubles:

        def begin_at_the_nth_call(what, _id, _nth):
            if what == "deactivate" and len(bench.api.changes()) == nth:
                troubles.enter_context(TROUBLES[trouble](postgresql, disk, journal))
            return "ok"

        bench.api.script = begin_at_the_nth_call
        bench.worker.submit(run.id, who=ROBIN)
        until(lambda: 2.0 in slept)  # it has stopped, and would like to say so
        asked = len(bench.api.changes())
        assert nth <= asked <= nth + 1  # what the other thread had begun
        if "server" not in trouble:
            assert "the journal can't be written (" in stalled(journal, bench.worker.owner)[run.id]
    run = bench.carried(run)
    assert run.state is RunState.INTERRUPTED
    assert "The journal can't be " in run.words
    assert len(bench.api.changes()) == asked
    bench.api.script = lambda *_: "ok"
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 30)
    assert sorted(bench.api.changes()) == [record.id for record in bench.customers]
    assert journal.log.verify_chain().ok


@pytest.mark.parametrize("lease", [-1, 4.9, 60])
def test_a_running_run_without_a_living_lease_is_told_and_one_that_is_carried_is_not(journal, lease):
    run = journal.record(plan_of([customer(1)]), NOW, who=ROBIN)
    journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN, lease=lease)
    told = stalled(journal, "host:2:b")
    if lease == 60:
        assert told == {}
    elif lease > 0:
        assert re.search(r"of the process that carries it \(host, process 1\).* can be taken over in [2-5] s", told[run.id])
        assert stalled(journal, OWNER) == {}
    else:
        assert told[run.id].startswith("No call is made since ")
        assert "the process that carried it is gone" in told[run.id]
    journal.end(run.id, RunState.PAUSED, words=said(""), now=NOW, who=ROBIN)
    assert stalled(journal, "host:2:b") == {}


def test_what_this_process_could_not_write_says_nothing_of_the_runs_of_others(place):
    journal = place.open(patience=0.2)
    run = started(journal)
    with place.locked(), pytest.raises(JournalUnavailable):
        journal.renew("host:2:b", 15)
    assert journal.refusal is not None
    assert stalled(journal, "host:2:b") == {}
    assert list(stalled(journal, OWNER)) == [run.id]
    journal.steps.begin(journal.reads.steps(run.id)[0], owner=OWNER, now=NOW, who=ROBIN)
    assert journal.refusal is None
