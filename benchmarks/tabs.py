"""The tabs that the benchmarks of pages drive: an analyst's on the Customers page, and the two peers'.

Each act gives the seconds of its answer by the clock inside the page, then makes sure, outside the clock, that the page says
what the customers themselves say.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import count, cycle

import numpy as np
from playwright.sync_api import Browser, Locator, expect

from benchmarks.browser import PATIENCE, Tab
from lib.customers.facets import facet_keys, facet_values
from lib.customers.filters import Filter, apply
from lib.customers.frame import CustomerFrame
from lib.customers.sorting import sort_positions

#: Found in names (and elsewhere), each in another number of customers.
NAME_WORDS = ("hospital", "imaging", "university", "medical", "mercy", "outpatient")
#: Found in values of metadata only.
METADATA_WORDS = ("silver", "northlight", "midwest", "hearthstone", "openframe", "bronze")

expect.set_options(timeout=PATIENCE * 1000)


def matching(frame: CustomerFrame, flt: Filter) -> int:
    return len(apply(frame, flt, datetime.now(UTC)))


class Customers(Tab):
    """An analyst's tab on the Customers page, whose list is `frame`, all of it loaded and nothing filtered or picked."""

    def __init__(self, browser: Browser, url: str, frame: CustomerFrame) -> None:
        super().__init__(browser)
        self.frame, self.descending = frame, True
        self.statuses = cycle(["inactive", "active"])
        self.name_words, self.metadata_words = cycle(NAME_WORDS), cycle(METADATA_WORDS)
        self.values = cycle(value for value, _ in facet_values(frame, facet_keys(frame)[0][0], limit=6))
        self.columns = cycle([("Users", "user_count"), ("Customer", "name")])
        self.page.goto(url)
        self.loaded()
        self.search = self.page.get_by_role("searchbox", name="Search")
        self.bar = self.page.locator(".st-key-picks_bar")
        self.table = self.page.get_by_role("grid", name="Customers")
        self.first_row = self.table.get_by_role("row").nth(1)

    def loaded(self) -> None:
        """Waits until all customers are on show, the kept list out of use, and no load under way."""
        sidebar = self.page.get_by_test_id("stSidebar")
        expect(sidebar.get_by_text(re.compile(r"customers?,\s+read .*(ago|now)"))).to_be_visible()
        expect(sidebar.get_by_role("button", name="Stop")).to_have_count(0)
        self.shows(len(self.frame))
        self.idle()

    def shows(self, customers: int) -> None:
        expect(self.page.locator(".st-key-chips")).to_contain_text(re.compile(rf"^\s*{customers:,} of {len(self.frame):,} "))

    def filtering(self) -> float:
        """From all customers to the inactive ones, and the next time to the active ones."""
        status = next(self.statuses)
        took = self.timed(self._status(status).click)
        self.shows(matching(self.frame, Filter(status=status)))
        self._status("all").click()
        self.shows(len(self.frame))
        return took

    def _status(self, status: str) -> Locator:
        group = self.page.get_by_role("radiogroup", name="Status")
        return group.get_by_role("radio", name=status.capitalize(), exact=True)

    def searching(self) -> float:
        return self._searched(next(self.name_words))

    def searching_metadata(self) -> float:
        return self._searched(next(self.metadata_words))

    def _searched(self, word: str) -> float:
        took = self.entered(self.search, word)
        self.shows(matching(self.frame, Filter(text=word)))
        self.entered(self.search, "")  # the next answer is over all customers again
        self.shows(len(self.frame))
        return took

    def choosing_value(self) -> float:
        """From the customers that have the most common key of the metadata to those with one value of it."""
        key, _ = facet_keys(self.frame)[0]
        value = next(self.values)
        self._more_filters()
        self._choose("Metadata", key)
        self.shows(matching(self.frame, Filter(metadata=((key, ()),))))
        took = self._choose(key, value)
        self.shows(matching(self.frame, Filter(metadata=((key, (value,)),))))
        self.page.locator(".st-key-clear_filters").get_by_role("button").click()
        self.shows(len(self.frame))
        self._more_filters()
        return took

    def _more_filters(self) -> None:
        """Opens or closes them, and waits until what is below stands still: what moves would close a list of options."""
        self.page.get_by_role("switch", name="More filters").press("Space")
        chips = self.page.locator(".st-key-chips")
        chips.click(trial=True)
        self.idle()
        chips.click(trial=True)

    def _choose(self, label: str, word: str) -> float:
        """One more option of a list among the further filters; the seconds from the click on it."""
        box = self.page.get_by_role("combobox", name=label, exact=True)
        box.click(trial=True)  # is uncovered
        box.fill(word)
        self.idle()
        took = self.timed(self.page.get_by_role("option", name=word, exact=True).click)
        self.page.keyboard.press("Escape")  # closes the list, which hides all else
        expect(self.page.get_by_role("listbox")).to_have_count(0)
        return took

    def sorting(self) -> float:
        """By name, turned round each time."""
        self.descending = not self.descending
        took = self.timed(self.table.get_by_role("button", name="Customer", exact=True).click)
        first = sort_positions(self.frame, np.arange(len(self.frame)), "name", descending=self.descending)[0]
        expect(self.first_row).to_contain_text(self.frame.rows["name"].iloc[first])
        return took

    def sorting_by_list(self) -> float:
        """By the other one of two columns, chosen under *View*."""
        label, column = next(self.columns)
        view = self.page.get_by_role("button", name="View", exact=True)
        view.click()
        self.page.get_by_role("combobox", name="Sort by").click()
        took = self.timed(self.page.get_by_role("option", name=label, exact=True).click)
        self.page.keyboard.press("Escape")
        expect(self.page.get_by_role("dialog")).to_have_count(0)
        first = sort_positions(self.frame, np.arange(len(self.frame)), column, descending=self.descending)[0]
        expect(self.first_row).to_contain_text(self.frame.rows["name"].iloc[first])
        return took

    def paging(self) -> float:
        took = self.timed(self.page.get_by_role("button", name="Next page").click)
        expect(self.page.get_by_text("Rows 101 to 200 ")).to_be_visible()
        self.page.get_by_role("button", name="Previous page").click()
        expect(self.page.get_by_text("Rows 1 to 100 ")).to_be_visible()
        return took

    def picking(self) -> float:
        """A row is ticked; nothing was picked before."""
        took = self.timed(self.first_row.get_by_role("checkbox").click)
        expect(self.bar).to_contain_text("1 picked")
        self._unpick()
        return took

    def picking_all(self) -> float:
        """All customers that match, by the button in the bar."""
        self.idle()
        took = self.timed(self.bar.get_by_role("button", name=re.compile("^Pick all")).click)
        expect(self.bar).to_contain_text(f"{len(self.frame):,} picked")
        self._unpick()
        return took

    def picking_among_all(self) -> float:
        """All customers are picked; one is unticked."""
        self.idle()
        self.bar.get_by_role("button", name=re.compile("^Pick all")).click()
        expect(self.bar).to_contain_text(f"{len(self.frame):,} picked")
        took = self.timed(self.first_row.get_by_role("checkbox").click)
        expect(self.bar).to_contain_text(f"{len(self.frame) - 1:,} picked")
        self._unpick()
        return took

    def _unpick(self) -> None:
        self.idle()
        self.bar.get_by_role("button", name="Clear").click()
        expect(self.bar).to_contain_text("Nothing picked")


class Bare(Tab):
    """The least that Streamlit can do: a letter more in the text input moves the table by a row."""

    def __init__(self, browser: Browser, url: str, frame: CustomerFrame) -> None:
        super().__init__(browser)
        self.frame, self.letters = frame, count(1)
        self.page.goto(url)
        self.box = self.page.get_by_role("textbox", name="Search")
        self.first_row = self.page.get_by_test_id("stDataFrame").locator("tr[aria-rowindex='2']")
        expect(self.first_row).to_be_attached()

    def rerun(self) -> float:
        letters = next(self.letters)
        took = self.entered(self.box, "x" * letters)
        expect(self.first_row).to_contain_text(self.frame.rows["id"].iloc[letters])
        return took


class Explorer(Tab):
    """streamlit-extras' dataframe_explorer over the same customers, set to filter by one column: name or is_active."""

    def __init__(self, browser: Browser, url: str, frame: CustomerFrame, column: str) -> None:
        super().__init__(browser)
        self.frame, self.words, self.gone = frame, cycle(NAME_WORDS), cycle([True, False])
        self.page.goto(url)
        self.shows(len(frame))
        self.page.get_by_role("combobox").first.fill(column)
        self.page.get_by_role("option", name=column, exact=True).click()
        self.page.keyboard.press("Escape")  # what lies behind the open list has no role
        self.pattern = self.page.get_by_role("textbox", name="Pattern in name")
        self.states = self.page.get_by_role("combobox", name="Values for is_active")
        expect(self.pattern if column == "name" else self.states).to_be_visible()

    def shows(self, customers: int) -> None:
        """So many rows and the header's, by the copy of the grid for screen readers."""
        grid = self.page.locator("[data-testid=stDataFrame] table[role=grid]")
        expect(grid).to_have_attribute("aria-rowcount", str(customers + 1))

    def searching(self) -> float:
        word = next(self.words)
        took = self.entered(self.pattern, word)
        self.shows(int(self.frame.rows["name"].str.contains(word, case=False).sum()))
        self.entered(self.pattern, "")
        self.shows(len(self.frame))
        return took

    def filtering(self) -> float:
        """The active customers are taken away, and the next time the inactive ones."""
        gone = next(self.gone)
        took = self.timed(self.page.get_by_role("button", name=f"Remove {gone}").click)
        self.shows(int((self.frame.rows["is_active"] != gone).sum()))
        self.idle()
        self.states.fill(str(gone))
        self.page.get_by_role("option", name=str(gone), exact=True).click()
        self.page.keyboard.press("Escape")
        self.shows(len(self.frame))
        return took
