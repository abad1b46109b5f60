"""What *View* says about the table, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import drive
from tests.browser.conftest import App


def _choose(page: Page, column: str) -> None:
    page.get_by_role("combobox", name="Sort by").click()
    page.get_by_role("option", name=column, exact=True).click()
    expect(page.get_by_role("listbox")).to_have_count(0)


def test_each_choice_sorts_and_a_click_on_a_header_is_not_taken_back(app: App, page: Page) -> None:
    """A closed popover is not told of the header: the browser would send again what was chosen in it."""
    table = drive.customers(page, app.url)
    page.get_by_role("button", name="View", exact=True).click()
    for column in ("Users", "Status", "Users"):
        _choose(page, column)
        drive.expect_sorted(table, column)
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox", name="Sort by")).to_be_hidden()

    drive.sort_by(table, "Customer")
    for rows in ("Rows 101 to 200 ", "Rows 201 to 250 "):
        page.get_by_role("button", name="Next page").click()
        expect(page.get_by_text(rows)).to_be_visible()
        drive.expect_sorted(table, "Customer")
    page.get_by_role("button", name="View", exact=True).click()
    expect(page.get_by_role("combobox", name="Sort by")).to_have_value("Customer")
