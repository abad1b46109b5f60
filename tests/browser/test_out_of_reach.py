"""A journal that is out of reach, in a real browser: the pages say so, wait for nothing and come back by themselves."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import Page, expect

from lib.sandbox.server import SandboxServer
from tests.browser import drive
from tests.browser.conftest import API_KEY, App, running_app, until
from tests.journal.places import Server

#: Seconds that a filter may take longer than usual, on a machine that is busy: less than the 3 that a page would wait for the
#: runs, where it waited.
MORE = 2.5
_RATE = re.compile(r"a second|left$")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[App]:
    """An app whose journal is on a server."""
    home, url = tmp_path_factory.mktemp("app") / "home", server.new_place().url
    with (
        SandboxServer(customers=500, api_key=API_KEY) as sandbox,
        running_app(home, sandbox, "concurrency = 2\n", journal_url=url) as running,
    ):
        yield running


def seconds_to_search(page: Page, text: str) -> float:
    began = time.monotonic()
    page.get_by_role("searchbox", name="Search").fill(text)
    expect(page.locator(".st-key-chips")).to_contain_text(f"text “{text}”")
    return time.monotonic() - began


def test_customers_are_filtered_while_the_journal_is_frozen_and_the_sidebar_says_that_it_does_not_answer(
    app: App, server: Server, page: Page
) -> None:
    drive.customers(page, app.url)
    sidebar = page.get_by_test_id("stSidebar")
    usual = max(seconds_to_search(page, text) for text in ("clinic", "hospital", "imaging"))
    with server.frozen():
        frozen = [seconds_to_search(page, text) for text in ("center", "north", "south")]
        expect(sidebar).to_contain_text(re.compile("The journal (does not answer|can't be read)"))  # waited for, or given up
        frozen += [seconds_to_search(page, text) for text in ("east", "west", "campus")]
    expect(sidebar).not_to_contain_text("The journal ")
    usual = max(usual, *(seconds_to_search(page, text) for text in ("group", "clinic", "hospital")))
    assert max(frozen) < usual + MORE


@pytest.mark.parametrize("trouble", [Server.frozen, Server.down], ids=["frozen", "stopped"])
def test_a_run_whose_journal_goes_is_not_shown_as_running_and_its_page_comes_back_by_itself(
    app: App, server: Server, page: Page, trouble: Callable[[Server], AbstractContextManager[None]]
) -> None:
    ids = app.active_ids(40)
    before = Counter(app.calls("deactivate"))
    drive.customers(page, app.url)
    drive.pick_ids(page, ids)
    drive.review(page, 40)
    drive.say_why(page, "Contract ended")
    app.api.sandbox.latency = 1.0
    drive.confirm(page, "40", 40)
    main = page.get_by_test_id("stMain")
    expect(main.get_by_text(re.compile(r"^[1-9]\d* of 40 · [\d.]+ a second"))).to_be_visible()
    with trouble(server):
        expect(main.get_by_text(re.compile("^The journal "))).to_have_count(1)
        expect(main).to_contain_text("goes on by itself")
        expect(main.get_by_text(_RATE)).to_have_count(0)
        expect(main.get_by_text("Running")).to_have_count(0)
        called = len(app.calls("deactivate"))
        expect(page.get_by_test_id("stSidebar")).to_contain_text("The journal ")
        assert len(app.calls("deactivate")) == called < 40 + before.total()
    app.api.sandbox.latency = 0
    head = page.locator(".st-key-run_head")
    expect(head).to_contain_text(re.compile("Interrupted|Finished"))  # it goes on by itself where it had not noticed yet
    if "Interrupted" in (head.text_content() or ""):
        page.get_by_role("button", name="Resume").click()
    drive.expect_state(page, "Finished")
    expect(drive.metric(page, "To do")).to_have_count(0)
    assert max((Counter(app.calls("deactivate")) - before).values()) == 1
    until(lambda: not {record["expressCustomerId"] for record in app.records(active=True)} & set(ids), "all were deactivated")
