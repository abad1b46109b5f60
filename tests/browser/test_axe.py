"""Every page and dialog, in both themes, as axe-core sees it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lib.journal.journal import Journal
from lib.sandbox.server import SandboxServer
from tests.browser import drive
from tests.browser.audit import Auditor
from tests.browser.conftest import API_KEY, App, StartApp
from tests.runs.fakes import ROBIN, customer, plan_of


@pytest.fixture(scope="module")
def settings() -> str:
    return "[canary]\nfrom_size = 10\nsteps = 3\n"


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


def test_axe_finds_nothing_where_production_is_armed_and_a_key_is_joined(
    start_app: StartApp, page: Page, tmp_path: Path
) -> None:
    with SandboxServer(customers=20, api_key=API_KEY) as sandbox:
        key = tmp_path / "key"
        key.write_text(API_KEY)
        key.chmod(0o600)
        account = f'label = "Main account"\nbase_url = "{sandbox.base_url}"\nkey = "file:{key}"\nproduction = true\n'
        app = start_app(settings=f"[accounts.main]\n{account}", embedded=True)
        journal = Journal(f"sqlite:///{app.home / 'journal.sqlite'}")
        older = plan_of([customer(1)], fingerprint="9" * 16, base_url=sandbox.base_url)
        journal.record(older, datetime.now(UTC), who=ROBIN)
        journal.close()
        seen = Auditor(page)
        drive.customers(page, app.url, "?status=active")
        drive.tick_rows(page, (0,))
        drive.review(page, 1)
        page.get_by_role("button", name="Arm Main account…").click()
        dialog = page.get_by_role("dialog")
        drive.type_confirmation(dialog, "main account")
        seen.look("the arming of production, typed wrong")
        drive.type_confirmation(dialog, "Main account")
        dialog.get_by_role("button", name=re.compile("^Arm for")).click()
        expect(page.get_by_role("button", name="Disarm")).to_be_visible()
        seen.look("armed")
        drive.go_to(page, "Connection")
        expect(page.get_by_role("heading", name="Keys")).to_be_visible()
        page.get_by_role("button", name=re.compile("same account")).first.click()
        expect(page.get_by_role("dialog")).to_contain_text("The same account?")
        seen.look("the word that a key is of the same account")
    assert not seen.found, "\n".join(seen.found)


def test_axe_finds_nothing_in_what_changed_since_the_last_reading(app: App, page: Page) -> None:
    seen = Auditor(page)
    drive.customers(page, app.url)
    (one,) = app.active_ids(1)
    store = app.api.sandbox.store
    store.change(store.position(one), isActive=False)
    drive.reload(page, app)
    seen.look("something changed")
    page.get_by_test_id("stSidebar").get_by_role("button", name="Show", exact=True).click()
    expect(drive.named(page, "What changed, one row a change")).to_be_visible()
    seen.look("what changed")
    assert not seen.found, "\n".join(seen.found)
