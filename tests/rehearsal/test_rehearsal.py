"""A rehearsal on real HTTP and a real journal of its own: the very plan, and nothing of it anywhere else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lib.avara.client import AvaraClient
from lib.avara.met import CALLS, READINGS, STUDIES, Met
from lib.avara.models import id_key
from lib.avara.retry import RetryPolicy
from lib.config import load_settings
from lib.errors import ApiError, CapExceeded, PlanError
from lib.evidence.activity import Activity
from lib.plans.evidence import Picked, Way
from lib.plans.model import RunState, StepState, Totals
from lib.plans.plan import Plan
from lib.plans.policy import Canary, Policy
from lib.rehearsal.conditions import Conditions, told
from lib.rehearsal.rehearsal import Rehearsal, Today
from lib.sandbox.server import SandboxServer
from lib.session import Session
from tests.pages.world import World, records_of
from tests.runs.fakes import NOW, customer, plan_of

#: Seconds; long, because it is only spent where a test fails or the machine is busy.
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of this test's own."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def rehearsed(count: int = 12, policy: Policy = Policy(), conditions: Conditions = Conditions(), **today: object) -> Rehearsal:  # noqa: B008
    """Of a plan for so many, begun."""
    records = [customer(number) for number in range(1, count + 1)]
    listed = Today(**{"records": records, "read_at": NOW, "active_total": 10 * count, **today})
    return Rehearsal(plan_of(records), listed, policy, conditions, now=lambda: NOW).start()


def until(rehearsal: Rehearsal, condition: Callable[[Totals], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition(rehearsal.progress.totals):
        assert time.monotonic() < deadline
        rehearsal.wait(0.02)


def report_of(rehearsal: Rehearsal):
    assert rehearsal.wait(PATIENCE)
    assert rehearsal.failure is None
    assert rehearsal.report is not None
    return rehearsal.report


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path / "home") as world:
        yield world


@pytest.fixture
def real(world: World) -> SandboxServer:
    """What stands in for the real API."""
    return world.sandbox(60)


@pytest.fixture
def session(real: SandboxServer) -> Iterator[Session]:
    with Session(load_settings(), known="as the user of a test") as session:
        yield session


def planned(session: Session, real: SandboxServer, count: int = 8) -> Plan:
    ids = [one["expressCustomerId"] for one in records_of(real) if one["isActive"] and one["userCount"] < 50][:count]
    picked = dict.fromkeys(ids, Picked(Way.NOTEBOOK))
    return session.freeze(session.review(picked, session.loads.wait()), reason="Contract ended")


def test_the_very_plan_is_carried_out_and_the_api_hears_of_nothing(session, real):
    plan = planned(session, real)
    before = records_of(real)
    calls, log, runs = len(real.calls()), session.verify(), session.reads.runs(10)
    report = report_of(session.rehearsals.begin(plan, session.loads.wait(), Conditions()))
    assert report.run.plan_hash == plan.hash
    assert (report.run.state, report.totals.verified, report.whole) == (RunState.FINISHED, 8, True)
    assert report.requests == 16
    assert len(real.calls()) == calls
    assert (session.verify(), session.reads.runs(10)) == (log, runs)
    assert records_of(real) == before
    run = session.start(plan)  # its hash is not used up
    assert session.wait(run.id, PATIENCE)
    assert session.reads.run(run.id).totals.verified == 8


def test_a_rehearsal_has_the_studies_that_are_known_when_it_begins(session, real):
    plan, rehearsals, reading = planned(session, real), session.rehearsals, session.evidence.reading
    reading._known = {id_key(one): Activity(session.now(), whole=True) for one in plan.ids[:3]}  # as when it learns of others'
    assert report_of(rehearsals.begin(plan, session.loads.wait(), Conditions())).studies == 3


def test_each_record_is_as_in_the_list_and_whoever_changed_since_the_review_would_be_skipped():
    records = [customer(number, metadata={"region": "west", "x": "\u202e=1+1"}, user_count=number) for number in range(1, 5)]
    renamed, gone = records[0].model_copy(update={"name": "Renamed"}), records[3]
    today = [renamed, records[1].model_copy(update={"is_active": False}), records[2]]
    rehearsal = Rehearsal(plan_of(records), Today(today, active_total=99), Policy(), Conditions(), now=lambda: NOW).start()
    report = report_of(rehearsal)
    told = {step.customer_id: (step.state, step.words) for step in report.left}
    changed = "Changed since the review: name was “Clinic 1”, is now “Renamed”. No call was made."
    assert told[records[0].id] == (StepState.SKIPPED, changed)
    assert told[records[1].id][0] is StepState.SKIPPED
    assert told[gone.id][0] is StepState.FAILED
    assert report.totals.verified == 1
    assert "Renamed" in str(report)


@pytest.mark.parametrize(
    ("conditions", "says", "ends"),
    [
        (Conditions(faults=("reset-after=0.5",)), "the connection is cut instead of an answer", {StepState.VERIFIED}),
        (Conditions(faults=("drift=0.5",)), "somebody else changes it", {StepState.SKIPPED}),
        (Conditions(faults=("http-503@deactivate=0.3",)), "503 with Retry-After", None),
        (Conditions(rate_limit="1:4"), "429, asked to wait", {StepState.VERIFIED}),
    ],
)
def test_what_goes_wrong_on_the_way_is_told_with_what_became_of_it(conditions, says, ends):
    report = report_of(rehearsed(conditions=conditions))
    (found,) = [one for one in report.met if says in one.what]
    assert found.requests >= 1
    assert ends is None or set(found.customers) == ends
    assert found.words in str(report)
    assert report.totals.total == 12


def test_a_known_rate_tells_how_long_it_takes_and_it_does():
    conditions = Conditions(rate_limit="10")
    rehearsal = rehearsed(20, conditions=conditions)
    report = report_of(rehearsal)
    assert rehearsal.expected == pytest.approx(4)
    assert 2.5 < report.seconds < 12  # ten of the forty requests go at once
    assert report.waited > 0


def test_the_hold_after_the_first_steps_is_passed_and_told():
    report = report_of(rehearsed(policy=Policy(canary=Canary(steps=3, from_size=10))))
    assert report.run.state is RunState.FINISHED
    assert "after the first  3: the real run holds" in str(report)
    assert "real run holds" not in str(report_of(rehearsed(5)))


def test_what_would_hold_the_run_for_a_person_ends_it():
    report = report_of(rehearsed(conditions=Conditions(faults=("http-500",))))
    assert report.run.state is RunState.PAUSED
    assert report.whole
    assert report.run.words in str(report)
    assert report.ended.startswith("paused: ")


def test_a_cap_refuses_it_as_it_would_the_run():
    rehearsal = rehearsed(12, active_total=20)
    assert rehearsal.wait(PATIENCE)
    assert isinstance(rehearsal.failure, CapExceeded)
    assert rehearsal.report is None


def test_stopped_in_the_middle_it_tells_what_was_seen_and_leaves_nothing(temporary):
    rehearsal = rehearsed(40, conditions=Conditions(rate_limit="8"))
    until(rehearsal, lambda totals: totals.settled > 2)
    assert list(temporary.glob("express-ops-*"))
    assert rehearsal.progress.left > 1
    rehearsal.cancel()
    report = report_of(rehearsal)
    assert 2 < report.totals.settled < 40
    assert not report.whole
    assert report.expected > report.seconds
    assert "all of them: about" in str(report)
    assert not list(temporary.glob("express-ops-*"))


def test_a_call_that_hangs_does_not_keep_it_from_being_stopped(temporary):
    rehearsal = rehearsed(4, conditions=Conditions(faults=("timeout-after",)))
    until(rehearsal, lambda totals: totals.in_flight)
    began = time.monotonic()
    rehearsal.cancel()
    assert report_of(rehearsal).totals.in_flight
    assert time.monotonic() - began < 30  # the client would wait for a minute
    assert not list(temporary.glob("express-ops-*"))


def test_it_ends_with_the_session_and_leaves_nothing(session, real, temporary):
    rehearsal = session.rehearsals.begin(planned(session, real), session.loads.wait(), Conditions(rate_limit="1"))
    until(rehearsal, lambda totals: totals.settled)
    session.close()
    assert rehearsal.over
    assert not list(temporary.glob("express-ops-*"))


_KILLED = """
import tempfile
tempfile.tempdir = {folder!r}
from tests.rehearsal.test_rehearsal import rehearsed
from lib.rehearsal.conditions import Conditions
one = rehearsed(40, conditions=Conditions(rate_limit="2"))
while not one.progress.totals.settled:
    one.wait(0.05)
print("under way", flush=True)
one.wait(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can tell that a process is gone")
def test_what_a_killed_process_left_goes_with_the_next_one_and_no_other(temporary):
    with subprocess.Popen([sys.executable, "-c", _KILLED.format(folder=str(temporary))], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"under way\n"
        (left,) = temporary.glob("express-ops-*")
        assert left.stat().st_mode & 0o777 == 0o700
        report_of(rehearsed(2))
        assert list(temporary.glob("express-ops-*")) == [left]  # whose process lives
        process.kill()
        process.wait()
    report_of(rehearsed(2))
    assert not list(temporary.glob("express-ops-*"))


def test_studies_that_are_known_are_there():
    lately, never = Activity(NOW, newest=NOW - timedelta(days=3), whole=True), Activity(NOW, whole=True)
    seen = {customer(1).id: lately, customer(2).id: never}
    today = Today([customer(1), customer(2), customer(3)], seen)
    assert [[one.at for one in given.studies] for given in today.given()] == [[NOW - timedelta(days=3)], [], []]
    assert "the studies known of 2" in str(report_of(rehearsed(3, activity=seen)))


def test_an_undo_is_refused_in_words():
    with pytest.raises(PlanError, match="An undo can't be rehearsed"):
        Rehearsal(plan_of([customer(1)], undo_of="run_1"), Today([]), Policy(), Conditions(), now=lambda: NOW)


@pytest.mark.parametrize(
    "wrong", [{"rate_limit": "fast"}, {"faults": ("nonsense",)}, {"latency": -1}, {"latency": float("nan")}]
)
def test_conditions_that_can_not_be_are_refused_in_words(wrong):
    with pytest.raises(PlanError, match="can't be rehearsed"):
        Conditions(**wrong)


SEEN = Met(requests=400, refused=8, failed=4, unanswered=2)


@pytest.mark.parametrize(
    ("rate", "met", "limit", "struck", "words"),
    [
        (None, {}, "", (), "nothing was asked yet"),
        (None, {READINGS: Met(400)}, "", (), "of 400 readings none went wrong"),
        (
            None,
            {READINGS: SEEN},
            "2.000%",
            ("http-500@get=0.0100", "reset-after@get=0.0050"),
            "of 400 readings 2 % were refused (429), 1 % failed (5xx), 0.5 % stayed without an answer",
        ),
        (10.0, {READINGS: replace(SEEN, failed=0, unanswered=0)}, "10.000", (), "of 400 readings 2 % were refused (429)"),
        (None, {CALLS: Met(20, failed=1)}, "", ("http-500=0.0500",), "of 20 calls 5 % failed (5xx)"),
        (None, {CALLS: Met(19, failed=1)}, "", (), "of 19 calls 5.3 % failed (5xx), too few to go by (under 20)"),
        (
            None,
            {STUDIES: Met(1000, unanswered=1), CALLS: Met(30)},
            "",
            ("reset-after@viewer-studies=0.0010", "reset-after@autoscribe-studies=0.0010"),
            "of 1,000 study readings 0.1 % stayed without an answer; of 30 calls none went wrong",
        ),
    ],
)
def test_what_went_wrong_so_far_is_what_goes_wrong_in_a_rehearsal_and_is_told(rate, met, limit, struck, words):
    assert Conditions.seen(rate, 0.1, met) == Conditions(limit, 0.1, struck)
    assert told(met) == words


ASKS = {
    CALLS: lambda client, id_: client.deactivate(id_),
    READINGS: lambda client, id_: client.get_customer(id_),
    STUDIES: lambda client, id_: next(client.peek_studies(id_)),  # before a call, and in its place of the queue
}


@pytest.mark.parametrize(
    ("kind", "fault", "met"),
    [
        (READINGS, "http-500@get", Met(20, failed=20)),
        (CALLS, "http-503", Met(20, failed=20)),
        (READINGS, "reset-after@get", Met(20, unanswered=20)),
        (CALLS, "timeout-before", Met(20, unanswered=20)),
        (STUDIES, "reset-after@viewer-studies", Met(20, unanswered=20)),
        (READINGS, "slow@get=0", Met(20)),
    ],
)
def test_what_really_goes_wrong_is_counted_by_its_kind(session, real, kind, fault, met):
    ids = [one["expressCustomerId"] for one in records_of(real)][:20]
    real.set_faults([fault])
    with AvaraClient(session.connection, timeout=0.2, retry=RetryPolicy(retries=0)) as client:
        for id_ in ids:
            with suppress(ApiError):
                ASKS[kind](client, id_)
        assert client.limiter.met == {kind: met}


def test_the_report_is_a_page_of_its_own_in_which_a_name_stays_text():
    records = [customer(number, name="<b>x</b>") for number in (1, 2, 3)]
    made = report_of(rehearsed(3, conditions=Conditions(faults=("drift",)), records=records))
    page = made.to_html().decode()
    assert len(made.left) == 3
    assert all(one.customer_id in page and one.words[:20] in page for one in made.left)
    assert "Nothing was sent to the API" in page
    assert "<b>" not in page
    assert "src=" not in page


def test_how_the_api_was_so_far_is_what_it_is_rehearsed_with_by_default(session, real):
    session.loads.wait()
    seen = session.rehearsals.seen
    assert seen.rate_limit == ""
    assert 0 < seen.latency < 5
    session.client.limiter.throttle._counted, session.client.limiter.throttle._grown = 10.0, 80.0
    assert replace(session.rehearsals.seen, latency=0) == Conditions("10.000")
