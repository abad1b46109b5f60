"""The main job from the first page to the updated record, as an analyst does it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

from playwright.sync_api import Download, Page, expect

from tests.browser import drive
from tests.browser.conftest import App, StartApp

REASON = "Contract ended, no studies since 2024"


def test_an_analyst_finds_unused_customers_among_ten_thousand_and_deactivates_three(start_app: StartApp, page: Page) -> None:
    app = start_app(embedded=True)
    drive.customers(page, app.url)
    drive.expect_shown(page, "10,000")
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Sandbox on this machine")

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
    expect(drive.metric(page, "Users affected")).to_have_text("0")
    drive.say_why(page, REASON)
    drive.confirm(page, "3", 3)
    drive.expect_state(page, "Finished")
    drive.expect_totals(page, verified=3)

    steps = drive.table(page)
    for row in range(3):
        expect(drive.cell(steps, "State", row)).to_have_text("✓ verified")
        expect(drive.cell(steps, "Before", row)).to_have_text("● Active")
        expect(drive.cell(steps, "After", row)).to_have_text("○ Inactive")
    drive.tick(steps, 1)
    expect(page.get_by_test_id("stMain").get_by_test_id("stCode").first).to_have_text(re.compile("|".join(ids)))
    expect(page.get_by_text(re.compile(r"^Metadata · \d+ of at most 50$"))).to_be_visible()

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
    expect(drive.metric(page, "Users affected")).to_have_text(f"{wanted['userCount']:,}")
    drive.say_why(page, REASON, "OPS-1841")
    dialog = drive.ask(page, 1)
    expect(dialog).to_contain_text(app.api.base_url.removeprefix("http://"))
    expect(dialog).to_contain_text("production, real customers")
    expect(dialog).to_contain_text("No new studies and no new users can be assigned to it")
    expect(dialog).to_contain_text("you can reactivate it from Runs")
    expect(dialog.get_by_test_id("stCode")).to_have_text(name)
    drive.type_confirmation(dialog, name)
    drive.go_button(dialog, 1).click()
    drive.on_run(page)

    drive.expect_state(page, "Finished")
    drive.expect_totals(page, verified=1)
    expect(page.get_by_text("1 of 1")).to_be_visible()
    change = drive.table(page)
    expect(change.locator("td", has_text="changed")).to_have_count(2)  # in sight, without scrolling
    fields = {drive.text_at(change, "Field", row): drive.text_at(change, "Value", row) for row in range(7)}
    assert fields["Active"] == "changed: yes → no ◀"
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


def test_the_dialog_asks_for_the_count_and_escape_and_cancel_change_nothing(app: App, page: Page) -> None:
    ids = app.active_ids(4)
    before, runs = app.calls("deactivate"), len(app.runs())
    drive.customers(page, app.url)
    drive.pick_ids(page, ids)
    drive.review(page, 4)

    page.get_by_test_id("stMain").get_by_role("button", name="Deactivate 4 customers…").click()
    expect(page.get_by_text("A reason is required")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)

    drive.say_why(page, REASON)
    dialog = drive.ask(page, 4)
    button = drive.go_button(dialog, 4)
    expect(button).to_be_disabled()
    for wrong in ("3", "44", "four", "4.0", "Deactivate 4 customers"):
        drive.type_confirmation(dialog, wrong)
        expect(dialog).to_contain_text("That is not the same yet.")
        expect(button).to_be_disabled()
    drive.type_confirmation(dialog, "4")
    expect(button).to_be_enabled()
    drive.close(page)  # with everything typed and ready

    dialog = drive.ask(page, 4)
    expect(dialog.get_by_role("textbox")).to_have_value("")
    expect(drive.go_button(dialog, 4)).to_be_disabled()
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

    app.api.sandbox.latency = 0.4  # seconds for each answer: long enough to watch
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
    drive.customers(page, app.url, "?status=Inactive")
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
