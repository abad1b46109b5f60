"""Runs are carried whatever happens around them: pauses, cancels, stops, crashes, trouble with the API and the journal."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.avara.limiter import always
from lib.errors import AlreadyOver, IllegalTransition, JournalDamaged, JournalError, JournalUnavailable, OtherConnection
from lib.journal.journal import Journal
from lib.logs import _Text
from lib.plans.model import RunState, StepState
from lib.plans.policy import Canary, Policy
from lib.plans.words import said
from lib.runs.progress import taken_up_under
from lib.runs.stalled import stalled
from lib.runs.worker import Worker
from tests.journal.places import sqlite_place
from tests.runs.fakes import FINGERPRINT, KIM, NOW, READ_FAULTS, ROBIN, WRITE_FAULTS, FakeApi, customer, id_of, plan_of, script

PATIENCE = 20.0


class Bench:
    """A journal, a scripted API and a worker that does not wait between readings."""

    def __init__(self, journal, count=5, orders=None, **options):
        self.journal = journal
        self.customers = [customer(number) for number in range(1, count + 1)]
        self.api = FakeApi(self.customers, orders or (lambda *_: "ok"))
        self.worker = self.another_worker(**options)

    def another_worker(self, **options):
        usual = {"now": lambda: NOW, "sleep": lambda _: None}
        return Worker(self.journal, {FINGERPRINT: self.api}.get, **{**usual, **options})

    def record(self, **fields):
        return self.journal.record(plan_of(self.customers, **fields), NOW, who=ROBIN)

    def carried(self, run=None):
        """The run after the worker has let go of it."""
        run = run or self.worker.submit(self.record().id, who=ROBIN)
        assert self.worker.join(run.id, PATIENCE)
        return self.journal.reads.run(run.id)


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


class Gate:
    """Holds calls that ask for a change until it is opened."""

    def __init__(self):
        self.open = threading.Event()
        self.waiting = threading.Semaphore(0)

    def __call__(self, what, _id, _nth):
        if what != "get":
            self.waiting.release()
            assert self.open.wait(PATIENCE)
        return "ok"


class GatedApi(FakeApi):
    """Waits at the gate without holding up other calls."""

    def deactivate(self, customer_id, /, wanted=always, ready=always):
        self._may_go(wanted, ready)
        self.gate("deactivate", customer_id, 0)
        return super().deactivate(customer_id)


@pytest.fixture
def gated(journal):
    bench = Bench(journal, count=6, concurrency=2)
    gate = Gate()
    bench.api = GatedApi(bench.customers)
    bench.api.gate = gate
    bench.worker = bench.another_worker(concurrency=2)
    yield bench, gate
    gate.open.set()
    bench.worker.stop(PATIENCE)


def test_a_run_is_carried_to_its_end(journal):
    bench = Bench(journal, count=25)
    run = bench.carried()
    assert (run.state, run.totals.verified, run.words) == (RunState.FINISHED, 25, "")
    assert sorted(bench.api.changes()) == [record.id for record in bench.customers]
    left = [step.after for step in journal.reads.left_since(0, {FINGERPRINT})[1]]
    assert {record.id for record in left} == {record.id for record in bench.customers}
    assert not any(record.is_active for record in left)
    assert journal.log.verify_chain().ok
    assert journal.audit.all().findings == ()


def test_what_befalls_a_run_is_a_line_each_of_this_processs_log_with_ids_and_counts_alone(journal, caplog):
    caplog.set_level("INFO", logger="lib.journal.log")
    bench = Bench(journal, count=3, orders=script(deactivate="409 ok"))
    dead = journal.record(plan_of([customer(9)]), NOW, who=ROBIN)
    journal.claim(dead.id, owner="elsewhere:1:dead", now=NOW, who=ROBIN, lease=-1)
    bench.worker.start()
    run = bench.carried()
    bench.worker.retry(run.id, who=ROBIN)
    bench.carried(run)
    bench.worker.stop()
    told = [(entry.facts["run"], entry.facts["event"]) for entry in caplog.records]
    of_dead = [(dead.id, event) for event in ("planned", "approved", "interrupt")]
    assert told == of_dead + [(run.id, event) for event in ("planned", "approved", "finish", "retry", "finish")]
    finish = caplog.records[-1].facts
    assert finish["verified"] == 3
    assert caplog.records[-2].facts["owner"] == bench.worker.owner
    taken_up = [entry.facts.get("settings") for entry in caplog.records if entry.facts["event"] in {"approved", "retry"}][1:]
    assert taken_up == [taken_up_under(journal.log.run_entries(run.id))] * 2 == [Policy().hash] * 2
    shown = "\n".join(_Text().format(entry) for entry in caplog.records)
    assert not [text for one in bench.customers for text in (one.name, one.id, run.reason, ROBIN.name) if text in shown]


def test_a_run_starts_once(journal):
    bench = Bench(journal)
    run = bench.record()
    bench.worker.submit(run.id, who=ROBIN)
    with pytest.raises(IllegalTransition):
        bench.worker.submit(run.id, who=ROBIN)
    bench.carried(run)
    assert len(bench.api.changes()) == 5


SWAP = (
    "UPDATE steps SET customer_id = '{new}', name = 'Clinic 9', before = replace(before, '{old}', '{new}')"
    " WHERE customer_id = '{old}'"
)
GONE = "DELETE FROM steps WHERE customer_id = '{old}'"
FORGED = "UPDATE plans SET body = replace(body, '{old}', '{new}')"


@pytest.mark.parametrize("alter", [SWAP, GONE, FORGED], ids=["swapped", "gone", "plan altered"])
@pytest.mark.parametrize("act", ["submit", "resume", "retry"])
def test_a_run_that_is_not_what_its_plan_says_is_left_as_it_is_and_can_be_cancelled(journal, place, act, alter):
    bench = Bench(journal, count=3, orders=lambda what, *_: "409" if what != "get" and act == "retry" else "ok")
    bench.api.records[id_of(9)] = customer(9)
    run = bench.record()
    if act == "retry":
        assert bench.carried(bench.worker.submit(run.id, who=ROBIN)).can_retry
    elif act == "resume":
        journal.claim(run.id, owner=bench.worker.owner, now=NOW, who=ROBIN)
        journal.end(run.id, RunState.PAUSED, words=said("Paused."), now=NOW, who=ROBIN)
    place.run(alter.format(old=id_of(3), new=id_of(9)))
    before, sent = journal.reads.run(run.id), bench.api.changes()
    with pytest.raises(JournalDamaged, match=run.id) as caught:
        getattr(bench.worker, act)(run.id, who=ROBIN)
    assert alter is FORGED or id_of(3) in caught.value.message
    assert journal.reads.run(run.id) == before
    if before.live:
        bench.worker.cancel(run.id, who=ROBIN)
        assert journal.reads.run(run.id).state is RunState.CANCELLED
    assert bench.api.changes() == sent


@pytest.mark.parametrize("canary", [1, 0], ids=["before its page is read", "after its page was read"])
def test_a_customer_that_is_swapped_while_the_run_runs_is_not_called(journal, place, canary):
    """With a canary the steps behind it are read once that has been called; without, all of them had been by then."""

    def orders(what, *_):
        if what != "get" and not bench.api.changes()[1:]:
            place.run(SWAP.format(old=id_of(3), new=id_of(9)))
        return "ok"

    policy = Policy(canary=Canary(steps=canary, from_size=4))
    bench = Bench(journal, count=4, orders=orders, concurrency=1, policy=policy)
    bench.api.records[id_of(9)] = customer(9)
    run = bench.carried(bench.worker.submit(bench.record(goes_on=True).id, who=ROBIN))
    assert not {id_of(3), id_of(9)} & set(bench.api.changes())
    assert run.state is RunState.PAUSED
    assert "altered" in run.words


def test_of_a_cancelled_run_that_is_not_what_its_plan_says_nobody_is_read_back(journal, place):
    bench = Bench(journal, count=3)
    run = bench.record()
    journal.claim(run.id, owner="host:1:dead", now=NOW, who=ROBIN)
    for step in journal.reads.steps(run.id, limit=2):
        begun = journal.steps.begin(step, owner="host:1:dead", now=NOW, who=ROBIN)
        journal.steps.settle(begun, StepState.UNKNOWN, now=NOW, who=ROBIN, words=said("Not read."))
    journal.end(run.id, RunState.INTERRUPTED, words=said("Gone."), now=NOW, who=ROBIN)
    place.run(SWAP.format(old=id_of(1), new=id_of(9)))
    bench.worker.cancel(run.id, who=ROBIN)
    assert journal.reads.run(run.id).state is RunState.CANCELLED
    assert journal.reads.run(run.id).totals.unknown == 2
    assert not bench.api.calls


@pytest.mark.parametrize("damage", ["1", "true,,"])
def test_a_cancel_of_a_dead_processs_run_ends_it_although_a_step_can_not_be_read(journal, place, damage):
    """Taken up again and again, it would fill the log and keep its customers for good."""
    bench = Bench(journal)
    run = died(bench, applied=False)
    journal.renew("host:1:dead", 0.4)
    bench.worker.cancel(run.id, who=KIM)
    place.run(f"UPDATE steps SET before = replace(before, 'true', '{damage}') WHERE position = 0")
    bench = Bench(journal, lease=0.4)
    bench.worker.start()
    until(lambda: journal.reads.run(run.id).state is RunState.CANCELLED)
    assert not bench.api.calls
    assert [entry.event for entry in journal.log.entries(run.id)].count("resume") == 0
    bench.worker.stop()


@pytest.mark.parametrize("act", ["submit", "resume", "retry"])
def test_a_run_never_goes_out_over_another_connection(journal, act):
    bench = Bench(journal)
    run = bench.record(fingerprint="f" * 16)
    if act != "submit":
        journal.claim(run.id, owner="gone", now=NOW, who=ROBIN)
        end = RunState.PAUSED if act == "resume" else RunState.FINISHED
        journal.end(run.id, end, words=said(""), now=NOW, who=ROBIN)
    with pytest.raises(OtherConnection):
        getattr(bench.worker, act)(run.id, who=ROBIN)
    assert bench.api.calls == []


@pytest.mark.parametrize("state", [RunState.PLANNED, RunState.PAUSED, RunState.INTERRUPTED])
def test_a_run_of_another_account_can_be_cancelled_and_nothing_is_sent_for_it(journal, state):
    bench = Bench(journal, count=3)
    run = bench.record(fingerprint="f" * 16)
    steps = journal.reads.steps(run.id)
    if state is not RunState.PLANNED:
        journal.claim(run.id, owner="gone", now=NOW, who=ROBIN)
        begun = [journal.steps.begin(step, owner="gone", now=NOW, who=ROBIN) for step in steps[:2]]
        journal.steps.settle(begun[0], StepState.VERIFIED, now=NOW, who=ROBIN, after=customer(1, is_active=False))
        journal.end(run.id, state, words=said(""), now=NOW, who=ROBIN)
    bench.worker.cancel(run.id, who=KIM)
    run = journal.reads.run(run.id)
    assert run.state is RunState.CANCELLED
    assert bench.api.calls == []
    ends = ("planned",) * 3 if state is RunState.PLANNED else ("verified", "unknown", "planned")
    assert tuple(step.state.value for step in journal.reads.steps(run.id)) == ends
    told = [entry.event for entry in journal.log.entries(run.id) if entry.who == "Kim"]
    assert told == (["cancel"] if state is RunState.PLANNED else ["verify", "cancel"])
    assert journal.log.verify_chain().ok
    journal.record(plan_of(bench.customers, fingerprint="f" * 16, reason="Again"), NOW, who=ROBIN)  # it holds nobody any more


def test_a_refused_key_pauses_the_run_at_once_and_sends_nothing_more(journal):
    bench = Bench(journal, count=50, concurrency=1)
    bench.api.script = lambda what, _id, _nth: "401" if len(bench.api.changes()) > 2 else "ok"
    run = bench.carried()
    assert (run.state, run.totals.verified, run.totals.planned) == (RunState.PAUSED, 2, 48)
    assert "refused the key" in run.words
    assert [what for what, _ in bench.api.calls] == ["get", "deactivate"] * 3
    bench.api.script = lambda *_: "ok"
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 50)


def test_a_few_steps_that_can_not_reach_the_api_pause_the_run(journal):
    bench = Bench(journal, count=50, orders=lambda *_: "unreachable", concurrency=1)
    run = bench.carried()
    assert (run.state, run.totals.planned) == (RunState.PAUSED, 50)
    assert "could not be reached" in run.words
    assert len(bench.api.calls) == 5


def test_trouble_that_passes_leaves_no_customer_behind(journal):
    bench = Bench(journal, count=9, orders=script(deactivate="unreachable ok", get="ok"), concurrency=1)
    bench.api.script = lambda what, id_, nth: (
        "unreachable" if what == "get" and nth == 0 and int(id_[4:], 16) % 3 == 0 else "ok"
    )
    run = bench.carried()
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 9)


def test_a_pause_settles_what_is_in_flight_and_a_resume_does_the_rest(gated):
    bench, gate = gated
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    gate.waiting.acquire(timeout=PATIENCE)
    gate.waiting.acquire(timeout=PATIENCE)
    bench.worker.pause(run.id, who=KIM)
    assert bench.journal.reads.run(run.id).requested == "pause"
    gate.open.set()
    run = bench.carried(run)
    assert (run.state, run.totals.verified, run.totals.planned) == (RunState.PAUSED, 2, 4)
    assert run.words == "Paused by Kim after 2 of 6 customers."
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 6)
    assert ("pause asked", "Kim") in [(entry.event, entry.who) for entry in bench.journal.log.entries(run.id)]


def test_a_cancel_settles_what_is_in_flight_and_says_where_it_stopped(gated):
    bench, gate = gated
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    gate.waiting.acquire(timeout=PATIENCE)
    gate.waiting.acquire(timeout=PATIENCE)
    bench.worker.cancel(run.id, who=ROBIN)
    gate.open.set()
    run = bench.carried(run)
    assert (run.state, run.totals.verified, run.totals.planned, run.totals.in_flight) == (RunState.CANCELLED, 2, 4, 0)
    assert run.words == "Cancelled by Robin after 2 of 6 customers; the other 4 were not started."
    for act in (bench.worker.resume, bench.worker.retry, bench.worker.submit):
        with pytest.raises(IllegalTransition):
            act(run.id, who=ROBIN)
    for act in (bench.worker.cancel, bench.worker.pause):
        with pytest.raises(AlreadyOver, match="It had already been cancelled"):
            act(run.id, who=ROBIN)
    assert len(bench.api.changes()) == 2


@pytest.mark.parametrize("late", [False, True])
def test_a_pause_that_meets_the_end_of_the_run_says_so(journal, late):
    bench = Bench(journal, count=2, concurrency=2)
    gate = Gate()
    bench.api = GatedApi(bench.customers)
    bench.api.gate = gate
    bench.worker = bench.another_worker(concurrency=2)
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    for _ in bench.customers:
        gate.waiting.acquire(timeout=PATIENCE)
    if not late:
        bench.worker.pause(run.id, who=KIM)
    gate.open.set()
    run = bench.carried(run)
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 2)
    assert run.words == ("" if late else "It had already finished when Kim asked for a pause: no call was left to hold.")
    with pytest.raises(AlreadyOver, match="It had already finished"):
        bench.worker.pause(run.id, who=KIM)


def test_a_run_that_nobody_started_can_be_cancelled(journal):
    bench = Bench(journal)
    run = bench.record()
    bench.worker.cancel(run.id, who=ROBIN)
    assert journal.reads.run(run.id).state is RunState.CANCELLED
    assert bench.api.calls == []


def test_stopping_finishes_the_calls_in_flight(gated):
    bench, gate = gated
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    gate.waiting.acquire(timeout=PATIENCE)
    gate.waiting.acquire(timeout=PATIENCE)
    threading.Timer(0.05, gate.open.set).start()
    assert bench.worker.stop(PATIENCE)
    run = bench.journal.reads.run(run.id)
    assert (run.state, run.totals.verified, run.totals.in_flight) == (RunState.INTERRUPTED, 2, 0)
    with pytest.raises(IllegalTransition, match="being stopped"):
        bench.worker.resume(run.id, who=ROBIN)


def test_a_call_that_outlives_the_stop_is_read_back_later_and_not_sent_again(gated):
    bench, gate = gated
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    gate.waiting.acquire(timeout=PATIENCE)
    gate.waiting.acquire(timeout=PATIENCE)
    assert not bench.worker.stop(0.01)
    run = bench.journal.reads.run(run.id)
    assert (run.state, run.totals.in_flight) == (RunState.INTERRUPTED, 2)
    gate.open.set()
    assert bench.worker.join(run.id, PATIENCE)
    bench.worker = bench.another_worker()
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 6)
    assert len(bench.api.changes()) == 6


def died(bench, applied, called=True):
    """A run whose process died with a call in flight, which the API had or had not applied; or before any."""
    run = bench.journal.claim(bench.record().id, owner="host:1:dead", now=NOW, who=ROBIN)
    step = bench.journal.reads.steps(run.id)[0]
    if called:
        bench.journal.steps.begin(step, owner="host:1:dead", now=NOW, who=ROBIN)
    bench.journal.renew("host:1:dead", -1)
    if called and applied:
        bench.api.deactivate(step.customer_id)
    return run


@pytest.mark.parametrize("applied", [True, False])
def test_a_run_whose_process_died_is_offered_and_resumed_as_if_nothing_had_happened(journal, applied):
    bench = Bench(journal)
    run = died(bench, applied)
    sent = bench.api.changes()
    (left,) = bench.worker.start()
    assert (left.id, left.state, left.totals.in_flight) == (run.id, RunState.INTERRUPTED, 1)
    assert bench.api.changes() == sent  # nothing is taken up without being asked for
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 5)
    assert sorted(bench.api.changes()) == [record.id for record in bench.customers]


def test_whoever_starts_a_worker_is_told_what_was_left_however_soon_its_heart_looks_around(journal, monkeypatch):
    bench = Bench(journal)
    run, heart = died(bench, applied=False), bench.worker._heartbeat
    monkeypatch.setattr(heart, "start", lambda: bench.worker._look_around() and None)
    assert [left.id for left in bench.worker.start()] == [run.id]


#: Of the right types, so that PostgreSQL takes them, too.
AHEAD, NOBODYS = "lease_until = lease_until + 86400", "owner = NULL, lease_until = lease_until + 100"


@pytest.mark.parametrize("column", [AHEAD, NOBODYS, "lease_until = 9e999", "lease_until = 'abc'", "lease_until = x'00'"])
def test_a_lease_that_can_not_be_one_is_nobodys_and_keeps_no_other_run_from_being_found(place, journal, column):
    """As where the database's clock was ahead when it was written, or somebody wrote into the table."""
    if place.engine_name == "postgresql" and column not in (AHEAD, NOBODYS):
        pytest.skip("its columns have types")
    bench = Bench(journal)
    run = died(bench, applied=False)
    other = journal.record(plan_of([customer(9)]), NOW, who=ROBIN)
    journal.claim(other.id, owner="host:1:gone", now=NOW, who=ROBIN, lease=-1)
    place.run(f"UPDATE runs SET {column} WHERE id = '{run.id}'")
    assert run.id in stalled(journal, bench.worker.owner)
    assert {left.id for left in bench.worker.recover()} == {run.id, other.id}
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 5)


DAMAGES = {  # of a running run and its first step, and whether anything can still be made of it
    "UPDATE runs SET reason = x'00' WHERE id = ?": True,
    "UPDATE runs SET started_at = 'garbage' WHERE id = ?": True,
    "UPDATE runs SET requested = 'cancel', started_at = 'garbage' WHERE id = ?": True,
    "UPDATE steps SET state = x'00' WHERE run_id = ? AND position = 0": True,
    "UPDATE steps SET customer_id = x'00' WHERE run_id = ? AND position = 0": True,
    "UPDATE runs SET id = x'00' WHERE id = ?": False,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_keeps_no_other_from_being_found_and_can_be_cancelled(tmp_path, damage):
    """As after somebody wrote into the file of SQLite, which takes anything in any column."""
    place = sqlite_place(tmp_path)
    bench = Bench(place.open())
    damaged = died(bench, applied=False)
    others = [bench.journal.record(plan_of([customer(number)]), NOW, who=ROBIN) for number in (8, 9)]
    for other in others:
        bench.journal.claim(other.id, owner="host:1:gone", now=NOW, who=ROBIN, lease=-1)
    bench.journal.request(others[0].id, "cancel", now=NOW, who=ROBIN)
    with closing(sqlite3.connect(place.path, isolation_level=None)) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        raw.execute(damage, (damaged.id,))
    bench = Bench(place.open())  # as it is after a restart
    bench.worker.start()
    assert [bench.carried(run).state for run in others] == [RunState.CANCELLED, RunState.INTERRUPTED]
    if DAMAGES[damage]:
        if bench.journal.reads.run(damaged.id).live:
            bench.worker.cancel(damaged.id, who=ROBIN)
        assert bench.carried(damaged).state is RunState.CANCELLED
    assert bench.api.changes() == []
    assert bench.journal.log.verify_chain().ok
    bench.worker.stop()
    place.close()


def test_a_step_that_was_in_flight_is_called_once_more_by_a_resume_and_left_if_that_changes_nothing_either(journal):
    bench = Bench(journal, orders=lambda what, id_, _: "still" if (what, id_) == ("deactivate", id_of(1)) else "ok")
    run = died(bench, applied=False)
    bench.worker.recover()
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified, run.totals.not_applied) == (RunState.FINISHED, 4, 1)
    assert (bench.api.changes().count(id_of(1)), journal.reads.step(run.id, id_of(1)).attempts) == (1, 2)


def test_cancelling_an_interrupted_run_reads_back_what_was_in_flight(journal):
    bench = Bench(journal)
    run = died(bench, applied=True)
    bench.worker.recover()
    bench.worker.cancel(run.id, who=ROBIN)
    run = bench.carried(run)
    assert (run.state, run.totals.verified, run.totals.planned) == (RunState.CANCELLED, 1, 4)
    assert len(bench.api.changes()) == 1


@pytest.mark.parametrize("open_call", [True, False], ids=["call in flight", "nothing in flight"])
@pytest.mark.parametrize(
    ("order", "state", "verified"), [("cancel", RunState.CANCELLED, 1), ("pause", RunState.INTERRUPTED, 0)]
)
def test_an_order_to_a_process_that_was_dead_already_is_carried_out(journal, order, open_call, state, verified):
    bench = Bench(journal, lease=0.4)
    run = died(bench, applied=True, called=open_call)
    journal.renew("host:1:dead", 0.4)
    getattr(bench.worker, order)(run.id, who=KIM)
    bench.worker.start()
    until(lambda: journal.reads.run(run.id).state is state)
    assert bench.worker.join(run.id, PATIENCE)
    run = journal.reads.run(run.id)
    assert (run.requested, run.totals.verified) == (None, verified * open_call)
    assert len(bench.api.changes()) == open_call  # the one before it died
    bench.worker.stop()


def test_a_cancel_that_nobody_could_carry_out_yet_is_no_run_to_resume_but_one_to_cancel(journal):
    bench = Bench(journal)
    run = died(bench, applied=True)
    journal.request(run.id, "cancel", now=NOW, who=KIM)
    (run,) = bench.worker.recover()  # as by a process of another connection
    assert (run.state, run.requested, run.can_resume, run.can_cancel) == (RunState.INTERRUPTED, "cancel", False, True)
    with pytest.raises(IllegalTransition, match=r"somebody asked to cancel it\. Cancel it once more"):
        bench.worker.resume(run.id, who=ROBIN)
    assert journal.claim(run.id, owner="host:2:b", now=NOW, who=ROBIN).requested == "cancel"  # whoever takes it up
    journal.renew("host:2:b", -1)
    bench.worker.cancel(run.id, who=ROBIN)
    run = bench.carried(run)
    assert (run.state, run.totals.verified, len(bench.api.changes())) == (RunState.CANCELLED, 1, 1)


@pytest.mark.parametrize("first", [None, "pause"])
@pytest.mark.parametrize(("order", "state"), [("cancel", RunState.CANCELLED), ("pause", RunState.PAUSED)])
def test_an_order_that_comes_while_the_end_is_being_written_is_carried_out(journal, monkeypatch, order, state, first):
    """A stop, or a pause before it, was already decided on when somebody asked for more."""
    bench = Bench(journal, concurrency=1)
    real, late = journal.end, []

    def asked_just_before(run_id, *args, **kwargs):
        if not late:
            late.append(order)
            journal.request(run_id, order, now=NOW, who=KIM)
        return real(run_id, *args, **kwargs)

    run = bench.record()

    def stop(*_):
        if len(bench.api.changes()) < 2:
            return "ok"
        if first is None:
            return "401"
        journal.request(run.id, first, now=NOW, who=ROBIN)
        return "ok"

    bench.api.script = stop
    monkeypatch.setattr(journal, "end", asked_just_before)
    run = bench.carried(bench.worker.submit(run.id, who=ROBIN))
    assert late == [order]
    assert (run.state, run.requested) == (state, None)
    assert len(bench.api.changes()) == 2


@pytest.mark.parametrize("trouble", ["401", "unreachable", "500", "404"])
def test_a_cancel_is_carried_out_although_what_was_in_flight_can_not_be_read_back(journal, trouble):
    bench = Bench(journal, orders=lambda what, *_: trouble if what == "get" else "ok", concurrency=1)
    run = died(bench, applied=True)
    bench.worker.recover()
    bench.worker.cancel(run.id, who=ROBIN)
    run = bench.carried(run)
    assert (run.state, run.totals.in_flight, run.totals.planned) == (RunState.CANCELLED, 0, 4)
    assert run.totals.unknown + run.totals.failed == 1


def test_a_process_that_stops_leaves_the_run_alone_that_another_has_taken_over(gated):
    bench, gate = gated
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    gate.waiting.acquire(timeout=PATIENCE)
    bench.journal.renew(bench.worker.owner, -1)
    other = bench.another_worker()
    other.recover()
    bench.journal.claim(run.id, owner=other.owner, now=NOW, who=KIM)
    assert not bench.worker.stop(0.01)
    run = bench.journal.reads.run(run.id)
    assert (run.state, run.owner) == (RunState.RUNNING, other.owner)


def test_nothing_goes_out_once_the_run_is_another_ones_or_an_order_was_given_elsewhere(gated):
    """By another process, that is: this one hears of it from the journal alone."""
    bench, gate = gated
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    gate.waiting.acquire(timeout=PATIENCE)
    gate.waiting.acquire(timeout=PATIENCE)
    bench.journal.request(run.id, "pause", now=NOW, who=KIM)
    gate.open.set()
    run = bench.carried(run)
    assert (run.state, len(bench.api.changes())) == (RunState.PAUSED, 2)


def test_who_asks_for_a_run_that_another_process_has_is_told_when_it_can_be_had(journal):
    bench = Bench(journal)
    run = journal.claim(bench.record().id, owner="ops-2:77:a", now=NOW, who=ROBIN)
    with pytest.raises(IllegalTransition, match=r"Another process has it \(ops-2, process 77\).* resumed in 1[45] s\.$"):
        bench.worker.resume(run.id, who=KIM)
    assert journal.reads.run(run.id).owner == "ops-2:77:a"


def test_recovering_leaves_the_runs_of_this_worker_alone(gated):
    bench, gate = gated
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    gate.waiting.acquire(timeout=PATIENCE)
    assert bench.worker.recover() == ()
    gate.open.set()
    assert bench.carried(run).state is RunState.FINISHED


def test_a_run_whose_end_could_not_be_written_is_offered_in_the_end(journal, monkeypatch):
    real, tried = journal.end, []

    def damaged(*args, **kwargs):
        tried.append(args)
        if len(tried) == 1:
            raise JournalError
        return real(*args, **kwargs)

    monkeypatch.setattr(journal, "end", damaged)
    bench = Bench(journal, lease=0.4)
    bench.worker.start()
    run = bench.carried()
    assert run.state is RunState.RUNNING
    until(lambda: journal.reads.run(run.id).state is RunState.FINISHED)  # nothing was left to be done
    bench.worker.stop()


def test_a_run_whose_end_meets_a_fault_of_our_own_is_not_held_for_good(journal, monkeypatch):
    bench = Bench(journal)
    bench.worker = bench.another_worker(lease=0.4)

    def fail(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr("lib.runs.execution.ending", fail)
        broken.setattr("threading.excepthook", lambda _: None)
        run = bench.worker.submit(bench.record().id, who=ROBIN)
        assert bench.worker.join(run.id, PATIENCE)
    until(lambda: journal.reads.run(run.id).state is RunState.FINISHED)  # nothing was left to be done
    bench.worker.stop()


def test_a_worker_that_lost_its_run_to_another_stops_and_nothing_goes_out_twice(gated):
    bench, gate = gated
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    gate.waiting.acquire(timeout=PATIENCE)
    gate.waiting.acquire(timeout=PATIENCE)
    other = bench.another_worker()
    bench.journal.renew(bench.worker.owner, -1)  # as if it had not been renewed for longer than it holds
    (left,) = other.recover()
    assert left.state is RunState.INTERRUPTED
    gate.open.set()
    assert bench.worker.join(run.id, PATIENCE)
    other.resume(run.id, who=ROBIN)
    assert other.join(run.id, PATIENCE)
    run = bench.journal.reads.run(run.id)
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 6)
    assert sorted(bench.api.changes()) == [record.id for record in bench.customers]


def test_a_retry_tries_only_what_did_not_work_out(journal):
    odd = {id_of(1): "still", id_of(2): "no-answer", id_of(3): "404"}
    bench = Bench(journal, count=6)
    bench.api.script = lambda what, id_, _nth: odd.get(id_, "ok") if what == "deactivate" else "ok"
    run = bench.carried()
    assert (run.state, run.totals.not_applied, run.totals.failed, run.totals.verified) == (RunState.FINISHED, 2, 1, 3)
    bench.api.calls.clear()
    bench.api.script = lambda *_: "ok"
    run = bench.carried(bench.worker.retry(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 6)
    assert sorted(bench.api.changes()) == [id_of(1), id_of(2), id_of(3)]
    assert journal.reads.step(run.id, id_of(1)).attempts == 2


@pytest.mark.parametrize(("applied", "sent"), [("no-answer-after", 0), ("no-answer", 1)])
def test_a_retry_reads_an_unknown_step_back_before_it_sends_again(journal, applied, sent):
    bench = Bench(journal, count=1, orders=script(deactivate=f"{applied} ok", get="ok no-answer no-answer no-answer ok"))
    run = bench.carried()
    assert (run.state, run.totals.unknown) == (RunState.FINISHED, 1)
    bench.api.calls.clear()
    run = bench.carried(bench.worker.retry(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 1)
    assert len(bench.api.changes()) == sent


def test_a_journal_that_can_not_be_written_stops_the_calls_and_the_run_can_go_on_later(journal, monkeypatch):
    bench = Bench(journal, count=10, concurrency=1)
    settle, end, down = journal.steps.settle, journal.end, threading.Event()

    def failing(real):
        def write(*args, **kwargs):
            if down.is_set():
                raise JournalUnavailable
            return real(*args, **kwargs)

        return write

    def settle_then_fail(*args, **kwargs):
        if len(bench.api.changes()) == 3:
            down.set()
        return failing(settle)(*args, **kwargs)

    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            down.clear()

    monkeypatch.setattr(journal.steps, "settle", settle_then_fail)
    monkeypatch.setattr(journal, "end", failing(end))
    bench.worker = bench.another_worker(concurrency=1, sleep=sleep)
    run = bench.carried()
    assert (run.state, run.totals.verified, run.totals.in_flight, run.totals.planned) == (RunState.INTERRUPTED, 2, 1, 7)
    assert "journal can't be written" in run.words
    assert len(bench.api.changes()) == 3
    monkeypatch.undo()
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 10)
    assert len(bench.api.changes()) == 10


def test_a_fault_of_our_own_pauses_the_run_and_names_itself(journal, caplog):
    bench = Bench(journal, concurrency=1)
    bench.api.script = lambda *_: 1 / 0
    run = bench.carried()
    assert (run.state, run.totals.planned) == (RunState.PAUSED, 5)
    assert "ZeroDivisionError" in run.words
    assert "Traceback" in caplog.text


faults = st.dictionaries(
    st.tuples(st.sampled_from(["get", "deactivate"]), st.integers(1, 8), st.integers(0, 4)),
    st.sampled_from(sorted({*READ_FAULTS, *WRITE_FAULTS})),
    max_size=30,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=faults, concurrency=st.integers(1, 4))
def test_whatever_goes_wrong_the_totals_add_up_and_the_journal_tells_the_truth(tmp_path_factory, orders, concurrency):
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.sqlite")

    def order(what, customer_id, nth):
        told = orders.get((what, int(customer_id[4:], 16), nth), "ok")
        return told if what == "deactivate" or told in READ_FAULTS else "ok"

    bench = Bench(journal, count=8, orders=order, concurrency=concurrency)
    run = bench.carried()
    for _ in range(8):  # a person goes on for as long as that helps
        assert run.totals.total == 8
        assert run.totals.in_flight == 0
        assert run.state in (RunState.FINISHED, RunState.PAUSED)
        assert (run.state is RunState.PAUSED) == (run.totals.planned > 0)
        if run.state is RunState.PAUSED:
            run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    planned = {record.id for record in bench.customers}
    assert {customer_id for _, customer_id in bench.api.calls} <= planned
    for step in journal.reads.steps(run.id):
        calls = bench.api.changes().count(step.customer_id)
        assert calls - bench.api.never_left[step.customer_id] == step.attempts
        if step.state is StepState.VERIFIED:
            assert not bench.api.records[step.customer_id].is_active
            last = max(number for number, call in enumerate(bench.api.calls) if call == ("deactivate", step.customer_id))
            assert all(call[0] == "get" for call in bench.api.calls[last + 1 :] if call[1] == step.customer_id)
        elif step.state is StepState.NOT_APPLIED:
            assert bench.api.records[step.customer_id].is_active
    assert journal.log.verify_chain().ok
    assert journal.audit.all().findings == ()
    journal.close()
