"""From nothing to a page: the cold start beside `streamlit hello`'s, and the first rows beside the API's first answer.

    python -m benchmarks.page_start [--customers 100000] [--latency-ms 50] [--rounds 7] [--smoke] [--json FILE]

Needs Chromium.

cold start   from the start of the process until its heading is visible and no script runs, of both by one look at the page.
             Peer and ours take turns to be first, in an empty browser profile each, and one round before warms the disk's cache
first rows   from the first word of the first script run until the count is not 0, and then until the table is there; what the
             API waits before each answer is the peer's time nearly alone
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median

import httpx
from playwright.sync_api import Browser

from benchmarks.api import HEADERS, PAGE, server
from benchmarks.browser import App, Tab, chromium, our_app, running
from benchmarks.figures import Figure, told

_DRAWN = """(title) => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
    && [...document.querySelectorAll("h1")].some((h1) => h1.textContent.includes(title) && h1.checkVisibility()) && 1"""
_COUNT = """() => /^\\s*[1-9]/.test(document.querySelector(".st-key-chips")?.textContent)
    && performance.now() - bench.opened"""
_ROWS = """() => document.querySelector("[data-testid=stBidiComponentIsolated]")?.shadowRoot?.querySelector("tr[data-id]")
    && performance.now() - bench.opened"""


def drawn(browser: Browser, server_: AbstractContextManager[App], title: str) -> float:
    """Seconds from the start of the server's process until the page with that title is drawn."""
    tab = Tab(browser)
    with server_ as app:
        tab.page.goto(app.url)
        tab.until(_DRAWN, title)
        took = time.perf_counter() - app.began
    tab.close()
    return took


def cold_start(browser: Browser, base_url: str, rounds: int) -> Figure:
    ours, peers = [], []
    for number in range(rounds + 1):
        both = {}
        for which in ("hello", "ours") if number % 2 else ("ours", "hello"):
            if which == "hello":
                both[which] = drawn(browser, running("hello", {}), "Welcome to Streamlit")
            else:
                both[which] = drawn(browser, our_app(base_url), "Customers")
        if number:
            ours.append(both["ours"])
            peers.append(both["hello"])
    return Figure.of(
        "cold start to a drawn page",
        [mine / theirs for mine, theirs in zip(ours, peers, strict=True)],
        peer=f"streamlit hello ({median(peers):.2f} s)",
        at_most=1.3,
        value=median(ours),
        unit="s",
    )


def first_rows(browser: Browser, base_url: str, latency_ms: float, rounds: int) -> list[Figure]:
    counts, rows, answers = [], [], []
    for _ in range(rounds):
        answers.append(_first_answer(base_url))
        tab = Tab(browser)
        with our_app(base_url) as app:
            tab.page.goto(app.url)
            counts.append(tab.until(_COUNT))
            rows.append(tab.until(_ROWS))
        tab.close()
    return [
        Figure.of(
            f"{what} on the page over {latency_ms:g} ms, from its first script run",
            [mine / theirs for mine, theirs in zip(ours, answers, strict=True)],
            peer=f"the API's first answer ({median(answers):.0f} ms)",
            value=median(ours),
            unit="ms",
        )
        for what, ours in (("first count", counts), ("first rows", rows))
    ]


def _first_answer(base_url: str) -> float:
    """Milliseconds of the first page of customers, the connection included."""
    with httpx.Client(headers=HEADERS, trust_env=False) as client:
        began = time.perf_counter()
        client.get(f"{base_url}/v1/express", params={"limit": PAGE}).raise_for_status()
        return (time.perf_counter() - began) * 1000


def measure(customers: int, latency_ms: float, rounds: int) -> list[Figure]:
    with server(customers, latency_ms / 1000) as base_url, chromium() as browser:
        return [cold_start(browser, base_url, rounds), *first_rows(browser, base_url, latency_ms, rounds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--smoke", action="store_true", help="2,000 customers, one round: does it run?")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if importlib.util.find_spec("plotly"):
        sys.exit("plotly slows both starts, and nobody who uses the app has it: pip uninstall streamlit-extras plotly")
    if args.smoke:
        args.customers, args.rounds = 2000, 1
    told(measure(args.customers, args.latency_ms, args.rounds), args.json)


if __name__ == "__main__":
    main()
