"""A drawing of the page arrives whole, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import drive
from tests.browser.conftest import App
from tests.browser.line import Line


def test_a_timer_of_an_earlier_drawing_finds_nobody_who_answers_it(app: App, page: Page) -> None:
    """Where it is answered just after a drawing is over, Streamlit 1.67 loses what of that is not on its way yet."""
    line = Line(page)
    drive.customers(page, app.url)
    drive.idle(page)
    line.holding = True
    page.get_by_role("searchbox", name="Search").fill(app.active_ids(1)[0])
    line.wait_for_a_drawing()
    line.wait_for_timers(2)  # of the drawing that still stands on the page
    assert line.answered_timers == 0
    line.let_go()
    drive.expect_shown(page, "1")
    line.wait_for_timers(1)
    drive.expect_shown(page, "1")


def test_a_page_that_has_arrived_is_not_drawn_again_with_the_sidebar_closed_too(app: App, page: Page) -> None:
    line = Line(page)
    drive.customers(page, app.url)
    page.get_by_test_id("stSidebar").hover()
    page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text("Rows 101 to 200 ")).to_be_visible()
    drive.idle(page)
    drawn = line.drawn
    line.wait_for_timers(2)
    assert line.drawn == drawn
