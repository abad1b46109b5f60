"""What a session is for, each task by the mouse and by the keyboard alone, one after the other as in a clean-up of two days."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path

import pytest
import xlsxwriter
from playwright.sync_api import Locator, Page, expect

from tests.browser import drive
from tests.browser.conftest import OpenPage, StartApp
from tests.browser.test_keyboard import tab_to

CAPS = "[caps]\nmax_percent = 100\nmax_users = 1000000\n"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Mouse:
    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, part: Locator) -> None:
        part.click()

    def write(self, part: Locator, text: str) -> None:
        part.click()
        part.fill(text)
        self.page.keyboard.press("Enter")

    def only_active(self) -> None:
        self.page.get_by_role("radio", name="Active", exact=True).click()

    def choose(self, label: str, option: str) -> None:
        drive.choose(self.page, label, option)

    def tick(self, table: Locator, rows: int) -> None:
        for row in range(rows):
            drive.box(table, row).check()


class Keyboard(Mouse):
    def press(self, part: Locator) -> None:
        tab_to(self.page, part)
        self.page.keyboard.press("Enter")

    def write(self, part: Locator, text: str) -> None:
        tab_to(self.page, part)
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def only_active(self) -> None:
        tab_to(self.page, self.page.get_by_role("radiogroup", name="Status"))
        self.page.keyboard.press("ArrowRight")
        self.page.keyboard.press("Space")

    def choose(self, label: str, option: str) -> None:
        tab_to(self.page, self.page.get_by_role("combobox", name=label))
        self.page.keyboard.type(option)
        self.page.keyboard.press("Enter")

    def tick(self, table: Locator, rows: int) -> None:
        tab_to(self.page, table)
        self.page.keyboard.press("Control+Home")
        for _ in range(rows):
            self.page.keyboard.press("Space")
            self.page.keyboard.press("ArrowDown")


def deactivate(hand: Mouse, count: int) -> None:
    """From the picks to the run, justified on paper on the way."""
    page, counted = hand.page, f"Deactivate {count} customer"
    hand.press(drive.bar(page).get_by_role("button", name="Review"))
    expect(drive.heading(page, re.compile(counted))).to_be_visible()
    hand.write(page.get_by_label("Reason"), "Contract ended")
    drive.idle(page)
    hand.press(page.get_by_role("button", name="Print or Excel"))
    with page.expect_download() as taken:
        hand.press(page.get_by_role("button", name="HTML, to print"))
    assert all(said in Path(taken.value.path()).read_text() for said in ("Contract ended", "Nothing has been changed yet"))
    page.keyboard.press("Escape")
    hand.press(page.get_by_test_id("stMain").get_by_role("button", name=f"{counted}s…"))
    dialog = page.get_by_role("dialog")
    hand.write(dialog.get_by_role("textbox"), str(count))
    go = dialog.get_by_role("button", name=f"{counted}s", exact=True)
    expect(go).to_be_enabled()
    hand.press(go)
    drive.on_run(page)


def read_the_records(hand: Mouse, count: int) -> None:
    """Updated records at once, a hundred a page, then one after the other in full, with its metadata."""
    page = hand.page
    drive.expect_state(page, "Finished")
    drive.expect_totals(page, verified=count)
    steps = drive.table(page)
    expect(steps.locator("td", has_text="changed: ● Active → ○ Inactive ◀")).to_have_count(min(count, 100))
    shown = page.get_by_test_id("stMain").get_by_test_id("stCode").first
    for row in range(2):
        expect(shown).to_have_text(drive.text_at(steps, "Id", row))
        expect(drive.named(page, "Metadata")).to_be_visible()
        hand.press(page.get_by_role("button", name="Next ›"))


@pytest.mark.parametrize("by", [Mouse, Keyboard])
def test_the_tasks_of_a_clean_up(start_app: StartApp, open_page: OpenPage, by: type[Mouse]) -> None:
    app = start_app(settings=CAPS)
    page = open_page()
    hand = by(page)
    drive.customers(page, app.url)

    # find the idle, deactivate three
    hand.only_active()
    hand.choose("Not updated for", "90 days")
    chips = page.locator(".st-key-chips")
    expect(chips).to_contain_text("not updated for 90 days")
    drive.idle(page)
    hand.tick(drive.table(page), 3)
    drive.expect_picked(page, 3)
    deactivate(hand, 3)
    read_the_records(hand, 3)
    gone = drive.text_at(drive.table(page), "Customer", 0)

    # pick from a colleague's Excel file of 40 names
    names = Counter(record["expressCustomerName"] for record in app.records())
    wanted = [r["expressCustomerName"] for r in app.records(active=True) if names[r["expressCustomerName"]] == 1][:40]
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet().write_column(0, 0, ["Customer", *wanted])
    hand.press(page.get_by_test_id("stSidebar").get_by_role("link", name="Customers"))
    expect(chips).to_contain_text("not updated for 90 days")
    hand.press(drive.bar(page).get_by_role("button", name="Pick from a list"))
    dialog = page.get_by_role("dialog")
    with page.expect_file_chooser() as chooser:
        hand.press(dialog.get_by_role("button", name="Upload", exact=True))
    chooser.value.set_files({"name": "names.xlsx", "mimeType": WORKBOOK, "buffer": file.getvalue()})
    hand.press(dialog.get_by_role("button", name="Pick 40 customers"))
    drive.expect_picked(page, 40)
    link, shown = page.url, chips.get_by_text(" of 250 customers").text_content()
    page.close()

    # come back tomorrow, by a link that shows exactly this
    page = open_page()
    hand = by(page)
    drive.visit(page, link, "Customers")
    drive.loaded(page)
    chips = page.locator(".st-key-chips")
    expect(chips).to_contain_text("not updated for 90 days")
    assert chips.get_by_text(" of 250 customers").text_content() == shown
    hand.press(page.get_by_role("button", name="Take them"))
    drive.expect_picked(page, 40)

    # deactivate all, with the hold
    hand.press(chips.get_by_role("button", name="not updated for 90 days"))
    expect(chips).not_to_contain_text("not updated for 90 days")
    drive.idle(page)
    left = len(app.records(active=True))
    assert left >= 150
    hand.press(drive.bar(page).get_by_role("button", name=f"Pick all {left}"))
    drive.expect_picked(page, left)
    deactivate(hand, left)
    hand.press(page.get_by_role("button", name="Let it go on"))
    read_the_records(hand, left)
    assert len(app.calls("deactivate")) == 3 + left

    # find when and by whom a customer was deactivated
    hand.press(page.get_by_test_id("stSidebar").get_by_role("link", name="Runs"))
    expect(drive.heading(page, "Runs")).to_be_visible()
    hand.write(page.get_by_role("searchbox", name="Search the runs"), gone)
    told = drive.named(page, "What runs did")
    expect(told).to_contain_text(gone)
    first = app.runs()[-1]
    assert drive.text_at(told, "By", 0) == first.operator
    assert drive.text_at(told, "When", 0).startswith(f"{first.created_at:%Y-%m-%d %H:}")
