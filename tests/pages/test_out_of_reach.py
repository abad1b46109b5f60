"""Pages while the journal is out of reach: what does not come from it is drawn as ever, the rest says so and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lib.journal import database
from lib.plans.model import RunState, StepState
from lib.plans.words import said
from tests.journal.places import Disk, Place, Server
from tests.pages.test_runs import a_plan
from tests.pages.world import Session, World
from tests.runs.fakes import ROBIN

#: Seconds, as a person takes it: the page is there.
AT_ONCE = 5.0


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def team(world: World, server: Server) -> World:
    """An app whose journal is on a server, its customers loaded."""
    world.patch.setattr(database, "ANSWERS_WITHIN", 2.0)
    world.patch.setenv("EXPRESS_OPS_DATABASE_URL", server.new_place().url)
    world.sandbox(customers=230)
    world.open()
    return world


def by_the_clock(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


TROUBLES = {"frozen": Server.frozen, "stopped": Server.down}
with_each_trouble = pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
Trouble = Callable[[Server], AbstractContextManager[None]]


@with_each_trouble
def test_customers_are_filtered_as_ever_and_the_sidebar_tells(team: World, server: Server, trouble: Trouble) -> None:
    team.patch.setattr(database, "ANSWERS_WITHIN", 3 * AT_ONCE)  # whoever waits for it is late
    team.restart()
    session = team.open()
    everybody = session.table["rows"]
    with trouble(server):
        assert by_the_clock(session.run) < AT_ONCE
        session.until(lambda it: "The journal " in it.plain)
        for status in ("inactive", "active"):
            session.widget("status").set_value(status)
            assert by_the_clock(session.run) < AT_ONCE
            assert session.table["rows"]
        assert not session.at.error
    session.until(lambda it: "The journal " not in it.plain)
    assert session.table["rows"] != everybody


@with_each_trouble
@pytest.mark.parametrize("page", ["runs", "overview", "run"])
def test_a_page_that_needs_the_journal_says_so_once_and_comes_back(
    team: World, server: Server, trouble: Trouble, page: str
) -> None:
    run = team.resources.journal.record(a_plan(team, 0, 3), datetime.now(UTC), who=ROBIN)
    session = team.open("runs", run=run.id) if page == "run" else team.open(page)
    assert not session.at.error
    with trouble(server):
        session.until(lambda it: it.at.error)
        assert by_the_clock(session.run) < AT_ONCE
        (error,) = session.at.error
        assert "The journal " in error.value
        assert "goes on by itself" in session.plain
        assert bool(session.at.get("metric")) == (page == "overview")  # its totals come from the list of customers
    session.until(lambda it: not it.at.error)
    assert "Deactivate 3 customers" in session.words or session.rows_of("Runs").size


def test_a_plan_that_is_confirmed_meanwhile_says_why_it_does_not_start_and_starts_once_the_journal_is_back(
    team: World, server: Server
) -> None:
    session = team.open()
    session.pick([session.table["rows"][0][0]]).go("deactivate")
    next(text for text in session.at.text_input if text.label == "Reason").set_value("Contract ended")
    session.press("to_confirm")
    name = session.at.code[0].value
    session.type_to_confirm(name)
    session.run()
    with server.frozen():
        session.press("confirm_go")
        assert "so no call is made" in session.at.error[0].value
    session.until(lambda it: "The journal " not in it.plain)
    session.press("confirm_go").until(lambda it: "Finished" in it.words)
    assert [run.totals.verified + run.totals.skipped for run in team.resources.journal.reads.runs()] == [1]


def a_running_run(world: World) -> str:
    """Carried by this very process as far as the journal knows."""
    journal, now = world.resources.journal, datetime.now(UTC)
    run = journal.record(a_plan(world, 0, 12), now, who=ROBIN)
    journal.claim(run.id, owner=world.resources.worker.owner, now=now, who=ROBIN)
    return run.id


def settle_some(world: World, run_id: str, number: int) -> None:
    journal, now = world.resources.journal, datetime.now(UTC)
    for step in journal.reads.steps(run_id, StepState.PLANNED, limit=number):
        journal.steps.settle(step, StepState.SKIPPED, now=now, who=ROBIN, words=said("Inactive by now."))


def rate_is_told(session: Session) -> bool:
    return " a second" in session.at.get("progress")[0].proto.text


def test_on_a_full_disk_no_page_says_that_a_run_is_running_and_none_tells_a_rate(
    world: World, disk: Disk, tmp_path: Path
) -> None:
    place = Place(f"sqlite:///{disk.folder / 'data' / 'journal.sqlite'}")
    world.patch.setenv("EXPRESS_OPS_DATABASE_URL", place.url)
    world.sandbox(customers=230)
    world.open()
    run_id = a_running_run(world)
    settle_some(world, run_id, 4)
    session = world.open("runs", run=run_id)
    assert rate_is_told(session)
    assert "Running" in session.words
    with disk.full(world.resources.journal):
        session.press("run_pause")  # which can't be written
        assert "so no call is made" in session.at.error[0].value
        session.run()
        assert not rate_is_told(session)
        assert "Running" not in session.words
        assert "No call is made since " in session.at.warning[0].value
        assert "disk is full" in session.at.warning[0].value
        assert not session.offers("run_pause")
        assert not session.offers("run_cancel")
        assert "It can't be paused or cancelled before the journal can be written." in session.words
        for page in ("runs", "overview"):
            session.go(page)
            assert "Runs · 1 waiting for you" in session.words
            assert "No call is made: deactivate 12 customers. Open it to see it." in session.plain
            assert "No call is made since " in session.plain
            assert "No call is made" in session.rows_of("Runs")["State"].tolist()
            assert "running" not in session.words.lower().replace("running 1", "")
        for page in ("customers", "connection"):  # which have no runs of their own: the sidebar tells it
            session.go(page)
            assert "No call is made since " in session.plain
            assert "disk is full" in session.plain
    settle_some(world, run_id, 1)
    session.go("runs", run=run_id)
    assert "Running" in session.words
    assert world.resources.journal.reads.run(run_id).state is RunState.RUNNING
    world.restart()  # before the disk is gone
    place.close()
