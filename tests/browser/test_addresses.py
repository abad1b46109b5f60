"""An address shows what it says, whatever happens on the page later; back and forward go where they should."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

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


def test_four_customers_under_their_own_link_are_four_and_no_name_stands_in_it(app: App, page: Page) -> None:
    drive.customers(page, app.url)
    page.get_by_role("radio", name="Active", exact=True).click()
    drive.choose(page, "Users", "None")
    drive.choose(page, "Not updated for", "1 year")
    expect(_chips(page)).to_contain_text("not updated for 365 days")
    assert page.evaluate("location.search") == "?status=active&users=0-0&days=365"
    drive.search(page, "radiology")
    expect(_chips(page)).to_contain_text("text “radiology”")
    page.wait_for_url("**/?view=*")
    drive.idle(page)
    address, count = page.evaluate("location.href"), _count(page)
    assert "radiology" not in address
    other = page.context.new_page()
    other.goto(address)
    drive.loaded(other)
    drive.expect_shown(other, count)
    for chip in ("text “radiology”", "active", "no users", "not updated for 365 days"):
        expect(_chips(other).get_by_role("button", name=chip)).to_be_visible()


def test_back_and_forward_return_to_what_was_on_the_page(app: App, page: Page) -> None:
    """From the review, too: it used to show everybody, beside *Pick all*."""
    table = drive.customers(page, app.url)
    page.get_by_role("radio", name="Active", exact=True).click()
    page.wait_for_url("**/?status=active")
    drive.idle(page)
    page.get_by_role("button", name="Next page").click()
    page.wait_for_url("**/?status=active&page=2")
    drive.search(page, "radiology")
    expect(_chips(page)).to_contain_text("text “radiology”")
    drive.idle(page)
    drive.sort_by(table, "Customer")
    page.wait_for_url("**/?view=*")
    drive.idle(page)
    count, address = _count(page), page.evaluate("location.href")
    page.get_by_role("button", name=f"Pick all {count}").click()
    drive.review(page, int(count))

    page.go_back()
    drive.expect_shown(page, count)
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("radiology")
    drive.expect_sorted(table, "Customer")
    assert page.evaluate("location.href") == address
    page.go_back()  # from Streamlit's own entry, which it makes where a button opens a page
    page.go_back()
    drive.expect_sorted(table, "Updated")
    drive.expect_shown(page, count)
    page.go_back()
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("")
    expect(page.get_by_role("radio", name="Active", exact=True)).to_be_checked()
    expect(page.get_by_text("Rows 101 to ")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Rows 1 to 100 of ")).to_be_visible()
    expect(page.get_by_role("radio", name="Active", exact=True)).to_be_checked()
    page.go_back()
    drive.expect_shown(page, "250")
    expect(page.get_by_role("radio", name="All", exact=True)).to_be_checked()
    for _ in range(4):
        page.go_forward()
        drive.idle(page)
    drive.expect_shown(page, count)
    drive.expect_sorted(table, "Customer")
    drive.go_to(page, "Runs")
    drive.go_to(page, "Customers")  # by a link: as it was left
    drive.expect_shown(page, count)
    assert page.evaluate("location.href") == address


def test_back_and_forward_return_to_what_was_looked_for_among_the_runs(app: App, page: Page) -> None:
    run = drive.deactivate(page, app.url, app.active_ids(2), typed="2")
    drive.expect_state(page, "Finished")
    drive.go_to(page, "Runs")
    finished = page.get_by_role("radio", name="Finished", exact=True)
    finished.click()
    page.wait_for_url("**/runs?state=finished")
    search = page.get_by_role("searchbox", name="Search the runs")
    search.fill(run)
    search.press("Enter")
    page.wait_for_url("**/runs?view=*")
    drive.idle(page)
    drive.follow(drive.table(page), 0)
    page.wait_for_url(f"**/runs?run={run}")
    expect(drive.heading(page, "Deactivate 2 customers")).to_be_visible()
    drive.idle(page)
    page.go_back()
    expect(search).to_have_value(run)
    drive.idle(page)
    page.go_back()
    expect(search).to_have_value("")
    expect(finished).to_be_checked()
    drive.idle(page)
    page.go_back()
    page.wait_for_url(re.compile("/runs$"))
    expect(finished).not_to_be_checked()
    drive.idle(page)
    page.go_forward()
    expect(finished).to_be_checked()


def test_an_address_that_is_not_known_shows_nobody_until_somebody_asks_for_all(app: App, page: Page) -> None:
    drive.visit(page, f"{app.url}/?view=forged", "Customers")
    expect(page.get_by_text("not known here")).to_be_visible()
    expect(page.get_by_role("table")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^Pick all"))).to_have_count(0)
    page.get_by_role("button", name="Show all customers").click()
    drive.expect_shown(page, "250")
    page.wait_for_url(f"{app.url}/")
    page.go_back()
    expect(page.get_by_text("not known here")).to_be_visible()


def _chips(page: Page) -> Locator:
    return page.locator(".st-key-chips")


def _count(page: Page) -> str:
    """How many customers are on show."""
    found = re.match(r"\s*([\d,]+) of", _chips(page).text_content() or "")
    assert found
    return found[1]


def _rerun(page: Page) -> None:
    """Any click makes the whole page run again."""
    page.get_by_role("button", name="Reload").click()
    drive.loaded(page)
