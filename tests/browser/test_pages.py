"""Every page, in light and dark, narrow and wide: it draws, fits, says nothing on the console, and has its picture taken."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.browser import drive
from tests.browser.conftest import OUTPUT, App, OpenPage, StartApp


@dataclass(frozen=True)
class Photographer:
    """Takes a page as it stands, once it stands still, in the colour schemes one after the other, and finds fault with what
    must not be seen on any page."""

    page: Page
    width: int
    schemes: tuple[str, ...]

    def take(self, name: str, *, standing: bool = True, errors: bool = False) -> None:
        self.page.mouse.move(self.width - 2, 450)  # no tooltip
        if standing:
            drive.idle(self.page)
        self.page.evaluate("document.activeElement?.blur()")
        for scheme in self.schemes:
            drive.paint(self.page, scheme)
            self._take(f"{name}-{scheme}-{self.width}", errors=errors)

    def _take(self, name: str, *, errors: bool) -> None:
        expect(self.page.get_by_test_id("stTooltipContent")).to_have_count(0)
        expect(self.page.get_by_test_id("stSkeleton")).to_have_count(0)
        expect(self.page.get_by_test_id("stException")).to_have_count(0)
        assert "This page broke" not in self.page.content()
        if not errors:
            expect(self.page.get_by_test_id("stAlertContentError")).to_have_count(0)
        for what in ("document.scrollingElement", "document.querySelector('[data-testid=stMain]')"):
            assert self.page.evaluate(f"{what}.scrollWidth - {what}.clientWidth") <= 0, f"{name} scrolls sideways"
        self.page.screenshot(path=OUTPUT / "screenshots" / f"{name}.png", animations="disabled")


@pytest.mark.parametrize("width", [1280, 1600])
def test_the_pages_of_the_main_job(app: App, open_page: OpenPage, width: int) -> None:
    page = open_page(width=width, height=900)
    photo = Photographer(page, width, ("dark", "light"))
    table = drive.customers(page, app.url, "?status=active")
    drive.tick_rows(page, (0, 2, 3))
    drive.choose(page, "Users", "None")
    expect(page.locator(".st-key-chips")).to_contain_text("no users")
    expect(drive.cell(table, "Users", 3)).to_have_text("0")
    photo.take("customers")

    drive.open_row(table, 0)
    expect(page.get_by_role("dialog").get_by_test_id("stCode").first).to_have_text(re.compile("^cus_"))
    photo.take("drawer")
    drive.close(page)
    drive.show_picks(page)
    expect(page.get_by_role("dialog").locator("th").first).to_be_attached()
    photo.take("picks")
    drive.close(page)
    drive.more_filters(page)
    expect(page.get_by_label("Users, at least")).to_be_visible()
    photo.take("filters")
    drive.more_filters(page, show=False)
    drive.bar(page).get_by_role("button", name="Pick from a list").click()
    box = page.get_by_role("dialog").get_by_label("Ids or names")
    inactive = app.records(active=False)[0]["expressCustomerId"]
    box.fill("\n".join([app.records(active=True)[0]["expressCustomerId"], inactive, "cus_123", "cus_" + "0" * 32]))
    box.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_contain_text("1 found")
    photo.take("list")
    drive.close(page)
    drive.search(page, "nobody has this name")
    drive.expect_shown(page, "0")
    photo.take("customers-none-match")
    page.get_by_role("button", name="Clear all").click()
    drive.expect_shown(page, "250")

    drive.review(page, 3)
    expect(drive.table(page).locator("th").first).to_be_attached()
    drive.say_why(page, "Contract ended, no studies since 2024", "OPS-1841")
    photo.take("deactivate")
    dialog = drive.ask(page, 3)
    drive.type_confirmation(dialog, "3")
    expect(drive.go_button(dialog, 3)).to_be_enabled()
    photo.take("confirm")
    drive.go_button(dialog, 3).click()
    drive.on_run(page)
    drive.expect_state(page, "Finished")
    drive.follow(drive.table(page), 1)
    expect(page.get_by_test_id("stMain").get_by_test_id("stCode").first).to_have_text(re.compile("^cus_"))
    expect(drive.named(page, "Metadata")).to_be_visible()
    photo.take("run-many")

    record = next(r for r in app.records(active=True) if len(r.get("metadata") or {}) > 3)
    drive.go_to(page, "Customers")
    drive.pick_ids(page, [record["expressCustomerId"]])
    drive.review(page, 1)
    drive.say_why(page, "Contract ended, no studies since 2024", "OPS-1842")
    dialog = drive.ask(page, 1)
    photo.take("confirm-one")
    drive.type_confirmation(dialog, record["expressCustomerName"])
    drive.go_button(dialog, 1).click()
    drive.on_run(page)
    drive.expect_state(page, "Finished")
    photo.take("run-one")

    drive.go_to(page, "Runs")
    expect(drive.cell(drive.table(page), "State", 1)).to_have_text("Finished")
    photo.take("runs")
    drive.go_to(page, "Overview")
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg")).to_have_count(6)
    photo.take("overview")
    drive.go_to(page, "Connection")
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_text("The API answered in")).to_be_visible()
    photo.take("connection")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_without_anything_and_while_loading(start_app: StartApp, open_page: OpenPage, scheme: str) -> None:
    app = start_app(customers=1000, latency_ms=4000, settings="concurrency = 2\n")
    page = open_page(width=1280, height=900, scheme=scheme)
    photo = Photographer(page, 1280, (scheme,))
    drive.visit_unfinished(page, app.url, "Customers")
    expect(page.get_by_test_id("stSidebar")).to_contain_text(re.compile(r"Loading: [1-9]\d* customers"))
    expect(page.locator(".st-key-chips")).to_contain_text("customers so far, not complete")
    photo.take("customers-loading", standing=False)
    app.api.set_faults(["http-500@list"])
    app.api.sandbox.latency = 0
    expect(page.locator(".st-key-load_stopped")).to_contain_text("Loading stopped.")
    photo.take("customers-failed")
    app.api.set_faults([])
    page.get_by_role("button", name="Go on").click()
    drive.loaded(page)

    drive.go_to(page, "Deactivate")
    expect(page.get_by_text("Nothing is picked yet.")).to_be_visible()
    photo.take("deactivate-empty")
    drive.go_to(page, "Runs")
    expect(page.get_by_text("No run yet.")).to_be_visible()
    photo.take("runs-empty")
    drive.go_to(page, "Overview")
    photo.take("overview-no-runs")

    ids = app.active_ids(25)
    drive.go_to(page, "Customers")
    drive.pick_ids(page, ids)
    drive.review(page, 25)
    drive.say_why(page, "Contract ended, no studies since 2024")
    app.api.sandbox.latency = 2.0
    drive.confirm(page, "25", 25)
    expect(page.get_by_text(re.compile(r"^[1-9]\d* of 25 · .* left$"))).to_be_visible()
    photo.take("run-live", standing=False)
    app.api.set_faults(["unauthorized-midway"])
    app.api.sandbox.latency = 0
    drive.expect_state(page, "Paused")
    photo.take("run-paused")
    page.goto(f"{app.url}/runs?run=run_0000000000000000")
    expect(page.get_by_text("The journal knows no such run")).to_be_visible()
    photo.take("run-not-found", errors=True)
