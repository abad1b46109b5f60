"""How quickly the Customers page answers in Chromium, beside the least that a Streamlit page can do, in the same run.

    python -m benchmarks.page_speed [--customers 100000] [--rounds 15] [--runs 3] [--smoke] [--json FILE]

Needs Chromium, and `.venv-explorer` (`make bench` makes it). One clock inside the page times every answer alike, ours and the
peers' (clock.js): from the press of the key or button until the run that it asked for has ended and the browser, all of it
drawn, has come to rest. Texts are sent by Enter: by itself the search waits for 0.3 s after the last key. Peer and ours take
turns, and take turns to be first. Whether the page then shows what it should is made sure outside the clock.

The bare page has a text input and a table of 50 rows, and is rerun by Enter. It runs as Streamlit comes: with a collection of
all garbage after each run, half of what it takes, which this app's settings switch off. How ours stands beside a bare page that
has them too is told as well. A single run shows a good hour or a bad one: of three whole ones, each with servers and a browser
of its own, the median is given.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser

from benchmarks.api import client_of, server
from benchmarks.browser import EXPLORER_PYTHON, App, chromium, our_app, running
from benchmarks.figures import Figure, told
from benchmarks.tabs import Bare, Customers, Explorer
from lib.customers.facets import facet_keys
from lib.customers.frame import CustomerFrame, build

Act = Callable[[], float]


@contextmanager
def bare_page(rows: str, *, our_settings: bool = False) -> Iterator[App]:
    """The peer, of page_people's tabs as well, over these rows."""
    collects = {} if our_settings else {"STREAMLIT_RUNNER_POST_SCRIPT_GC": "true"}
    with running("benchmarks/apps/bare.py", {"BENCHMARK_ROWS": rows} | collects) as app:
        yield app


def taking_turns(ours: Act, peer: Act, rounds: int) -> tuple[list[float], list[float]]:
    """The seconds of both in each round; the one that is first is second in the next. One round before warms up."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        both = {}
        for which in (0, 1) if number % 2 else (1, 0):
            both[which] = (ours, peer)[which]()
        if number:
            times[0].append(both[0])
            times[1].append(both[1])
    return times


#: Nobody feels 40 ms. To pick all of more customers than a run may have is for an export, and may take longer.
_AT_MOST, _ALL_AT_MOST = 2.0, 3.0


#: Reruns for which a server's time is taken together: the kernel counts it in hundredths of a second.
_ENOUGH = 20


def figure(what: str, peer: str, times: tuple[list[float], list[float]], at_most: float | None = None) -> Figure:
    ratios = [ours / theirs for ours, theirs in zip(*times, strict=True)]
    return Figure.of(what, ratios, peer=f"{peer} ({median(times[1]):.3f} s)", at_most=at_most, value=median(times[0]), unit="s")


def beside_bare(browser: Browser, app: App, bare: App, frame: CustomerFrame, rounds: int) -> list[Figure]:
    us, peer = Customers(browser, app.url, frame), Bare(browser, bare.url, frame)
    size = f"{len(frame):,}"
    kinds = {
        f"filter {size} by status": us.filtering,
        f"search in {size}": us.searching,
        f"search in {size} for what only metadata has": us.searching_metadata,
        f"choose a value of a key of the metadata of {size}": us.choosing_value,
        f"next page of {size}": us.paging,
        f"pick all {size} by the button": us.picking_all,
        f"sort {size} by a click on a header": us.sorting,
        f"sort {size} by a choice of the list": us.sorting_by_list,
        f"tick a row of {size}": us.picking,
        f"pick all {size}, then untick a row": us.picking_among_all,
    }
    found = [
        figure(
            what,
            "bare Streamlit rerun",
            taking_turns(act, peer.rerun, rounds),
            _ALL_AT_MOST if what.startswith("pick all") else _AT_MOST,
        )
        for what, act in kinds.items()
    ]
    for tab in (us, peer):
        tab.whole()
        tab.close()
    return found


def beside_quick_bare(browser: Browser, app: App, bare: App, frame: CustomerFrame, rounds: int) -> list[Figure]:
    us, peer = Customers(browser, app.url, frame), Bare(browser, bare.url, frame)
    found = [
        figure(
            f"search in {len(frame):,}",
            "bare Streamlit rerun with this app's settings",
            taking_turns(us.searching, peer.rerun, rounds),
        )
    ]
    for tab in (us, peer):
        tab.whole()
        tab.close()
    return found


def processor(browser: Browser, app: App, bare: App, frame: CustomerFrame, rounds: int) -> list[Figure]:
    """What a rerun costs the server, whatever the browser takes: that is what twenty people share."""
    us, peer = Customers(browser, app.url, frame), Bare(browser, bare.url, frame)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        # Its search and the way back to all customers, and as many of the bare page.
        for page, act, reruns, taken in ((app, us.searching, 2, times[0]), (bare, peer.rerun, 1, times[1])):
            before = page.worked()
            for _ in range(_ENOUGH // reruns):
                act()
            taken.append((page.worked() - before) / _ENOUGH)
    us.close()
    peer.close()
    return [figure(f"processor's time of the server for a search in {len(frame):,}", "bare Streamlit rerun", times, _AT_MOST)]


def beside_explorer(browser: Browser, app: App, explorer: App, frame: CustomerFrame, rounds: int) -> list[Figure]:
    us, size = Customers(browser, app.url, frame), f"{len(frame):,}"
    by_name, by_status = (Explorer(browser, explorer.url, frame, column) for column in ("name", "is_active"))
    peer = "dataframe_explorer of streamlit-extras"
    found = [
        figure(f"search in {size}", peer, taking_turns(us.searching, by_name.searching, rounds), 1.0),
        figure(f"filter {size} by status", peer, taking_turns(us.filtering, by_status.filtering, rounds), 1.0),
    ]
    for tab in (us, by_name, by_status):
        tab.whole()
        tab.close()
    return found


def customers_of(base_url: str) -> CustomerFrame:
    with client_of(base_url) as client:
        return build(record for page in client.iter_pages() for record in page.customers)


def rows_file(frame: CustomerFrame, folder: str) -> str:
    """The rows as the peers show them, with the five most common keys of the metadata as columns."""
    rows = frame.rows.assign(created_by=frame.rows["created_by"].astype("str"))
    for key, _ in facet_keys(frame)[:5]:
        rows[key] = frame.metadata_column(key)
    path = Path(folder) / "rows.parquet"
    rows.to_parquet(path)
    return str(path)


def measure(customers: int, rounds: int) -> list[Figure]:
    with ExitStack() as stack:
        base_url = stack.enter_context(server(customers))
        frame = customers_of(base_url)
        rows = rows_file(frame, stack.enter_context(tempfile.TemporaryDirectory()))
        browser = stack.enter_context(chromium())
        app = stack.enter_context(our_app(base_url))
        with bare_page(rows) as bare:
            found = beside_bare(browser, app, bare, frame, rounds)
            found += processor(browser, app, bare, frame, max(3, rounds // 5) if rounds > 1 else 1)
        with bare_page(rows, our_settings=True) as bare:
            found += beside_quick_bare(browser, app, bare, frame, rounds)
        with running("benchmarks/apps/explorer.py", {"BENCHMARK_ROWS": rows}, EXPLORER_PYTHON) as explorer:
            found += beside_explorer(browser, app, explorer, frame, max(3, rounds // 3) if rounds > 1 else 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="2,000 customers, one round: does it run?")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.smoke:
        args.customers, args.rounds, args.runs = 2000, 1, 1
    told(Figure.middle([measure(args.customers, args.rounds) for _ in range(args.runs)]), args.json)


if __name__ == "__main__":
    main()
