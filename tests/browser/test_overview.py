"""Overview: the mark of a curve is dragged by the mouse, and the table of a chart is reached by the keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser import drive
from tests.browser.conftest import App


def test_the_mark_is_dragged_and_the_rules_get_where_it_was_dropped(app: App, page: Page) -> None:
    drive.visit(page, f"{app.url}/overview", "Overview")
    drive.loaded(page)
    page.get_by_role("button", name=re.compile("^Read the studies")).click()
    expect(page.get_by_role("button", name="Look at them").first).to_be_enabled()
    page.get_by_text("What if the days were others?").click()
    curve, slider = page.locator(".st-key-what_if_curve"), page.get_by_role("slider", name="Number of days")
    mark = curve.locator("svg text").filter(has_text="chosen: ")
    expect(mark).to_have_text(re.compile("^chosen: 365 "))
    told = page.get_by_text(re.compile(r"^By \d+ days?: "))
    expect(told).to_contain_text("By 365 days")
    drive.idle(page)

    told.scroll_into_view_if_needed()  # what stands below the curve: all of it is in sight then
    slider.scroll_into_view_if_needed()
    drawn = curve.locator("svg.marks").element_handle()
    middle = (curve.locator("svg.marks").bounding_box() or {})["y"] + 200
    ends = slider.locator("xpath=ancestor::*[contains(@class,'stSlider')]").bounding_box() or {}

    def at(days: int) -> float:
        """The slider stands in line with the plot."""
        return ends["x"] + 49 + (ends["width"] - 55) * (days - 5) / 1090

    page.mouse.move(at(365), middle)
    page.mouse.down()
    for days in range(365, 85, -20):
        page.mouse.move(at(days), middle)
    page.mouse.move(at(90), middle)
    expect(mark).to_have_text(re.compile("^chosen: 90 "))
    assert "By 365 days" in (told.text_content() or ""), "nothing moves but the mark"
    page.mouse.up()
    expect(told).to_contain_text("By 90 days")
    expect(slider).to_have_value("90")
    assert drawn.evaluate("it => it.isConnected"), "the curve was not drawn anew"

    slider.press("ArrowRight")
    expect(told).to_contain_text("By 95 days")
    expect(mark.last).to_have_text(re.compile("^chosen: 95 "))  # for a moment both curves are there
    expect(mark).to_have_count(1)
    page.get_by_test_id("stExpander").get_by_role("button", name="Rules").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Days without a study or update")).to_have_value("95")
    drive.close(page)


def test_a_chart_has_one_stop_of_the_tab_key_which_leads_to_its_numbers_and_their_customers(app: App, page: Page) -> None:
    drive.visit(page, f"{app.url}/overview", "Overview")
    drive.loaded(page)
    card = page.locator(".st-key-chart-users")
    expect(card.locator("svg.marks")).to_be_visible()
    stops = "it => [...it.querySelectorAll('*')].filter(one => one.tabIndex >= 0 && one.checkVisibility()).length"
    assert card.evaluate(stops) == 1
    card.get_by_role("switch", name="Table").press("Space")
    table = drive.named(page, "Users, a row a bar")
    expect(table).to_be_visible()
    drive.idle(page)
    assert table.evaluate("it => it.parentElement.scrollWidth <= it.parentElement.clientWidth"), "no column is out of sight"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    row, count = drive.text_at(table, "Users", 1), drive.text_at(table, "Customers", 1)
    page.keyboard.press("Enter")
    expect(drive.heading(page, "Customers")).to_be_visible()
    drive.expect_shown(page, count)
    expect(page.locator(".st-key-chips")).to_contain_text(f"Users {row}, ")
