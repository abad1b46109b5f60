"""What it costs to know who is inactive: requests, time and memory of reading studies.

    python -m benchmarks.activity [--customers 10000] [--rounds 3] [--smoke] [--json FILE]

requests    for each preset on the sandbox's default data, by those that reading every study of every active customer takes; the
            latter are counted of every so many customers, and reckoned up
time        10,000 customers over 50 ms, 64 at a time, until their activity is known; beside the same requests alone (httpx, as
            many at a time, the bodies not looked at), in turns
memory      the highest resident memory of a process that reads the studies of ten times as many customers
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx

from benchmarks.api import HEADERS, PAGE, client_of, sandbox, server
from benchmarks.figures import Figure, told
from lib.avara.client import AvaraClient
from lib.avara.limiter import Limiter
from lib.avara.models import StudyPage
from lib.avara.requests import Product
from lib.customers.frame import CustomerFrame, build
from lib.evidence.evidence import Evidence
from lib.evidence.reading import ActivityReading
from lib.evidence.rule_set import PRESETS

AT_ONCE = 64
PATHS = ("/v1/viewer/studies", "/v1/autoScribe/studies")


def now() -> datetime:
    return datetime.now(UTC)


class Counted:
    """A client's studies, and how many pages were asked for."""

    def __init__(self, client: AvaraClient) -> None:
        self.client, self.pages = client, 0

    def iter_studies(self, product: Product, customer_id: str | None = None, /, **how: Any) -> Iterator[StudyPage]:
        for page in self.client.iter_studies(product, customer_id, **how):
            self.pages += 1
            yield page


def frame_of(client: AvaraClient) -> CustomerFrame:
    return build([record for page in client.iter_pages() for record in page.customers])


def requests(customers: int, every: int) -> list[Figure]:
    with sandbox(customers, 0) as base_url, client_of(base_url) as client:
        frame = frame_of(client)
        active = list(frame.rows.loc[frame.rows["is_active"], "id"])
        whole = Counted(client)
        ActivityReading(whole, now).read(active[::every])
        all_of_them = whole.pages * len(active) / len(active[::every])
        found = []
        for preset in PRESETS:
            counted = Counted(client)
            Evidence(ActivityReading(counted, now), now).find(preset, frame)
            found.append(
                Figure(
                    f"requests for the candidates by “{preset.name}” among {customers:,}",
                    value=counted.pages,
                    peer=f"every study of every active customer ({all_of_them:,.0f})",
                    ratio=counted.pages / all_of_them,
                    at_most=1 / 3,
                )
            )
    return found


def ids_of(customers: int) -> list[str]:
    return [f"cus_{number:032x}" for number in range(customers)]


def alone(base_url: str, ids: Sequence[str]) -> float:
    """Seconds that the requests take which tell of each customer that nothing is there."""
    certificates = httpx.create_ssl_context()
    free: SimpleQueue[httpx.Client] = SimpleQueue()
    for _ in range(AT_ONCE):
        free.put(httpx.Client(base_url=base_url, headers=HEADERS, trust_env=False, verify=certificates))

    def ask(customer_id: str) -> None:
        client = free.get()
        for path in PATHS:
            assert client.get(path, params={"expressCustomerId": customer_id, "limit": PAGE}).content
        free.put(client)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, ids[:AT_ONCE]))  # connected, as those of an app at work are
        began = time.perf_counter()
        list(pool.map(ask, ids))
        return time.perf_counter() - began


def ours(base_url: str, ids: Sequence[str]) -> float:
    with client_of(base_url, Limiter(ceiling=AT_ONCE)) as client:
        ActivityReading(client, now).read(ids_of(AT_ONCE))
        reading = ActivityReading(client, now)
        began = time.perf_counter()
        reading.read(ids)
        seconds = time.perf_counter() - began
        assert len(reading.known) == len(ids)
        assert all(seen.whole for seen in reading.known.values())
    return seconds


def over(customers: int, latency_ms: float, rounds: int) -> list[Figure]:
    ids = ids_of(customers)
    with server(1, latency_ms / 1000) as base_url:
        taken = [(ours(base_url, ids), alone(base_url, ids)) for _ in range(rounds)]
    return [
        Figure.of(
            f"studies of {customers:,} customers over {latency_ms:g} ms, {AT_ONCE} at a time",
            [mine / theirs for mine, theirs in taken],
            peer=f"the requests alone ({statistics.median(theirs for _, theirs in taken):.1f} s)",
            at_most=1.2,
            value=statistics.median(mine for mine, _ in taken),
            unit="s",
        )
    ]


def memory(customers: int) -> list[Figure]:
    few = customers // 10
    with server(1) as base_url:
        peaks = [peak(base_url, number) for number in (few, customers)]
    return [
        Figure(
            f"peak memory of a process that reads the studies of {customers:,} customers",
            value=peaks[1] / 2**20,
            unit="MB",
            peer=f"of {few:,}",
            ratio=peaks[1] / peaks[0],
            at_most=1.25,
        ),
        Figure("memory kept of a customer's studies", value=(peaks[1] - peaks[0]) / (customers - few), unit="bytes"),
    ]


def peak(base_url: str, customers: int) -> float:
    command = [sys.executable, "-m", "benchmarks.activity", "--peak", base_url, str(customers)]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=int, default=20, help="of so many customers one is read whole, to reckon up all")
    parser.add_argument("--smoke", action="store_true", help="few customers, one round: does it run?")
    parser.add_argument("--only", choices=("requests", "time", "memory"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        base_url, customers = args.peak
        ours(base_url, ids_of(int(customers)))
        status = Path("/proc/self/status").read_text()
        print(1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")))
        return
    if args.smoke:
        args.customers, args.rounds = 300, 1
    parts = {
        "requests": lambda: requests(args.customers, args.every),
        "time": lambda: over(args.customers, args.latency_ms, args.rounds),
        "memory": lambda: memory(2 * args.customers),
    }
    told([figure for name, measure in parts.items() if args.only in (None, name) for figure in measure()], args.json)


if __name__ == "__main__":
    main()
