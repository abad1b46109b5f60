"""How quickly the Customers page answers in Chromium, beside the least that a Streamlit page can do, in the same run.

    python -m benchmarks.page_speed [--customers 100000] [--rounds 15] [--tabs 20] [--json FILE]

Needs benchmarks/requirements.txt and Chromium. Every answer is timed from the key or click until the new rows or counts are
in the page (of a search its count: the first row may stay), peer and ours by turns: what else the machine does strikes both.

filter, search, sort, page, pick   ours, by a bare rerun (one text input, one table of 50 rows)
explorer                           ours searching, by streamlit-extras' dataframe_explorer over the same rows
second person                      memory that a second session adds in the server, by what the first one took
tabs                               so many tabs that filter at once: p50 and p95 in seconds
cold start                         from the process to a drawn page, by `streamlit hello`
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from urllib.request import urlopen

import psutil
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from benchmarks.figures import Figure, told
from benchmarks.run_throughput import KEY, client_of, sandbox
from lib.customers.frame import build

ROOT = Path(__file__).parents[1]
PATIENCE_MS = 15_000
#: Searched for one after the other: each finds another number of customers.
WORDS = ("imaging", "radiology", "north", "clinic", "valley", "river")
_PORT = iter(range(18_501, 18_999))
_GRID = "[data-testid=stDataFrame] table[role=grid]"
_FIRST_ROW = f"() => document.querySelector('{_GRID} tr[aria-rowindex=\"2\"]')?.textContent"


@dataclass(frozen=True)
class App:
    """A Streamlit server of its own."""

    url: str
    process: psutil.Process

    def megabytes(self) -> float:
        return float(self.process.memory_full_info().uss) / 2**20


@contextmanager
def running(script: str, env: dict[str, str]) -> Iterator[App]:
    """`streamlit run SCRIPT` (or `streamlit hello`), ready to answer."""
    port = next(_PORT)
    what = ["hello"] if script == "hello" else ["run", script]
    command = [sys.executable, "-m", "streamlit", *what, "--server.port", str(port), "--server.headless", "true"]
    known = {name: value for name, value in os.environ.items() if not name.startswith(("AVARA_", "EXPRESS_OPS_"))}
    process = subprocess.Popen(command, cwd=ROOT, env=known | env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/_stcore/health")
        yield App(url, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.01)
    raise TimeoutError(url)


def seconds(act: Callable[[], object], page: Page, changed: str, before: object) -> float:
    """From `act` until the JavaScript `changed` gives something else than `before`, looked at before each frame is drawn."""
    began = time.perf_counter()
    act()
    page.wait_for_function(
        f"before => {{ const now = ({changed})(); return now && now !== before }}", arg=before, polling="raf"
    )
    return time.perf_counter() - began


class Ours:
    """An analyst's tab on the Customers page."""

    counts = "() => document.querySelector('.st-key-chips')?.textContent"
    rows = _FIRST_ROW
    picks = "() => document.querySelector('.st-key-picks_bar')?.textContent"

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        expect(page.get_by_text(re.compile(r"\bread .*(ago|now)")).first).to_be_visible(timeout=PATIENCE_MS)
        expect(page.locator(_GRID).first).to_be_attached()
        self.search = page.get_by_role("searchbox", name="Search")
        self.canvas = page.get_by_test_id("data-grid-canvas").first
        self.words = cycle(WORDS)

    def timed(self, act: Callable[[], object], changed: str) -> float:
        idle(self.page)
        self.page.wait_for_function(f"() => ({changed})()")  # the copy of a grid that this reads follows a moment later
        return seconds(act, self.page, changed, self.page.evaluate(changed))

    def searching(self) -> float:
        word = next(self.words)
        took = self.entered(word)
        self.entered("")  # the next answer is over all customers again
        return took

    def entered(self, word: str) -> float:
        """From Enter on, as for the peers: by itself the search waits for 0.3 s after the last key."""
        idle(self.page)
        self.search.fill(word)
        return seconds(lambda: self.search.press("Enter"), self.page, self.counts, self.page.evaluate(self.counts))

    def filtering(self) -> float:
        group = self.page.get_by_role("radiogroup", name="Status")
        chosen = "Inactive" if "inactive" not in self.page.locator(".st-key-chips").inner_text() else "Active"
        return self.timed(lambda: group.get_by_role("radio", name=chosen, exact=True).click(), self.rows)

    def sorting(self) -> float:
        return self.timed(lambda: self.canvas.click(position={"x": 140, "y": 16}, force=True), self.rows)

    def paging(self) -> float:
        following = self.page.get_by_test_id("stPagination").get_by_role("button").last
        return self.timed(following.click, self.rows)

    def picking(self) -> float:
        return self.timed(lambda: self.canvas.click(position={"x": 15, "y": 48}, force=True), self.picks)


class Bare:
    """The peer's tab: a letter more in the text input moves the table by a row."""

    rows = _FIRST_ROW

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.text = page, ""
        page.goto(url)
        expect(page.locator(_GRID).first).to_be_attached(timeout=PATIENCE_MS)
        self.box = page.get_by_role("textbox", name="Search")

    def rerun(self) -> float:
        idle(self.page)
        self.text += "x"
        self.box.fill(self.text)
        return seconds(lambda: self.box.press("Enter"), self.page, self.rows, self.page.evaluate(self.rows))


class Explorer:
    """The other peer's tab, set to search in the names."""

    count = f"() => document.querySelector('{_GRID}')?.getAttribute('aria-rowcount')"

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.words = page, cycle(WORDS)
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        expect(page.locator(_GRID).first).to_be_attached(timeout=PATIENCE_MS)
        page.get_by_role("combobox").first.fill("name")
        page.get_by_role("option", name="name", exact=True).click()
        page.keyboard.press("Escape")  # what lies behind the open list has no role
        self.box: Locator = page.get_by_role("textbox", name="Pattern in name")
        expect(self.box).to_be_visible(timeout=PATIENCE_MS)

    def searching(self) -> float:
        idle(self.page)
        self.box.fill(next(self.words))
        return seconds(lambda: self.box.press("Enter"), self.page, self.count, self.page.evaluate(self.count))


def idle(page: Page) -> None:
    """Waits until the page stands still, in front: what another tab covers draws late and may miss a click."""
    page.bring_to_front()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=PATIENCE_MS)


def answers(browser: Browser, ours: App, bare: App, explorer: App, rounds: int) -> list[Figure]:
    """Each kind of answer by turns with the peer's rerun."""
    us, peer = Ours(_tab(browser), ours.url), Bare(_tab(browser), bare.url)
    kinds = ("filtering", "searching", "sorting", "paging", "picking")
    times: dict[str, list[float]] = {name: [] for name in (*kinds, "rerun")}
    for round_ in range(rounds + 1):  # the first warms up
        for name in kinds:
            base, took = peer.rerun(), getattr(us, name)()
            if round_:
                times["rerun"].append(base)
                times[name].append(took / base)
    rerun = median(times["rerun"])
    found = [
        Figure.of(
            f"{name} among all customers",
            times[name],
            peer="bare Streamlit rerun",
            at_most=1.5,
            value=median(times[name]) * rerun,
            unit="s",
        )
        for name in kinds
    ]
    other, pairs = Explorer(_tab(browser), explorer.url), []
    for _ in range(max(3, rounds // 3)):
        took = us.searching()
        pairs.append(took / other.searching())
    found.append(Figure.of("search among all customers", pairs, peer="streamlit-extras dataframe_explorer", at_most=1.0))
    return found


def many_tabs(browser: Browser, ours: App, tabs: int) -> list[Figure]:
    """All tabs search at once; the time of each until its counts have changed."""
    people = [Ours(_tab(browser), ours.url) for _ in range(tabs)]
    before, took, sent = {}, {}, {}
    for person in people:
        idle(person.page)
        before[person] = person.page.evaluate(person.counts)
    for person in people:
        sent[person] = time.perf_counter()
        person.search.fill(next(person.words))
    while len(took) < tabs:
        for person in people:
            if person not in took and person.page.evaluate(person.counts) != before[person]:
                took[person] = time.perf_counter() - sent[person]
    cuts = quantiles(took.values(), n=20)
    return [
        Figure(f"{tabs} tabs that search at once, p50", value=median(took.values()), unit="s"),
        Figure(f"{tabs} tabs that search at once, p95", value=cuts[18], unit="s"),
    ]


def second_person(browser: Browser, sandbox_env: dict[str, str]) -> Figure:
    """Unique memory of the server: without anybody, with one person who has searched, with a second one."""
    with running("app.py", sandbox_env | {"EXPRESS_OPS_HOME": tempfile.mkdtemp()}) as app:
        nobody = app.megabytes()
        seen = []
        for _ in range(2):
            person = Ours(_tab(browser), app.url)
            for _ in range(3):
                person.searching()
            idle(person.page)
            seen.append(app.megabytes())
    return Figure.of(
        "memory that a second person adds",
        [(seen[1] - seen[0]) / (seen[0] - nobody)],
        peer="the first person's",
        at_most=0.05,
        value=seen[1] - seen[0],
        unit="MB",
    )


def cold_start(browser: Browser, env: dict[str, str], rounds: int) -> Figure:
    """From the start of the process until the page's heading is drawn."""

    def took(script: str, extra: dict[str, str], heading: str) -> float:
        page = _tab(browser)
        began = time.perf_counter()
        with running(script, extra) as app:
            page.goto(app.url)
            page.get_by_role("heading", name=re.compile(heading)).first.wait_for(timeout=PATIENCE_MS)
            seconds_ = time.perf_counter() - began
        page.context.close()
        return seconds_

    ratios, ours = [], []
    for _ in range(rounds):
        peer = took("hello", {}, "Welcome to Streamlit")
        ours.append(took("app.py", env | {"EXPRESS_OPS_HOME": tempfile.mkdtemp()}, "Customers"))
        ratios.append(ours[-1] / peer)
    return Figure.of("cold start to a drawn page", ratios, peer="streamlit hello", at_most=1.3, value=median(ours), unit="s")


def _tab(browser: Browser) -> Page:
    return browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce").new_page()


def _rows_file(base_url: str, folder: str) -> str:
    with client_of(base_url) as client:
        frame = build(record for page in client.iter_pages() for record in page.customers)
    rows = frame.rows.assign(created_by=frame.rows["created_by"].astype("str"))
    for key, _ in frame.metadata_keys()[:5]:
        rows[key] = frame.metadata_column(key)
    path = str(Path(folder) / "rows.parquet")
    rows.to_parquet(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tabs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    chromium = os.environ.get("EXPRESS_OPS_TEST_CHROMIUM") or shutil.which("chromium")
    with ExitStack() as stack:
        base_url = stack.enter_context(sandbox(args.customers, 0))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        env = {"AVARA_API_KEY": KEY, "AVARA_BASE_URL": base_url}
        rows = {"BENCHMARK_ROWS": _rows_file(base_url, folder)}
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        figures = [cold_start(browser, env, max(3, args.rounds // 3)), second_person(browser, env)]
        ours = stack.enter_context(running("app.py", env | {"EXPRESS_OPS_HOME": f"{folder}/home"}))
        bare = stack.enter_context(running("benchmarks/apps/bare.py", rows))
        explorer = stack.enter_context(running("benchmarks/apps/explorer.py", rows))
        figures += answers(browser, ours, bare, explorer, args.rounds)
        figures += many_tabs(browser, ours, args.tabs)
        browser.close()
    told(figures, args.json)


if __name__ == "__main__":
    main()
