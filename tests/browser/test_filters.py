"""The further filters, which lie in a popover, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser import drive
from tests.browser.conftest import App


def test_a_filter_that_was_taken_away_does_not_come_back_with_the_next_click(app: App, page: Page) -> None:
    """What a closed popover holds is not told: the browser kept the choice, and sent it again."""
    drive.customers(page, app.url)
    chips = page.locator(".st-key-chips")
    page.get_by_role("button", name="More filters").click()
    page.get_by_role("combobox", name="Metadata", exact=True).fill("contract")
    page.get_by_role("option", name=re.compile(r"^contract \(")).click()
    expect(chips).to_contain_text("has contract")
    drive.idle(page)
    page.keyboard.press("Escape")  # the list of keys
    page.keyboard.press("Escape")  # what holds it
    expect(page.get_by_role("dialog", name="More filters")).to_be_hidden()

    page.locator(".st-key-clear_filters").get_by_role("button").click()
    drive.expect_shown(page, "250")
    for rows in ("Rows 101 to 200 ", "Rows 201 to 250 "):
        page.get_by_role("button", name="Next page").click()
        expect(page.get_by_text(rows)).to_be_visible()
        drive.idle(page)
        drive.expect_shown(page, "250")
        expect(chips).not_to_contain_text("has contract")
