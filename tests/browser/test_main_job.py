"""The main job from the first page to the updated record, as an analyst does it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

from playwright.sync_api import Download, Locator, Page, expect

from tests.browser import drive
from tests.browser.conftest import App, StartApp

REASON = "Contract ended, no studies since 2024"


def test_an_analyst_finds_unused_customers_among_ten_thousand_and_deactivates_three(start_app: StartApp, page: Page) -> None:
    app = start_app(embedded=True)
    drive.customers(page, app.url)
    drive.expect_shown(page, "10,000")
    expect(page.locator(".st-key-top_line")).to_contain_text("Sandbox on this machine")

    page.get_by_role("radio", name="Active", exact=True).or_(
        page.get_by_role("button", name="Active", exact=True)
    ).first.click()
    drive.choose(page, "Users", "None")
    drive.choose(page, "Not updated for", "1 year")
    for chip in ("active", "no users", "not updated for 365 days"):
        expect(page.locator(".st-key-chips").get_by_role("button", name=chip)).to_be_visible()
    expect(page.locator(".st-key-chips")).to_contain_text(re.compile(r"^\s*\d{2,3} of 10,000 customers · 0 users"))

    drive.tick_rows(page, (0, 2, 4))
    ids = drive.picked_ids(page)
    drive.review(page, 3)
    expect(page.get_by_text("0 users affected", exact=True)).to_be_visible()
    assert "Remove all rows of this page" in {box.get_attribute("aria-label") for box in page.get_by_role("checkbox").all()}
    drive.say_why(page, REASON)
    drive.confirm(page, "3", 3)
    drive.expect_state(page, "Finished")
    drive.expect_totals(page, verified=3)

    steps = drive.table(page)
    for row in range(3):
        expect(drive.cell(steps, "State", row)).to_have_text("✓ verified")
        expect(drive.cell(steps, "Status", row)).to_have_text("changed: ● Active → ○ Inactive ◀")
    shown = page.get_by_test_id("stMain").get_by_test_id("stCode").first
    first, second = (drive.text_at(steps, "Id", row) for row in range(2))
    assert {first, second} < set(ids)
    expect(shown).to_have_text(first)  # its record in full is open from the start
    drive.follow(steps, 1)
    expect(shown).to_have_text(second)
    page.get_by_role("button", name="‹ Previous").click()
    expect(shown).to_have_text(first)
    expect(drive.named(page, "Metadata")).to_be_visible()

    drive.go_to(page, "Customers")  # the filters are as they were, and the three are gone from what matches
    drive.expect_picked(page, 0)
    page.get_by_role("button", name="Reload").click()
    drive.loaded(page)
    page.get_by_role("button", name="Clear all").click()
    drive.expect_shown(page, "10,000")
    drive.search(page, ids[0])
    drive.expect_shown(page, "1")
    expect(drive.cell(drive.table(page), "Status", 0)).to_have_text("○ Inactive")


def test_one_customer_goes_through_the_whole_job(app: App, page: Page) -> None:
    wanted = next(record for record in app.records(active=True) if record["userCount"] and record.get("metadata"))
    name, customer_id = wanted["expressCustomerName"], wanted["expressCustomerId"]
    drive.customers(page, app.url)
    drive.search(page, customer_id)
    drive.expect_shown(page, "1")
    drive.open_row(drive.table(page), 0)
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_test_id("stCode").first).to_have_text(customer_id)
    drawer.get_by_role("button", name="Pick this customer").click()
    expect(drawer.get_by_role("button", name="Unpick this customer")).to_be_visible()
    drive.close(page)
    drive.expect_picked(page, 1)

    drive.review(page, 1)
    expect(page.get_by_text(re.compile(rf"^{wanted['userCount']:,} users? affected"))).to_be_visible()
    drive.say_why(page, REASON, "OPS-1841")
    dialog = drive.ask(page, 1)
    expect(dialog).to_contain_text(app.api.base_url.removeprefix("http://"))
    expect(dialog).to_contain_text("a test account")
    expect(dialog).to_contain_text("No new studies and no new users can be assigned to it")
    expect(dialog).to_contain_text("you can reactivate it from Runs")
    expect(dialog.get_by_test_id("stCode")).to_have_text(name)
    drive.type_confirmation(dialog, name)
    drive.go_button(dialog, 1).click()
    drive.on_run(page)

    drive.expect_state(page, "Finished")
    drive.expect_totals(page, verified=1)
    expect(page.get_by_text("1 of 1")).to_be_visible()
    change = drive.named(page, "The record's fields")
    expect(change.locator("td", has_text="changed")).to_have_count(2)  # in sight, without scrolling
    fields = {drive.text_at(change, "Field", row): drive.text_at(change, "Value", row) for row in range(4)}
    assert fields["Status"] == "changed: ● Active → ○ Inactive ◀"
    assert fields["Updated"].startswith("changed: ")
    assert fields["Name"] == name
    metadata = drive.named(page, "Metadata")
    for row, (key, value) in enumerate(list(wanted["metadata"].items())[:5]):
        assert (drive.text_at(metadata, "Key", row), drive.text_at(metadata, "Value", row)) == (key, value)
    page.get_by_text("Raw JSON").click()
    expect(page.get_by_test_id("stMain").get_by_test_id("stCode").last).to_contain_text('"isActive": false')

    assert app.calls("deactivate")[-1] == ("deactivate", customer_id)
    assert not app.record(customer_id)["isActive"]
    page.reload()  # the address alone brings the result back
    drive.expect_state(page, "Finished")
    drive.expect_totals(page, verified=1)


def press_until(page: Page, key: str, focused: Locator) -> int:
    """Presses a key until this part has the focus; says how often."""
    for presses in range(10):
        if focused.evaluate("part => part.getRootNode().activeElement === part"):
            return presses
        page.keyboard.press(key)
    return 10


def test_the_dialog_asks_for_the_count_and_escape_and_cancel_change_nothing(app: App, page: Page) -> None:
    ids = app.active_ids(4)
    before, runs = app.calls("deactivate"), len(app.runs())
    drive.customers(page, app.url)
    drive.pick_ids(page, ids)
    drive.review(page, 4)

    page.get_by_test_id("stMain").get_by_role("button", name="Deactivate 4 customers…").click()
    expect(page.get_by_text("A reason is required")).to_be_visible()
    reason = page.get_by_label("Reason")
    expect(reason).to_be_focused()
    expect(reason).to_have_attribute("aria-invalid", "true")
    expect(reason).to_have_accessible_description(re.compile("A reason is required"))
    expect(page.get_by_role("dialog")).to_have_count(0)

    drive.say_why(page, REASON)
    expect(reason).to_have_attribute("aria-invalid", "false")
    page.get_by_role("button", name="Print or Excel").click()
    with page.expect_download() as taken:
        page.get_by_role("button", name="HTML, to print").click()
    printed = Path(taken.value.path()).read_text()
    assert all(told in printed for told in (*ids, REASON, "Nothing has been changed yet"))
    page.keyboard.press("Escape")

    dialog = drive.ask(page, 4)
    button, field = drive.go_button(dialog, 4), dialog.get_by_role("textbox")
    expect(button).to_be_disabled()
    for wrong in ("3", "44", "four", "4.0", "Deactivate 4 customers"):
        drive.type_confirmation(dialog, wrong)
        expect(field).to_have_accessible_description(re.compile("^This does not match"))
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(button).to_be_disabled()
    drive.type_confirmation(dialog, "4")
    expect(button).to_be_enabled()
    expect(field).to_have_attribute("aria-invalid", "false")
    field.press("Enter")  # confirms nothing but moves on
    expect(dialog.get_by_role("button", name="Keep them active")).to_be_focused()
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Save the plan")).to_be_focused()
    with page.expect_download():
        page.keyboard.press("Enter")
    expect(dialog).to_contain_text(re.compile(r"Saved as plan-\w+\.json among your downloads"))
    drive.close(page)  # with everything typed and ready

    dialog = drive.ask(page, 4)
    field = dialog.get_by_role("textbox")
    expect(field).to_have_value("")
    expect(drive.go_button(dialog, 4)).to_be_disabled()
    keys = [press_until(page, "Tab", field), press_until(page, "Shift+Tab", dialog.get_by_role("button", name="Close"))]
    assert max(keys) <= 4, "the keyboard alone comes to the field and away from it"
    drive.type_confirmation(dialog, "4")
    expect(drive.go_button(dialog, 4)).to_be_enabled()
    dialog.get_by_role("button", name="Keep them active").click()
    expect(dialog).to_have_count(0)
    drive.idle(page)

    expect(page.get_by_label("Reason")).to_have_value(REASON)
    drive.go_to(page, "Customers")
    drive.expect_picked(page, 4)
    assert app.calls("deactivate") == before
    assert len(app.runs()) == runs


def test_a_double_click_runs_once(app: App, page: Page) -> None:
    ids = app.active_ids(2)
    runs = len(app.runs())
    drive.customers(page, app.url)
    drive.pick_ids(page, ids)
    drive.review(page, 2)
    drive.say_why(page, REASON)
    dialog = drive.ask(page, 2)
    drive.type_confirmation(dialog, "2")
    expect(drive.go_button(dialog, 2)).to_be_enabled()
    drive.go_button(dialog, 2).dblclick()
    drive.on_run(page)
    drive.expect_state(page, "Finished")
    drive.expect_totals(page, verified=2)
    assert sorted(called for _, called in app.calls("deactivate") if called in ids) == sorted(ids)
    assert len(app.runs()) == runs + 1


def test_twenty_five_customers_with_live_progress_results_and_receipts(app: App, page: Page) -> None:
    active = app.records(active=True)
    drive.customers(page, app.url, "?status=active")
    ticked = [drive.text_at(drive.table(page), "Customer", row) for row in (0, 2)]
    drive.tick_rows(page, (0, 2))
    first = drive.picked_ids(page)
    assert [app.record(customer_id)["expressCustomerName"] for customer_id in first] == ticked
    rest = [record["expressCustomerId"] for record in active if record["expressCustomerId"] not in first][:23]
    drive.pick_ids(page, rest)
    drive.expect_picked(page, 25)
    ids = first + rest
    drive.review(page, 25)
    drive.say_why(page, REASON, "OPS-25")

    app.api.sandbox.latency = 1.0  # seconds for each answer: long enough to watch
    drive.confirm(page, "25", 25)
    expect(page.get_by_text(re.compile(r"^([1-9]|1\d|2[0-4]) of 25 · [\d.]+ a second · .* left$"))).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    app.api.sandbox.latency = 0
    drive.expect_state(page, "Finished")
    drive.expect_totals(page, verified=25)
    expect(page.get_by_text(re.compile(r"^25 of 25 · took "))).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    assert not any(app.record(customer_id)["isActive"] for customer_id in ids)
    assert sorted(called for _, called in app.calls("deactivate") if called in ids) == sorted(ids)

    page.get_by_role("button", name="Receipt").click()
    rows = list(csv.DictReader(io.StringIO(_saved(page, "CSV, safe in spreadsheets").decode("utf-8-sig"))))
    assert sorted(row["customer id"] for row in rows) == sorted(ids)
    assert {(row["result"], row["active before"], row["active after"]) for row in rows} == {("verified", "yes", "no")}
    assert {(row["reason"], row["ticket"]) for row in rows} == {(REASON, "OPS-25")}
    lines = [json.loads(line) for line in _saved(page, "JSON lines, exact").splitlines()]
    assert lines[0]["totals"]["verified"] == lines[0]["totals"]["total"] == 25
    after = {line["customer_id"]: line["after"] for line in lines if line["kind"] == "step"}
    assert after.keys() == set(ids)
    assert all(after[customer_id]["updatedAt"][:19] == app.record(customer_id)["updatedAt"][:19] for customer_id in ids)


def test_the_run_can_be_taken_back(app: App, page: Page) -> None:
    ids = app.active_ids(2)
    drive.deactivate(page, app.url, ids, typed="2")
    drive.expect_state(page, "Finished")
    page.get_by_role("button", name="Undo").click()
    expect(drive.heading(page, "Reactivate 2 customers")).to_be_visible()
    drive.idle(page)
    drive.say_why(page, "Wrong list")
    drive.confirm(page, "2", 2, verb="Reactivate")
    expect(drive.heading(page, "Reactivate 2 customers")).to_be_visible()
    drive.expect_state(page, "Finished")
    drive.expect_totals(page, verified=2)
    expect(page.get_by_text("This run takes back")).to_be_visible()
    assert all(app.record(customer_id)["isActive"] for customer_id in ids)


def test_the_filtered_table_is_exported(app: App, page: Page) -> None:
    drive.customers(page, app.url, "?status=inactive")
    inactive = [record["expressCustomerId"] for record in app.records(active=False)]
    drive.expect_shown(page, str(len(inactive)))
    page.get_by_role("button", name="Export").click()
    rows = list(csv.DictReader(io.StringIO(_saved(page, "CSV, safe in spreadsheets").decode("utf-8-sig"))))
    assert sorted(value for row in rows for value in row.values() if value in inactive) == sorted(inactive)
    lines = [json.loads(line) for line in _saved(page, "JSON lines, exact").splitlines()]
    assert sorted(line["expressCustomerId"] for line in lines) == sorted(inactive)
    assert _saved(page, "Excel, safe in spreadsheets").startswith(b"PK")
    assert _saved(page, "Parquet, exact").startswith(b"PAR1")


def _saved(page: Page, button: str) -> bytes:
    with page.expect_download() as saving:
        page.get_by_role("button", name=button).click()
    saved: Download = saving.value
    return Path(saved.path()).read_bytes()
