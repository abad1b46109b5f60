"""How fast all customers are loaded, beside the bare reading of the same pages and the vendor's own client, in the same run.

    python -m benchmarks.load_speed [--customers 100000] [--rounds 5] [--largest 1000000] [--smoke] [--json FILE]

Every measurement is a process of its own that has read ten pages before, against one server process whose pages are ready-made.
The kinds take turns, so that what else the machine does strikes all of them; `ratio` is ours by the peer in the same round,
its median over the rounds.

bare        httpx, one connection, page after page, the bodies not looked at
official    the vendor's client, all customers into a DataFrame
ours        the load of the app, every rule checked, until the load is complete and its frame is there
memory      the highest resident memory above what the process held before
kept        the columns of the frame, by customer; and all memory that the process keeps of it, what lookups, searches and
            sorts have prepared included
flat        seconds a customer from 1,000 to 1,000,000, beside the ones among 100,000; of more than that fewer rounds
latency     the server waits before each answer, as a network does; `first_rows` is the wait until the first rows can be shown
pause       the longest time for which another thread that wants to work every millisecond could not, while we load
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from benchmarks.api import server
from benchmarks.figures import Figure, told

#: The size of list that the others are compared with.
USUAL = 100_000


def seen(kind: str, base_url: str, customers: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.load_readers", kind, base_url, str(customers)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def rounds_of(kinds: tuple[str, ...], base_url: str, customers: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in kinds if number % 2 == 0 else reversed(kinds):
            found[kind].append(seen(kind, base_url, customers))
    return found


def column(found: list[dict[str, float]], name: str, per: float = 1.0) -> list[float]:
    return [one[name] / per for one in found]


def ratios(ours: list[float], peers: list[float]) -> list[float]:
    return [mine / theirs for mine, theirs in zip(ours, peers, strict=True)]


def whole_load(customers: int, rounds: int) -> list[Figure]:
    with server(customers) as base_url:
        found = rounds_of(("bare", "ours", "official"), base_url, customers, rounds)
        beside = [seen("beside", base_url, customers) for _ in range(rounds)]
    ours, bare, official = found["ours"], found["bare"], found["official"]
    seconds, mb = column(ours, "seconds"), 2.0**20
    peak, process = column(ours, "peak", mb), column(ours, "process", mb)
    kept, resident = column(ours, "kept", customers), column(ours, "resident", customers)
    pause = column(beside, "pause", 1e-3)
    return [
        Figure.of(
            f"load {customers:,} customers, every rule checked",
            ratios(seconds, column(bare, "seconds")),
            peer="bare reading (httpx, bodies not looked at)",
            at_most=2.3,
            value=statistics.median(seconds),
            unit="s",
        ),
        Figure.of(
            "how many times quicker that is",
            ratios(column(official, "seconds"), seconds),
            peer="official client into a DataFrame",
            at_least=5.0,
        ),
        Figure.of(
            "peak memory of the load",
            ratios(peak, column(official, "peak", mb)),
            peer="official client into a DataFrame",
            at_most=0.6,
            value=statistics.median(peak),
            unit="MB",
        ),
        Figure.of(
            "peak memory of the whole process",
            ratios(process, column(official, "process", mb)),
            peer="official client into a DataFrame",
            value=statistics.median(process),
            unit="MB",
        ),
        Figure.of(
            "memory kept of a customer",
            ratios(kept, [250.0] * rounds),
            peer="250 bytes",
            at_most=1.0,
            value=statistics.median(kept),
            unit="bytes",
        ),
        Figure(
            "all memory kept of a customer, lookups, searches and sorts included",
            value=statistics.median(resident),
            unit="bytes",
        ),
        Figure("longest pause of another thread meanwhile", value=statistics.median(pause), unit="ms"),
    ]


def flat(largest: int, rounds: int) -> list[Figure]:
    """Every size in each round; those beyond the usual one, which take long, in three rounds at most."""
    sizes = sorted({*(size for size in (1000, 10_000, USUAL) if size < largest), largest})
    usual = min(USUAL, largest)
    costs: dict[int, list[float]] = {size: [] for size in sizes}
    compared: dict[int, list[float]] = {size: [] for size in sizes}
    with ExitStack() as stack:
        base_urls = {size: stack.enter_context(server(size)) for size in sizes}
        for number in range(rounds):
            in_turn = [size for size in sizes if size <= USUAL or number < 3]
            for size in in_turn if number % 2 == 0 else reversed(in_turn):
                costs[size].append(seen("unseen", base_urls[size], size)["seconds"] / size * 1e6)
            for size in in_turn:
                compared[size].append(costs[size][-1] / costs[usual][-1])
    return [
        Figure.of(
            f"cost of a customer among {size:,}",
            compared[size],
            peer=f"among {usual:,} ({statistics.median(costs[usual]):.1f} µs)",
            at_most=1.25,
            value=statistics.median(costs[size]),
            unit="µs",
        )
        for size in sizes
        if size != usual
    ]


def with_latency(customers: int, latency_ms: float, rounds: int) -> list[Figure]:
    with server(customers, latency_ms / 1000) as base_url:
        found = rounds_of(("bare", "ours"), base_url, customers, rounds)
    ours, bare = found["ours"], found["bare"]
    return [
        Figure.of(
            f"load {customers:,} customers over {latency_ms:g} ms",
            ratios(column(ours, "seconds"), column(bare, "seconds")),
            peer="bare reading",
            at_most=1.05,
            value=statistics.median(column(ours, "seconds")),
            unit="s",
        ),
        Figure.of(
            f"first rows over {latency_ms:g} ms",
            ratios(column(ours, "first"), column(bare, "first")),
            peer="first answer",
            value=statistics.median(column(ours, "first", 1e-3)),
            unit="ms",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--latency-customers", type=int, default=5000)
    parser.add_argument("--largest", type=int, default=1_000_000, help="load whose cost a customer is measured")
    parser.add_argument("--smoke", action="store_true", help="2,000 customers, one round: does it run?")
    parser.add_argument("--only", choices=("load", "flat", "latency"))
    parser.add_argument("--json", type=Path, help="a file to write the figures to")
    args = parser.parse_args()
    if args.smoke:
        args.customers, args.latency_customers, args.largest, args.rounds = 2000, 500, 2000, 1
    parts = {
        "load": lambda: whole_load(args.customers, args.rounds),
        "flat": lambda: flat(args.largest, args.rounds),
        "latency": lambda: with_latency(args.latency_customers, args.latency_ms, args.rounds),
    }
    figures = [figure for name, measure in parts.items() if args.only in (None, name) for figure in measure()]
    told(figures, args.json)


if __name__ == "__main__":
    main()
