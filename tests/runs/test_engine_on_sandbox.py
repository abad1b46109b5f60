"""Runs over real HTTP: each fault that touches a step, and a server that goes away."""

import json
import re
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.limiter import Limiter
from lib.evidence.reading import ActivityReading
from lib.plans.model import RunState, StepState
from lib.plans.policy import Policy, Thresholds
from lib.runs.tools import READ_BACK_WAITS
from lib.runs.worker import Worker
from tests.runs.fakes import NOW, ROBIN, judgement, plan_of
from tests.sandbox_server import study_comes_in

PATIENCE = 60.0


class Bench:
    """A sandbox, a client of it, a journal, and a worker between them."""

    def __init__(
        self,
        server,
        journal,
        *,
        timeout=5.0,
        waits=(0.0, 0.02, 0.05),
        concurrency=3,
        limiter=None,
        policy=None,
        sleep=lambda _: None,
    ):
        self.server, self.journal = server, journal
        self.connection = Connection(server.base_url, SecretStr(server.api_key), "sandbox", "sandbox")
        self.client = AvaraClient(self.connection, timeout=timeout, sleep=sleep, limiter=limiter)
        self.worker = Worker(
            journal,
            {self.connection.fingerprint: self.client}.get,
            concurrency=concurrency,
            read_back_waits=waits,
            policy=policy,
        )

    def record(self, count):
        active = [record for page in self.client.iter_pages() for record in page.customers if record.is_active]
        return self.journal.record(plan_of(active[:count], fingerprint=self.connection.fingerprint), NOW, who=ROBIN)

    def record_judged(self, count):
        """A run of customers that were picked by their studies, as they are now."""
        active = [record for page in self.client.iter_pages() for record in page.customers if record.is_active][:count]
        now = datetime.now(UTC)
        reading = ActivityReading(self.client, lambda: now)
        reading.read([one.id for one in active])
        judged = {one.id: judgement(reading.known[one.id]) for one in active}
        plan = plan_of(active, judged=judged, fingerprint=self.connection.fingerprint, now=now)
        return self.journal.record(plan, now, who=ROBIN)

    def carried(self, run):
        assert self.worker.join(run.id, PATIENCE)
        return self.journal.reads.run(run.id)

    def calls(self):
        return [call for call in self.server.calls() if call.operation in ("deactivate", "reactivate")]

    def check_against_the_sandbox(self, run):
        """The sandbox's own record of calls says what the journal says, customer by customer."""
        sent = Counter(call.customer_id for call in self.calls())
        applied = {call.customer_id for call in self.calls() if call.applied}
        steps = self.journal.reads.steps(run.id)
        assert set(sent) <= {step.customer_id for step in steps}
        assert {step.customer_id: sent[step.customer_id] for step in steps} == {
            step.customer_id: step.attempts for step in steps
        }
        for step in steps:
            if step.state in (StepState.VERIFIED, StepState.NOT_APPLIED):
                assert (step.customer_id in applied) == (step.state is StepState.VERIFIED)
        assert run.totals.total == len(steps)
        assert self.journal.log.verify_chain().ok
        assert self.journal.audit.all().findings == ()


@pytest.fixture
def bench(start_sandbox, journal):
    opened = []

    def make(faults=(), server_options=None, **options):
        server = start_sandbox(customers=60, **(server_options or {}))
        opened.append(Bench(server, journal, **options))
        server.set_faults(faults)
        return opened[-1]

    yield make
    for one in opened:
        one.worker.stop(PATIENCE)
        one.client.close()


@pytest.mark.parametrize(
    ("fault", "state", "words"),
    [
        ("timeout-before", "not_applied", "no usable answer came back. Read back, the record is still active."),
        ("timeout-after", "verified", ""),
        ("reset-after", "verified", ""),
        ("http-500", "not_applied", "status 500). Read back, the record is still active."),
        ("http-503", "not_applied", "status 503). Read back, the record is still active."),
        ("html-error", "not_applied", "status 502). Read back, the record is still active."),
        ("still-active", "not_applied", "its answer showed the customer active. Read back, the record is still active."),
        ("wrong-id", "verified", ""),
        ("bad-json", "verified", ""),
        ("truncated", "verified", ""),
        ("slow@deactivate", "verified", ""),
        ("drift", "skipped", "Changed since the review: "),
        ("drift@deactivate", "verified", ""),
    ],
)
def test_where_a_step_ends_under_a_fault(bench, fault, state, words):
    # The slow answer comes after the client gave up: the change lands while the record is being read back.
    waits = READ_BACK_WAITS if fault.startswith("slow") else (0.0, 0.02, 0.05)
    job = bench([fault], timeout=0.4, waits=waits)
    run = job.record(3)
    run = job.carried(job.worker.submit(run.id, who=ROBIN))
    steps = job.journal.reads.steps(run.id)
    assert [step.state for step in steps] == [state] * 3
    assert all(words in step.words and bool(words) == bool(step.words) for step in steps)
    assert run.state is RunState.FINISHED
    assert run.totals.count(StepState(state)) == run.totals.settled == 3
    assert all(step.after is not None and step.after.id == step.customer_id for step in steps)
    assert all(step.after.is_active is (state != "verified") for step in steps)
    job.check_against_the_sandbox(run)


def test_a_key_that_is_revoked_in_mid_run_pauses_it_and_nobody_is_blamed(bench):
    job = bench(["unauthorized-midway"], concurrency=1)
    run = job.carried(job.worker.submit(job.record(5).id, who=ROBIN))
    assert (run.state, run.totals.verified, run.totals.planned) == (RunState.PAUSED, 1, 4)
    assert "refused the key" in run.words
    assert len(job.calls()) == 2
    job.check_against_the_sandbox(run)
    job.server.set_faults([])
    run = job.carried(job.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 5)


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (lambda job, _run: job.worker.stop(5), RunState.INTERRUPTED),
        (lambda job, run: job.worker.pause(run.id, who=ROBIN), RunState.PAUSED),
        (lambda job, run: job.worker.cancel(run.id, who=ROBIN), RunState.CANCELLED),
    ],
    ids=["stop", "pause", "cancel"],
)
def test_calls_that_wait_for_their_turn_are_not_made_once_somebody_ends_the_run(bench, monkeypatch, end, state):
    limiter = Limiter(ceiling=2)
    job = bench(limiter=limiter, concurrency=8)
    run, begin = job.record(8), job.journal.steps.begin

    def begin_and_have_the_api_ask_for_a_minute(step, **facts):
        begun = begin(step, **facts)
        for _ in range(3):
            limiter.throttle.refused(limiter._clock(), limiter._clock(), 60.0)
        return begun

    monkeypatch.setattr(job.journal.steps, "begin", begin_and_have_the_api_ask_for_a_minute)
    job.worker.submit(run.id, who=ROBIN)
    until(lambda: limiter.waiting)
    began = time.monotonic()
    end(job, run)
    run = job.carried(run)
    assert time.monotonic() - began < 10
    assert (run.state, run.totals.in_flight) == (state, 0)
    # what had its turn before the API asked
    assert len(job.calls()) == run.totals.verified <= 2
    job.check_against_the_sandbox(run)


@pytest.mark.parametrize("preflight", [True, False])
@pytest.mark.parametrize(("limit", "count"), [("3", 8), ("8/3", 8), ("20%", 30), ("1:5", 30)])
def test_limits_of_every_shape_neither_pause_a_run_nor_withdraw_its_calls(bench, limit, count, preflight):
    policy = Policy(preflight=preflight)
    job = bench(server_options={"rate_limit": limit}, policy=policy, concurrency=16, sleep=time.sleep)
    run = job.carried(job.worker.submit(job.record(count).id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, count)
    entries = job.journal.log.entries(run.id)
    assert not [entry for entry in entries if json.loads(entry.payload).get("sent") == 0]
    job.check_against_the_sandbox(run)


def test_under_a_mix_of_faults_the_journal_agrees_with_the_sandbox_and_a_retry_gets_it_done(bench):
    mix = ["timeout-after=0.1", "reset-after=0.2", "http-500=0.2", "still-active=0.2", "wrong-id=0.2", "drift=0.1"]
    job = bench(mix, timeout=2.0)
    run = job.carried(job.worker.submit(job.record(40).id, who=ROBIN))
    assert run.state is RunState.FINISHED
    assert run.totals.verified
    assert run.totals.not_applied
    assert run.totals.skipped
    assert run.totals.verified + run.totals.not_applied + run.totals.skipped == run.totals.total == 40
    job.check_against_the_sandbox(run)
    job.server.set_faults([])
    run = job.carried(job.worker.retry(run.id, who=ROBIN))
    # What drifted while the first attempt was under way is skipped by the second.
    assert (run.state, run.totals.verified + run.totals.skipped) == (RunState.FINISHED, 40)
    job.check_against_the_sandbox(run)


def test_a_server_that_goes_away_pauses_the_run_which_goes_on_when_it_is_back(bench, tmp_path):
    job = bench(server_options={"state": tmp_path / "sandbox.sqlite", "latency_ms": 60})
    run = job.worker.submit(job.record(50).id, who=ROBIN)
    until(lambda: job.journal.reads.totals(run.id).verified >= 1)
    job.server.stop()
    run = job.carried(run)
    assert run.state is RunState.PAUSED
    assert run.totals.planned > 0
    assert "could not be reached" in run.words
    job.server.start()
    run = job.carried(job.worker.resume(run.id, who=ROBIN))
    assert run.state is RunState.FINISHED
    assert run.totals.planned == run.totals.in_flight == 0
    sent = Counter(call.customer_id for call in job.calls())
    assert all(sent[step.customer_id] <= step.attempts for step in job.journal.reads.steps(run.id))
    done = {step.customer_id for step in job.journal.reads.steps(run.id, StepState.VERIFIED)}
    assert done == {call.customer_id for call in job.calls() if call.applied}


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def test_a_customer_to_whom_a_study_came_in_between_plan_and_call_is_left_alone(bench):
    bench = bench()
    run = bench.record_judged(6)
    came = [step.customer_id for step in bench.journal.reads.steps(run.id)][2:4]
    study_comes_in(bench.server, came[0])
    study_comes_in(bench.server, came[1], isCancelled=True)  # which is no activity
    bench.worker.submit(run.id, who=ROBIN)
    run = bench.carried(run)
    assert (run.state, run.totals.verified, run.totals.skipped) == (RunState.FINISHED, 5, 1)
    (step,) = bench.journal.reads.steps(run.id, StepState.SKIPPED)
    assert step.customer_id == came[0]
    assert re.fullmatch(r"A study came in .+ \(\d{4}-\d\d-\d\d \d\d:\d\d UTC\)\. No call was made\.", step.words)
    assert step.after == step.before
    bench.check_against_the_sandbox(run)


@pytest.mark.parametrize(
    ("fault", "state", "words", "settled"),
    [
        ("studies-403", RunState.PAUSED, "steps in a row met trouble", StepState.FAILED),
        ("bad-json@viewer-studies", RunState.PAUSED, "steps in a row met trouble", StepState.FAILED),
        ("http-500@autoscribe-studies", RunState.PAUSED, "The API failed to answer", StepState.PLANNED),
    ],
)
def test_nobody_is_called_whose_studies_can_not_be_read_again_and_the_run_says_so_and_goes_on_later(
    bench, fault, state, words, settled
):
    bench = bench(policy=Policy(breaker=Thresholds(in_a_row=3)))
    run = bench.record_judged(8)
    bench.server.set_faults([fault])
    bench.worker.submit(run.id, who=ROBIN)
    run = bench.carried(run)
    assert (run.state, run.totals.verified, bench.calls()) == (state, 0, [])
    assert words in run.words
    assert run.totals.count(settled) >= 3
    bench.server.set_faults([])
    bench.worker.resume(run.id, who=ROBIN)
    run = bench.carried(run)
    if run.totals.failed:
        bench.worker.retry(run.id, who=ROBIN)
        run = bench.carried(run)
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 8)
    bench.check_against_the_sandbox(run)


@pytest.mark.parametrize(("later", "verified"), [("studies-403", 4), ("bad-json@viewer-studies", 0)])
def test_whom_the_key_may_not_read_studies_of_can_be_picked_as_unknown_and_is_called_while_that_is_so(bench, later, verified):
    bench = bench()
    bench.server.set_faults(["studies-403"])
    run = bench.record_judged(4)
    assert {step.activity.why for step in bench.journal.reads.steps(run.id)} == {"this key may not read its studies (403)"}
    bench.server.set_faults([later])
    bench.worker.submit(run.id, who=ROBIN)
    assert bench.carried(run).totals.verified == verified
    assert len(bench.calls()) == verified


def test_a_study_in_the_one_list_is_seen_although_the_other_may_not_be_read(bench):
    bench = bench()
    bench.server.set_faults(["studies-403@autoscribe-studies"])
    run = bench.record_judged(4)
    came = [step.customer_id for step in bench.journal.reads.steps(run.id)][2]
    study_comes_in(bench.server, came)
    bench.worker.submit(run.id, who=ROBIN)
    run = bench.carried(run)
    assert (run.totals.verified, run.totals.skipped) == (3, 1)
    assert [step.customer_id for step in bench.journal.reads.steps(run.id, StepState.SKIPPED)] == [came]


def test_under_a_rate_limit_each_call_follows_its_readings_while_they_count(bench):
    """All readings of a customer and its call go together, so nobody is read a second time and the run never stalls."""
    bench = bench(server_options={"rate_limit": "25"}, concurrency=64, limiter=Limiter())
    run = bench.record_judged(16)
    before = Counter(call.operation for call in bench.server.calls() if call.status == 200)
    bench.worker.submit(run.id, who=ROBIN)
    run = bench.carried(run)
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 16)
    asked = Counter(call.operation for call in bench.server.calls() if call.status == 200) - before
    assert asked == dict.fromkeys(("get", "viewer-studies", "autoscribe-studies", "deactivate"), 16)
