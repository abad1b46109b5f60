"""Runs are carried whatever happens around them: pauses, cancels, stops, crashes, trouble with the API and the journal."""

import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.avara.limiter import always
from lib.errors import IllegalTransition, JournalError, JournalUnavailable, OtherConnection
from lib.journal.journal import Journal
from lib.runs.model import RunState, StepState
from lib.runs.words import said
from lib.runs.worker import Worker
from tests.runs.fakes import FINGERPRINT, KIM, NOW, READ_FAULTS, ROBIN, WRITE_FAULTS, FakeApi, customer, id_of, plan_of, script

PATIENCE = 20.0


class Bench:
    """A journal, a scripted API and a worker that does not wait between readings."""

    def __init__(self, journal, count=5, orders=None, **options):
        self.journal = journal
        self.customers = [customer(number) for number in range(1, count + 1)]
        self.api = FakeApi(self.customers, orders or (lambda *_: "ok"))
        self.told = []
        self.worker = self.another_worker(**options)

    def another_worker(self, **options):
        usual = {"now": lambda: NOW, "sleep": lambda _: None, "on_settled": self.told.extend}
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

    def deactivate(self, customer_id, /, wanted=always):
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
    assert {record.id for record in bench.told} == {record.id for record in bench.customers}
    assert not any(record.is_active for record in bench.told)
    assert journal.log.verify_chain().ok


def test_a_run_starts_once(journal):
    bench = Bench(journal)
    run = bench.record()
    bench.worker.submit(run.id, who=ROBIN)
    with pytest.raises(IllegalTransition):
        bench.worker.submit(run.id, who=ROBIN)
    bench.carried(run)
    assert len(bench.api.changes()) == 5


@pytest.mark.parametrize("act", ["submit", "resume", "retry"])
def test_a_run_never_goes_out_over_another_connection(journal, act):
    bench = Bench(journal)
    run = bench.record(fingerprint="f" * 16)
    if act != "submit":
        journal.start(run.id, owner="gone", now=NOW, who=ROBIN)
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
        journal.start(run.id, owner="gone", now=NOW, who=ROBIN)
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


def test_the_wait_that_the_api_asks_for_is_kept(journal):
    slept = []
    bench = Bench(journal, count=1, orders=script(get="429 ok"), sleep=slept.append)
    assert bench.carried().totals.verified == 1
    assert sum(slept) >= 1.0


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
    assert run.words == "Paused by a person after 2 of 6 customers."
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
    assert run.words == "Cancelled after 2 of 6 customers; the other 4 were not started."
    for act in (bench.worker.resume, bench.worker.retry, bench.worker.cancel, bench.worker.pause, bench.worker.submit):
        with pytest.raises(IllegalTransition):
            act(run.id, who=ROBIN)
    assert len(bench.api.changes()) == 2


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


def died(bench, applied):
    """A run whose process died with a call in flight, which the API had or had not applied."""
    run = bench.journal.start(bench.record().id, owner="host:1:dead", now=NOW, who=ROBIN, lease=0)
    step = bench.journal.reads.steps(run.id)[0]
    bench.journal.steps.begin(step, owner="host:1:dead", now=NOW, who=ROBIN)
    if applied:
        bench.api.deactivate(step.customer_id)
    return run


@pytest.mark.parametrize(("applied", "verified", "not_applied"), [(True, 5, 0), (False, 4, 1)])
def test_a_run_whose_process_died_is_offered_and_resumed_by_reading_back(journal, applied, verified, not_applied):
    bench = Bench(journal)
    run = died(bench, applied)
    sent = bench.api.changes()
    (left,) = bench.worker.start()
    assert (left.id, left.state, left.totals.in_flight) == (run.id, RunState.INTERRUPTED, 1)
    assert bench.api.changes() == sent  # nothing is taken up without being asked for
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified, run.totals.not_applied) == (RunState.FINISHED, verified, not_applied)
    assert bench.api.changes().count(id_of(1)) == int(applied)


def test_cancelling_an_interrupted_run_reads_back_what_was_in_flight(journal):
    bench = Bench(journal)
    run = died(bench, applied=True)
    bench.worker.recover()
    bench.worker.cancel(run.id, who=ROBIN)
    run = bench.carried(run)
    assert (run.state, run.totals.verified, run.totals.planned) == (RunState.CANCELLED, 1, 4)
    assert len(bench.api.changes()) == 1


def test_recovering_leaves_the_runs_of_this_worker_alone(gated):
    bench, gate = gated
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    gate.waiting.acquire(timeout=PATIENCE)
    assert bench.worker.recover() == ()
    gate.open.set()
    assert bench.carried(run).state is RunState.FINISHED


def test_a_run_whose_end_could_not_be_written_is_offered_in_the_end(journal, monkeypatch):
    def damaged(*_, **__):
        raise JournalError

    monkeypatch.setattr(journal, "end", damaged)
    bench = Bench(journal, lease=0.4)
    bench.worker.start()
    run = bench.carried()
    assert run.state is RunState.RUNNING
    until(lambda: journal.reads.run(run.id).state is RunState.INTERRUPTED)
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


def test_a_listener_that_fails_does_no_harm(journal, caplog):
    def fail(_records):
        raise ValueError("no")

    bench = Bench(journal, on_settled=fail)
    assert bench.carried().state is RunState.FINISHED
    assert "could be told" in caplog.text


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
        assert calls == step.attempts
        if step.state is StepState.VERIFIED:
            assert not bench.api.records[step.customer_id].is_active
            last = max(number for number, call in enumerate(bench.api.calls) if call == ("deactivate", step.customer_id))
            assert all(call[0] == "get" for call in bench.api.calls[last + 1 :] if call[1] == step.customer_id)
        elif step.state is StepState.NOT_APPLIED:
            assert bench.api.records[step.customer_id].is_active
    assert journal.log.verify_chain().ok
    journal.close()
