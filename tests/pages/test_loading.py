"""Every page while customers load, when there are none, and when the load went wrong."""

from __future__ import annotations

import gc
import weakref

import pytest

from lib.avara.models import RecordProblem
from lib.config import load_settings
from lib.customers.reading.progress import LoadState
from lib.ui import loading
from lib.ui.loading import problems_csv
from tests.journal.places import Server
from tests.pages.world import Session, World, records_of

PAGES = ("overview", "customers", "deactivate", "runs", "compare", "connection")


def stopped(session: Session) -> bool:
    return session.offers("load_resume")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_stands_while_nothing_has_come_yet(world: World, page: str) -> None:
    world.sandbox(faults=["timeout-before@list"])
    session = world.open(page, loaded=False)
    assert session.at.title
    assert not session.at.exception
    assert not session.at.error
    assert "Loading: 0 customers" in session.words
    assert session.offers("load_stop")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_stands_where_there_is_no_customer_at_all(world: World, page: str) -> None:
    world.sandbox(customers=0)
    session = world.open(page)
    assert session.at.title
    assert not session.at.exception
    assert not session.at.error
    assert "0 customers,  \nread just now" in session.words
    assert not session.offers("review")
    assert not session.offers("pick_all")


@pytest.mark.parametrize("page", ["customers", "overview"])
def test_a_running_load_shows_how_far_it_has_come(world: World, page: str) -> None:
    sandbox = world.sandbox(latency_ms=2500)
    session = world.open(page, loaded=False)
    session.until(lambda it: "Loading: 100 customers" in it.words)
    assert "1 page · " in session.words
    assert "a second" in session.words
    assert not session.offers("reload")
    sandbox.sandbox.latency = 0
    session.until(lambda it: it.offers("reload"))
    assert not session.run().at.get("progress")


def test_a_list_that_another_server_reads_is_told_with_how_far_it_is_and_who_stops_waiting_can_go_on(
    world: World, postgresql: Server
) -> None:
    place = postgresql.new_place()
    world.patch.setenv("EXPRESS_OPS_DATABASE_URL", place.url)
    world.sandbox()
    connection = load_settings().connection()
    assert connection is not None
    other = place.open().lists.of(connection.fingerprint, "app2:7:aa")
    assert other is not None
    turn = other.take_turn()
    assert turn is not None
    other.renew(turn, 4200)
    session = world.open(loaded=False)
    session.until(lambda it: "app2, process 7 is reading: 4,200 customers so far" in it.plain)
    assert "This server takes that list over once it is whole." in session.words
    other.end(turn, "The API does not know this key.")
    session.until(stopped)
    assert "app2, process 7 was reading the customers and stopped. The API does not know this key." in session.plain
    session.press("load_resume").until(lambda it: it.offers("reload"))
    assert "250 customers" in session.words
    place.close()


def test_the_first_drawing_has_the_first_customers_where_the_api_answers_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_FIRST_DRAW_PATIENCE", 60.0)
    world.sandbox(latency_ms=150)
    session = Session().run()
    assert len(session.rows) == 100


def test_only_the_first_drawing_of_a_tab_waits_for_customers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.sandbox(faults=["timeout-before@list"])
    session = world.open(loaded=False)
    monkeypatch.setattr(loading, "_FIRST_DRAW_PATIENCE", 3600.0)
    assert "Loading: 0 customers" in session.run().words


def test_a_page_that_was_open_before_the_first_customers_came_gets_its_metadata_columns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_FIRST_DRAW_PATIENCE", 0.0)
    sandbox = world.sandbox(latency_ms=500)
    session = world.open(loaded=False)
    assert len(world.resources.loads.frame()) == 0
    sandbox.sandbox.latency = 0
    session.until(lambda it: it.offers("reload"))
    assert [name for name in session.run().rows.columns if name.startswith("metadata:")] == [
        "metadata:region",
        "metadata:department",
    ]


def test_a_stopped_load_keeps_what_came_feeds_no_plan_and_goes_on_from_there(world: World) -> None:
    sandbox = world.sandbox(latency_ms=250)
    session = world.open(loaded=False).until(lambda _: world.resources.loads.newest.progress().pages >= 1).run()
    session.press("load_stop")
    assert stopped(session)
    assert "Loading was stopped" in session.words
    assert "not complete" in session.words
    came = len(world.resources.loads.frame())
    assert 100 <= came < 250
    session.press("pick_all")
    assert len(session.picks) == came
    assert not session.offers("review")
    assert session.go("deactivate").at.error[0].value.startswith("The list of customers is not complete")
    assert session.at.title[0].value == "Deactivate"
    assert not session.offers("to_confirm")
    sandbox.sandbox.latency = 0
    session.go("customers").press("load_resume").until(lambda _: world.resources.loads.complete).run()
    assert "**250** of 250 customers" in session.words
    assert not stopped(session)
    assert session.offers("review")
    lists = [call for call in sandbox.calls() if call.operation == "list"]
    assert len(lists) <= 4  # three pages, and the one whose answer was dropped


ERRORS = [
    ("unauthorized-midway", 100, "refused the key"),
    ("repeat-cursor", 100, "same page cursor twice"),
    ("http-500@list", 0, "failed to answer"),
    ("html-error@list", 0, "failed to answer"),
    ("bad-json@list", 0, "JSON"),
]


@pytest.mark.parametrize(("fault", "came", "words"), ERRORS, ids=[fault for fault, _, _ in ERRORS])
def test_a_load_that_fails_says_why_keeps_what_came_and_can_go_on(world: World, fault: str, came: int, words: str) -> None:
    sandbox = world.sandbox(faults=[fault])
    session = world.open(loaded=False).until(stopped)
    assert words in session.plain
    assert f"{came} customers came before that" in session.words
    assert not session.at.exception
    session.press("pick_all") if came else None
    assert not session.offers("review")
    sandbox.set_faults([])
    session.press("load_resume").until(lambda _: world.resources.loads.complete).run()
    assert "**250** of 250 customers" in session.words
    assert not stopped(session)


@pytest.mark.parametrize("page", ["customers", "overview"])
def test_an_api_that_is_not_there_is_named_with_what_to_do(world: World, page: str) -> None:
    world.sandbox().stop()
    session = world.open(page, loaded=False).until(stopped)
    assert "could not be reached" in session.words
    assert "Check the network" in session.words
    assert not session.at.exception


def test_a_wrong_key_is_told_in_words_without_the_key(world: World) -> None:
    sandbox = world.sandbox()
    world.connect(sandbox.base_url, "not-the-right-key-4f5e6d")
    session = world.open(loaded=False).until(stopped)
    assert "refused the key" in session.words
    assert "AVARA_API_KEY" in session.plain
    assert b"not-the-right-key-4f5e6d" not in session.everything


def test_records_that_break_a_rule_are_named_and_the_others_live(world: World) -> None:
    world.sandbox(faults=["bad-record"])
    session = world.open()
    assert "3 records could not be read and left out" in session.words
    assert "**247** of 247 customers" in session.words
    session.at.session_state["problems_open"] = True
    problems = session.run().rows_of("Records that break")
    assert list(problems) == ["Customer", "Field", "Rule", "Seen"]
    assert len(problems) == 3
    assert all(problems["Field"])
    assert all(problems["Rule"])


def test_of_very_many_unreadable_records_the_first_are_named_the_kinds_counted_and_all_are_a_download(world: World) -> None:
    world.sandbox()
    session = world.open()
    load = world.resources.loads.newest
    assert load is not None
    fields = ("createdAt", "userCount", "userCount")
    many = [RecordProblem(f"cus_{at:032x}", fields[at % 3], f"=cmd {at}", "is wrong") for at in range(9000)]
    load._came.problems, load._came.problem_count = many, len(many)
    assert "9,000 records could not be read and left out" in session.run().words
    assert len(session.everything) < 1_000_000
    session.at.session_state["problems_open"] = True
    assert len(session.run().everything) < 1_000_000
    assert session.rows_of("Records that break")["Customer"].tolist() == [problem.customer_id for problem in many[:100]]
    assert session.rows_of("How many")["Records"].tolist() == ["6,000", "3,000"]
    assert "The first 100 of 9,000." in session.words
    lines = problems_csv(many).decode("utf-8-sig").splitlines()
    assert len(lines) == 9001
    assert lines[1].endswith('"\'=cmd 0"')


def test_a_reload_that_fails_leaves_the_earlier_list_on_show_and_usable(world: World) -> None:
    sandbox = world.sandbox()
    session = world.open()
    sandbox.set_faults(["http-500@list"])
    session.press("reload").until(stopped)
    assert "the earlier list stays on show" in session.words
    assert "**250** of 250 customers" in session.words
    assert session.act("pick", 0).offers("review")


def test_a_reload_shows_what_changed_and_keeps_picks_and_filters(world: World) -> None:
    sandbox = world.sandbox()
    session = world.open(status="active")
    session.act("pick", 0, 1)
    picks = session.picks
    sandbox.sandbox.store.change(sandbox.sandbox.store.position(picks[0]), isActive=False)
    before = world.resources.loads.newest
    session.press("reload").until(lambda _: world.resources.loads.newest is not before and world.resources.loads.complete)
    session.until(lambda it: it.offers("reload")).run()
    assert session.picks == picks
    assert picks[0] not in session.rows["id"].tolist()
    assert "1 hidden by filters" in session.words
    active = sum(record["isActive"] for record in records_of(sandbox))
    assert f"**{active}** of 250 customers" in session.words


def test_a_tab_that_sleeps_through_a_reload_does_not_hold_the_older_customers(world: World) -> None:
    world.sandbox()
    session = world.open().act("pick", 0)
    loads = world.resources.loads
    old = weakref.ref(loads.frame())
    version = loads.frame().version
    loads.reload()
    Session().until(lambda _: loads.frame().version != version and (gc.collect() or old() is None))
    session.press("pick_all")  # of the list that it still shows
    assert len(session.picks) == 250


def test_going_away_does_not_stop_the_load(world: World) -> None:
    sandbox = world.sandbox(latency_ms=60)
    world.open(loaded=False)  # and never looked at again
    other = world.open("runs")
    assert world.resources.loads.newest.progress().state is LoadState.COMPLETE
    assert len([call for call in sandbox.calls() if call.operation == "list"]) == 3
    assert "250 customers" in other.words
