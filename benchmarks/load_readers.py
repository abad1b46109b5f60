"""The readers that load_speed compares: each a process that reads all customers once and tells what it saw as JSON.

python -m benchmarks.load_readers KIND BASE_URL CUSTOMERS
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.api import HEADERS, KEY, PAGE

if TYPE_CHECKING:  # what reads the bare bytes, or with the vendor's client, is not to hold our packages
    from lib.avara.client import AvaraClient
    from lib.customers.reading.load import Load

#: Pages that each reader reads before it is measured: connected, imported, and its code run often enough to be specialised.
WARM_UP = 10
#: A list that is shorter is read so often that its reads come to as many customers.
SHORT = 20_000


def read_bare(base_url: str, customers: int) -> dict[str, float]:
    import httpx

    with httpx.Client(base_url=base_url, headers=HEADERS, trust_env=False) as client:
        for _ in range(WARM_UP):
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
        for _ in islice(client.express.list(limit=PAGE), WARM_UP * PAGE):
            pass
        before = Memory()
        began = time.perf_counter()
        frame = pd.DataFrame([customer.to_dict() for customer in client.express.list(limit=PAGE)])
        seconds = time.perf_counter() - began
        assert len(frame) == customers
        return {"seconds": seconds, **before.compared()}


def read_ours(base_url: str, customers: int, beside: threading.Thread | None = None) -> dict[str, float]:
    """`beside` is started with the load."""
    from lib.customers.reading.load import Load
    from lib.customers.reading.progress import LoadState

    with warm_client(base_url) as client:
        before = Memory()
        load = Load(client.iter_pages)
        if beside:
            beside.start()
        began, first = time.perf_counter(), 0.0
        load.start()
        while load.progress().state is LoadState.LOADING:
            if not first and load.progress().customers:
                assert len(load.frame())
                first = time.perf_counter() - began
            time.sleep(0.01 if first else 0.001)  # looking takes time from the load, as pages do
        seconds = load.progress().elapsed
        frame = load.frame()
        assert len(frame) == customers
        peak = before.compared()
        prepared(load)
        columns = frame.rows.memory_usage(deep=True).sum() + frame.metadata.memory_usage(deep=True).sum()
        return {"seconds": seconds, "first": first, **peak, "kept": float(columns), "resident": before.compared()["kept"]}


def read_unseen(base_url: str, customers: int) -> dict[str, float]:
    """The time only. What a list of 1,000 would notice is left out: to look at the first rows takes 3 ms, however few they
    are, and a process that has just given back all memory that it could spare gets it again piece by piece. A short list is
    read several times and the median counts: its few milliseconds are as long as a pause that the machine makes.
    """
    from lib.customers.reading.load import Load

    times = []
    with warm_client(base_url) as client:
        for _ in range(max(1, SHORT // customers)):
            load = Load(client.iter_pages)
            load.start()
            prepared(load)
            assert len(load.frame()) == customers
            times.append(load.progress().elapsed)
    return {"seconds": median(times)}


@contextmanager
def warm_client(base_url: str) -> Iterator[AvaraClient]:
    """The app's client, with which a short list has been loaded."""
    from pydantic import SecretStr

    from lib.avara.client import AvaraClient
    from lib.avara.connection import Connection
    from lib.avara.limiter import Limiter
    from lib.customers.reading.load import Load

    with AvaraClient(Connection(base_url, SecretStr(KEY), "benchmark", "sandbox"), limiter=Limiter()) as client:
        *pages, last = islice(client.iter_pages(), WARM_UP)
        short = Load(lambda _: iter([*pages, replace(last, next_cursor=None)]))
        short.start()
        prepared(short)
        yield client


def prepared(load: Load) -> None:
    """Waits until lookups, search and sort are prepared as well."""
    for thread in threading.enumerate():
        if thread.name == "load-customers":
            thread.join()
    assert load.complete, load.progress()


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
    "unseen": read_unseen,
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


if __name__ == "__main__":
    print(json.dumps(READERS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))
