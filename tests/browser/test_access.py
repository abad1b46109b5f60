"""Every page for every eye and hand: what axe-core finds, where the focus goes, which keys work, what is announced."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser import drive
from tests.browser.conftest import App, OpenPage, until

#: What only Streamlit 1.67 itself can mend: the rule, and what is in the HTML of the part at fault.
STREAMLITS = {
    # The zone onto which files are dropped has the role "presentation" and a name all the same.
    ("presentation-role-conflict", "stFileUploaderDropzone"),
}


@pytest.fixture(scope="module")
def settings() -> str:
    return "[canary]\nfrom_size = 10\nsteps = 3\n"


@dataclass
class Auditor:
    """Looks at a page in both themes, and keeps what it finds and the title that the tab had.

    All rules look at it in the light; in the dark those of colours, which alone can find something else there.
    """

    page: Page
    axe: Axe = field(default_factory=Axe)
    found: list[str] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)

    def look(self, state: str) -> None:
        drive.idle(self.page)
        self.titles[state] = self.page.title()
        violations = {"resultTypes": ["violations"]}
        colours = {**violations, "runOnly": ["color-contrast", "link-in-text-block"]}
        for scheme, rules in (("dark", colours), ("light", violations)):
            drive.paint(self.page, scheme)
            for fault in self.axe.run(self.page, options=rules).response["violations"]:
                for node in fault["nodes"]:
                    if not any(fault["id"] == rule and part in node["html"] for rule, part in STREAMLITS):
                        why = "; ".join(found["message"] for found in (*node["any"], *node["all"], *node["none"]))
                        self.found.append(f"{state}, {scheme}: {fault['id']}: {node['html'][:200]}: {why}")


def test_axe_finds_nothing_that_this_app_can_mend(app: App, page: Page) -> None:
    seen = Auditor(page)
    table = drive.customers(page, app.url, "?status=active")
    drive.tick_rows(page, (0, 2))
    seen.look("customers")
    drive.open_row(table, 0)
    expect(page.get_by_role("dialog").get_by_test_id("stCode").first).to_be_visible()
    seen.look("a record")
    drive.close(page)
    expect(drive.show_picks(page)).to_contain_text("picked")
    seen.look("the picks")
    drive.close(page)
    drive.more_filters(page)
    seen.look("more filters")
    drive.more_filters(page, show=False)
    drive.ask_rules(page, "dormant")
    seen.look("customers by rules")
    drive.open_row(table, 0)
    expect(drive.named(page, "What each question answers")).to_be_visible()
    seen.look("a record by rules")
    drive.close(page)
    page.get_by_role("button", name="Rules", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Ask these rules")).to_be_visible()
    seen.look("the editor of rules")
    drive.close(page)
    drive.ask_rules(page, "None")
    for popover in ("View", "Export"):
        page.get_by_role("button", name=popover, exact=True).click()
        expect(page.get_by_role("button", name=popover, exact=True)).to_have_attribute("aria-expanded", "true")
        seen.look(popover)
        page.keyboard.press("Escape")
    drive.bar(page).get_by_role("button", name="Pick from a list").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Ids or names").fill(f"cus_123\n{app.active_ids(1)[0]}")
    dialog.get_by_label("Ids or names").press("Control+Enter")
    expect(dialog.get_by_role("button", name="Pick 1 customer")).to_be_enabled()
    seen.look("a list")
    dialog.get_by_label("Ids or names").fill("id,decision,Customer ID\n" + ",keep,".join(app.active_ids(2)))
    dialog.get_by_label("Ids or names").press("Control+Enter")
    expect(drive.named(dialog, "First rows of the list")).to_be_visible()
    seen.look("a list that is asked about")
    drive.close(page)
    page.get_by_role("button", name="Saved views").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Save this view")).to_be_visible()
    seen.look("the saved views")
    drive.close(page)
    drive.search(page, "nobody has this name")
    drive.expect_shown(page, "0")
    seen.look("no customer matches")
    page.get_by_role("button", name="Clear all").click()
    drive.expect_shown(page, "250")

    drive.review(page, 2)
    seen.look("the review")
    drive.say_why(page, "Contract ended", "OPS-1841")
    dialog = drive.ask(page, 2)
    seen.look("the confirmation")
    drive.type_confirmation(dialog, "2")
    drive.go_button(dialog, 2).click()
    drive.on_run(page)
    drive.expect_state(page, "Finished")
    seen.look("a finished run")
    drive.go_to(page, "Customers")
    drive.pick_ids(page, app.active_ids(12))
    drive.review(page, 12)
    drive.say_why(page, "Contract ended")
    drive.confirm(page, "12", 12)
    drive.expect_state(page, "waiting for you")
    seen.look("a run that holds")
    page.get_by_role("button", name="Let it go on").click()
    drive.expect_state(page, "Finished")
    page.get_by_role("button", name="Undo…").click()
    expect(drive.heading(page, "Reactivate 12 customers")).to_be_visible()
    seen.look("the review of an undo")
    drive.go_to(page, "Runs")
    seen.look("runs")
    page.get_by_role("searchbox", name="Search the runs").fill(app.active_ids(1)[0])
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing was found for")).to_be_visible()
    seen.look("no run was found")
    drive.go_to(page, "Compare")
    seen.look("compare")
    drive.go_to(page, "Overview")
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg")).to_have_count(6)
    seen.look("overview")
    drive.go_to(page, "Connection")
    seen.look("connection")
    page.goto(f"{app.url}/runs?run=run_0000000000000000")
    expect(page.get_by_text("The journal knows no such run")).to_be_visible()
    seen.look("no such run")

    assert not seen.found, "\n".join(seen.found)
    assert seen.titles["customers"] == "Customers · Express Ops"
    assert seen.titles["a finished run"] == "Deactivate 2 customers: Finished · Express Ops"
    pages = {state: seen.titles[state] for state in ("customers", "the review", "runs", "overview", "connection")}
    assert len({*pages.values(), seen.titles["a finished run"], seen.titles["a run that holds"]}) == 7


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
