"""How fast all customers are loaded, beside the bare reading of the same pages and the vendor's own client, in the same run.

    python -m benchmarks.load_speed [--customers 100000] [--rounds 5] [--million] [--json FILE]

Every measurement is a process of its own that has read one page before, against one server process whose pages are ready-made.
The kinds take turns, so that what else the machine does strikes all of them; `ratio` is ours by the peer in the same round,
its median over the rounds.

bare        httpx, one connection, page after page, the bodies not looked at
official    the vendor's client, all customers into a DataFrame
ours        the load of the app, every rule checked, until the load is complete and its frame is there
memory      the highest resident memory above what the process held before
kept        the columns of the frame, by customer; `kept_resident` is all memory that the process keeps of it, what lookups,
            searches and sorts have prepared included
flat        seconds a customer, beside the ones of the largest load
latency     the server waits before each answer, as a network does; `first_rows` is the wait until the first rows can be shown
pause       the longest time for which another thread that wants to work every millisecond could not, while we load
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.figures import told as tell

KEY = "sandbox-key"
PAGE = 100
#: Pages that are made; a longer list repeats them with other ids.
DIFFERENT_PAGES = 1000
HEADERS = {"Authorization": f"Bearer {KEY}", "Accept": "application/json"}


# --- the server: a process that writes ready-made bytes


def made_pages(customers: int) -> list[bytes]:
    """Records of the sandbox, 100 a page, as JSON; the ids begin with 0000, which tells repeats apart later."""
    from lib.sandbox import data
    from lib.sandbox.wire import encode

    count = min(customers, DIFFERENT_PAGES * PAGE)
    records = []
    for made in data.customers(count, 1):
        record = made.record
        record["expressCustomerId"] = "cus_0000" + record["expressCustomerId"][8:]
        records.append(encode(record))
    return [b",".join(records[at : at + PAGE]) for at in range(0, count, PAGE)]


def serve(customers: int, latency: float) -> None:
    """Answers any request with the page that its cursor names, after `latency` seconds. Writes its port first."""
    pages = made_pages(customers)
    total = -(-customers // PAGE)

    def answer(number: int) -> bytes:
        turn, place = divmod(number, len(pages))
        records = pages[place] if turn == 0 else pages[place].replace(b'"cus_0000', b'"cus_%04x' % turn)
        rest = b'"hasMore":true,"cursor":"%d"' % (number + 1) if number + 1 < total else b'"hasMore":false'
        body = b'{"expressCustomers":[' + records + b"]," + rest + b"}"
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    ready = [answer(number) for number in range(min(total, len(pages)))]

    def talk(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, suppress(OSError):
            while head := connection.recv(65536):
                line = head.split(b"\r\n", 1)[0]
                number = int(line.partition(b"cursor=")[2].split(b" ")[0].split(b"&")[0] or 0)
                if latency:
                    time.sleep(latency)
                connection.sendall(ready[number] if number < len(ready) else answer(number))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


@contextmanager
def server(customers: int, latency: float = 0.0) -> Iterator[str]:
    """A server process; gives its base URL."""
    process = subprocess.Popen([*_MODULE, "--serve", str(customers), str(latency)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


# --- the readers: each a process that tells what it saw as JSON


def read_bare(base_url: str, customers: int) -> dict[str, float]:
    import httpx

    with httpx.Client(base_url=base_url, headers=HEADERS, trust_env=False) as client:
        client.get("/v1/express", params={"limit": PAGE})
        before = Memory()
        began, first = time.perf_counter(), 0.0
        for number in range(-(-customers // PAGE)):
            params = {"limit": PAGE} if number == 0 else {"limit": PAGE, "cursor": number}
            assert len(client.get("/v1/express", params=params).content) > PAGE
            first = first or time.perf_counter() - began
        return {"seconds": time.perf_counter() - began, "first": first, **before.compared()}


def read_official(base_url: str, customers: int) -> dict[str, float]:
    import avara
    import pandas as pd

    with avara.Avara(api_key=KEY, base_url=base_url) as client:
        next(iter(client.express.list(limit=PAGE)))
        before = Memory()
        began = time.perf_counter()
        frame = pd.DataFrame([customer.to_dict() for customer in client.express.list(limit=PAGE)])
        seconds = time.perf_counter() - began
        assert len(frame) == customers
        return {"seconds": seconds, **before.compared()}


def read_ours(base_url: str, customers: int, beside: threading.Thread | None = None, *, look: bool = True) -> dict[str, float]:
    """`beside` is started with the load. To look at the first rows costs 5 ms, however few they are."""
    from pydantic import SecretStr

    from lib.avara.client import AvaraClient
    from lib.avara.connection import Connection
    from lib.avara.limiter import Limiter
    from lib.customers.load import Load, LoadState

    def done(load: Load) -> None:
        for thread in threading.enumerate():
            if thread.name == "load-customers":
                thread.join()  # when lookups, search and sort are prepared as well
        assert load.complete, load.progress()

    with AvaraClient(Connection(base_url, SecretStr(KEY), "benchmark", "sandbox"), limiter=Limiter()) as client:
        small = Load(lambda _: iter([replace(next(client.iter_pages()), next_cursor=None)]))
        small.start()
        done(small)
        before = Memory()
        load = Load(client.iter_pages)
        if beside:
            beside.start()
        began, first = time.perf_counter(), 0.0
        load.start()
        while load.progress().state is LoadState.LOADING:
            if look and not first and load.progress().customers:
                assert len(load.frame())
                first = time.perf_counter() - began
            time.sleep(0.001 if look and not first else 0.01)  # looking takes time from the load, as pages do
        seconds = load.progress().elapsed
        frame = load.frame()
        assert len(frame) == customers
        peak = before.compared()
        done(load)
        columns = frame.rows.memory_usage(deep=True).sum() + frame.metadata.memory_usage(deep=True).sum()
        return {"seconds": seconds, "first": first, **peak, "kept": float(columns), "resident": before.compared()["kept"]}


def read_beside(base_url: str, customers: int) -> dict[str, float]:
    """As read_ours, with a thread beside it that wants to work every millisecond."""
    longest, done = 0.0, threading.Event()

    def tick() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not done.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    beside = threading.Thread(target=tick)
    told = read_ours(base_url, customers, beside)
    done.set()
    beside.join()
    return told | {"pause": longest}


READERS: dict[str, Callable[[str, int], dict[str, float]]] = {
    "bare": read_bare,
    "official": read_official,
    "ours": read_ours,
    "beside": read_beside,
    "unseen": lambda base_url, customers: read_ours(base_url, customers, look=False),
}


class Memory:
    """Resident memory in bytes: before, and how it compares later."""

    def __init__(self) -> None:
        _tidy()
        Path("/proc/self/clear_refs").write_text("5")  # the highest counts from here on
        self._before = _status("VmRSS")

    def compared(self) -> dict[str, float]:
        peak = _status("VmHWM")
        _tidy()
        return {"peak": peak - self._before, "process": peak, "kept": _status("VmRSS") - self._before}


def _tidy() -> None:
    gc.collect()
    with suppress(ImportError):
        import pyarrow as pa

        pa.default_memory_pool().release_unused()
    ctypes.CDLL("libc.so.6").malloc_trim(0)


def _status(name: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


# --- what is made of it


_MODULE = [sys.executable, "-m", "benchmarks.load_speed"]


def seen(kind: str, base_url: str, customers: int) -> dict[str, float]:
    command = [*_MODULE, "--read", kind, base_url, str(customers)]
    told: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return told


def rounds_of(kinds: tuple[str, ...], base_url: str, customers: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    told: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in kinds if number % 2 == 0 else reversed(kinds):
            told[kind].append(seen(kind, base_url, customers))
    return told


def column(told: list[dict[str, float]], name: str, per: float = 1.0) -> list[float]:
    return [one[name] / per for one in told]


def ratios(ours: list[float], peers: list[float]) -> list[float]:
    return [mine / theirs for mine, theirs in zip(ours, peers, strict=True)]


def whole_load(customers: int, rounds: int) -> list[Figure]:
    with server(customers) as base_url:
        told = rounds_of(("bare", "ours", "official"), base_url, customers, rounds)
        beside = [seen("beside", base_url, customers) for _ in range(rounds)]
    ours, bare, official = told["ours"], told["bare"], told["official"]
    seconds, mb = column(ours, "seconds"), 2.0**20
    peak, process = column(ours, "peak", mb), column(ours, "process", mb)
    kept, pause = column(ours, "kept", customers), column(beside, "pause", 1e-3)
    return [
        Figure.of(
            f"load {customers:,} customers, every rule checked",
            ratios(seconds, column(bare, "seconds")),
            peer="bare reading (httpx, bodies not looked at)",
            at_most=2.0,
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
        Figure("longest pause of another thread meanwhile", value=statistics.median(pause), unit="ms"),
    ]


def flat(sizes: list[int], rounds: int) -> list[Figure]:
    told: dict[int, list[float]] = {size: [] for size in sizes}
    with ServerOfSizes(sizes) as base_urls:
        for number in range(rounds):
            for size in sizes if number % 2 == 0 else reversed(sizes):
                told[size].append(seen("unseen", base_urls[size], size)["seconds"] / size * 1e6)
    return [
        Figure.of(
            f"cost of a customer among {size:,}",
            ratios(told[size], told[sizes[-1]]),
            peer=f"among {sizes[-1]:,}",
            at_most=1.25,
            value=statistics.median(told[size]),
            unit="µs",
        )
        for size in sizes[:-1]
    ]


class ServerOfSizes:
    """One server for each size of list, all at once."""

    def __init__(self, sizes: list[int]) -> None:
        self._servers = {size: server(size) for size in sizes}

    def __enter__(self) -> dict[int, str]:
        return {size: one.__enter__() for size, one in self._servers.items()}

    def __exit__(self, *why: object) -> None:
        for one in self._servers.values():
            one.__exit__(None, None, None)


def with_latency(customers: int, latency_ms: float, rounds: int) -> list[Figure]:
    with server(customers, latency_ms / 1000) as base_url:
        told = rounds_of(("bare", "ours"), base_url, customers, rounds)
    ours, bare = told["ours"], told["bare"]
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
    parser.add_argument("--million", action="store_true", help="measure the cost a customer up to 1,000,000")
    parser.add_argument("--only", choices=("load", "flat", "latency"))
    parser.add_argument("--json", type=Path, help="a file to write the figures to")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--read", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(int(args.serve[0]), float(args.serve[1]))
    if args.read:
        kind, base_url, customers = args.read
        print(json.dumps(READERS[kind](base_url, int(customers))))
        return
    sizes = [1000, 10_000, 100_000, *([1_000_000] if args.million else [])]
    parts = {
        "load": lambda: whole_load(args.customers, args.rounds),
        "flat": lambda: flat(sizes, args.rounds),
        "latency": lambda: with_latency(args.latency_customers, args.latency_ms, args.rounds),
    }
    figures = [figure for name, measure in parts.items() if args.only in (None, name) for figure in measure()]
    tell(figures, args.json)


if __name__ == "__main__":
    main()
