"""From start to a usable table: from the kept list, beside loading the same customers over an API with latency.

    python -m benchmarks.snapshot_open [--customers 100000] [--latency-ms 50] [--rounds 5] [--json FILE]

Each measurement is made in a fresh process,
imports left out. The table is usable when the first page is sorted, the facets are counted, a search and a lookup by id have
been answered. The load runs once: it is mostly waiting, a page after a page.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, told
from benchmarks.run_throughput import client_of, sandbox
from lib.avara.models import CustomerPage
from lib.customers.facets import facet_keys
from lib.customers.frame import CustomerFrame
from lib.customers.load import Load
from lib.customers.loads import Loads
from lib.customers.snapshot import Shelf
from lib.customers.sorting import page_slice, sort_positions

FINGERPRINT = "benchmark0123456"
TARGET = 1 / 20


def use(frame: CustomerFrame) -> None:
    """What the Customers page does first, and what a person does next."""
    first = page_slice(sort_positions(frame, np.arange(len(frame)), "updated_at"), 1, 100)
    assert len(frame.rows.take(first)) == min(100, len(frame))
    assert facet_keys(frame)
    frame.text.mask("imaging")
    assert frame.contains(frame.rows["id"].iloc[-1])


def never(_cursor: str | None) -> Iterator[CustomerPage]:
    """The reload behind the kept list: waiting for its first page."""
    threading.Event().wait()
    yield CustomerPage((), (), None)


def open_kept(folder: Path) -> float:
    began = time.perf_counter()
    loads = Loads(lambda: Load(never), shelf=Shelf(folder, FINGERPRINT))
    loads.start()
    assert loads.kept is not None
    use(loads.frame())
    return time.perf_counter() - began


def load_all(base_url: str, folder: Path) -> float:
    """Load everything, use it, and wait until it is kept (not counted)."""
    shelf = Shelf(folder, FINGERPRINT)
    with client_of(base_url) as client:
        began = time.perf_counter()
        loads = Loads(lambda: Load(client.iter_pages), shelf=shelf)
        loads.start()
        while not loads.complete:
            time.sleep(0.01)
        use(loads.frame())
        seconds = time.perf_counter() - began
        while not shelf.file.exists():
            time.sleep(0.01)
    return seconds


def in_fresh_process(*arguments: str) -> float:
    command = [sys.executable, "-m", "benchmarks.snapshot_open", *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(customers: int, latency_ms: float, rounds: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        with sandbox(customers, latency_ms) as base_url:
            loaded = in_fresh_process("--load", base_url, folder)
        opened = [in_fresh_process("--open", folder) for _ in range(rounds)]
        megabytes = Shelf(Path(folder), FINGERPRINT).file.stat().st_size / 1e6
    return [
        Figure.of(
            f"usable table of {customers:,} customers from the kept list ({megabytes:.0f} MB)",
            [seconds / loaded for seconds in opened],
            peer=f"loading them over {latency_ms:g} ms ({loaded:.0f} s)",
            at_most=TARGET,
            value=statistics.median(opened),
            unit="s",
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.open:
        print(open_kept(args.open))
    elif args.load:
        print(load_all(args.load[0], Path(args.load[1])))
    else:
        told(measure(args.customers, args.latency_ms, args.rounds), args.json)


if __name__ == "__main__":
    main()
