"""People at work with a team's servers: each picks, reviews, confirms, watches and takes back, with customers of their own."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from threading import Event

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from lib.sandbox.store import Given
from tests.tab import PATIENCE, Tab
from tests.team import COOKIE, Proxy

#: Seconds within which a run is over: long, since servers that share the API's limit are slow until they have found it.
_RUN_ENDS = 600.0
#: What happens where a server dies while somebody works with it, and until the proxy knows.
TORN = (ConnectionClosed, InvalidHandshake, OSError)
_OVER = re.compile(r"-badge\[:material/\w+: (Finished|Cancelled)\]")
_RELOAD = re.compile(r"press Reload|Reload the customers|all customers have been read again")


def customers_of(name: str, count: int) -> list[Given]:
    """Active customers whose names tell whose they are."""
    return [
        Given(
            {
                "createdAt": "2024-01-15T09:00:00Z",
                "expressCustomerId": f"cus_{random.Random(f'{name} {number}').getrandbits(128):032x}",
                "expressCustomerName": f"{name} clinic {number:03}",
                "isActive": True,
                "updatedAt": "2024-03-15T14:20:00Z",
                "userCount": 1,
                "createdByUserId": "usr_1234567890abcdef1234567890abcdef",
                "metadata": {"whose": name},
            }
        )
        for number in range(count)
    ]


class Person:
    """At work until `leave` is set; then what they have begun is brought to its end. Draws the same each time.

    What they did stands in `confirmed`: whatever was confirmed, by its reason, with how many customers; and in `seen`: the runs
    that a page showed, by their reasons. `think`: how long they stop before each act on average, in seconds.
    """

    def __init__(self, proxy: Proxy, name: str, seed: int, leave: Event, think: float) -> None:
        self.name = name
        self._proxy, self._leave, self._think = proxy, leave, think
        self._random = random.Random(f"{seed} {name}")
        self._cookie, self._rounds = "", 0
        self.tab: Tab
        self.took: list[float] = []
        self.confirmed: dict[str, int] = {}
        self.seen: dict[str, str] = {}
        self.torn = self.undone = 0

    def work(self) -> None:
        """Until `leave` is set. Raises AssertionError for what no page should have done."""
        while not self._leave.is_set():
            self._whatever_dies(self._rounds_in_a_tab)
        self._whatever_dies(self._bring_to_an_end)

    def _whatever_dies(self, work: Callable[[], None]) -> None:
        """In a tab of their browser, which opens another one where a server dies, and first brings to an end what was begun."""
        with_a_tab = work
        while True:
            try:
                with self._proxy.line(cookie=self._cookie) as line:
                    given = line.response.headers.get_all("Set-Cookie") if line.response else []
                    self._cookie = next((one.partition(";")[0] for one in given if one.startswith(COOKIE)), self._cookie)
                    self.tab = Tab(line, took=self.took)
                    with_a_tab()
                    if with_a_tab is work:
                        return
                    with_a_tab = work
            except TORN:
                self.torn += 1
                with_a_tab = self._bring_to_an_end
                Event().wait(0.5)  # a page does not try again at once either

    def _rounds_in_a_tab(self) -> None:
        """Some rounds in one tab. Now and then the next one is another browser's, which the proxy may lead elsewhere."""
        for _ in range(self._random.randint(1, 3)):
            if self._leave.is_set():
                return
            self._round()
        if self._random.random() < 0.4:
            self._cookie = ""

    def _round(self) -> None:
        self._rounds += 1
        ids = self._pick()
        if not ids:
            return
        self._press("review")
        self._confirm(f"{self.name}, round {self._rounds}")
        self._watch(self._random.choice(["", "", "", "run_pause", "run_cancel"]))
        if self.tab.has("run_undo") and self._random.random() < 0.9:
            self._press("run_undo")
            if self.tab.has("to_confirm"):
                self._confirm(f"{self.name}, round {self._rounds} taken back")
                self._watch(self._random.choice(["", "", "run_pause"]))
                self.undone += 1

    def _pick(self) -> Sequence[str]:
        """Some of their own customers that are active, by ticks or by a list of ids."""
        self.tab.open("", "status=active")
        self._until(lambda: bool(self.tab.rows("Customers")) and not self.tab.has("load_stop"), "the customers were there")
        self._pause()
        self.tab.write("Search", self.name)
        mine = [row[""] for row in self.tab.rows("Customers")]
        ids = self._random.sample(mine, min(len(mine), self._random.randint(2, 6)))
        if self.tab.has("picks_clear"):
            self.tab.click("picks_clear")
        self._pause()
        if ids and self._random.random() < 0.5:
            self.tab.act("Customers", "pick", *ids)
        elif ids:
            self._press("picks_list")
            self.tab.write("Ids or names", "\n".join(ids))
            self._press("list_pick")
        return ids

    def _confirm(self, reason: str) -> None:
        self._pause()
        self.tab.write("Reason", reason)
        self._press("to_confirm")
        under_review = self.tab.rows("Customers under review")
        count = len(under_review)
        self._pause()
        self.tab.confirm(under_review[0]["Customer"] if count == 1 else str(count))
        self.confirmed[reason] = count
        self._press("confirm_go")
        run = re.search(r"run=(\w[\w-]*)", self.tab.query)
        assert run, f"{reason} led to no run: {self.tab.text}"
        self.seen[reason] = run[1]

    def _watch(self, wish: str = "") -> None:
        """Stay on the run's page until it is over, once with a wish, and go on wherever it stands still."""
        retries, until = 3, time.monotonic() + _RUN_ENDS
        while not _OVER.search(self.tab.text) or (retries and self.tab.has("run_retry")):
            assert time.monotonic() < until, f"a run did not end: {self.tab.text}"
            going_on = next((key for key in ("run_resume", "run_start", "run_retry") if self.tab.has(key)), "")
            if wish and self.tab.has(wish):
                self.tab.click(wish)
                wish = ""
            elif going_on:
                retries -= going_on == "run_retry"
                self.tab.click(going_on)
            self._look(0.7)

    def _bring_to_an_end(self) -> None:
        """Whatever they have begun and is not over, as the page of all runs tells it."""
        for state in ("running", "paused", "interrupted", "planned"):
            self.tab.open("runs", f"state={state}")
            for row in self.tab.rows("Runs"):
                if row["Reason"].startswith(f"{self.name}, "):
                    self.tab.open("runs", f"run={row['']}")
                    self.seen[row["Reason"]] = row[""]
                    self._watch()

    def _press(self, key: str) -> None:
        self._pause()
        self._until(lambda: self.tab.has(key), f"{key} could be pressed")
        self.tab.click(key)
        self._not_broken()

    def _until(self, tell: Callable[[], bool], what: str) -> None:
        """Waits; where the page says that the list must be read again, or that this stopped, has it done."""
        until = time.monotonic() + PATIENCE
        while not tell():
            assert time.monotonic() < until, f"waited in vain until {what}: {self.tab.title} {self.tab.text}"
            if self.tab.has("load_resume"):
                self.tab.click("load_resume")
            elif _RELOAD.search(self.tab.text) and self.tab.has("reload"):
                self.tab.click("reload")
            self._look(0.5)

    def _pause(self) -> None:
        self._look(self._random.uniform(0.2, 2 * self._think))

    def _look(self, seconds: float) -> None:
        self.tab.look(seconds)
        self._not_broken()

    def _not_broken(self) -> None:
        assert "This page broke" not in self.tab.text, self.tab.text
