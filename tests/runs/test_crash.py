"""Processes that carry runs are killed at points drawn over them, with faults on. The sandbox's own record of calls is
the witness: nothing is lost, nothing is done twice, nothing is unexplained.

`EXPRESS_OPS_CRASH_POINTS` says how many points (20; `make crash` takes 200), on SQLite and
PostgreSQL by turns. Point n draws the same moment every time, but what the other threads do at that moment differs.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import urllib.request
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from lib.errors import IllegalTransition
from lib.plans.model import RunState, StepState
from lib.runs.judge import INTERRUPTED
from tests.journal.places import sqlite_place
from tests.runs.fakes import NOW, ROBIN, plan_of
from tests.runs.processes import PATIENCE, AppServer, Site, carry_until, spawn

POINTS = int(os.environ.get("EXPRESS_OPS_CRASH_POINTS", "20"))
STEPS = 200
#: A step has about seven moments: before and after the writing of its intent, its call and the writing of its outcome, and
#: before a commit that it shares.
MOMENTS = 7 * STEPS
AT_A_TIME = 5
KEY = "crash-test-key"
FAULTS = (
    *("timeout-after=0.01", "reset-after=0.03", "http-500=0.02", "http-503@deactivate=0.02", "still-active=0.03"),
    *("wrong-id=0.03", "bad-json=0.03", "truncated=0.03", "drift=0.01"),
)
ROOT = Path(__file__).parents[2]
DONE = {StepState.VERIFIED, StepState.SKIPPED}


class Sandbox:
    """A sandbox in a process of its own, with its state in a file."""

    def __init__(self, state, customers):
        options = ["--port", "0", "--customers", str(customers), "--api-key", KEY, "--state", str(state)]
        command = [sys.executable, "-m", "lib.sandbox", *options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.base_url = re.search(r"http://\S+", self._process.stdout.readline())[0]

    def set_faults(self, faults):
        self._ask("PUT", "faults", json.dumps({"faults": list(faults)}).encode())

    def changes(self):
        """Its own record of the calls that ask for a change, oldest first."""
        calls = json.loads(self._ask("GET", "calls"))
        calls = calls["calls"] if isinstance(calls, dict) else calls
        return [call for call in calls if call["operation"] in ("deactivate", "reactivate")]

    def stop(self):
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def _ask(self, method, what, body=None):
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.base_url}/_sandbox/{what}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read()


@pytest.fixture
def sandbox(tmp_path):
    started = Sandbox(tmp_path / "sandbox.sqlite", customers=int(POINTS * STEPS * 1.15) + 100)
    yield started
    started.stop()


@pytest.fixture
def servers(tmp_path, postgresql, sandbox):
    """An app server on each engine, which stays alive."""
    places = [sqlite_place(tmp_path), postgresql.new_place()]
    made = [AppServer(Site(place.url, sandbox.base_url, KEY, timeout=2.0, concurrency=8)) for place in places]
    yield list(zip(made, (Site(place.url, sandbox.base_url, KEY, timeout=2.0, concurrency=8) for place in places), strict=True))
    for server in made:
        server.close()


def killed_and_resumed(number, run, server, site):
    """Kill a process that carries the run at its drawn moment, and have another one finish it, faults and all.

    False where the run ended, or paused, before its moment came: groups are larger when the machine is busy.
    """
    moment = random.Random(number).randint(1, MOMENTS)
    child = spawn(carry_until, site, run.id, moment)
    child.join(PATIENCE)
    killed = child.exitcode == -signal.SIGKILL
    assert killed or child.exitcode == 0, f"point {number} (moment {moment}) ended with {child.exitcode}"
    if server.journal.reads.run(run.id).state is RunState.PLANNED:
        server.worker.submit(run.id, who=ROBIN)  # killed before it had the run
    finish(server, run.id)
    for step in server.journal.reads.steps(run.id, StepState.NOT_APPLIED, limit=STEPS):
        assert not step.words.startswith(INTERRUPTED.text), step  # called again, and left by what that call brought
    return killed


def finish(server, run_id):
    assert server.worker.join(run_id, PATIENCE)
    for _ in range(20):  # a person goes on at once, and again where the breaker paused the run
        if server.journal.reads.run(run_id).state is RunState.FINISHED:
            return
        with suppress(IllegalTransition):  # all was done, and this server has just said so
            server.worker.resume(run_id, who=ROBIN)
        assert server.worker.join(run_id, PATIENCE)
    raise AssertionError(f"{run_id} did not finish: {server.journal.reads.run(run_id).words}")


def check_against_the_witness(server, run_id, sent, applied):
    """`sent` and `applied`: the sandbox's changes by customer."""
    journal = server.journal
    run, steps = journal.reads.run(run_id), journal.reads.steps(run_id, limit=STEPS)
    assert run.totals.total == len(steps) == STEPS
    attempts, verified_at = Counter(), {}
    for entry in journal.log.entries(run_id):
        attempts[entry.customer_id] += entry.event == "attempt"
        attempts[entry.customer_id] += json.loads(entry.payload).get("sent", 1) - 1  # withdrawn before it went out, or repeated
        if entry.event in ("result", "verify") and json.loads(entry.payload).get("state") == StepState.VERIFIED:
            verified_at[entry.customer_id] = entry.at
    for step in steps:
        calls, told = sent[step.customer_id], f"{step.customer_id} of {run_id}: {step.state}, {step.words}"
        assert attempts[step.customer_id] == step.attempts, told
        assert len(calls) <= step.attempts, told  # nothing unexplained: each call has its intent
        assert applied[step.customer_id] <= 1, told  # nothing twice
        assert (step.state is StepState.VERIFIED) <= (applied[step.customer_id] == 1), told
        assert (applied[step.customer_id] == 1) <= (step.state in DONE), told  # nothing lost
        if step.customer_id in verified_at:
            assert all(call["at"][:23] <= verified_at[step.customer_id].isoformat()[:23] for call in calls), told
    assert run.totals.verified + run.totals.skipped == STEPS
    assert all(step.words for step in steps if step.state is StepState.SKIPPED)


def test_whenever_a_process_is_killed_nothing_is_lost_or_done_twice_or_unexplained(sandbox, servers):
    (first, site), _ = servers
    active = iter([record for page in first.client.iter_pages() for record in page.customers if record.is_active])
    points = []
    for number in range(POINTS):
        server, site = servers[number % 2]
        records = [next(active) for _ in range(STEPS)]
        plan = plan_of(records, fingerprint=site.connection.fingerprint, reason=f"Point {number}")
        points.append((number, server.journal.record(plan, NOW, who=ROBIN), server, site))
    sandbox.set_faults(FAULTS)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        killed = sum(pool.map(lambda point: killed_and_resumed(*point), points))
    assert killed >= 0.75 * POINTS
    sandbox.set_faults([])
    for _, run, server, _ in points:
        if server.journal.reads.run(run.id).can_retry:
            server.worker.retry(run.id, who=ROBIN)
    sent, applied = defaultdict(list), Counter()
    for _, run, server, _ in points:
        finish(server, run.id)
    for call in sandbox.changes():
        sent[call["customer_id"]].append(call)
        applied[call["customer_id"]] += call["applied"]
    for _, run, server, _ in points:
        check_against_the_witness(server, run.id, sent, applied)
    planned = {id_ for _, run, server, _ in points for id_ in server.journal.reads.plan(run.id).ids}
    assert set(sent) <= planned
    for server, _ in servers:
        assert server.journal.log.verify_chain().ok
        assert server.journal.audit.all().findings == ()
