"""A whole session by the keyboard alone, in a real browser: nothing is clicked, nothing is focused but by keys."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser import drive
from tests.browser.conftest import App

#: Presses of Tab until a part of the page is reached, at most: there is one stop a table, whatever its size.
STOPS = 60


def tab_to(page: Page, wanted: Locator, key: str = "Tab") -> None:
    expect(wanted).to_be_visible()
    for _ in range(STOPS):
        if wanted.evaluate("element => element.matches(':focus-within')"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{STOPS} presses of {key} did not reach {wanted}")


def test_the_idle_are_found_picked_justified_deactivated_read_and_brought_back_without_a_mouse(app: App, page: Page) -> None:
    drive.customers(page, app.url)
    name = app.record(app.active_ids(1)[0])["expressCustomerName"]
    expect(page.locator(".st-key-announce").get_by_role("status")).to_have_text("250 of 250 customers, 0 picked")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-chips")).to_contain_text("text “")
    drive.idle(page)
    table = drive.table(page)
    tab_to(page, table)
    page.keyboard.press("Control+Home")
    expect(drive.box(table, 0)).to_be_focused()
    page.keyboard.press("Space")
    drive.expect_picked(page, 1)

    page.keyboard.press("Alt+Enter")
    expect(drive.heading(page, "Deactivate 1 customer")).to_be_focused()
    tab_to(page, page.get_by_label("Reason"))
    page.keyboard.type("Contract ended")
    page.keyboard.press("Tab")
    page.keyboard.type("OPS-7")
    tab_to(page, page.get_by_role("button", name=re.compile("Deactivate 1 customer")))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    tab_to(page, dialog.get_by_role("textbox"))
    page.keyboard.type(name)
    expect(dialog.get_by_role("button", name="Deactivate 1 customer")).to_be_enabled()
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Keep it active")).to_be_focused()
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Deactivate 1 customer")).to_be_focused()
    page.keyboard.press("Enter")
    expect(drive.heading(page, "Deactivate 1 customer")).to_be_visible()
    expect(page.get_by_test_id("stMain")).to_contain_text("Finished")
    expect(page.get_by_test_id("stMain")).to_contain_text("Contract ended")
    assert [run.totals.verified for run in app.runs()] == [1]

    tab_to(page, page.get_by_role("button", name="Undo"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(drive.heading(page, re.compile("Reactivate 1 customer"))).to_be_visible()
