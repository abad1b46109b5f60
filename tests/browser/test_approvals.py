"""Two people who log in, in two browsers, and the run that needs both of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lib.plans.model import RunState
from tests.browser import drive
from tests.browser.audit import Auditor
from tests.browser.conftest import PATIENCE_MS, App, StartApp, until
from tests.people import login_at, provider

SETTINGS = """
[people]
operator = ["robin@example.com"]
approver = ["kim@example.com"]

[approval]
from_customers = 2
"""


@pytest.fixture
def app(tmp_path: Path, start_app: StartApp) -> Iterator[App]:
    with provider("robin@example.com", "kim@example.com") as issuer:
        yield start_app(*login_at(tmp_path, issuer), settings=SETTINGS, customers=30)


def log_in(context: BrowserContext, app: App, name: str, path: str = "") -> Page:
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(app.url)
    drive.log_in(page, app.url, name)
    expect(drive.heading(page, "Customers")).to_be_visible()
    if path:
        page.goto(f"{app.url}{path}")
    return page


def test_two_people_walk_a_run_that_needs_both(app: App, chromium: Browser) -> None:
    robins, kims = chromium.new_context(), chromium.new_context()
    try:
        robin = log_in(robins, app, "robin", "/?status=active")
        drive.loaded(robin)
        drive.tick_rows(robin, (0, 1))
        drive.review(robin, 2)
        drive.say_why(robin, "Contract ended")
        dialog = drive.ask(robin, 2)
        seen = Auditor(robin)
        seen.look("the confirmation that asks for an approval")
        drive.type_confirmation(dialog, "2")
        dialog.get_by_role("button", name="Ask for approval").click()
        expect(robin.get_by_text("Send them this link")).to_be_visible()
        link = robin.get_by_test_id("stCode").first.inner_text().strip()
        seen.look("a run that waits for an approval")
        assert link.startswith(f"{app.url}/runs?run=run_")

        kim = log_in(kims, app, "kim", link.removeprefix(app.url))
        expect(kim.get_by_test_id("stSidebar").get_by_text("1 run waits for approval")).to_be_visible()
        seen.page = kim
        seen.look("what the second person looks at")
        kim.get_by_label("Your words").fill("Both have left us")
        kim.get_by_role("button", name="Approve…").click()
        dialog = kim.get_by_role("dialog")
        expect(dialog).to_contain_text("Approve: deactivate 2 customers?")
        seen.look("the confirmation of an approval")
        drive.type_confirmation(dialog, "2")
        dialog.get_by_role("button", name="Approve", exact=True).click()
        expect(kim.get_by_text("approved it at").first).to_be_visible()

        expect(robin.get_by_text("It is approved and can be started")).to_be_visible()  # by itself
        seen.look("an approved run")
        assert not seen.found, "\n".join(seen.found)
        assert app.calls("deactivate") == []
        robin.get_by_role("button", name="Start").click()
        until(lambda: app.runs()[0].state is RunState.FINISHED, "the run was over")
        assert len(app.calls("deactivate")) == 2
    finally:
        robins.close()
        kims.close()
