"""Deactivating while the API misbehaves: each step ends in the state that the record proves, told in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser import drive
from tests.browser.conftest import App

STRUCK_SHARE = 0.3


@dataclass(frozen=True)
class Case:
    """What a fault does to a step: the total that counts it, what the table says happened, whether the customer ends
    inactive, and whether a call to deactivate goes out."""

    fault: str
    total: str
    words: str
    inactive: bool
    called: bool = True


NO_ANSWER = "The call was sent but no usable answer came back. Read back, the record is still active."
BROKEN = "The API failed while answering (status 500). Read back, the record is still active."
SAID_YES = "The API said yes, but its answer showed the customer active. Read back, the record is still active."
DRIFT = Case("drift", "skipped", "Changed since the review: ", inactive=False, called=False)

# Where a step ends under each of the faults, and with which words, tests/runs/test_engine_on_sandbox.py shows: here, that the
# pages tell it, for each way in which a step can end.
ONE = [
    Case("timeout-before", "not_applied", NO_ANSWER, inactive=False),
    Case("truncated", "verified", "", inactive=True),
    DRIFT,
]
SOME = [
    Case("http-500", "not_applied", BROKEN, inactive=False),
    Case("still-active", "not_applied", SAID_YES, inactive=False),
    Case("timeout-after", "verified", "", inactive=True),
    DRIFT,
]


@pytest.fixture(scope="module")
def customers() -> int:
    return 600


@pytest.fixture(scope="module")
def settings() -> str:
    """What a fault does to each customer is the question here, not how many of them in a row pause a run."""
    return "[breaker]\nin_a_row = 30\nat_least = 30\n"


@pytest.fixture(scope="module", autouse=True)
def all_read(app: App, looks: Callable[[int, int, str], BrowserContext]) -> None:
    """The faults are for runs: all customers have been read before the first one strikes."""
    page = looks(1280, 900, "light").new_page()
    drive.customers(page, app.url)
    page.close()


@pytest.fixture(autouse=True)
def calm_again(app: App) -> Iterator[None]:
    """No fault outlives its test."""
    yield
    app.api.set_faults([])


@pytest.mark.parametrize("case", ONE, ids=lambda case: case.fault)
def test_one_customer_under_a_fault_ends_as_its_record_says(app: App, page: Page, case: Case) -> None:
    record = app.records(active=True)[0]
    customer_id = record["expressCustomerId"]
    before = len(app.api.calls())
    app.api.set_faults([case.fault])
    drive.deactivate(page, app.url, [customer_id], typed=record["expressCustomerName"])
    drive.expect_state(page, "Finished")
    drive.expect_totals(page, **{case.total: 1})
    expect(page.get_by_test_id("stMain").get_by_text(re.compile(_outcome(case)))).to_be_visible()

    assert app.record(customer_id)["isActive"] is not case.inactive
    assert [c.customer_id for c in app.api.calls()[before:] if c.operation == "deactivate"] == [customer_id] * case.called
    assert any(case.fault in c.fault.split(",") for c in app.api.calls()[before:])


@pytest.mark.parametrize("case", SOME, ids=lambda case: case.fault)
def test_of_twenty_five_customers_exactly_those_struck_are_told_apart(app: App, page: Page, case: Case) -> None:
    ids = app.active_ids(25)
    before = len(app.api.calls())
    app.api.set_faults([f"{case.fault}={STRUCK_SHARE}"])
    drive.deactivate(page, app.url, ids, typed="25")
    drive.expect_state(page, "Finished")

    seen = app.api.calls()[before:]
    struck = {c.customer_id for c in seen if case.fault in c.fault.split(",")} & set(ids)
    assert 0 < len(struck) < 25
    totals = {case.total: len(struck)} | ({"verified": 25} if case.total == "verified" else {"verified": 25 - len(struck)})
    drive.expect_totals(page, **totals)
    assert {i for i in ids if app.record(i)["isActive"]} == (set() if case.inactive else struck)
    assert sorted(c.customer_id for c in seen if c.operation == "deactivate") == sorted(
        ids if case.called else set(ids) - struck
    )

    if case.words:
        page.get_by_role("radio", name=re.compile(case.total.replace("_", " "))).click()
        steps = drive.table(page)
        expect(steps.locator("tbody tr")).to_have_count(len(struck))
        expect(drive.cell(steps, "State", 0)).to_contain_text(case.total.replace("_", " "))
        expect(drive.cell(steps, "What happened", 0)).to_contain_text(case.words)
        drive.idle(page)
        drive.follow(steps, 0)
        shown = page.get_by_test_id("stMain").get_by_test_id("stCode").first
        expect(shown).to_have_text(re.compile("^cus_"))
        assert shown.text_content() in struck


def test_a_key_refused_in_mid_run_pauses_it_and_says_why(app: App, page: Page) -> None:
    ids = app.active_ids(25)
    app.api.set_faults(["unauthorized-midway"])
    drive.deactivate(page, app.url, ids, typed="25")
    drive.expect_state(page, "Paused")
    expect(page.get_by_test_id("stAlert")).to_contain_text("The API refused the key.")
    expect(page.get_by_test_id("stAlert")).to_contain_text("resume the run to go on")
    drive.expect_totals(page, verified=1, to_do=24)
    assert len([i for i in ids if app.record(i)["isActive"]]) == 24
    drive.go_to(page, "Runs")
    expect(page.get_by_test_id("stSidebar")).to_contain_text("1 waiting for you")
    page.get_by_role("link", name=re.compile("Paused: deactivate 25 customers")).click()

    app.api.set_faults([])
    page.get_by_role("button", name="Resume").click()
    drive.expect_state(page, "Finished")
    drive.expect_totals(page, verified=25)
    assert not any(app.record(i)["isActive"] for i in ids)


def test_what_was_not_applied_can_be_tried_again(app: App, page: Page) -> None:
    ids = app.active_ids(2)
    app.api.set_faults(["still-active"])
    drive.deactivate(page, app.url, ids, typed="2")
    drive.expect_totals(page, not_applied=2)
    app.api.set_faults([])
    page.get_by_role("button", name="Retry 2").click()
    drive.expect_totals(page, verified=2)
    drive.expect_state(page, "Finished")
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    assert not any(app.record(i)["isActive"] for i in ids)


def _outcome(case: Case) -> str:
    mark = {"verified": "✓ verified", "not_applied": "! not applied", "skipped": "↷ skipped"}[case.total]
    return f"^{re.escape(mark)}" + (f": {re.escape(case.words)}" if case.words else "$")
