"""A lease lets one worker own a run for as long as it is heard of, by the database's clock."""

import threading
import time

import pytest

from lib.errors import IllegalTransition, JournalUnavailable
from lib.people import ITSELF
from lib.plans.model import RunState, StepState
from lib.plans.words import said
from lib.runs import heartbeat
from lib.runs.engine import LEASE_LOST
from lib.runs.heartbeat import Heartbeat
from tests.runs.fakes import KIM, NOW, ROBIN, customer, plan_of
from tests.runs.test_worker import Bench, until

PATIENCE = 20.0
OWNER = "host:1:a"


def started(journal, owner=OWNER, seconds=15.0, number=1):
    run = journal.record(plan_of([customer(number)]), NOW, who=ROBIN)
    return journal.claim(run.id, owner=owner, now=NOW, who=ROBIN, lease=seconds)


def expired(journal):
    return {lease.run_id for lease in journal.reads.leases() if lease.left < 0}


def interrupt(journal, run):
    words = said("Gone.")
    return journal.end(run.id, RunState.INTERRUPTED, words=words, now=NOW, who=ITSELF, owner=run.owner, expired=True)


def test_a_run_is_up_for_interruption_only_when_its_lease_has_run_out(journal):
    alive, dead = started(journal, number=1), started(journal, seconds=-1, number=2)
    assert expired(journal) == {dead.id}
    left = interrupt(journal, dead)
    assert (left.state, left.words, left.owner) == (RunState.INTERRUPTED, "Gone.", OWNER)
    assert expired(journal) == set()
    with pytest.raises(IllegalTransition):
        interrupt(journal, alive)
    assert journal.reads.run(alive.id).state is RunState.RUNNING
    assert journal.log.entries(dead.id)[-1].who == "Express Ops"


def test_an_owner_that_was_only_late_keeps_its_run(journal):
    run = started(journal, seconds=-1)
    assert journal.renew(run.owner, 15) == {run.id}
    with pytest.raises(IllegalTransition):
        interrupt(journal, run)


def test_renewing_touches_nobody_elses_lease_and_no_run_that_is_over(journal):
    run = started(journal, seconds=-1)
    assert not journal.renew("host:2:b", 15)
    journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)
    assert not journal.renew(run.owner, 15)
    assert journal.reads.leases() == ()


def test_a_lease_is_counted_by_the_databases_clock_alone(journal, monkeypatch):
    run = started(journal)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86_400)  # this process's clock is wrong by a day
    assert expired(journal) == set()
    journal.renew(run.owner, -1)
    assert expired(journal) == {run.id}


def test_no_intent_is_written_once_the_lease_has_run_out_although_nobody_has_noticed(journal):
    run = started(journal)
    journal.renew(run.owner, -1)
    step = journal.reads.steps(run.id)[0]
    with pytest.raises(IllegalTransition):
        journal.steps.begin(step, owner=run.owner, now=NOW, who=ROBIN)
    journal.renew(run.owner, 15)
    journal.steps.begin(step, owner=run.owner, now=NOW, who=ROBIN)


def test_once_another_has_taken_the_run_up_its_former_owner_settles_nothing(journal):
    run = started(journal)
    step = journal.steps.begin(journal.reads.steps(run.id)[0], owner=run.owner, now=NOW, who=ROBIN)
    journal.renew(run.owner, -1)
    interrupt(journal, run)
    journal.claim(run.id, owner="host:2:b", now=NOW, who=KIM)
    with pytest.raises(IllegalTransition):
        journal.steps.settle(step, StepState.VERIFIED, now=NOW, who=ROBIN, status=200, owner=run.owner)
    assert journal.reads.steps(run.id)[0].state is StepState.IN_FLIGHT
    journal.steps.settle(step, StepState.VERIFIED, now=NOW, who=KIM, owner="host:2:b")


def test_a_heartbeat_keeps_the_lease_and_finds_the_dead(journal):
    found = threading.Event()
    dead = started(journal, owner="host:9:z", seconds=0.1, number=2)

    def look_around():
        if expired(journal) == {dead.id}:
            found.set()

    beating = Heartbeat(journal, OWNER, look_around, seconds=3)
    beating.start()
    beating.start()
    run = beating.claim(lambda: started(journal, seconds=3))
    assert found.wait(PATIENCE)
    assert beating.held(run.id)
    beating.stop()
    until(lambda: run.id in expired(journal))
    assert not beating.held(run.id)


def test_of_two_runs_only_the_one_that_another_has_taken_over_is_not_held_any_more(journal):
    beating = Heartbeat(journal, OWNER, lambda: None, seconds=6)
    kept, lost = (beating.claim(lambda number=number: started(journal, seconds=6, number=number)) for number in (1, 2))
    journal.end(lost.id, RunState.INTERRUPTED, words=said("Gone."), now=NOW, who=ITSELF)
    journal.claim(lost.id, owner="host:2:b", now=NOW, who=KIM)
    beating.start()
    until(lambda: not beating.held(lost.id))
    assert beating.held(kept.id)
    beating.let_go(kept.id)
    assert not beating.held(kept.id)
    beating.stop()


def test_a_heartbeat_goes_on_when_the_journal_fails_for_a_while_but_holds_nothing_meanwhile(journal, monkeypatch):
    heard = threading.Event()
    renew = journal.renew

    def failing(*_):
        heard.set()
        raise JournalUnavailable

    monkeypatch.setattr(journal, "renew", failing)
    beating = Heartbeat(journal, OWNER, lambda: None, seconds=0.2)
    run = beating.claim(lambda: started(journal))
    beating.start()
    assert heard.wait(PATIENCE)
    until(lambda: not beating.held(run.id))
    monkeypatch.setattr(journal, "renew", renew)
    until(lambda: beating.held(run.id))
    beating.stop()


@pytest.mark.parametrize("clock", [0, 1], ids=["steady clock", "wall clock"])
def test_a_lease_is_not_held_once_either_clock_says_that_it_may_have_run_out(journal, monkeypatch, clock):
    beating = Heartbeat(journal, OWNER, lambda: None, seconds=15)
    run = beating.claim(lambda: started(journal))
    assert beating.held(run.id)
    real = heartbeat.clocks
    monkeypatch.setattr(heartbeat, "clocks", lambda: tuple(now + (16 if at == clock else 0) for at, now in enumerate(real())))
    assert not beating.held(run.id)


def test_a_worker_whose_lease_may_have_run_out_calls_nothing_although_the_intent_is_written(journal, monkeypatch):
    bench = Bench(journal, count=3)
    monkeypatch.setattr(Heartbeat, "held", lambda *_: False)
    bench.worker = bench.another_worker(concurrency=1)
    run = bench.carried()
    assert bench.api.changes() == []
    assert (run.state, run.totals.planned) == (RunState.PAUSED, 3)
    assert LEASE_LOST.text in run.words


def test_of_workers_that_notice_a_dead_one_each_run_is_interrupted_once(journal):
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
