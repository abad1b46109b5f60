"""Several people on one server: what a second one costs, many who filter at once, and one who works while all is read again.

    python -m benchmarks.page_people [--customers 100000] [--rounds 3] [--tabs 20] [--only PART] [--smoke] [--json FILE]

Needs Chromium. Answers are timed by the clock inside the page, as in page_speed.

memory   what a second person's session adds to the server's memory (Pss), by what the list and the first one's took: a
         server with all customers less one with ten; fresh ones each round, read when the list is kept and they are at rest
tabs     so many tabs search at once, each for another word, on a timer of their own: all answers of all rounds in one row,
         by those of as many tabs of the bare page (page_speed) that are rerun at once
reload   answers in a second tab while all customers are read again as quickly as they come, by the ones when nothing is read
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Browser, Locator, expect

from benchmarks.api import server
from benchmarks.browser import App, Tab, chromium, our_app, until
from benchmarks.figures import Figure, told
from benchmarks.page_speed import bare_page, customers_of, rows_file
from benchmarks.tabs import METADATA_WORDS, NAME_WORDS, Bare, Customers, matching
from lib.customers.filters import Filter
from lib.customers.frame import CustomerFrame

#: With those of the tabs more than there are tabs; a tab takes another one each round.
WORDS = (
    *(*NAME_WORDS, *METADATA_WORDS, "radiology", "health", "center", "diagnostic", "general", "brigid", "group", "falls"),
    *("associates", "orthopedic", "sports", "regional", "community", "creek", "emergency", "oncology", "annual", "gold"),
)
#: Milliseconds until all tabs have been told what to do.
_AHEAD = 8000
_FIRE = """(box, [word, at]) => {
    window.fired = new Promise((fired) => setTimeout(() => fired(bench.enter(box, word)), at - Date.now()));
}"""
_ENOUGH = 40
#: So many customers that their list is next to nothing.
_FEW = 10


def percentile(times: list[float], percent: int) -> float:
    return quantiles(times, n=100, method="inclusive")[percent - 1] if len(times) > 1 else times[0]


def second_person(browser: Browser, base_url: str, frame: CustomerFrame, rounds: int) -> list[Figure]:
    ratios, added = [], []
    with server(_FEW) as few_url:
        few = customers_of(few_url)
        for _ in range(rounds):
            (empty,) = _memory(browser, few_url, few, people=1)
            first, both = _memory(browser, base_url, frame, people=2)
            added.append(both - first)
            ratios.append((both - first) / (first - empty))
    peer = f"the list's and the first one's, with {len(frame):,} customers"
    return [Figure.of("memory of a second person", ratios, peer=peer, at_most=0.05, value=median(added), unit="MB")]


def _memory(browser: Browser, base_url: str, frame: CustomerFrame, *, people: int) -> list[float]:
    """Megabytes of a fresh server with one person, two and so on, each of whom has worked in it.

    Twice, since the second look gives back what the load and the first one had taken for a while.
    """
    seen, tabs = [], []
    with tempfile.TemporaryDirectory() as folder, our_app(base_url, Path(folder)) as app:
        for _ in range(people):
            tabs.append(Customers(browser, app.url, frame))
            until(lambda: list(Path(folder).rglob("customers.snapshot")), "the list was kept")
            for _ in range(2):
                for _ in range(3):
                    tabs[-1].searching()
                tabs[-1].filtering()
                app.rest()
            seen.append(app.megabytes())
        for tab in tabs:
            tab.whole()
            tab.close()
    return seen


def many_tabs(browser: Browser, app: App, frame: CustomerFrame, tabs: int, rounds: int) -> list[Figure]:
    bare = _bare_tabs(browser, frame, tabs, rounds)
    quick = _bare_tabs(browser, frame, tabs, rounds, our_settings=True)
    people = [Customers(browser, app.url, frame) for _ in range(tabs)]
    times = []
    for number in range(rounds):
        words = [WORDS[(place + number) % len(WORDS)] for place in range(tabs)]
        times.append(_at_once([(person, person.search) for person in people], words))
        for person, word in zip(people, words, strict=True):
            person.shows(matching(frame, Filter(text=word)))
            person.whole()
    for person in people:
        person.close()
    return [
        Figure.of(
            f"{tabs} tabs that search {len(frame):,} at once, p{percent}",
            [percentile(ours, percent) / percentile(theirs, percent) for ours, theirs in zip(times, peer, strict=True)],
            peer=f"{tabs} tabs of the bare page at once{how} ({percentile([*chain(*peer)], percent):.3f} s)",
            at_most=at_most,
            value=percentile([*chain(*times)], percent),
            unit="s",
        )
        for peer, how, at_most in ((bare, "", 2.0), (quick, ", with this app's settings", None))
        for percent in (50, 95)
    ]


def _bare_tabs(
    browser: Browser, frame: CustomerFrame, tabs: int, rounds: int, *, our_settings: bool = False
) -> list[list[float]]:
    """The seconds of as many tabs of the bare page, rerun at once, by round."""
    with tempfile.TemporaryDirectory() as folder, bare_page(rows_file(frame, folder), our_settings=our_settings) as bare:
        people = [Bare(browser, bare.url, frame) for _ in range(tabs)]
        boxes = [(person, person.box) for person in people]
        times = [_at_once(boxes, ["x" * (number + 1)] * tabs) for number in range(rounds)]
        for person in people:
            person.whole()
            person.close()
    return times


def _at_once(boxes: Sequence[tuple[Tab, Locator]], words: Sequence[str]) -> list[float]:
    """In every tab its word is entered into its box at the same moment, by a timer of its own."""
    for tab, _ in boxes:
        tab.idle()
    at = time.time() * 1000 + _AHEAD
    for (_, box), word in zip(boxes, words, strict=True):
        box.evaluate(_FIRE, [word, at])
    assert time.time() * 1000 < at, "some tabs were told too late"
    return [float(tab.page.evaluate("() => window.fired")) / 1000 for tab, _ in boxes]


def during_reload(browser: Browser, app: App, frame: CustomerFrame, enough: int) -> list[Figure]:
    reader, person = Customers(browser, app.url, frame), Customers(browser, app.url, frame)
    idle = [person.searching() for _ in range(enough)]
    busy: list[float] = []
    while len(busy) < enough:
        reader.idle()
        reader.page.get_by_role("button", name="Reload").click()
        expect(reader.page.get_by_role("button", name="Stop")).to_be_visible()
        while reader.page.get_by_role("button", name="Stop").count():
            busy.append(person.searching())
        reader.loaded()
        person.loaded()
    for tab in (reader, person):
        tab.whole()
        tab.close()
    return [
        Figure.of(
            f"search while {len(frame):,} are read again, p{percent}",
            [percentile(busy, percent) / percentile(idle, percent)],
            peer=f"when nothing is read ({percentile(idle, percent):.3f} s)",
            value=percentile(busy, percent),
            unit="s",
        )
        for percent in (50, 95)
    ]


def measure(args: argparse.Namespace) -> list[Figure]:
    with ExitStack() as stack:
        base_url = stack.enter_context(server(args.customers))
        frame = customers_of(base_url)
        browser = stack.enter_context(chromium())
        found = []
        if args.only in (None, "memory"):
            found += second_person(browser, base_url, frame, args.rounds)
        app = stack.enter_context(our_app(base_url))
        if args.only in (None, "reload"):
            found += during_reload(browser, app, frame, 3 if args.smoke else _ENOUGH)
        if args.only in (None, "tabs"):
            found += many_tabs(browser, app, frame, args.tabs, args.rounds)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tabs", type=int, default=20)
    parser.add_argument("--only", choices=("memory", "reload", "tabs"))
    parser.add_argument("--smoke", action="store_true", help="2,000 customers, four tabs, one round: does it run?")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.smoke:
        args.customers, args.rounds, args.tabs = 2000, 1, 4
    told(measure(args), args.json)


if __name__ == "__main__":
    main()
