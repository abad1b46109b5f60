"""Filters that are taken away stay away, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import drive
from tests.browser.conftest import App, until
from tests.browser.line import Line


def _has_contract(page: Page) -> None:
    page.get_by_role("combobox", name="Metadata", exact=True).fill("contract")
    page.get_by_role("option", name="contract", exact=True).click()
    drive.close_list(page)


def _created_by_an_api_key(page: Page) -> None:
    page.get_by_role("button", name="API key", exact=True).click()


def _created_since_2024(page: Page) -> None:
    page.get_by_test_id("stDateInput").filter(has_text="Created from").get_by_role("spinbutton").first.click()
    page.keyboard.type("20240101")
    page.keyboard.press("Escape")  # closes the calendar


def _at_least_three_users(page: Page) -> None:
    page.get_by_label("Users, at least").fill("3")
    page.keyboard.press("Enter")


@pytest.mark.parametrize(
    ("choose", "chip"),
    [
        (_has_contract, "has contract"),
        (_created_by_an_api_key, "created by an API key"),
        (_created_since_2024, "created from"),
        (_at_least_three_users, "3 users or more"),
    ],
    ids=["metadata", "created by", "date", "number"],
)
def test_a_filter_that_was_taken_away_does_not_come_back_with_the_next_click(
    app: App, page: Page, choose: Callable[[Page], None], chip: str
) -> None:
    """A part that holds its widgets only while it is open is not told: the browser would keep the choice, and send it again."""
    drive.customers(page, app.url)
    drive.more_filters(page)
    choose(page)
    expect(page.locator(".st-key-chips")).to_contain_text(chip)
    drive.idle(page)
    drive.more_filters(page, show=False)

    page.locator(".st-key-clear_filters").get_by_role("button").click()
    drive.expect_shown(page, "250")
    for rows in ("Rows 101 to 200 ", "Rows 201 to 250 "):
        page.get_by_role("button", name="Next page").click()
        expect(page.get_by_text(rows)).to_be_visible()
        drive.expect_shown(page, "250")
        expect(page.locator(".st-key-chips")).not_to_contain_text(chip)


def test_a_filter_that_was_taken_away_while_the_list_loads_does_not_come_back(app: App, page: Page) -> None:
    """The sidebar's timer sends all widgets as the browser knows them, and that may be before the answer has arrived there."""
    line = Line(page)
    drive.customers(page, app.url)
    page.get_by_role("radio", name="Active", exact=True).click()
    drive.choose(page, "Users", "None")
    chips = page.locator(".st-key-chips")
    expect(chips).to_contain_text("no users")
    drive.idle(page)

    app.api.sandbox.latency = 2.0
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_test_id("stSidebar").get_by_role("button", name="Stop")).to_be_visible()
    line.holding = True
    page.get_by_role("button", name="Clear all").click()
    line.wait_for_timers(1)
    app.api.sandbox.latency = 0
    read = len(app.calls("list"))
    until(lambda: len(app.calls("list")) > read, "the load went on to its end")
    line.wait_for_timers(3)  # the first after the end draws the page anew
    line.let_go()

    drive.loaded(page)
    drive.expect_shown(page, "250")
    expect(chips).not_to_contain_text("no users")
    expect(page.get_by_role("radio", name="All", exact=True)).to_be_checked()
