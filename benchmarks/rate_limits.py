"""Runs under rate limits of every shape, beside the vendor's own asynchronous client doing the same work in the same run.

    python -m benchmarks.rate_limits [--smoke] [--json FILE]

Each customer is deactivated (one request), or read and then deactivated (two: preflight). The peer has 64 at a time, and waits
as the API asks after each refusal (`max_retries`), as ours does: with its two retries and somebody who asks again at once after
them it would be quicker by a third of all waits, which the API did not let it have. Each job has a process of its own, and a
fresh sandbox whose record of calls is what counts; where the limit leaves the machine idle, jobs run side by side, the others
one after the other, three times. Of the two ways the worse one is told.

time        until all customers are deactivated, by the peer's
used        the time that the limit needs for so many requests, by ours
429         answers that were refusals, by all
withdrawn   intents in the journal whose call was not made, by all
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import avara
import httpx

from benchmarks.api import KEY, client_of, sandbox
from benchmarks.figures import Figure, told
from benchmarks.run_throughput import ANALYST, AT_ONCE, active_customers, planned_run, policy
from lib.avara.limiter import Limiter
from lib.avara.models import Customer
from lib.journal.journal import Journal
from lib.plans.model import RunState
from lib.runs.worker import Worker

LATENCY_MS = 20.0
PREFLIGHT = (False, True)
#: Retries of the peer: so many that it never gives up.
PATIENT = 1000
#: Jobs that run at a time where each leaves the machine idle: more of them, and it is not.
SIDE_BY_SIDE = 8
#: How often the others are measured: how long the last refused ones take is chance.
ROUNDS = 3


@dataclass(frozen=True)
class Shape:
    """A limit, and how many requests are made under it. `least`: how many seconds it needs for them, if it is one."""

    name: str
    options: tuple[str, ...]
    requests: int
    least: float | None = None
    steady: bool = False
    idle: bool = False  # it leaves the machine to others
    used: float = 0.9  # the target


def per_second(rate: float, requests: int) -> Shape:
    used = 0.95 if rate == 100 else 0.9
    options = ("--rate-limit", f"{rate:g}")
    return Shape(
        f"{rate:g} requests a second",
        options,
        requests,
        (requests - max(rate, 1)) / rate,
        steady=True,
        idle=rate <= 10,
        used=used,
    )


SHAPES = (
    *(per_second(rate, requests) for rate, requests in ((0.5, 150), (1, 200), (2, 300), (4, 400), (10, 600), (100, 2000))),
    Shape("60 in each minute", ("--rate-limit", "60/60"), 150, 120.0, idle=True),
    *(Shape(f"{share} % refused at random", ("--rate-limit", f"{share}%"), 1000) for share in (1, 5, 20)),
    Shape("every fifth refused", ("--rate-limit", "1:5"), 1000),
    Shape("a latency that rises with the load", ("--load-ms", "5"), 1000),
)


@dataclass(frozen=True)
class Outcome:
    """What a job took, in seconds, and how many requests and refusals the sandbox saw; of ours, how its run ended."""

    seconds: float
    requests: int
    refused: int
    intents: int = 0
    withdrawn: int = 0
    finished: bool = True


def peer(base_url: str, records: Sequence[Customer], *, preflight: bool) -> dict[str, int]:
    async def asked(call: Callable[[str], object], customer_id: str) -> object:
        while True:
            with suppress(avara.APIConnectionError):  # a busy machine can be late to answer
                return await call(customer_id)  # type: ignore[misc]

    async def run() -> None:
        free = asyncio.Semaphore(AT_ONCE)
        async with avara.AsyncAvara(api_key=KEY, base_url=base_url, max_retries=PATIENT) as client:

            async def one(customer_id: str) -> None:
                async with free:
                    if preflight:
                        await asked(client.express.retrieve, customer_id)
                    await asked(client.express.deactivate, customer_id)

            await asyncio.gather(*(one(record.id) for record in records))

    asyncio.run(run())
    return {}


def engine(base_url: str, records: Sequence[Customer], *, preflight: bool) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder, client_of(base_url, Limiter(ceiling=AT_ONCE)) as client:
        journal = Journal(Path(folder) / "journal.sqlite")
        run = planned_run(journal, list(records), client.connection.fingerprint)
        worker = Worker(journal, {client.connection.fingerprint: client}.get, policy=policy(preflight=preflight))
        worker.submit(run.id, who=ANALYST)
        worker.join(run.id)
        run = journal.reads.run(run.id)
        entries = journal.log.entries(run.id)
        worker.stop()
        journal.close()
    return {
        "intents": sum(entry.event == "attempt" for entry in entries),
        "withdrawn": sum(json.loads(entry.payload).get("sent") == 0 for entry in entries),
        "finished": run.state is RunState.FINISHED and run.totals.verified == len(records),
    }


def job(
    carry: Callable[..., dict[str, int]], options: Sequence[str], requests: int, records: Sequence[Customer], *, preflight: bool
) -> Outcome:
    """One job by one of the two, with a sandbox of its own."""
    mine = records[: requests // 2 if preflight else requests]
    with sandbox(max(3 * requests, 100), LATENCY_MS, *options) as base_url:
        began = time.perf_counter()
        facts = carry(base_url, mine, preflight=preflight)
        seconds = time.perf_counter() - began
        headers = {"Authorization": f"Bearer {KEY}"}
        calls = httpx.get(f"{base_url}/_sandbox/calls", headers=headers, timeout=60).json()["calls"]
    return Outcome(seconds, len(calls), sum(call["status"] == 429 for call in calls), **facts)


def measured(shapes: Sequence[Shape], pool: ProcessPoolExecutor) -> tuple[list[Figure], list[Outcome]]:
    """The figures of the shapes, and how our jobs went."""
    records: dict[int, list[Customer]] = {}
    for size in {shape.requests for shape in shapes}:
        with sandbox(max(3 * size, 100), 0) as base_url:  # the listing must not use up what is measured
            records[size] = active_customers(base_url)
    todo = [(shape, carry, preflight) for shape in shapes for carry in (peer, engine) for preflight in PREFLIGHT]
    begun = [
        (shape, carry, pool.submit(job, carry, shape.options, shape.requests, records[shape.requests], preflight=preflight))
        for shape, carry, preflight in todo
    ]
    figures: list[Figure] = []
    ours: list[Outcome] = []
    for shape in shapes:
        theirs, own = ([done.result() for one, by, done in begun if one is shape and by is carry] for carry in (peer, engine))
        ours += own
        figures += figures_of(shape, theirs, own)
    return figures, ours


def figures_of(shape: Shape, theirs: Sequence[Outcome], ours: Sequence[Outcome]) -> list[Figure]:
    ratios = [one.seconds / other.seconds for one, other in zip(ours, theirs, strict=True)]
    worst = ratios.index(max(ratios))
    peer_words = f"official async client, {AT_ONCE} at once ({theirs[worst].seconds:.3g} s)"
    told_of = [
        Figure(f"{shape.name}: {shape.requests:,} requests", ours[worst].seconds, "s", peer_words, max(ratios), at_most=1.3)
    ]
    if shape.least is not None:
        used = min(shape.least / one.seconds for one in ours)
        told_of.append(Figure(f"{shape.name}: let through", None, "", "what it allows", used, at_least=shape.used))
    if shape.steady:
        refused = max(one.refused / one.requests for one in ours)
        told_of.append(Figure(f"{shape.name}: answered 429", None, "", "all requests", refused, at_most=0.03))
    return told_of


def ends_of(ours: Sequence[Outcome]) -> list[Figure]:
    withdrawn = sum(one.withdrawn for one in ours) / max(sum(one.intents for one in ours), 1)
    unfinished = sum(not one.finished for one in ours) / len(ours)
    return [
        Figure("calls withdrawn after their intent was journalled", None, "", "all intents", withdrawn, at_most=0.01),
        Figure("runs paused by throttling", None, "", "all runs", unfinished, at_most=0.0),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="few requests, the quick limits only: does it run?")
    parser.add_argument("--only", help="shapes whose name holds this")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    shapes = [shape for shape in SHAPES if args.only is None or args.only in shape.name]
    if args.smoke:
        shapes = [Shape(one.name, one.options, 40) for one in shapes if "a second" not in one.name and not one.idle]
    idle, busy = [one for one in shapes if one.idle], [one for one in shapes if not one.idle]
    figures: list[Figure] = []
    ours: list[Outcome] = []
    for some, at_once, rounds in ((idle, SIDE_BY_SIDE, 1), (busy, 1, 1 if args.smoke else ROUNDS)):
        if some:
            with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
                runs = [measured(some, pool) for _ in range(rounds)]
            figures += Figure.middle([told_of for told_of, _ in runs])
            ours += [job for _, jobs in runs for job in jobs]
    told([*figures, *ends_of(ours)], args.json)


if __name__ == "__main__":
    main()
