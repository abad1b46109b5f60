"""A lease lets one worker own a run for as long as it is heard of, by the database's clock."""

import threading
import time

import pytest

from lib.errors import IllegalTransition, JournalUnavailable
from lib.runs import lease
from lib.runs.engine import LEASE_LOST
from lib.runs.lease import Heart
from lib.runs.model import RunState, StepState
from lib.runs.words import said
from tests.runs.fakes import KIM, NOW, ROBIN, customer, plan_of
from tests.runs.test_worker import Bench, until

PATIENCE = 20.0


def started(journal, owner="host:1:a", seconds=15.0, number=1):
    run = journal.record(plan_of([customer(number)]), NOW, who=ROBIN)
    return journal.start(run.id, owner=owner, now=NOW, who=ROBIN, lease=seconds)


def test_a_run_is_up_for_interruption_only_when_its_lease_has_run_out(journal):
    alive, dead = started(journal, number=1), started(journal, seconds=-1, number=2)
    assert journal.reads.expired_runs() == (dead,)
    left = journal.interrupt(dead, words=said("Gone."), now=NOW)
    assert (left.state, left.words, left.owner) == (RunState.INTERRUPTED, "Gone.", "host:1:a")
    assert journal.reads.expired_runs() == ()
    with pytest.raises(IllegalTransition):
        journal.interrupt(alive, words=said("Gone."), now=NOW)
    assert journal.reads.run(alive.id).state is RunState.RUNNING
    assert journal.log.entries(dead.id)[-1].who == "Express Ops"


def test_an_owner_that_was_only_late_keeps_its_run(journal):
    run = started(journal, seconds=-1)
    assert journal.renew(run.owner, 15) == 1
    with pytest.raises(IllegalTransition):
        journal.interrupt(run, words=said("Gone."), now=NOW)


def test_renewing_touches_nobody_elses_lease_and_no_run_that_is_over(journal):
    run = started(journal, seconds=-1)
    assert journal.renew("host:2:b", 15) == 0
    journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)
    assert journal.renew(run.owner, 15) == 0
    assert journal.reads.expired_runs() == ()


def test_a_lease_is_counted_by_the_databases_clock_alone(journal, monkeypatch):
    run = started(journal)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86_400)  # this process's clock is wrong by a day
    assert journal.reads.expired_runs() == ()
    journal.renew(run.owner, -1)
    assert journal.reads.expired_runs() == (run,)


def test_once_another_has_taken_the_run_up_its_former_owner_settles_nothing(journal):
    run = started(journal)
    step = journal.steps.begin(journal.reads.steps(run.id)[0], owner=run.owner, now=NOW, who=ROBIN)
    journal.renew(run.owner, -1)
    journal.interrupt(run, words=said("Gone."), now=NOW)
    journal.start(run.id, owner="host:2:b", now=NOW, who=KIM)
    with pytest.raises(IllegalTransition):
        journal.steps.settle(step, StepState.VERIFIED, now=NOW, who=ROBIN, status=200, owner=run.owner)
    assert journal.reads.steps(run.id)[0].state is StepState.IN_FLIGHT
    journal.steps.settle(step, StepState.VERIFIED, now=NOW, who=KIM, owner="host:2:b")


def test_a_heart_keeps_the_lease_while_it_beats_and_finds_the_dead(journal):
    run, found = started(journal, seconds=3), threading.Event()
    dead = started(journal, owner="host:9:z", seconds=0.1, number=2)

    def look_around():
        if [left.id for left in journal.reads.expired_runs()] == [dead.id]:
            found.set()

    heart = Heart(journal, run.owner, look_around, carried=lambda: {run.id}, seconds=3)
    heart.start()
    heart.start()
    assert found.wait(PATIENCE)
    assert heart.held()
    heart.stop()
    until(lambda: run.id in {left.id for left in journal.reads.expired_runs()})
    assert not heart.held()


def test_a_heart_goes_on_when_the_journal_fails_for_a_while_but_holds_nothing_meanwhile(journal, monkeypatch):
    run, heard = started(journal), threading.Event()
    renew = journal.renew

    def failing(*_):
        heard.set()
        raise JournalUnavailable

    monkeypatch.setattr(journal, "renew", failing)
    heart = Heart(journal, run.owner, lambda: None, carried=lambda: {run.id}, seconds=0.2)
    heart.start()
    assert heard.wait(PATIENCE)
    until(lambda: not heart.held())
    monkeypatch.setattr(journal, "renew", renew)
    until(heart.held)
    heart.stop()


@pytest.mark.parametrize("clock", [0, 1], ids=["steady clock", "wall clock"])
def test_a_lease_is_not_held_once_either_clock_says_that_it_may_have_run_out(journal, monkeypatch, clock):
    heart = Heart(journal, "host:1:a", lambda: None, carried=lambda: (), seconds=15)
    assert heart.held()
    real = lease._clocks
    monkeypatch.setattr(lease, "_clocks", lambda: tuple(now + (16 if at == clock else 0) for at, now in enumerate(real())))
    assert not heart.held()


def test_a_worker_whose_lease_may_have_run_out_calls_nothing_although_the_intent_is_written(journal, monkeypatch):
    bench = Bench(journal, count=3)
    monkeypatch.setattr(Heart, "held", lambda _self: False)
    bench.worker = bench.another_worker(concurrency=1)
    run = bench.carried()
    assert bench.api.changes() == []
    assert (run.state, run.totals.planned) == (RunState.PAUSED, 3)
    assert LEASE_LOST.text in run.words


def test_of_two_workers_that_notice_a_dead_one_each_run_is_interrupted_once(journal):
    bench = Bench(journal)
    run = started(journal, owner="host:9:z", seconds=-1, number=99)
    workers = [bench.another_worker() for _ in range(4)]
    left, threads = [], []
    for worker in workers:
        threads.append(threading.Thread(target=lambda worker=worker: left.extend(worker.recover())))
        threads[-1].start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [found.id for found in left] == [run.id]
    assert [entry.event for entry in journal.log.entries(run.id)].count("interrupt") == 1
