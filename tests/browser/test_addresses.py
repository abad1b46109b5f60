"""An address shows what it says, whatever happens on the page later; back and forward go where they should."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser import drive
from tests.browser.conftest import App


def test_a_run_keeps_its_address_however_it_is_opened_and_left(app: App, page: Page) -> None:
    ids = app.active_ids(2)
    run = drive.deactivate(page, app.url, ids, typed="2")
    drive.expect_state(page, "Finished")
    title = "Deactivate 2 customers"
    stays = page.get_by_test_id("stSidebar").get_by_role("link", name="Deactivate")

    stays.click()  # to the page it stands on, without the run
    expect(page.get_by_text("Nothing is picked yet.")).to_be_visible()
    _rerun(page)
    expect(page.get_by_text("Nothing is picked yet.")).to_be_visible()

    drive.go_to(page, "Runs")
    runs = drive.table(page)
    expect(drive.cell(runs, "State", 0)).to_have_text("Finished")
    drive.follow(runs, 0)
    expect(drive.heading(page, title)).to_be_visible()
    page.wait_for_url(f"**/runs?run={run}")
    _rerun(page)
    expect(drive.heading(page, title)).to_be_visible()

    page.get_by_role("link", name="All runs").click()
    expect(drive.heading(page, "Runs")).to_be_visible()
    page.wait_for_url(re.compile("/runs$"))
    _rerun(page)
    expect(drive.heading(page, "Runs")).to_be_visible()
    page.go_back()
    expect(drive.heading(page, title)).to_be_visible()


def test_filters_without_names_live_in_the_address_and_the_search_does_not(app: App, page: Page) -> None:
    drive.customers(page, app.url)
    page.get_by_role("radio", name="Active", exact=True).click()
    drive.choose(page, "Users", "None")
    drive.choose(page, "Not updated for", "1 year")
    expect(page.locator(".st-key-chips")).to_contain_text("not updated for 365 days")
    drive.search(page, "radiology")
    expect(page.locator(".st-key-chips")).to_contain_text("text “radiology”")
    drive.idle(page)
    address = page.evaluate("location.href")
    assert "radiology" not in address
    shown = page.locator(".st-key-chips").get_by_role("button", name="text “radiology”")
    shown.click()
    expect(shown).to_have_count(0)
    drive.idle(page)
    count = re.match(r"\s*([\d,]+) of", page.locator(".st-key-chips").text_content() or "")
    assert count

    other = page.context.new_page()
    other.goto(address)
    drive.loaded(other)
    drive.expect_shown(other, count[1])
    for chip in ("active", "no users", "not updated for 365 days"):
        expect(other.locator(".st-key-chips").get_by_role("button", name=chip)).to_be_visible()


def _rerun(page: Page) -> None:
    """Any click makes the whole page run again."""
    page.get_by_role("button", name="Reload").click()
    drive.loaded(page)
