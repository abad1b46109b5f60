"""Picks outlive their tab, in a real browser."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

from playwright.sync_api import Page, expect

from tests.browser import drive
from tests.browser.conftest import App, OpenPage, StartApp, until
from tests.browser.line import Line

OFFER = re.compile(r"2 customers picked at \d\d:\d\d UTC in another tab or before a reload: “Contract ended”")


def test_what_was_picked_before_a_reload_is_offered_there_and_in_a_new_tab_until_one_takes_it(
    app: App, open_page: OpenPage, page: Page
) -> None:
    ids = app.active_ids(2)
    drive.customers(page, app.url)
    drive.pick_ids(page, ids)
    drive.review(page, 2)
    drive.say_why(page, "Contract ended")
    until(lambda: _reasons(app) == ["Contract ended"], "the draft was written")
    page.reload()
    expect(page.get_by_test_id("stMain")).to_contain_text(OFFER)
    expect(page.get_by_text("Nothing is picked in this tab")).to_be_visible()  # offered, not taken
    other = open_page()
    drive.customers(other, app.url)
    expect(drive.bar(other)).to_contain_text(OFFER)
    page.get_by_role("button", name="Take them").click()
    expect(drive.heading(page, "Deactivate 2 customers")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("Contract ended")
    drive.go_to(page, "Customers")
    drive.expect_picked(page, 2)
    expect(drive.bar(page)).not_to_contain_text(OFFER)
    assert drive.picked_ids(page) == ids


def test_a_new_tab_offers_by_itself_what_the_journal_takes_only_after_the_tab_was_drawn(
    start_app: StartApp, open_page: OpenPage, page: Page
) -> None:
    app = start_app()
    drive.customers(page, app.url)
    with closing(sqlite3.connect(app.home / "journal.sqlite", isolation_level=None)) as journal:
        journal.execute("BEGIN IMMEDIATE")  # as a slow one: it tells what it has, and takes nothing new yet
        drive.pick_ids(page, app.active_ids(2))
        drive.expect_picked(page, 2)
        other = open_page()
        drive.customers(other, app.url)
        expect(drive.bar(other)).to_contain_text("Nothing picked yet")
        journal.execute("ROLLBACK")
    expect(drive.bar(other)).to_contain_text("2 customers picked at")


def test_what_was_picked_before_the_network_was_away_for_so_long_that_the_server_forgot_the_tab_is_offered(
    start_app: StartApp, page: Page
) -> None:
    """As after 150 s without network: Streamlit forgets a session 120 s after its line broke, here at once."""
    app = start_app("--server.disconnectedSessionTTL", "0")
    line = Line(page)
    drive.customers(page, app.url)
    drive.pick_ids(page, app.active_ids(2))
    drive.review(page, 2)
    drive.say_why(page, "Contract ended")
    line.wait(lambda: _reasons(app) == ["Contract ended"], "the draft was not written")
    line.tear()
    expect(page.get_by_test_id("stMain")).to_contain_text(OFFER)
    page.get_by_role("button", name="Take them").click()
    expect(drive.heading(page, "Deactivate 2 customers")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("Contract ended")


def _reasons(app: App) -> list[str]:
    with closing(sqlite3.connect(app.home / "journal.sqlite")) as journal:
        return [reason for (reason,) in journal.execute("SELECT reason FROM drafts")]
