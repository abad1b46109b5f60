"""From start to a usable table: from the kept list, beside loading the same customers over an API with latency.

    python -m benchmarks.snapshot_open [--customers 100000] [--latency-ms 50] [--rounds 5] [--smoke] [--json FILE]

in the process   each in a fresh one, imports left out. The table is usable when the first page is sorted, the facets are
                 counted, a search and a lookup by id have been answered
in Chromium      from the start of the server's process until the page shows the count of all customers and their table, and no
                 script runs; in an empty browser profile

The loads run once each: they are mostly waiting, a page after a page.
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
from playwright.sync_api import Browser

from benchmarks.api import client_of, sandbox
from benchmarks.browser import Tab, chromium, our_app, until
from benchmarks.figures import Figure, told
from lib.avara.models import CustomerPage
from lib.customers.facets import facet_keys
from lib.customers.frame import CustomerFrame
from lib.customers.reading.load import Load
from lib.customers.reading.loads import Loads
from lib.customers.reading.progress import LoadState
from lib.customers.reading.shelf import Shelf
from lib.customers.sorting import page_slice, sort_positions

FINGERPRINT = "benchmark0123456"
TARGET = 1 / 20
#: Seconds: a load of all customers over a slow API, with a browser that looks on.
_LONG = 900.0
_USABLE = """(count) => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
    && new RegExp(`^\\\\s*${count} of ${count} customers(?! so far)`).test(document.querySelector(".st-key-chips")?.textContent)
    && document.querySelector("[data-testid=stBidiComponentIsolated]")?.shadowRoot?.querySelector("tr[data-id]") && 1"""


def use(frame: CustomerFrame) -> None:
    """What the Customers page does first, and what a person does next."""
    first = page_slice(sort_positions(frame, np.arange(len(frame)), "updated_at"), 1, 100)
    assert len(frame.rows.take(first)) == min(100, len(frame))
    assert facet_keys(frame)
    frame.text.mask("imaging")
    assert frame.record(frame.rows["id"].iloc[-1])


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
            progress = loads.newest.progress()
            assert progress.state in (LoadState.LOADING, LoadState.COMPLETE), progress
            time.sleep(0.01)
        use(loads.frame())
        seconds = time.perf_counter() - began
        until(lambda: shelf.file.exists() or loads.word, "the list was kept")
        assert not loads.word, loads.word
    return seconds


def in_fresh_process(*arguments: str) -> float:
    command = [sys.executable, "-m", "benchmarks.snapshot_open", *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def in_chromium(browser: Browser, base_url: str, home: Path, customers: int) -> float:
    """Seconds from the start of the server until the table is usable; ends when the list is kept."""
    tab = Tab(browser)
    with our_app(base_url, home) as app:
        tab.page.goto(app.url)
        tab.until(_USABLE, f"{customers:,}", patience=_LONG)
        seconds = time.perf_counter() - app.began
        until(lambda: list(home.rglob("customers.snapshot")), "the list was kept")
    tab.close()
    return seconds


def figure(where: str, opened: list[float], loaded: float, customers: int, latency_ms: float) -> Figure:
    return Figure.of(
        f"usable table of {customers:,} customers from the kept list, {where}",
        [seconds / loaded for seconds in opened],
        peer=f"loading them over {latency_ms:g} ms ({loaded:.0f} s)",
        at_most=TARGET,
        value=statistics.median(opened),
        unit="s",
    )


def measure(customers: int, latency_ms: float, rounds: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, sandbox(customers, latency_ms) as base_url:
        folder, home = Path(name), Path(name) / "home"
        loaded = in_fresh_process("--load", base_url, name)
        opened = [in_fresh_process("--open", name) for _ in range(rounds)]
        megabytes = Shelf(folder, FINGERPRINT).file.stat().st_size / 1e6
        with chromium() as browser:
            seen = [in_chromium(browser, base_url, home, customers) for _ in range(rounds + 1)]
    return [
        figure(f"in the process ({megabytes:.0f} MB)", opened, loaded, customers, latency_ms),
        figure("in Chromium from the server's start", seen[1:], seen[0], customers, latency_ms),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--smoke", action="store_true", help="2,000 customers, one round: does it run?")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.smoke:
        args.customers, args.rounds = 2000, 1
    if args.open:
        print(open_kept(args.open))
    elif args.load:
        print(load_all(args.load[0], Path(args.load[1])))
    else:
        told(measure(args.customers, args.latency_ms, args.rounds), args.json)


if __name__ == "__main__":
    main()
