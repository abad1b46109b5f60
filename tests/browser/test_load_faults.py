"""Loading customers while the API misbehaves: what came is kept and marked, and nothing is planned from it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import drive
from tests.browser.conftest import API_KEY, App, StartApp


@pytest.fixture(autouse=True)
def calm_again(app: App) -> Iterator[None]:
    yield
    app.api.set_faults([])
    app.api.sandbox.latency = 0


def test_a_bad_record_is_a_named_problem_and_the_rest_lives(app: App, page: Page) -> None:
    drive.customers(page, app.url)
    app.api.set_faults(["bad-record"])
    drive.reload(page, app)
    drive.expect_shown(page, "247")
    problems = page.get_by_test_id("stExpander").filter(has_text="3 records could not be read and left out")
    problems.locator("summary").click()
    listed = drive.named(problems, "Records that break a rule")
    for row in range(3):
        assert drive.text_at(listed, "Field", row)
        assert drive.text_at(listed, "Rule", row).startswith("must")
        assert drive.text_at(listed, "Customer", row).startswith("cus_")
    app.api.set_faults([])
    drive.reload(page, app)
    drive.expect_shown(page, "250")
    expect(problems).to_have_count(0)


def test_a_row_that_comes_twice_counts_once(app: App, page: Page) -> None:
    drive.customers(page, app.url)
    app.api.set_faults(["duplicate-row"])
    drive.reload(page, app)
    drive.expect_shown(page, "250")
    assert any("duplicate-row" in call.fault for call in app.api.calls())


@pytest.mark.parametrize("fault", ["http-500", "http-503", "html-error", "bad-json", "truncated", "timeout-before"])
def test_a_failed_reload_leaves_the_earlier_list_in_use(app: App, page: Page, fault: str) -> None:
    drive.customers(page, app.url, "?status=active")
    drive.tick_rows(page, (0,))
    app.api.set_faults([f"{fault}@list"])
    page.get_by_role("button", name="Reload").click()
    stopped = page.locator(".st-key-load_stopped")
    expect(stopped).to_contain_text("Loading stopped.")
    expect(stopped).to_contain_text("the earlier list stays on show")
    when = "then" if fault == "http-503" else "in a moment"  # the 503 says how long to wait
    expect(stopped).to_contain_text(re.compile(f"try again {when}", re.IGNORECASE))
    expect(drive.bar(page).get_by_role("button", name="Review 1 customer")).to_be_enabled()
    app.api.set_faults([])
    stopped.get_by_role("button", name="Go on").click()
    expect(stopped).to_have_count(0)
    drive.loaded(page)
    drive.expect_picked(page, 1)


def test_a_load_can_be_stopped_and_gone_on_with(app: App, page: Page) -> None:
    drive.customers(page, app.url)
    app.api.sandbox.latency = 30.0
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_test_id("stSidebar")).to_contain_text(re.compile(r"Reloading: \d+ customers"))
    page.get_by_test_id("stSidebar").get_by_role("button", name="Stop").click()
    stopped = page.locator(".st-key-load_stopped")
    expect(stopped).to_contain_text("Loading was stopped.")
    app.api.sandbox.latency = 0
    stopped.get_by_role("button", name="Go on").click()
    expect(stopped).to_have_count(0)
    drive.loaded(page)
    drive.expect_shown(page, "250")


@pytest.mark.parametrize(
    ("fault", "says", "pages_read_twice"),
    [
        ("http-500@list", "The API failed to answer", False),
        ("unauthorized-midway", "The API refused the key", False),
        ("repeat-cursor", "The API sent the same page cursor twice", True),
    ],
)
def test_a_first_load_that_fails_in_the_middle_feeds_no_plan_until_it_is_whole(
    start_app: StartApp, page: Page, fault: str, says: str, pages_read_twice: bool
) -> None:
    app = start_app(customers=1000, latency_ms=4000)
    drive.visit_unfinished(page, app.url, "Customers")
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar).to_contain_text(re.compile(r"Loading: [1-9]\d* customers"))
    expect(sidebar).to_contain_text(re.compile(r"[1-9] pages? · \d+ a second · \d+ seconds"))
    expect(page.locator(".st-key-chips")).to_contain_text("customers so far, not complete")  # rows show as they arrive
    app.api.set_faults([fault])
    app.api.sandbox.latency = 0
    stopped = page.locator(".st-key-load_stopped")
    expect(stopped).to_contain_text(says)
    expect(stopped).to_contain_text(re.compile(r"[1-9]\d* customers came before that"))
    came = re.search(r"(\d+) customers came", stopped.text_content() or "")
    expect(stopped).to_contain_text("the list below is not complete and can't feed a plan")
    expect(sidebar).to_contain_text("not complete")
    assert came
    drive.expect_shown(page, came[1])

    _cannot_review(page, drive.table(page))
    sidebar.get_by_role("link", name="Deactivate").click()
    expect(page.get_by_text("The list of customers is not complete")).to_be_visible()
    drive.go_to(page, "Overview")
    expect(page.locator(".st-key-load_stopped")).to_contain_text("Loading stopped.")
    drive.go_to(page, "Customers")

    app.api.set_faults([])
    stopped.get_by_role("button", name="Go on").click()
    drive.expect_shown(page, "1,000")
    drive.loaded(page)
    expect(stopped).to_have_count(0)
    expect(drive.bar(page).get_by_role("button", name="Review 1 customer")).to_be_enabled()
    assert (len(_whole_pages(app)) > 10) is pages_read_twice
    assert API_KEY not in page.content()


def _cannot_review(page: Page, table: Locator) -> None:
    drive.box(table, 0).check()
    drive.expect_picked(page, 1)
    expect(drive.bar(page).get_by_role("button", name="Review 1 customer")).to_be_disabled()


def _whole_pages(app: App) -> list[object]:
    return [call for call in app.api.calls() if call.operation == "list" and call.status == 200]
