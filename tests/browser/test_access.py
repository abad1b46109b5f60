"""Every page for every eye and hand: where the focus goes, which keys work, what is announced."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import drive
from tests.browser.conftest import App, OpenPage, until


@pytest.fixture(scope="module")
def settings() -> str:
    return "[canary]\nfrom_size = 10\nsteps = 3\n"


def told(page: Page) -> Locator:
    """What screen readers were told last."""
    return page.locator(".st-key-announce").get_by_role("status")


def test_the_focus_comes_back_to_what_opened_a_record_a_dialog_or_a_page(app: App, page: Page) -> None:
    table = drive.customers(page, app.url)
    opener = table.get_by_role("row").nth(3).get_by_role("button")
    opener.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    drive.close(page)
    expect(opener).to_be_focused()

    pick = drive.bar(page).get_by_role("button", name="Pick from a list")
    pick.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    drive.close(page)
    expect(pick).to_be_focused()

    drive.tick_rows(page, (0,))
    review = drive.bar(page).get_by_role("button", name="Review")
    review.press("Enter")
    expect(drive.heading(page, "Deactivate 1 customer")).to_be_focused()  # a page that is new begins at its title
    expect(told(page)).to_have_text("Deactivate")
    for _ in ("Print or Excel", "the table", "Reason"):
        page.keyboard.press("Tab")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.go_back()
    expect(drive.heading(page, "Customers")).to_be_visible()
    expect(review).to_be_focused()


def test_a_page_that_is_new_begins_at_its_top_and_stays_there_until_somebody_opens_a_record(
    app: App, open_page: OpenPage
) -> None:
    page = open_page(height=500)
    main = page.get_by_test_id("stMain")

    def at() -> float:
        return main.evaluate("part => part.scrollTop")

    drive.customers(page, app.url)
    drive.pick_ids(page, app.active_ids(2))
    drive.review(page, 2)
    for verb in ("Deactivate", "Reactivate"):
        drive.say_why(page, "Contract ended")
        main.evaluate("part => part.scrollTo(0, part.scrollHeight)")
        assert at() > 100
        app.api.sandbox.latency = 0.5  # its page is drawn before it ends
        drive.confirm(page, "2", 2, verb)
        until(lambda: at() == 0, "the page of the run stood at its top")
        drive.expect_state(page, "Finished")
        app.api.sandbox.latency = 0
        if verb == "Deactivate":
            page.get_by_role("button", name="Undo…").click()
            expect(drive.heading(page, "Reactivate 2 customers")).to_be_visible()
            drive.idle(page)
    expect(drive.heading(page, "Reactivate 2 customers")).to_be_focused()
    expect(page.locator(".st-key-record_head")).to_be_attached()
    assert at() == 0
    drive.follow(drive.table(page), 1)
    expect(page.locator(".st-key-record_head")).to_contain_text("Customer 2 of 2")
    until(lambda: at() > 0, "the record came in sight")
    expect(page.locator(".st-key-record_head")).to_be_in_viewport()


def test_search_next_page_and_review_have_a_key_each_that_is_left_alone_behind_a_dialog(app: App, page: Page) -> None:
    drive.customers(page, app.url)
    expect(told(page)).to_have_text("250 of 250 customers, 0 picked")
    search = page.get_by_role("searchbox", name="Search")
    expect(search).to_have_attribute("placeholder", re.compile(r"Ctrl\+K"))
    page.keyboard.press("Control+k")
    expect(search).to_be_focused()

    expect(page.get_by_text("Rows 1 to 100 of 250 · Alt+PageDown: next page")).to_be_visible()
    page.keyboard.press("Alt+PageDown")
    expect(page.get_by_text("Rows 101 to 200 of 250")).to_be_visible()

    drive.tick_rows(page, (0,))
    expect(drive.bar(page)).to_contain_text("Alt+Enter")
    dialog = drive.show_picks(page)
    expect(dialog).to_be_visible()
    page.keyboard.press("Alt+Enter")
    drive.close(page)
    expect(drive.heading(page, "Customers")).to_be_visible()
    page.keyboard.press("Alt+Enter")
    expect(drive.heading(page, "Deactivate 1 customer")).to_be_visible()


def test_counts_picks_and_how_a_run_stands_are_announced_and_never_translated(app: App, page: Page) -> None:
    drive.customers(page, app.url)
    expect(page.locator("html")).to_have_attribute("translate", "no")
    expect(told(page)).to_have_text("250 of 250 customers, 0 picked")
    drive.tick_rows(page, (0,))
    expect(told(page)).to_have_text("250 of 250 customers, 1 picked")
    drive.search(page, "nobody has this name")
    expect(told(page)).to_have_text("0 of 250 customers, 1 picked")
    drive.go_to(page, "Overview")
    expect(told(page)).to_have_text("Overview")
    ids = app.active_ids(1)
    name = app.record(ids[0])["expressCustomerName"]
    drive.deactivate(page, app.url, ids, typed=name)
    expect(told(page)).to_have_text("Deactivate 1 customer: Finished. 1 done, 1 verified.")
    app.api.sandbox.latency = 0.5
    drive.deactivate(page, app.url, app.active_ids(10), typed="10")
    expect(told(page)).to_have_text("Deactivate 10 customers: Running. 0 done, 0 verified.")
    app.api.sandbox.latency = 0
    hold = "Deactivate 10 customers: First steps done, waiting for you. 3 done, 3 verified."
    expect(told(page)).to_have_text(hold)
    page.get_by_role("button", name="Let it go on").click()
    expect(told(page)).to_have_text("Deactivate 10 customers: Finished. 10 done, 10 verified.")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (760, "dark")])
def test_a_rehearsal_and_what_came_of_it_come_in_sight_and_get_the_focus_when_they_open(
    app: App, open_page: OpenPage, width: int, scheme: str
) -> None:
    page = open_page(width=width, height=800, scheme=scheme)
    drive.customers(page, app.url)
    drive.pick_ids(page, app.active_ids(3))
    drive.expect_picked(page, 3)
    drive.review(page, 3)
    page.get_by_role("button", name="Rehearse", exact=True).click()
    start, metrics = page.get_by_role("button", name="Start the rehearsal"), page.locator(".st-key-rehearsal_result")
    expect(page.get_by_role("group", name="Rehearsal", exact=True)).to_be_focused()
    expect(start).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Rehearse", exact=True)).to_be_in_viewport(ratio=1)  # no further than it takes
    start.click()
    expect(page.get_by_role("group", name="Result of the rehearsal")).to_be_focused()
    expect(metrics.get_by_test_id("stMetricValue").first).to_be_in_viewport(ratio=1)


def test_at_1280_by_800_one_thing_scrolls_and_who_why_and_metadata_are_in_sight(app: App, open_page: OpenPage) -> None:
    page = open_page(height=800)
    main = page.get_by_test_id("stMain")

    def fits() -> bool:
        return main.evaluate("part => part.scrollHeight - part.clientHeight") == 0

    table = drive.customers(page, app.url, "?status=active")
    drive.box(table, 0).check()
    drive.box(table, 19).click(modifiers=["Shift"])
    drive.expect_picked(page, 20)
    until(fits, "the page was drawn and fits into the window")
    drive.review(page, 20)
    until(fits, "the page was drawn and fits into the window")
    table = drive.table(page)
    for header in ("Customer", "Evidence", "region", "department"):
        cell = drive.cell(table, header, 0)
        expect(cell).to_be_in_viewport(ratio=1)
        assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth || cell.className === 'text'")
    expect(page.get_by_label("Reason")).to_be_in_viewport()
    expect(main.get_by_role("button", name="Deactivate 20 customers…")).to_be_in_viewport()


def height_of(part: Locator) -> float:
    box = part.bounding_box()
    assert box is not None
    return box["y"] + box["height"] / 2  # where the words stand, with or without room around them


def settled(shown: Locator) -> float:
    """Where it stands once it stands still: what is drawn last may come a moment after the script has ended."""
    seen = [height_of(shown)]
    until(lambda: (seen.append(height_of(shown)) or len(seen) > 5) and len(set(seen[-5:])) == 1, "it stands still")
    return seen[-1]


@pytest.mark.parametrize("width", [760, 1280])
def test_the_connection_is_in_sight_and_every_title_stands_at_one_height(app: App, open_page: OpenPage, width: int) -> None:
    page = open_page(width=width)
    heights = set()
    for address, title in (
        ("", "Customers"),
        ("overview", "Overview"),
        ("deactivate", "Deactivate"),
        ("runs", "Runs"),
        ("connection", "Connection"),
    ):
        drive.visit(page, f"{app.url}/{address}", title)
        badge = page.locator(".st-key-top_line").get_by_text("Test · 127.0.0.1").first
        expect(badge).to_be_in_viewport()
        badge.hover()  # nothing lies over it
        expect(page.locator(".st-key-top_line")).to_have_css("position", "fixed")  # the app's own styles have come
        heights.add(settled(drive.heading(page, title)))
    assert len(heights) == 1
    page.goto(f"{app.url}/runs?run=run_0000000000000000")  # a way back takes no room from what is opened
    expect(page.locator(".st-key-top_line").get_by_role("link", name="All runs")).to_be_visible()
    drive.visit(page, f"{app.url}/connection", "Connection")
    page.mouse.wheel(0, 2000)
    expect(page.locator(".st-key-top_line").get_by_text("Test · ").first).to_be_in_viewport()


def test_the_list_of_runs_follows_one_that_waits_and_is_let_go_on_in_another_tab(app: App, open_page: OpenPage) -> None:
    page, other = open_page(), open_page()
    drive.customers(page, app.url)
    drive.pick_ids(page, app.active_ids(12))
    drive.review(page, 12)
    drive.say_why(page, "Contract ended")
    drive.confirm(page, "12", 12)
    drive.expect_state(page, "waiting for you")
    drive.visit(other, f"{app.url}/runs", "Runs")
    first = drive.table(other).get_by_role("row").nth(1)
    expect(first).to_contain_text("waiting for you")
    page.get_by_role("button", name="Let it go on").click()
    drive.expect_state(page, "Finished")
    expect(first).to_contain_text("Finished")
