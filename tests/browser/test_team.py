"""Two servers behind a proxy, in a browser: whatever dies in the middle, nothing is lost or done twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lib.journal.journal import Journal
from tests.browser import drive
from tests.browser.conftest import until
from tests.served import PATIENCE
from tests.team import COOKIE, NAME, PASSWORD, Team, missing, team

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with team(tmp_path_factory.mktemp("team"), settings="concurrency = 2\n") as running:
        yield running


@pytest.fixture
def at(servers: Team, chromium: Browser) -> Iterator[Any]:
    """Opens a person's browser, whose cookie leads them to one of the servers."""
    contexts: list[BrowserContext] = []

    def open_(server: str) -> Page:
        context = chromium.new_context(
            ignore_https_errors=True, http_credentials={"username": NAME, "password": PASSWORD}, reduced_motion="reduce"
        )
        contexts.append(context)
        context.add_cookies([{"name": COOKIE, "value": server, "url": servers.proxy.origin}])
        return context.new_page()

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", ["haproxy", "nginx"])
def test_through_a_proxy_that_is_configured_as_the_documentation_says_the_apps_own_pages_work_and_no_others(
    servers: Team, name: str
) -> None:
    if missing(name):
        pytest.skip(missing(name))
    with ExitStack() as ending:
        proxy = servers.proxy
        if name == "nginx":
            proxy = servers.nginx
            proxy.start()
            ending.callback(proxy.stop)
            until(proxy.answers, "nginx was up")
        assert proxy.get("/", authorization="").status_code == 401
        assert "--server.corsAllowedOrigins" in proxy.get("/", host="elsewhere.invalid").text
        assert proxy.handshake(proxy.origin) == 101
        assert proxy.handshake(proxy.origin, login="robin:guessed") == 401
        assert proxy.handshake("https://elsewhere.invalid") == 403


def changes(servers: Team) -> Counter[str]:
    return Counter(call.customer_id for call in servers.sandbox.calls() if call.operation == "deactivate")


def start_a_run(servers: Team, page: Page, count: int) -> tuple[list[str], str]:
    """Has some active customers deactivated, slowly; their ids and the run's."""
    store = servers.sandbox.sandbox.store
    records = [record for record in map(store.read, range(len(store))) if record["isActive"]]
    ids = [one["expressCustomerId"] for one in sorted(records, key=lambda one: one["userCount"])[:count]]
    drive.customers(page, servers.proxy.origin)
    drive.pick_ids(page, ids)
    drive.review(page, count)
    drive.say_why(page, "Contract ended")
    servers.sandbox.sandbox.latency = 0.5
    drive.confirm(page, str(count), count)
    run_id = drive.on_run(page)
    expect(drive.metric(page, "Verified")).to_have_text(re.compile("[1-9]"))
    return ids, run_id


def finished(servers: Team, page: Page, run_id: str, ids: list[str], before: Counter[str]) -> None:
    """Goes on with the run as far as needed; then everybody was called once, and the journal says so."""
    servers.sandbox.sandbox.latency = 0
    head = page.locator(".st-key-run_head")
    expect(head).to_contain_text(re.compile("Interrupted|Finished"))
    if "Interrupted" in (head.text_content() or ""):
        page.get_by_role("button", name="Resume").click()
    drive.expect_state(page, "Finished")
    assert changes(servers) - before == Counter(ids)
    journal = Journal(servers.journal_url)
    try:
        assert journal.reads.run(run_id).totals.verified == len(ids)
        assert journal.log.verify_chain().ok
        assert not journal.audit.all().findings
    finally:
        journal.close()


def test_a_run_of_one_server_is_watched_on_the_other_which_finishes_it_where_the_first_is_killed(
    servers: Team, at: Any
) -> None:
    before, mine, theirs = changes(servers), at("app1"), at("app2")
    ids, run_id = start_a_run(servers, mine, 12)
    drive.visit_unfinished(theirs, f"{servers.proxy.origin}/runs?run={run_id}", "Deactivate 12 customers")
    drive.expect_state(theirs, "Running")
    expect(theirs.get_by_test_id("stMain").get_by_text(re.compile(r"^\d+ of 12 · [\d.]+ a second"))).to_be_visible()
    servers.apps["app1"].process.kill()
    finished(servers, theirs, run_id, ids, before)
    drive.expect_state(mine, "Finished")  # this tab goes on at the other server by itself
    servers.start_app("app1")
    until(lambda: servers.apps["app1"].health() == {"ok": True}, "the killed server was back", 90)


def test_a_rolling_restart_in_mid_run_loses_nothing_and_does_nothing_twice(servers: Team, at: Any) -> None:
    before, mine, theirs = changes(servers), at("app1"), at("app2")
    ids, run_id = start_a_run(servers, mine, 12)
    servers.sandbox.sandbox.latency = 2.0  # it outlasts both restarts, however busy the machine is
    drive.visit_unfinished(theirs, f"{servers.proxy.origin}/runs?run={run_id}", "Deactivate 12 customers")
    for name, other in (("app1", theirs), ("app2", mine)):
        drive.expect_state(other, "Running")
        servers.apps[name].process.terminate()
        servers.apps[name].process.wait(PATIENCE)
        drive.expect_state(other, "Interrupted")  # the calls in flight were finished and settled
        servers.start_app(name)
        until(lambda: all(app.health() == {"ok": True} for app in servers.apps.values()), "both servers were up", 90)
        expect(other.locator("[data-testid=stApp][data-test-connection-state=CONNECTED]")).to_have_count(1)
        if other is theirs:
            other.get_by_role("button", name="Resume").click()
    finished(servers, mine, run_id, ids, before)


def test_while_the_database_is_away_calls_stop_and_pages_say_so_and_nothing_is_lost(servers: Team, at: Any) -> None:
    before, page, new = changes(servers), at("app1"), at("app2")
    ids, run_id = start_a_run(servers, page, 12)
    with servers.database.down():
        until(lambda: not any(app.health()["ok"] for app in servers.apps.values()), "both servers said so", 90)
        main = page.get_by_test_id("stMain")
        expect(main).to_contain_text("The journal ")
        called = changes(servers)
        new.goto(servers.proxy.origin)  # none is ready, so who lives shows what is wrong
        expect(new.get_by_test_id("stSidebar")).to_contain_text("The journal ")
        assert changes(servers) == called != before + Counter(ids)
    finished(servers, page, run_id, ids, before)


def test_a_restart_of_the_proxy_loses_no_picks(servers: Team, at: Any) -> None:
    page = at("app2")
    drive.customers(page, servers.proxy.origin)
    drive.tick_rows(page, (0, 2, 4))
    servers.proxy.stop()
    connected = page.locator("[data-testid=stApp][data-test-connection-state=CONNECTED]")
    expect(connected).to_have_count(0)
    servers.proxy.start()
    expect(connected).to_have_count(1)
    drive.tick_rows(page, (6,), already=3)
    drive.expect_picked(page, 4)
