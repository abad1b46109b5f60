"""How fast runs are carried out, beside the vendor's own asynchronous client in the same run of this script.

    python -m benchmarks.run_throughput [--customers 2000] [--latency-ms 50] [--rounds 5] [--smoke] [--json FILE]

Prints a table. Each round gives the peer and the engine a fresh sandbox each, in a process of its own, one after the other, so
that what else the machine does strikes both; `ratio` is engine by peer, and more than 1 is faster than the peer.

peer        the official client, 64 calls at once, each answer read, no journal
engine      preflight off, verified from the answer, every step journalled before and after its call (SQLite, synced)
preflight   the same with each record read right before its call: two requests a step
activity    the same with the newest studies asked for as well: four requests a step
rate_limit  under a limit of 100 requests a second: how much of it was used, and the share of requests answered 429
journal     what a step costs in the journal alone, by one thread and by 64
memory      resident memory in MB while a run of 100,000 steps is carried
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import avara
import httpx

from benchmarks.api import KEY, client_of, sandbox
from benchmarks.figures import Figure, told
from lib.avara.client import Answer
from lib.avara.limiter import Limiter, Wanted, always
from lib.avara.models import Customer, StudyPage
from lib.errors import Withdrawn
from lib.evidence.activity import Activity
from lib.evidence.judgement import Judgement
from lib.journal.journal import Journal
from lib.people import Person
from lib.plans.model import Action, Run, RunState, StepState
from lib.plans.plan import PlannedCustomer, make_plan
from lib.plans.policy import Canary, Caps, Policy
from lib.runs.worker import Worker

ANALYST = Person("benchmark", "by the benchmark")
AT_ONCE = 64
RATE = 100
_UNCAPPED = Caps(max_customers=10_000_000, max_percent=100, max_users=1_000_000_000)


def policy(*, preflight: bool) -> Policy:
    return Policy(preflight=preflight, concurrency=AT_ONCE, caps=_UNCAPPED, canary=Canary(steps=0))


def active_customers(base_url: str) -> list[Customer]:
    with client_of(base_url) as client:
        return [record for page in client.iter_pages() for record in page.customers if record.is_active]


def peer_seconds(base_url: str, ids: list[str]) -> float:
    """The official client, AT_ONCE calls at once."""

    async def run() -> float:
        free = asyncio.Semaphore(AT_ONCE)
        async with avara.AsyncAvara(api_key=KEY, base_url=base_url) as client:

            async def one(customer_id: str) -> None:
                async with free:
                    answer = await client.express.deactivate(customer_id)
                    assert answer.is_active is False

            began = time.perf_counter()
            await asyncio.gather(*(one(customer_id) for customer_id in ids))
            return time.perf_counter() - began

    return asyncio.run(run())


def judgement(now: datetime) -> Judgement:
    """What has a customer's studies asked for again, and keeps nobody from being called: none came in since this moment."""
    return Judgement(rules="benchmark", hash="0" * 64, answer="yes", words="as measured", activity=Activity(now))


def planned_run(journal: Journal, records: list[Customer], fingerprint: str, *, judged: bool = False) -> Run:
    now = datetime.now(UTC)
    said = judgement(now) if judged else None
    plan = make_plan(
        [PlannedCustomer(record=record, read_at=now, judgement=said) for record in records],
        action=Action.DEACTIVATE,
        reason="Benchmark",
        operator="benchmark",
        fingerprint=fingerprint,
        connection_label="sandbox",
        now=now,
    )
    return journal.record(plan, now, who=ANALYST)


def engine_seconds(base_url: str, records: list[Customer], *, preflight: bool, judged: bool = False) -> float:
    """A run by the worker, from its start until it has ended in the journal."""
    with tempfile.TemporaryDirectory() as folder, client_of(base_url, Limiter(ceiling=AT_ONCE)) as client:
        journal = Journal(Path(folder) / "journal.sqlite")
        run = planned_run(journal, records, client.connection.fingerprint, judged=judged)
        worker = Worker(journal, {client.connection.fingerprint: client}.get, policy=policy(preflight=preflight))
        began = time.perf_counter()
        worker.submit(run.id, who=ANALYST)
        worker.join(run.id)
        seconds = time.perf_counter() - began
        run = journal.reads.run(run.id)
        assert (run.state, run.totals.verified) == (RunState.FINISHED, len(records)), run
        worker.stop()
        journal.close()
    return seconds


def throughput(customers: int, latency_ms: float, rounds: int) -> list[Figure]:
    rates: dict[str, list[float]] = {"peer": [], "engine": [], "preflight": [], "activity": []}
    for _ in range(rounds):
        for name, seen in rates.items():
            with sandbox(customers, latency_ms) as base_url:
                records = active_customers(base_url)
                gc.collect()
                if name == "peer":
                    seconds = peer_seconds(base_url, [record.id for record in records])
                else:
                    seconds = engine_seconds(base_url, records, preflight=name != "engine", judged=name == "activity")
                seen.append(len(records) / seconds)
    peer = f"official async client, {AT_ONCE} at once, no journal"
    return [
        Figure.of(
            f"customers deactivated a second, journalled, {words}",
            [ours / theirs for ours, theirs in zip(rates[name], rates["peer"], strict=True)],
            peer=peer,
            at_least=target,
            value=statistics.median(rates[name]),
            unit="a second",
        )
        for name, words, target in (
            ("engine", "verified from the answer", 1.0),
            ("preflight", "each read right before its call", None),
            ("activity", "each read with its newest studies right before its call", None),
        )
    ]


def rate_limited(customers: int, latency_ms: float, rounds: int) -> list[Figure]:
    """Runs under the sandbox's limit; the sandbox's own record of calls is what counts."""
    with sandbox(customers, latency_ms) as base_url:
        records = active_customers(base_url)  # the listing must not use up what is measured
    used, refused = [], []
    for _ in range(rounds):
        with sandbox(customers, latency_ms, "--rate-limit", str(RATE)) as base_url:
            seconds = engine_seconds(base_url, records, preflight=False)
            headers = {"Authorization": f"Bearer {KEY}"}
            calls = httpx.get(f"{base_url}/_sandbox/calls", headers=headers, timeout=60).json()["calls"]
        too_many = sum(call["status"] == 429 for call in calls)
        used.append((len(calls) - too_many) / seconds / RATE)
        refused.append(too_many / len(calls))
    limit = f"the limit of {RATE} requests a second"
    return [
        Figure.of("requests let through under a rate limit", used, peer=limit, at_least=0.95),
        Figure.of("requests answered 429 under a rate limit", refused, peer="all requests", at_most=0.02),
    ]


class Instant:
    """A client without an API: every call answers at once, as asked."""

    def __init__(self, like: Customer) -> None:
        self._like = like.model_copy(update={"is_active": False})

    def peek_studies(self, _customer_id: str, /, _wanted: object = None) -> Iterator[StudyPage]:
        yield from ()

    def get_customer(self, customer_id: str, /, _wanted: object = None, _ready: object = None) -> Customer:
        return self._like.model_copy(update={"id": customer_id})

    def deactivate(self, customer_id: str, /, wanted: Wanted = always, ready: Wanted = always) -> Answer:
        if not wanted() or not ready():
            raise Withdrawn
        return Answer(self._like.model_copy(update={"id": customer_id}), 200, "req", 1, 0.0)

    reactivate = deactivate


def made_up(count: int) -> list[Customer]:
    now = datetime.now(UTC)
    usual = {"is_active": True, "user_count": 3, "created_at": now, "updated_at": now, "metadata": {"region": "north"}}
    return [Customer(id=f"cus_{number:032x}", name=f"Clinic {number}", **usual) for number in range(count)]


def journal_cost(steps: int = 2000) -> list[Figure]:
    """Milliseconds a step for the intent and the outcome: each waited for by one thread, then shared by 64."""
    figures = []
    for threads in (1, AT_ONCE):
        with tempfile.TemporaryDirectory() as folder:
            journal = Journal(Path(folder) / "journal.sqlite")
            run = planned_run(journal, made_up(steps), "f" * 16)
            now = datetime.now(UTC)
            journal.claim(run.id, owner="benchmark", now=now, who=ANALYST)
            todo = list(journal.reads.steps(run.id, limit=steps))

            def work(todo: list[Any] = todo, journal: Journal = journal, now: datetime = now) -> None:
                while todo:
                    try:
                        step = todo.pop()
                    except IndexError:
                        return
                    step = journal.steps.begin(step, owner="benchmark", now=now, who=ANALYST)
                    journal.steps.settle(step, StepState.VERIFIED, now=now, who=ANALYST, after=step.before, status=200)

            hands = [threading.Thread(target=work) for _ in range(threads)]
            began = time.perf_counter()
            for hand in hands:
                hand.start()
            for hand in hands:
                hand.join()
            cost = (time.perf_counter() - began) / steps * 1000
            name = f"journal (SQLite, synced) a step, {threads} thread{'s' if threads > 1 else ''}"
            figures.append(Figure(name, value=cost, unit="ms"))
            journal.close()
    return figures


def memory(steps: int) -> list[Figure]:
    """The plan is written by one process; another, which never saw it, carries the run and watches its own memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        journal = Journal(path)
        run = planned_run(journal, made_up(steps), "f" * 16)
        journal.close()
        command = [sys.executable, "-m", "benchmarks.run_throughput", "--carry", str(path), run.id]
        seen = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [
        Figure(
            f"memory at the end of a run of {steps:,} steps",
            value=seen[-1],
            unit="MB",
            peer="after its first tenth",
            ratio=seen[-1] / seen[0],
            at_most=1.25,
        )
    ]


def carry(path: str, run_id: str) -> list[float]:
    """Carry the run with a client that answers at once; memory at each tenth of the way."""
    journal = Journal(path)
    client = Instant(made_up(1)[0])
    worker = Worker(journal, lambda _: client, policy=policy(preflight=False))
    total, seen = journal.reads.run(run_id).totals.total, []
    worker.submit(run_id, who=ANALYST)
    while not worker.join(run_id, 0.5):
        done = journal.reads.run(run_id).totals.settled
        if done * 10 >= total * (len(seen) + 1):
            seen.append(resident_mb())
    assert journal.reads.run(run_id).state is RunState.FINISHED
    seen.append(resident_mb())
    return seen


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100_000, help="of the run whose memory is watched")
    parser.add_argument("--smoke", action="store_true", help="few customers and steps, one round: does it run?")
    parser.add_argument("--only", choices=("throughput", "rate_limit", "journal", "memory"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--carry", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.carry:
        print(json.dumps(carry(*args.carry)))
        return
    if args.smoke:
        args.customers, args.steps, args.rounds = 100, 1000, 1
    parts = {
        "throughput": lambda: throughput(args.customers, args.latency_ms, args.rounds),
        "rate_limit": lambda: rate_limited(args.customers, args.latency_ms, max(3, args.rounds)),
        "journal": journal_cost,
        "memory": lambda: memory(args.steps),
    }
    chosen = [measure for name, measure in parts.items() if args.only in (None, name)]
    told([figure for measure in chosen for figure in measure()], args.json)


if __name__ == "__main__":
    main()
