"""Picks are customers, not rows: they hold under every filter, sort, page, reload and change of screen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import drive
from tests.browser.conftest import App


@pytest.fixture
def shown(app: App, page: Page) -> Locator:
    """The table of the active customers, those longest without an update first."""
    return drive.customers(page, app.url, "?status=active")


def test_other_rows_in_the_same_place_are_never_picked(app: App, page: Page, shown: Locator) -> None:
    """As in grids that have a key (streamlit#17026), where row positions carry over to other data."""
    names = [drive.text_at(shown, "Customer", row) for row in (2, 4)]
    drive.tick_rows(page, (2, 4))
    ids = drive.picked_ids(page)
    assert [app.record(customer_id)["expressCustomerName"] for customer_id in ids] == names

    drive.sort_by(shown, "Customer")
    _stands_at(shown, 2, other_than=names)
    _ticked_are(shown, names)
    drive.expect_picked(page, 2)
    drive.sort_by(shown, "Customer", "descending")
    _ticked_are(shown, names)
    drive.search(page, "imaging")
    expect(page.locator(".st-key-chips")).to_contain_text("text “imaging”")
    drive.idle(page)
    _ticked_are(shown, names)
    drive.choose(page, "Users", "More than 25")
    expect(page.locator(".st-key-chips")).to_contain_text("26 users or more")
    drive.idle(page)
    _ticked_are(shown, names)
    assert drive.picked_ids(page) == ids

    drive.review(page, 2)
    reviewed = drive.table(page)
    assert {drive.text_at(reviewed, "Customer", row) for row in (0, 1)} == set(names)
    drive.say_why(page, "Contract ended")
    before = len(app.calls("deactivate"))
    drive.confirm(page, "2", 2)
    drive.expect_state(page, "Finished")
    assert sorted(called for _, called in app.calls("deactivate")[before:]) == sorted(ids)


def test_picks_hold_over_filters_pages_reloads_and_other_screens(app: App, page: Page, shown: Locator) -> None:
    drive.tick_rows(page, (0, 1))
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text("Rows 101 to 200")).to_be_visible()
    drive.idle(page)
    expect(shown.locator("tr[aria-selected=true]")).to_have_count(0)
    drive.tick_rows(page, (3,), already=2)
    ids = drive.picked_ids(page)
    assert len(set(ids)) == 3

    drive.search(page, ids[2])
    drive.expect_shown(page, "1")
    expect(drive.bar(page)).to_contain_text("2 hidden by filters")
    expect(shown.locator("tr[aria-selected=true]")).to_have_count(1)
    drive.reload(page, app)
    for name, title in (("Overview", "Overview"), ("Runs", "Runs"), ("Deactivate", "Deactivate 3 customers")):
        drive.go_to(page, name, title)
    drive.go_to(page, "Customers")
    drive.expect_shown(page, "1")  # the search is still there, too
    expect(drive.bar(page)).to_contain_text("2 hidden by filters")
    assert drive.picked_ids(page) == ids

    page.get_by_role("button", name="Clear all").click()
    drive.expect_shown(page, "250")
    expect(drive.bar(page)).not_to_contain_text("hidden")
    assert drive.picked_ids(page) == ids


def test_a_header_sorts_all_customers_not_only_the_page_in_sight(app: App, page: Page, shown: Locator) -> None:
    counts = sorted((r["userCount"] for r in app.records(active=True)), reverse=True)
    drive.sort_by(shown, "Users")
    drive.sort_by(shown, "Users", "descending")
    for row in range(5):
        expect(drive.cell(shown, "Users", row)).to_have_text(str(counts[row]))


def test_all_that_match_are_picked_at_once_and_a_tick_takes_one_out(app: App, page: Page, shown: Locator) -> None:
    drive.choose(page, "Users", "None")
    expect(page.locator(".st-key-chips")).to_contain_text("no users")
    drive.idle(page)
    matching = [r["expressCustomerId"] for r in app.records(active=True) if not r["userCount"]]
    drive.expect_shown(page, str(len(matching)))
    drive.bar(page).get_by_role("button", name=f"Pick all {len(matching)}").click()
    drive.expect_picked(page, len(matching))
    assert sorted(drive.picked_ids(page)) == sorted(matching)
    gone = drive.text_at(shown, "Customer", 1)
    drive.box(shown, 1).uncheck()
    drive.expect_picked(page, len(matching) - 1)
    left = drive.picked_ids(page)
    assert [app.record(customer_id)["expressCustomerName"] for customer_id in set(matching) - set(left)] == [gone]

    drive.bar(page).get_by_role("button", name="Clear").click()
    drive.expect_picked(page, 0)
    expect(shown.locator("tr[aria-selected=true]")).to_have_count(0)
    expect(drive.bar(page).get_by_role("button", name="Review")).to_be_disabled()


def test_a_list_is_asked_which_rows_it_means_and_shows_whom_it_found_before_any_is_picked(
    app: App, page: Page, shown: Locator
) -> None:
    ids = [r["expressCustomerId"] for r in app.records(active=True)][20:24]
    rows = [
        f"Somebody,{customer_id},{what}" for customer_id, what in zip(ids, ("close", "close", "close", "keep"), strict=True)
    ]
    text = "\n".join(["name,customer_id,decision", *rows])
    drive.bar(page).get_by_role("button", name="Pick from a list").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files({"name": "ids.csv", "mimeType": "text/csv", "buffer": text.encode()})
    expect(dialog).to_contain_text("A column looks like a decision")
    dialog.get_by_role("combobox", name="decision: which rows are meant?").click()
    page.get_by_role("option", name="close: 3 rows").click()
    page.keyboard.press("Escape")  # closes the choices, not the dialog
    expect(dialog).to_contain_text("4 rows: 3 found · 1 not meant")
    drive.expect_picked(page, 0)
    dialog.get_by_role("button", name="Pick 3 customers").click()
    drive.expect_picked(page, 3)
    assert drive.picked_ids(page) == ids[:3]


def test_the_list_of_picks_shows_what_filters_hide_and_takes_picks_out(app: App, page: Page, shown: Locator) -> None:
    drive.tick_rows(page, (0, 1, 2))
    ids = drive.picked_ids(page)
    drive.search(page, ids[0])
    drive.expect_shown(page, "1")
    drive.show_picks(page)
    dialog = page.get_by_role("dialog")
    listed = drive.named(dialog, "Picked customers")
    expect(drive.cell(listed, "Shown", 0)).to_have_text("")
    expect(drive.cell(listed, "Shown", 1)).to_have_text("hidden by filters")
    drive.box(listed, 1).check()
    dialog.get_by_role("button", name="Unpick 1 customer").click()
    expect(dialog).to_contain_text("2 picked")
    expect(page.locator("[role=dialog]:focus, [role=dialog] :focus")).to_have_count(1)  # on the page's body Escape is lost
    drive.close(page)
    drive.expect_picked(page, 2)
    assert drive.picked_ids(page) == [ids[0], ids[2]]

    drive.review(page, 2)  # and rows can still be taken out there
    drive.box(drive.table(page), 0).check()
    page.get_by_role("button", name="Remove 1 customer").click()
    expect(drive.heading(page, "Deactivate 1 customer")).to_be_visible()


def test_already_inactive_picks_are_set_aside_and_never_called(app: App, page: Page, shown: Locator) -> None:
    page.get_by_role("button", name="Clear all").click()
    drive.expect_shown(page, "250")
    inactive = next(r for r in app.records(active=False))
    active = next(r for r in app.records(active=True))
    for record in (inactive, active):
        drive.search(page, record["expressCustomerId"])
        drive.expect_shown(page, "1")
        drive.idle(page)
        drive.bar(page).get_by_role("button", name="Pick all 1").click()
        expect(drive.bar(page)).to_contain_text("picked")
    drive.expect_picked(page, 2)
    drive.bar(page).get_by_role("button", name="Review 2 customers").click()
    expect(drive.heading(page, "Deactivate 1 customer")).to_be_visible()
    expect(page.get_by_text("1 customer already inactive, set aside")).to_be_visible()
    drive.say_why(page, "Contract ended")
    drive.confirm(page, active["expressCustomerName"], 1)
    drive.expect_state(page, "Finished")
    assert inactive["expressCustomerId"] not in {called for _, called in app.calls("deactivate")}


def _stands_at(table: Locator, row: int, *, other_than: list[str]) -> None:
    for name in other_than:
        expect(drive.cell(table, "Customer", row)).not_to_have_text(name)


def _ticked_are(table: Locator, names: list[str]) -> None:
    """Whatever is ticked in sight is one of these customers."""
    expect(table.locator("th").first).to_be_attached()
    for row in drive.ticked(table):
        expect(drive.cell(table, "Customer", row)).to_have_text(re.compile("|".join(map(re.escape, names))))


def test_nothing_is_cut_off_of_those_whom_a_list_may_mean(app: App, page: Page) -> None:
    drive.customers(page, app.url)
    names = sorted((one["expressCustomerName"] for one in app.records(active=True)), key=len)[-4:]
    drive.bar(page).get_by_role("button", name="Pick from a list").click()
    dialog = page.get_by_role("dialog")
    box = dialog.get_by_label("Ids or names")
    box.fill("\n".join([*names[1:], f"{names[0]}zz"]))
    box.press("Control+Enter")
    for label in ("Customers that the list found", "Rows with only nearly the name of a customer"):
        table = drive.named(dialog, label)
        expect(table).to_be_visible()
        cut = (
            "part => [...part.querySelectorAll('td')].filter((it) => it.scrollWidth > it.clientWidth).map((it) => it.innerText)"
        )
        assert table.evaluate(cut) == []
        assert ("Alike" in drive.headers(table)) is label.startswith("Rows")  # nothing that is always empty takes room
