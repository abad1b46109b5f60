"""The table of customers as people use it: many ticks at once, quick ones, the keyboard, wider columns, far rows, copying."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import drive
from tests.browser.conftest import App, OpenPage, StartApp, Watch, until
from tests.browser.line import Line


@pytest.fixture
def table(app: App, page: Page) -> Locator:
    """The table of the active customers, those longest without an update first."""
    return drive.customers(page, app.url, "?status=active")


def names(app: App, page: Page) -> list[str]:
    """The picks' names, in the order picked."""
    return [app.record(customer_id)["expressCustomerName"] for customer_id in drive.picked_ids(page)]


def test_shift_ticks_all_rows_from_the_last_one_ticked(app: App, page: Page, table: Locator) -> None:
    listed = [drive.text_at(table, "Customer", row) for row in range(8)]
    drive.box(table, 5).click()
    drive.box(table, 2).click(modifiers=["Shift"])
    drive.expect_picked(page, 4)
    assert names(app, page) == [listed[5], *listed[2:5]]
    drive.box(table, 3).click()
    drive.box(table, 7).click(modifiers=["Shift"])  # as the last one was, unticked or ticked: this ticks
    drive.expect_picked(page, 6)
    assert drive.ticked(table) == [2, 3, 4, 5, 6, 7]
    drive.box(table, 4).click(modifiers=["Shift"])
    drive.expect_picked(page, 2)
    assert drive.ticked(table) == [2, 3]


def test_the_box_in_the_header_ticks_the_rows_of_this_page_and_no_others(page: Page, table: Locator) -> None:
    every = page.get_by_role("checkbox", name="Pick all rows of this page")
    drive.box(table, 1).check()
    expect(every).to_have_js_property("indeterminate", True)
    every.check()
    drive.expect_picked(page, 100)
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text("Rows 101 to 200")).to_be_visible()
    drive.idle(page)
    expect(every).not_to_be_checked()
    assert drive.ticked(table) == []
    page.get_by_role("button", name="Previous page").click()
    expect(every).to_be_checked()
    every.uncheck()
    drive.expect_picked(page, 0)


def test_ticks_that_are_quicker_than_the_server_all_count_and_stay_as_made(app: App, page: Page) -> None:
    """What the server draws meanwhile knows of the first one only: it takes none of the others back."""
    line = Line(page)
    table = drive.customers(page, app.url, "?status=active")
    listed = [drive.text_at(table, "Customer", row) for row in range(10)]
    line.holding = True
    for row in range(6):
        drive.box(table, row).check()
    drive.box(table, 4).uncheck()
    line.let_go_of_a_drawing()
    expect(drive.bar(page)).not_to_contain_text("Nothing picked")
    assert drive.ticked(table) == [0, 1, 2, 3, 5]
    line.let_go()
    drive.expect_picked(page, 5)
    assert drive.ticked(table) == [0, 1, 2, 3, 5]
    assert names(app, page) == [*listed[:4], listed[5]]


def test_after_a_visit_to_another_page_ticks_count_as_before(page: Page, table: Locator) -> None:
    drive.tick_rows(page, (0, 1))
    drive.go_to(page, "Runs")
    drive.go_to(page, "Customers")
    assert drive.ticked(table) == [0, 1]
    drive.tick_rows(page, (2,), already=2)


def test_where_the_server_has_forgotten_the_session_the_table_shows_no_tick_of_it(
    start_app: StartApp, page: Page, watch: Watch
) -> None:
    """As after the sleep of a laptop. A tick is shown before the server has heard of it, but not where it never will."""
    app = start_app("--server.disconnectedSessionTTL", "0")
    line = Line(page)
    table = drive.customers(page, app.url)
    drive.box(table, 1).check()
    drive.expect_picked(page, 1)
    line.holding = True
    drive.box(table, 2).check()
    assert drive.ticked(table) == [1, 2]
    line.tear()
    drive.expect_picked(page, 0)
    drive.idle(page)
    assert drive.ticked(table) == []
    drive.tick_rows(page, (3,))
    watch.errors.clear()  # the page said that the line was torn


def test_the_keyboard_goes_from_cell_to_cell_ticks_opens_and_sorts(app: App, page: Page, table: Locator) -> None:
    listed = [drive.text_at(table, "Customer", row) for row in range(20)]
    focused = table.locator(":focus")
    drive.box(table, 0).focus()
    page.keyboard.press("Space")
    for _ in range(18):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")  # all between, too
    drive.expect_picked(page, 19)
    assert names(app, page) == listed[:19]
    expect(drive.box(table, 18)).to_be_in_viewport()

    drive.box(table, 18).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")  # ticks on a name as well, and opens nothing
    drive.expect_picked(page, 18)
    expect(focused).to_have_text(listed[18])  # after the table was drawn anew
    page.keyboard.press("End")
    expect(focused).to_have_text(re.compile("^cus_"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(listed[18])
    drive.close(page)
    expect(focused).to_have_text(listed[18])  # the dialog has given the focus back

    page.keyboard.press("Control+Home")
    expect(focused).to_have_role("checkbox")
    page.keyboard.press("PageDown")
    page.keyboard.press("PageUp")
    expect(drive.box(table, 0)).to_be_focused()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    drive.expect_sorted(table, "Users")
    page.keyboard.press("Enter")  # the header has kept the focus
    drive.expect_sorted(table, "Users", "descending")

    page.keyboard.press("Tab")
    expect(focused).to_have_count(0)  # one Tab stop for all of it
    page.keyboard.press("Shift+Tab")
    expect(focused).to_have_text("Users")


def test_a_key_never_hits_the_customer_that_came_instead_of_another(page: Page, table: Locator) -> None:
    drive.box(table, 1).focus()
    drive.search(page, "imaging")
    drive.box(table, 1).focus()
    before = drive.text_at(table, "Customer", 1)
    page.get_by_role("radiogroup", name="Status").get_by_role("radio", name="Inactive").evaluate("radio => radio.click()")
    expect(drive.cell(table, "Customer", 1)).not_to_have_text(before)
    drive.idle(page)
    page.keyboard.press("Space")
    expect(table.get_by_role("checkbox", checked=True)).to_have_count(0)
    drive.expect_picked(page, 0)


def test_a_click_that_a_new_list_came_under_hits_nobody(page: Page, table: Locator) -> None:
    """Of two customers in the same place, one when the button went down and one when it came up, none is meant for certain."""
    before = drive.text_at(table, "Customer", 1)
    drive.box(table, 1).hover()
    page.mouse.down()
    page.get_by_role("radiogroup", name="Status").get_by_role("radio", name="Inactive").evaluate("radio => radio.click()")
    expect(drive.cell(table, "Customer", 1)).not_to_have_text(before)
    drive.idle(page)
    page.mouse.up()
    expect(table.get_by_role("checkbox", checked=True)).to_have_count(0)
    drive.box(table, 2).click()  # the next one counts, and it alone
    drive.expect_picked(page, 1)
    assert drive.ticked(table) == [2]


def test_rows_far_down_come_into_sight_and_can_be_ticked(page: Page, table: Locator) -> None:
    frame = table.locator("xpath=..")
    frame.evaluate("frame => frame.scrollTo(0, 60 * 32)")
    drive.box(table, 65).check()
    drive.expect_picked(page, 1)
    frame.evaluate("frame => frame.scrollTo(0, 0)")
    frame.evaluate("frame => frame.scrollTo(0, 60 * 32)")
    expect(drive.box(table, 65)).to_be_checked()
    expect(drive.box(table, 64)).not_to_be_checked()
    drive.sort_by(table, "Customer")
    assert frame.evaluate("frame => frame.scrollTop") == 0


def test_the_table_grows_with_the_window_and_the_pager_is_always_in_sight(start_app: StartApp, page: Page) -> None:
    table = drive.customers(page, start_app().url)  # of its own: no picks of before are offered
    parts = (table.locator("xpath=.."), page.locator(".st-key-pager"), drive.bar(page))

    def edges() -> list[float]:
        boxes = [part.bounding_box() or {} for part in parts]
        return [edge for box in boxes for edge in (box["y"], box["y"] + box["height"])]

    heights = []
    for width, height in ((1280, 800), (1600, 1000)):
        page.set_viewport_size({"width": width, "height": height})
        until(lambda: edges() == sorted(edges()), "nothing lay over anything else")
        top, bottom, below = edges()[:3]
        assert below - bottom < 40, "no space is left empty"
        heights.append(bottom - top)
    assert heights[1] - heights[0] == pytest.approx(200, abs=1)
    page.set_viewport_size({"width": 760, "height": 700})
    for part in (*parts, table.get_by_role("columnheader", name="Customer")):
        expect(part).to_be_in_viewport()


@pytest.mark.parametrize("width", [760, 1024, 1280])
def test_the_end_of_the_table_with_its_scroll_bar_lies_above_the_pager_at_every_width(
    app: App, open_page: OpenPage, width: int
) -> None:
    page = open_page(width=width, height=1300)
    frame = drive.customers(page, app.url).locator("xpath=..")

    def room() -> float:
        pager, table = page.locator(".st-key-pager").bounding_box() or {}, frame.bounding_box() or {}
        return pager["y"] - table["y"] - table["height"]

    until(lambda: 0 < room() < 40, "the table ended above the pager")
    drive.tick_rows(page, range(2))  # the bar of picks gets longer, and wraps
    until(lambda: 0 < room() < 40, "the table ended above the pager")
    for shown in (True, False):
        drive.more_filters(page, show=shown)
        until(lambda: 0 < room() < 40, "the table ended above the pager")


#: What of a part's words ends in another place than its box does.
_CUT = """part => [...part.querySelectorAll("*")]
    .filter((it) => it.innerText?.trim() && it.clientWidth > 1 && it.scrollWidth > it.clientWidth + 1)
    .map((it) => it.innerText)"""


@pytest.mark.parametrize("width", [760, 1280, 1600])
def test_rows_stay_in_sight_below_the_further_filters_of_which_nothing_is_cut(
    app: App, open_page: OpenPage, width: int
) -> None:
    page = open_page(width=width, height=900)
    table = drive.customers(page, app.url)
    drive.tick_rows(page, range(2))
    drive.more_filters(page)
    page.get_by_test_id("stMain").evaluate("part => part.scrollTo(0, 0)")

    def above_the_pager() -> int:
        end = (page.locator(".st-key-pager").bounding_box() or {})["y"]
        boxes = [drive.box(table, row).bounding_box() or {} for row in range(4)]
        return sum(box["y"] + box["height"] < end for box in boxes)

    until(lambda: above_the_pager() >= 3, "rows of the table were in sight")
    assert page.locator(".st-key-more").evaluate(_CUT) == []
    keys = page.get_by_role("combobox", name="Metadata", exact=True)
    keys.click(trial=True)
    keys.fill("contract")
    page.get_by_role("option", name="contract", exact=True).click()
    drive.close_list(page)  # behind which all else is hidden
    expect(page.get_by_role("combobox", name="contract", exact=True)).to_be_attached()
    until(lambda: above_the_pager() >= 1, "a row of the table was in sight below the values of a key")


def test_a_column_is_made_wider_and_stays_so_while_rows_come_and_go(page: Page, table: Locator) -> None:
    header = table.get_by_role("columnheader", name="Customer", exact=True)
    before = header.bounding_box() or {}
    edge = before["x"] + before["width"] - 2
    page.mouse.move(edge, before["y"] + 10)
    page.mouse.down()
    page.mouse.move(edge + 90, before["y"] + 10, steps=3)
    page.mouse.up()
    assert (header.bounding_box() or {})["width"] == pytest.approx(before["width"] + 90, abs=2)
    drive.sort_by(table, "Users")
    assert (header.bounding_box() or {})["width"] == pytest.approx(before["width"] + 90, abs=2)
    assert (drive.cell(table, "Customer", 3).bounding_box() or {})["width"] == pytest.approx(before["width"] + 90, abs=2)


def test_the_name_and_the_tick_stay_in_sight_when_the_table_is_scrolled_sideways(page: Page, table: Locator) -> None:
    left = (drive.cell(table, "Customer", 2).bounding_box() or {})["x"]
    table.locator("xpath=..").evaluate("frame => frame.scrollTo(600, 0)")
    expect(drive.cell(table, "Id", 2)).to_be_in_viewport()
    assert (drive.cell(table, "Customer", 2).bounding_box() or {})["x"] == pytest.approx(left, abs=1)
    drive.box(table, 2).check()
    drive.expect_picked(page, 1)


def test_a_click_on_an_id_marks_it_whole_to_be_copied(app: App, page: Page, table: Locator) -> None:
    customer_id = drive.text_at(table, "Id", 1)
    drive.cell(table, "Id", 1).click()
    assert page.evaluate("getSelection().toString()") == customer_id
    assert app.record(customer_id)
