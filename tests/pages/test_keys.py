"""A new API key: what the older one left is seen, can be cancelled, and goes on once a person says it is one account."""

from __future__ import annotations

import pytest
import streamlit as st

from lib.plans.model import RunState
from lib.sandbox.server import SandboxServer
from tests import message
from tests.pages.test_kept import hold
from tests.pages.test_runs import a_plan, left_in_the_middle
from tests.pages.world import KEY, Session, World
from tests.runs.fakes import NOW, ROBIN, customer, plan_of

NEW = "key-after-the-rotation-91c2"


@pytest.fixture
def rotated(world: World) -> tuple[World, str, SandboxServer]:
    """The app with a new key, the id of a run that was left in the middle under the old one, and the API."""
    sandbox = world.sandbox(customers=60, more_keys=[NEW])
    world.open()
    Session().until(lambda _: any(world.resources.settings.snapshots.glob("*/*.snapshot")))
    run_id = left_in_the_middle(world, 0, 3)
    world.restart()
    world.connect(sandbox.base_url, NEW)
    return world, run_id, sandbox


def say_so(session: Session, key: str) -> Session:
    """What a person does to say that a key is of the same account."""
    return session.press(f"same_account_{key}").press("account_go")


def old_key(world: World, run_id: str) -> str:
    return world.resources.journal.reads.run(run_id).fingerprint


def test_where_there_is_one_key_the_page_says_nothing_of_keys(world: World) -> None:
    world.sandbox(customers=20)
    session = world.open("connection")
    assert [header.value for header in session.at.header] == ["Limits of a run", "Limits of the API"]


def test_a_run_of_an_older_key_is_seen_and_can_only_be_cancelled(rotated: tuple[World, str, SandboxServer]) -> None:
    world, run_id, _ = rotated
    key = old_key(world, run_id)[:8]
    session = world.open("runs")
    assert f"Made under another key ({key}). Open it to cancel." in session.plain
    assert session.rows_of("Runs")["Connection"].tolist()[0].endswith(f", key {key}")
    session.go("runs", run=run_id)
    assert f"made under another key of this address (fingerprint {key})" in session.plain
    assert "say so on the Connection page" in session.plain
    assert not session.offers("run_resume")
    session.press("run_cancel")
    run = world.resources.journal.reads.run(run_id)
    assert (run.state, run.totals.unknown, run.totals.planned) == (RunState.CANCELLED, 1, 2)
    assert not session.at.exception


def test_a_kept_list_is_shown_under_another_key_only_once_that_is_of_the_same_account(
    rotated: tuple[World, str, SandboxServer],
) -> None:
    world, run_id, sandbox = rotated
    hold(sandbox)
    world.resources.loads.start()
    assert not world.resources.loads.complete
    say_so(world.open("connection", loaded=False), old_key(world, run_id))
    world.restart()
    world.resources.loads.start()
    assert len(world.resources.loads.frame()) == 60
    assert world.resources.loads.kept is not None


def test_once_a_person_says_so_and_confirms_it_the_run_goes_on_under_the_new_key(
    rotated: tuple[World, str, SandboxServer],
) -> None:
    world, run_id, _ = rotated
    old = old_key(world, run_id)
    session = world.open("connection")
    assert f"Another key of this address, `{old[:8]}`, made 1 run" in session.words
    session.press(f"same_account_{old}")
    assert "3 customers of its runs that have not ended and 50 customers of its kept list will be read" in session.plain
    assert "written into the log under " in session.plain
    session.press("account_cancel")
    assert not session.offers("account_go")
    assert world.resources.keys == {world.resources.connection.fingerprint}
    message.comes_before(world.patch, st, "success")  # which ends the drawing that would tell it
    say_so(session, old)
    assert "both keys are of the same account now" in session.at.success[0].value
    assert f"Also of this account: `{old[:8]}`" in session.words
    assert not session.offers(f"same_account_{old}")
    assert KEY.encode() not in session.everything
    assert NEW.encode() not in session.everything
    session.go("runs", run=run_id)
    assert "another key" not in session.words
    session.press("run_resume")
    session.until(lambda _: world.resources.journal.reads.run(run_id).state is RunState.FINISHED)


def test_a_key_of_other_customers_stays_apart_and_the_page_names_the_one_that_is_missing(world: World) -> None:
    sandbox = world.sandbox(customers=20)
    stranger = plan_of([customer(1)], fingerprint="9" * 16, base_url=sandbox.base_url)
    world.resources.journal.record(stranger, NOW, who=ROBIN)
    session = say_so(world.open("connection"), "9" * 16)
    assert "Clinic 1" in session.plain
    assert "was not found with the key in use" in session.plain
    assert world.resources.keys == {world.resources.connection.fingerprint}


def test_two_runs_that_hold_the_same_customer_are_both_named(rotated: tuple[World, str, SandboxServer]) -> None:
    world, run_id, _ = rotated
    world.open()
    other = world.resources.journal.record(a_plan(world, 0, 1), NOW, who=ROBIN).id
    session = say_so(world.open("connection"), old_key(world, run_id))
    assert run_id in session.plain
    assert other in session.plain


def test_an_undo_of_another_keys_run_tells_the_way_out(rotated: tuple[World, str, SandboxServer]) -> None:
    world, run_id, _ = rotated
    session = world.open("deactivate", undo=run_id)
    assert session.at.title[0].value == "Undo"
    assert "say so on the Connection page" in session.plain
