"""The moves of a person on the pages, and readings of what stands there. Every wait is for something that shows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as NotInTime

from tests.browser.conftest import App, until

#: Streamlit says on its root element whether it is connected and whether a script runs.
_IDLE = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"


def idle(page: Page) -> None:
    """Waits until no script runs. After a click wait for what it brings instead: its run may not have begun."""
    page.locator(_IDLE).wait_for()


#: By colour scheme, the colour of the app's text.
_TEXT = {"light": "rgb(14, 21, 28)", "dark": "rgb(230, 237, 243)"}
#: An animation that is over is told as long as what it left is on show, as a tooltip's is.
_STANDS = """() => document.getAnimations().every((one) =>
    one.playState === "finished" || one.effect.getComputedTiming().iterations === Infinity)"""


def paint(page: Page, scheme: str) -> None:
    """Shows the page in the other colour scheme, as it stands, and waits until it is drawn."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    expect(page.get_by_test_id("stApp")).to_have_css("color", _TEXT[scheme])
    page.wait_for_function(_STANDS)


def heading(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("heading", name=name, level=1)


def visit(page: Page, url: str, title: str | re.Pattern[str]) -> None:
    page.goto(url)
    expect(heading(page, title)).to_be_visible()
    idle(page)


def visit_unfinished(page: Page, url: str, title: str) -> None:
    """A page that goes on drawing itself, because something is under way."""
    page.goto(url)
    expect(heading(page, title)).to_be_visible()


def log_in(page: Page, app_url: str, name: str) -> None:
    """At the provider, which knows the person by that name."""
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_url(f"{app_url}/**")


def go_to(page: Page, name: str, title: str | re.Pattern[str] = "") -> None:
    """Through the sidebar, within the same session."""
    page.get_by_test_id("stSidebar").get_by_role("link", name=name).click()
    expect(heading(page, title or name)).to_be_visible()
    idle(page)


def customers(page: Page, app_url: str, query: str = "") -> Locator:
    """The Customers page with all customers loaded; returns the table."""
    visit(page, f"{app_url}/{query}", "Customers")
    loaded(page)
    return table(page)


def loaded(page: Page) -> None:
    expect(page.get_by_test_id("stSidebar").get_by_text(re.compile(r"customers?,\s+read .*(ago|now)"))).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_role("button", name="Stop")).to_have_count(0)
    idle(page)


def reload(page: Page, app: App) -> None:
    """Reads all customers again, and waits until they are on show."""
    before = len(app.calls("list"))
    page.get_by_role("button", name="Reload").click()
    until(lambda: len(app.calls("list")) > before + (len(app.api.sandbox.store) - 1) // 100, "all pages were read again")
    loaded(page)


def ask_rules(page: Page, name: str) -> None:
    """Chooses a rule set beside the filters, by its name there."""
    page.get_by_role("combobox", name="Rules").click()
    page.get_by_role("option", name=name, exact=True).click()
    expect(page.get_by_role("columnheader", name="Candidate")).to_have_count(0 if name == "None" else 1)
    idle(page)


# --- tables


def table(page: Page) -> Locator:
    """The first table of a page's main part."""
    return page.get_by_test_id("stMain").locator("table[translate=no]").first


def named(part: Page | Locator, label: str) -> Locator:
    """The table of that label, or of one that has it in it, in a page or a part of it."""
    return part.get_by_role("grid", name=label)


def cell(table: Locator, header: str, row: int) -> Locator:
    """The cell under a header, rows from 0."""
    return table.locator(f"tr[aria-rowindex='{row + 2}'] td{_column(table, header)}")


def text_at(table: Locator, header: str, row: int) -> str:
    """What the cell says now: for a table that has been standing."""
    found = cell(table, header, row)
    expect(found).to_be_attached()
    return found.text_content() or ""


def headers(table: Locator) -> list[str]:
    """The headers in sight."""
    found = table.locator("th")
    expect(found.first).to_be_attached()
    return found.all_text_contents()


def _column(table: Locator, header: str) -> str:
    until(lambda: header in headers(table), f"the table had a column {header}")
    return f":nth-child({headers(table).index(header) + 1})"


def box(table: Locator, row: int) -> Locator:
    """The checkbox of a row of the table of customers."""
    return table.locator(f"tr[aria-rowindex='{row + 2}']").get_by_role("checkbox")


def open_row(table: Locator, row: int) -> None:
    """Opens the record of a row of the table of customers."""
    table.locator(f"tr[aria-rowindex='{row + 2}']").get_by_role("button").click()


def follow(table: Locator, row: int) -> None:
    """Opens what the link of a row leads to, by the keyboard."""
    table.locator(f"tr[aria-rowindex='{row + 2}']").get_by_role("link").press("Enter")


def sort_by(table: Locator, header: str, way: str = "ascending") -> None:
    """Clicks a header of the table of customers, and waits until the rows are sorted by it, that way."""
    table.get_by_role("button", name=header, exact=True).click()
    expect_sorted(table, header, way)


def expect_sorted(table: Locator, header: str, way: str = "ascending") -> None:
    expect(table.get_by_role("columnheader", name=header, exact=True)).to_have_attribute("aria-sort", way)
    idle(table.page)


def ticked(table: Locator) -> list[int]:
    """The visible rows that are ticked, from 0."""
    rows = table.locator("tr[aria-selected=true]").all()
    return sorted(int(row.get_attribute("aria-rowindex") or 0) - 2 for row in rows)


# --- the Customers page


def bar(page: Page) -> Locator:
    return page.locator(".st-key-picks_bar")


def expect_picked(page: Page, count: int) -> None:
    expect(bar(page)).to_contain_text(f"{count} picked" if count else "Nothing picked yet")
    expect(page.get_by_test_id("stSidebar").get_by_text(re.compile("^Deactivate"))).to_have_text(
        f"Deactivate · {count} picked" if count else "Deactivate"
    )


def tick_rows(page: Page, rows: Iterable[int], *, already: int = 0) -> None:
    """Ticks rows one after the other, each after the one before has arrived."""
    for number, row in enumerate(rows, start=already + 1):
        box(table(page), row).check()
        expect_picked(page, number)
        idle(page)


def expect_shown(page: Page, count: str) -> None:
    """So many customers match the filters."""
    expect(page.locator(".st-key-chips")).to_contain_text(re.compile(rf"^\s*{re.escape(count)} of "))
    idle(page)


def search(page: Page, text: str) -> None:
    """Types plain, short words into the search and waits until the table has followed, as its chip tells."""
    page.get_by_role("searchbox", name="Search").fill(text)
    expect(page.locator(".st-key-chips")).to_contain_text(f"text “{text}”")
    idle(page)


def more_filters(page: Page, *, show: bool = True) -> None:
    """Shows or hides them, and waits until they stand: what moves would close a list that is opened meanwhile."""
    page.get_by_role("switch", name="More filters").press("Space")  # a click may miss what moves on a page just drawn
    last = page.get_by_role("combobox", name="Without metadata")
    if show:
        last.click(trial=True)  # is uncovered
    else:
        expect(last).to_have_count(0)
    page.locator(".st-key-chips").click(trial=True)  # stands still


def close_list(page: Page) -> None:
    """Closes an open list of options, and waits until it is gone."""
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_have_count(0)
    idle(page)


def choose(page: Page, label: str, option: str) -> None:
    """An option of one of the filters' selects."""
    page.get_by_test_id("stSelectbox").filter(has_text=label).get_by_role("combobox").click()
    page.get_by_role("option", name=option, exact=True).click()


def pick_ids(page: Page, ids: Iterable[str]) -> None:
    """Picks by pasting ids; all of them must be known and active."""
    wanted = list(ids)
    bar(page).get_by_role("button", name="Pick from a list").click()
    dialog = page.get_by_role("dialog")
    box = dialog.get_by_label("Ids or names")
    box.fill("\n".join(wanted))
    box.press("Control+Enter")
    dialog.get_by_role("button", name=_counted("Pick", len(wanted))).click()
    expect(dialog).to_have_count(0)


def show_picks(page: Page) -> Locator:
    """Opens the list of picks; returns the dialog."""
    idle(page)  # a bar that is just being drawn moves its buttons away from under the click
    bar(page).get_by_role("button", name="Show picks").click()
    return page.get_by_role("dialog")


def picked_ids(page: Page) -> list[str]:
    """The picks in the order picked, as the list of picks shows them."""
    dialog = show_picks(page)
    dialog.get_by_text("Ids to copy").click()
    code = dialog.get_by_test_id("stCode").last
    expect(code).to_contain_text("cus_")
    ids = (code.text_content() or "").split()
    close(page)
    return ids


def close(page: Page) -> None:
    idle(page)
    page.keyboard.press("Escape")
    with suppress(NotInTime):
        page.get_by_role("dialog").wait_for(state="detached", timeout=5_000)
    if page.get_by_role("dialog").count():  # Streamlit 1.67 draws it anew in each run: a key that comes just then is lost
        page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    idle(page)


# --- from the picks to the run


def review(page: Page, count: int) -> None:
    bar(page).get_by_role("button", name=_counted("Review", count)).click()
    expect(heading(page, _counted("Deactivate", count))).to_be_visible()
    idle(page)


def say_why(page: Page, reason: str, ticket: str = "") -> None:
    page.get_by_label("Reason").fill(reason)
    if ticket:
        page.get_by_label("Ticket").fill(ticket)
    page.keyboard.press("Tab")
    idle(page)


def ask(page: Page, count: int, verb: str = "Deactivate") -> Locator:
    """Opens the confirmation; returns the dialog."""
    page.get_by_test_id("stMain").get_by_role("button", name=f"{_counted(verb, count)}…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{_counted(verb, count)}?")
    return dialog


def type_confirmation(dialog: Locator, text: str) -> None:
    dialog.get_by_role("textbox").fill(text)


def go_button(dialog: Locator, count: int, verb: str = "Deactivate") -> Locator:
    return dialog.get_by_role("button", name=_counted(verb, count), exact=True)


def confirm(page: Page, typed: str, count: int, verb: str = "Deactivate") -> None:
    """Opens the confirmation, types, confirms, and waits for the run's page."""
    dialog = ask(page, count, verb)
    type_confirmation(dialog, typed)
    button = go_button(dialog, count, verb)
    expect(button).to_be_enabled()
    button.click()
    on_run(page)


def on_run(page: Page) -> str:
    """Waits until the page shows a run; returns its id."""
    expect(page.locator(".st-key-run_head")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.wait_for_function("new URL(location).searchParams.has('run')")
    run_id: str = page.evaluate("new URL(location).searchParams.get('run')")
    return run_id


def deactivate(page: Page, app_url: str, ids: list[str], *, typed: str, reason: str = "Contract ended") -> str:
    """The whole way from pasted ids to the run's page; returns the run's id."""
    customers(page, app_url)
    pick_ids(page, ids)
    expect_picked(page, len(ids))
    review(page, len(ids))
    say_why(page, reason)
    confirm(page, typed, len(ids))
    return on_run(page)


def expect_state(page: Page, state: str) -> None:
    """The run's state: Running, Finished, Paused..."""
    expect(page.locator(".st-key-run_head").get_by_text(re.compile(rf"{state}$"))).to_be_visible()


TOTALS = ("Verified", "Skipped", "Not applied", "Failed", "Unknown", "To do")


def metric(page: Page, label: str) -> Locator:
    """The number of a tile."""
    tile = page.get_by_test_id("stMetric").filter(has=page.get_by_text(label, exact=True))
    return tile.first.get_by_test_id("stMetricValue")  # while tiles come and go, the one before stands there too for a moment


def expect_totals(page: Page, **totals: int) -> None:
    """The run's tiles say exactly this (`not_applied=2`); those not named say 0, or are not there once the run is over."""
    for label in TOTALS:
        number = totals.get(label.lower().replace(" ", "_"), 0)
        if number:
            expect(metric(page, label)).to_have_text(str(number))
        else:
            expect(metric(page, label).filter(has_not_text=re.compile("^0$"))).to_have_count(0)


def _counted(verb: str, count: int) -> str:
    return f"{verb} {count:,} customer{'' if count == 1 else 's'}"
