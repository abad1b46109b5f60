"""Picks are kept as a draft: a new tab, a restart or another server offers them again, as they were, to this person only."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from lib.errors import JournalUnavailable
from lib.people import Person
from lib.sandbox.server import SandboxServer
from lib.ui import kept, notices, picks
from tests import message
from tests.pages.test_deactivate import confirm, ended, field_of, ids_of, record_of, to_dialog
from tests.pages.world import Session, World


@pytest.fixture
def sandbox(world: World) -> SandboxServer:
    return world.sandbox(customers=130)


def saved(world: World) -> list[int]:
    """How many customers each draft has, the newest first."""
    journal = world.resources.journal
    return [head.size for head in journal.drafts.heads(world.resources.keys)]


def kept_ids(world: World) -> list[str]:
    return [head.id for head in world.resources.journal.drafts.heads(world.resources.keys)]


def until_saved(world: World, *sizes: int) -> None:
    Session().until(lambda _: saved(world) == list(sizes))


def offers(session: Session) -> list[str]:
    return [line for line in session.plain.splitlines() if "in another tab or before a reload" in line]


def press(session: Session, label: str) -> Session:
    next(button for button in session.at.button if button.label == label).click()
    return session.run()


def test_picks_that_the_next_message_keeps_from_being_taken_are_offered_still(world: World, sandbox: SandboxServer) -> None:
    picked = ids_of(sandbox, active=True, count=3)
    world.open().pick(picked)
    until_saved(world, 3)
    there = world.open()
    message.comes_before(world.patch, picks, "take")
    press(there, "Take them")
    assert there.picks == []
    assert offers(there)
    assert press(there, "Take them").picks == picked
    assert not offers(there)


@pytest.mark.parametrize("what", ["a new tab", "a restart"])
def test_picks_and_the_reason_typed_so_far_are_offered_and_taken_as_they_were(
    world: World, sandbox: SandboxServer, what: str
) -> None:
    first = (
        world.open(status="active").act("pick", 0, 3).go("runs").go("customers", users="0-0").act("pick", 1).go("deactivate")
    )
    field_of(first, "Reason").set_value("Contract *ended*")
    first.run()
    until_saved(world, 3)
    if what == "a restart":
        world.restart()
    session = world.open()
    assert session.picks == []  # offered, never taken by itself
    (offer,) = offers(session)
    assert "3 customers picked at" in offer
    assert "“Contract *ended*”" in offer
    assert offers(session.go("deactivate"))
    press(session.go("customers"), "Take them")
    assert dict(session.at.session_state["picks"]) == dict(first.at.session_state["picks"])  # how each was picked, too
    assert session.picks == first.picks
    assert offers(session) == []
    assert field_of(session.go("deactivate"), "Reason").value == "Contract *ended*"
    until_saved(world, 3)
    assert offers(world.open()) != []  # the tab that has them keeps them in its turn


def test_each_tab_keeps_its_own_and_taking_joins_them(world: World, sandbox: SandboxServer) -> None:
    ids = ids_of(sandbox, active=True, count=5)
    world.open().pick(ids[:2])
    until_saved(world, 2)
    world.open().pick(ids[2:])
    until_saved(world, 3, 2)
    session = world.open("deactivate")
    assert "Nothing is picked in this tab. Take up what was picked before" in session.words
    assert ["3 customers" in offer for offer in offers(session)] == [True, False]
    assert "1 more on" in offers(session.go("customers"))[0]
    press(session, "Take them")
    press(session.go("deactivate").pick([]), "Take them")
    assert session.picks == ids[:2]
    until_saved(world, 2)


def test_what_is_discarded_or_has_become_a_run_is_offered_no_more(world: World, sandbox: SandboxServer) -> None:
    ids = ids_of(sandbox, active=True, count=3)
    world.open().pick(ids[:2])
    until_saved(world, 2)
    session = press(world.open(), "Discard")
    assert offers(session) == []
    until_saved(world)
    session.pick(ids[2:])
    until_saved(world, 1)
    name = record_of(sandbox, ids[2])["expressCustomerName"]
    confirm(to_dialog(session.go("deactivate")), name).until(ended)
    until_saved(world)
    assert offers(world.open()) == []


def test_somebody_elses_picks_are_offered_to_nobody_else(
    world: World, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.open().pick(ids_of(sandbox, active=True, count=2))
    until_saved(world, 2)
    monkeypatch.setattr(kept, "operator", lambda: Person("Kim", "by login"))
    assert offers(world.open()) == []


@pytest.mark.parametrize("what", ["Take them", "Discard"])
def test_the_picks_of_a_tab_in_use_stay_its_own_whatever_another_tab_does_with_what_is_offered_there(
    world: World, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(kept, "_THERE_AFTER", 0.0)
    ids, copies = ids_of(sandbox, active=True, count=3), [3, 3] if what == "Take them" else [3]
    one = world.open().pick(ids)
    until_saved(world, 3)
    draft = kept_ids(world)
    other = press(world.open(), what)
    Session().until(lambda _: kept_ids(world) != draft)
    Session().until(lambda _: one.run() and saved(world) == copies and draft[0] in kept_ids(world))
    assert one.picks == ids
    assert other.picks == (ids if what == "Take them" else [])
    assert not offers(other.run())  # it has them, or wants none of them
    there = press(world.open(), "Take them")  # the first tab after its own reload, say
    assert there.picks == ids


def test_drafts_that_come_late_are_no_trouble_of_a_tab_that_has_picks(
    world: World, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late() -> None:
        raise JournalUnavailable

    monkeypatch.setattr(kept, "_THERE_AFTER", 0.0)
    session = world.open().pick(ids_of(sandbox, active=True, count=1))
    until_saved(world, 1)
    monkeypatch.setattr(world.resources.drafts, "get", late)
    assert "journal" not in session.run().plain
    assert saved(world) == [1]


def test_of_two_tabs_that_take_what_was_picked_before_the_second_is_offered_what_the_first_has(
    world: World, sandbox: SandboxServer
) -> None:
    ids = ids_of(sandbox, active=True, count=2)
    world.open().pick(ids)
    until_saved(world, 2)
    draft = kept_ids(world)
    one, other = world.open(), world.open()
    press(one, "Take them")
    Session().until(lambda _: len(kept_ids(world)) == 1 and kept_ids(world) != draft)
    press(other, "Take them")
    assert "What a tab still has of them is offered here" in other.at.error[0].value
    assert offers(other)
    assert press(other, "Take them").picks == ids


def test_a_draft_that_is_gone_by_the_time_it_is_taken_is_told_in_words(world: World, sandbox: SandboxServer) -> None:
    world.open().pick(ids_of(sandbox, active=True, count=2))
    until_saved(world, 2)
    one, other = world.open(), world.open()
    press(one, "Discard")
    until_saved(world)
    press(other, "Take them")
    assert "or started these picks meanwhile" in other.at.error[0].value


@pytest.mark.parametrize("ended_by", ["another try", "time"])
def test_what_went_wrong_stays_on_a_page_that_is_drawn_anew_by_itself(
    world: World, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, ended_by: str
) -> None:
    for number, id_ in enumerate(ids_of(sandbox, active=True, count=2), start=1):
        world.open().pick([id_])
        until_saved(world, *[1] * number)
    one, other = world.open("deactivate"), world.open("deactivate")
    press(one, "Discard")
    until_saved(world, 1)
    press(other, "Take them")
    for _ in range(2):
        assert "or started these picks meanwhile" in other.run().at.error[0].value
    if ended_by == "time":
        monkeypatch.setattr(notices, "_STAYS", 0.0)
        other.run()
    else:
        press(other, "Take them")  # of the other draft
        assert len(other.picks) == 1
    assert not other.at.error


def test_a_journal_that_can_not_be_written_keeps_nobody_from_picking(world: World, sandbox: SandboxServer) -> None:
    session = world.open()
    with closing(sqlite3.connect(world.home / "journal.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        session.act("pick", 0).act("pick", 1)
        assert len(session.picks) == 2
        assert saved(world) == []
        other.execute("ROLLBACK")
    until_saved(world, 2)
