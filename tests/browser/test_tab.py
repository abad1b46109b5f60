"""A run belongs to the server, not to the tab: closing the tab changes nothing, any other tab shows the same run."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from lib.plans.model import RunState
from tests.browser import drive
from tests.browser.conftest import App, OpenPage, StartApp, Watch, until


@pytest.fixture(scope="module")
def customers() -> int:
    """Enough that 60 of them stay under the cap on the share of active customers."""
    return 500


@pytest.fixture(scope="module")
def settings() -> str:
    """Few calls at a time, so that a run outlasts all that a test does beside it."""
    return "concurrency = 2\n"


@pytest.fixture
def slowly(app: App) -> Iterator[None]:
    """Lets a test make each answer take seconds, until it lets the run go."""
    app.api.sandbox.latency = 0
    yield
    app.api.sandbox.latency = 0


def test_closing_the_tab_in_mid_run_stops_nothing_and_other_tabs_show_the_run(
    app: App, open_page: OpenPage, slowly: None
) -> None:
    ids = app.active_ids(60)
    first = open_page()
    drive.customers(first, app.url)
    drive.pick_ids(first, ids)
    drive.review(first, 60)
    drive.say_why(first, "Contract ended")
    app.api.sandbox.latency = 2.0
    drive.confirm(first, "60", 60)
    address = first.evaluate("location.href")
    expect(first.get_by_text(re.compile(r"^[1-9]\d* of 60 · [\d.]+ a second"))).to_be_visible()
    first.close()
    called = len(app.calls("deactivate"))
    assert called < 60
    until(lambda: len(app.calls("deactivate")) >= called + 8, "calls went on without a tab")

    same_address, no_address = open_page(), open_page()
    same_address.goto(address)
    drive.expect_state(same_address, "Running")
    expect(same_address.get_by_text(re.compile(r"^[1-9]\d* of 60 · [\d.]+ a second"))).to_be_visible()
    drive.customers(no_address, app.url)
    drive.expect_picked(no_address, 0)
    expect(no_address.get_by_test_id("stSidebar")).to_contain_text("Runs · 1 running")
    drive.go_to(no_address, "Runs")
    runs = drive.table(no_address)
    expect(drive.cell(runs, "State", 0)).to_have_text("Running")
    drive.follow(runs, 0)
    drive.expect_state(no_address, "Running")

    app.api.sandbox.latency = 0
    for page in (same_address, no_address):  # both see the end without a reload
        drive.expect_state(page, "Finished")
        drive.expect_totals(page, verified=60)
    assert not any(app.record(customer_id)["isActive"] for customer_id in ids)
    assert sorted(called_id for _, called_id in app.calls("deactivate")) == sorted(ids)


def test_a_run_is_paused_in_one_tab_and_gone_on_with_in_another(app: App, open_page: OpenPage, slowly: None) -> None:
    ids = app.active_ids(40)
    first, second = open_page(), open_page()
    drive.customers(first, app.url)
    drive.pick_ids(first, ids)
    drive.review(first, 40)
    drive.say_why(first, "Contract ended")
    app.api.sandbox.latency = 2.0
    drive.confirm(first, "40", 40)
    first.get_by_role("button", name="Pause").click()
    drive.expect_state(first, "Paused")
    expect(first.get_by_test_id("stAlert")).to_contain_text(re.compile(r"Paused by .+ after \d+ of 40 customers"))
    held = len(app.calls("deactivate"))
    second.goto(first.evaluate("location.href"))
    drive.expect_state(second, "Paused")
    assert len(app.calls("deactivate")) == held
    app.api.sandbox.latency = 0
    second.get_by_role("button", name="Resume").click()
    drive.expect_state(second, "Finished")
    drive.expect_totals(second, verified=40)
    first.reload()
    drive.expect_state(first, "Finished")


def test_two_tabs_cannot_run_the_same_customers_at_once(app: App, open_page: OpenPage, slowly: None) -> None:
    ids = app.active_ids(20)
    first, second = open_page(), open_page()
    for page in (first, second):
        drive.customers(page, app.url)
        drive.pick_ids(page, ids)
        drive.review(page, 20)
        drive.say_why(page, "Contract ended")
    app.api.sandbox.latency = 30.0  # no call ends before the test lets it
    drive.confirm(first, "20", 20)
    dialog = drive.ask(second, 20)
    drive.type_confirmation(dialog, "20")
    drive.go_button(dialog, 20).click()
    expect(dialog.get_by_test_id("stAlertContentError")).to_contain_text("has not ended and holds some of these customers")
    app.api.sandbox.latency = 0
    drive.expect_state(first, "Finished")
    drive.expect_totals(first, verified=20)
    assert sorted(c for _, c in app.calls("deactivate") if c in ids) == sorted(ids)


def test_a_server_told_to_end_in_mid_run_settles_its_calls_although_a_tab_is_open(
    start_app: StartApp, open_page: OpenPage, watch: Watch
) -> None:
    """SIGTERM, as a service manager sends it: it waits for a few seconds before it kills."""
    app = start_app(settings="concurrency = 2\n")
    page = open_page()
    drive.customers(page, app.url)
    drive.pick_ids(page, app.active_ids(20))
    drive.review(page, 20)
    drive.say_why(page, "Contract ended")
    app.api.sandbox.latency = 1.0
    drive.confirm(page, "20", 20)
    until(lambda: app.runs() and app.runs()[0].totals.in_flight, "a call was under way")
    app.process.terminate()
    app.process.wait(10.0)
    (run,) = app.runs()
    assert (run.state, run.totals.in_flight) == (RunState.INTERRUPTED, 0)
    assert run.totals.verified == len(app.calls("deactivate"))
    assert "Express Ops was stopped" in run.words
    page.close()
    watch.errors.clear()  # the page says that its server is gone
