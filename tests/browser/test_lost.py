"""A drawing of the page that is lost on its way, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import drive
from tests.browser.conftest import App
from tests.browser.line import Line


def test_a_page_whose_drawing_was_lost_is_drawn_again_by_itself(app: App, page: Page) -> None:
    """As Streamlit 1.67 loses it under load, where a timer of the page asks just after the drawing is over."""
    line = Line(page)
    drive.customers(page, app.url)
    ids = app.active_ids(1)
    line.losing = True
    page.get_by_role("searchbox", name="Search").fill(ids[0])
    line.lose_a_drawing()
    drive.expect_shown(page, "1")
    expect(page.get_by_role("searchbox", name="Search")).to_have_value(ids[0])


def test_a_page_that_has_arrived_is_not_drawn_again_with_the_sidebar_closed_too(app: App, page: Page) -> None:
    line = Line(page)
    drive.customers(page, app.url)
    page.get_by_test_id("stSidebar").hover()
    page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text("Rows 101 to 200 ")).to_be_visible()
    drive.idle(page)
    drawn = line.drawn
    line.wait_for_timers(4)
    assert line.drawn == drawn
