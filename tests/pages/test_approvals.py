"""Two people walk a run that needs both of them; and one person alone, as the settings say."""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.proto.WidgetStates_pb2 import WidgetState

from lib.plans.model import RunState
from tests import message
from tests.pages.people import PEOPLE, claims, opened, tab
from tests.pages.world import PATIENCE, Session, World, records_of
from tests.served import until

ASKS = '\n[approval]\nfrom_customers = 2\nlink = "https://ops.example.com/team"\n'
ROBIN, LEAD = "robin@example.com", "lead@example.com"
SAYS_WHY = "it has 3 customers (that is asked from 2 on)"


@pytest.fixture
def team(world: World) -> World:
    return opened(world, PEOPLE + ASKS)


def lead(page: str = "runs", **query: str) -> Session:
    return tab(page, user=claims(LEAD, groups=["leads"]), **query)


def to_confirm(session: Session, world: World, *, number: int = 3) -> Session:
    rows = world.resources.loads.frame().rows
    session.pick(rows["id"][rows["is_active"]].head(number)).go("deactivate")
    next(text for text in session.at.text_input if text.label == "Reason").set_value("Contract ended")
    return session.run().press("to_confirm")


def asked(world: World) -> str:
    """The id of a run that robin asked an approval for."""
    to_confirm(tab(email=ROBIN), world).type_to_confirm("3").press("confirm_go")
    (run,) = world.resources.reads.runs()
    return run.id


def test_two_people_walk_it(team: World) -> None:
    before = records_of(team.customers)
    robin = to_confirm(tab(email=ROBIN), team)
    assert f"waits for the approval of a second person, and nothing is sent before that: {SAYS_WHY}" in robin.plain
    robin.type_to_confirm("3").press("confirm_go")
    (run,) = team.resources.reads.runs()
    assert (run.state, run.approval.asked.by.name) == (RunState.PLANNED, ROBIN)
    assert "Waiting for approval" in robin.plain
    assert f"https://ops.example.com/team/runs?run={run.id}" in robin.plain
    assert not robin.offers("run_start")
    assert not robin.offers("approve")
    assert "waiting for you" not in tab(email=ROBIN).plain
    assert "Runs · 1 waiting for you" in lead().plain
    for page in ("overview", "customers", "runs", "compare", "connection"):  # told on every page, to everybody
        assert "1 run waits for approval" in tab(page).plain

    kim = lead(run=run.id)
    assert SAYS_WHY in kim.plain
    assert "Caps: at most 500 customers" in kim.plain
    assert "Nothing of these customers changed since it was planned" in kim.plain
    assert len(kim.rows_of("Customers under review")) == 3
    kim.act("open", 0, label="Customers under review")
    assert "Runs of this customer" in kim.plain
    kim = lead(run=run.id)
    message.comes_before(team.patch, st, "error")  # which ends the drawing that would tell it
    kim.press("refuse")
    main = list(kim.at.main)
    wrong = next(at for at, one in enumerate(main) if "Say why you refuse it" in str(getattr(one, "value", "")))
    assert main[wrong - 1].key == f"approval_words-{run.id}"  # below the field that it is about
    kim.at.text_area(key=f"approval_words-{run.id}").set_value("All three have left us")
    kim.run().press("approve")
    assert "Approve: deactivate 3 customers?" in kim.words
    assert "No new studies and no new users can be assigned to them" in kim.plain
    assert not kim.type_to_confirm("2").offers("approve_go")
    kim.type_to_confirm("3").press("approve_go")
    assert f"{LEAD} approved it at" in kim.plain
    assert "All three have left us" in kim.plain
    assert not kim.offers("run_start")
    assert not kim.offers("approve")
    assert len(kim.rows_of("Customers under review")) == 3  # what was approved stays to be seen
    assert "It is approved. Somebody else, with the role operator, starts it by this link" in kim.plain
    assert "waiting for you" not in lead().plain
    assert "Runs · 1 waiting for you" in tab(email=ROBIN).plain

    assert records_of(team.customers) == before
    robin = tab("runs", email=ROBIN, run=run.id)
    assert "It is approved and can be started" in robin.plain
    assert "run waits for approval" not in robin.plain
    robin.press("run_start")
    assert team.resources.wait(run.id, PATIENCE)
    done = team.resources.reads.run(run.id)
    assert (done.state, done.totals.verified) == (RunState.FINISHED, 3)
    assert team.resources.log.carriers(run.id) == (ROBIN,)


def test_the_connection_page_says_what_one_may_do_and_a_viewer_why_there_are_no_ticks(team: World) -> None:
    facts = tab("connection", email=ROBIN).rows_of("Facts about the connection").set_index("What")["Value"]
    assert (facts["Roles"], facts["Read-only"], facts["Stays armed"]) == ("operator, viewer", "no", "for 30 minutes")
    limits = tab("connection", email=ROBIN).rows_of("Limits of a run").set_index("What")["Value"]
    assert limits["A second person"] == "asked from 2 customers on"
    assert "takes the role operator, so there are no ticks" in tab(email="viewer@example.com").plain


def test_a_refusal_ends_the_run_and_whoever_planned_it_reads_why(team: World) -> None:
    run_id = asked(team)
    kim = lead(run=run_id)
    kim.at.text_area(key=f"approval_words-{run_id}").set_value("**Two** of them still read")
    kim.run().press("refuse")
    run = team.resources.reads.run(run_id)
    assert (run.state, run.words) == (
        RunState.CANCELLED,
        f"Cancelled by {LEAD} after 0 of 3 customers; the other 3 were not started.",
    )
    assert "refused it at" in (robin := tab("runs", email=ROBIN, run=run_id)).plain
    assert r"\*\*Two\*\* of them still read" in robin.words
    assert not robin.offers("run_start")


def test_what_changed_since_it_was_planned_is_on_show(team: World) -> None:
    run_id = asked(team)
    first = team.resources.reads.steps(run_id)[0].customer_id
    store = team.customers.sandbox.store
    store.change(store.position(first), isActive=False)
    team.resources.loads.reload()
    until(lambda: not team.resources.loads.frame().record(first).is_active, "the list on show says so")
    until(lambda: team.resources.loads.complete, "all customers were read again")
    kim = lead(run=run_id)
    assert "1 customer changed since it was planned" in kim.plain
    assert list(kim.rows_of("Customers that changed")["Id"]) == [first]


def test_one_click_approves_nothing_and_what_was_typed_into_a_dialog_that_was_closed_does_not_either(team: World) -> None:
    run_id = asked(team)
    kim = lead(run=run_id).press("approve")
    assert not kim.offers("approve_go")
    (go,) = (button.proto.id for button in kim.at.button if button.key == "approve_go")
    kim.send(WidgetState(id=go, trigger_value=True))  # whatever a browser sends
    assert team.resources.reads.run(run_id).approval.given is None
    kim = lead(run=run_id).press("approve").type_to_confirm("3").press("approve_cancel")
    assert not kim.press("approve").offers("approve_go")
    assert team.resources.reads.run(run_id).approval.given is None


@pytest.mark.parametrize("who", [ROBIN, "viewer@example.com"])
def test_a_click_of_somebody_else_approves_nothing(team: World, who: str) -> None:
    run_id = asked(team)
    kim = lead(run=run_id)
    kim.press("approve").type_to_confirm("3")
    ids = [button.proto.id for button in kim.at.button if button.key in ("approve", "approve_go", "refuse")]
    assert len(ids) == 3
    other = tab("runs", email=who, run=run_id)
    other.send(*(WidgetState(id=id_, trigger_value=True) for id_ in ids))
    run = team.resources.reads.run(run_id)
    assert (run.state, run.approval.given, run.approval.refused) == (RunState.PLANNED, None, None)


def test_where_nobody_signs_in_a_large_run_is_refused(world: World) -> None:
    opened(world, "[approval]\nfrom_customers = 2\n")
    session = world.open()
    rows = world.resources.loads.frame().rows
    session.pick(rows["id"][rows["is_active"]].head(3)).go("deactivate")
    assert f"nobody signs in here: {SAYS_WHY}" in session.plain
    assert not session.offers("to_confirm")
    session.press("rehearse")  # that changes nothing
    assert session.offers("rehearse_start")
    assert to_confirm(world.open(), world, number=1).offers("confirm_cancel")


def test_or_confirmed_by_typing_the_accounts_name(world: World) -> None:
    opened(world, '[approval]\nfrom_customers = 2\nalone = "type"\n')
    label = world.resources.connection.label
    session = to_confirm(world.open(), world)
    assert not session.type_to_confirm("3").offers("confirm_go")
    session.type_to_confirm(label).press("confirm_go")
    (run,) = world.resources.reads.runs()
    assert world.resources.wait(run.id, PATIENCE)
    done = world.resources.reads.run(run.id)
    assert (done.state, done.approval.given.alone) == (RunState.FINISHED, True)
    assert "confirmed it alone, by the account's name" in world.open("runs", run=run.id).plain


def test_an_approval_ends_with_the_role_of_whoever_gave_it_and_is_asked_for_anew(team: World) -> None:
    run_id = asked(team)
    lead(run=run_id).press("approve").type_to_confirm("3").press("approve_go")
    others = PEOPLE.replace("group:leads", "alex@example.com")
    team.home.joinpath("settings.toml").write_text(others + ASKS)
    robin = tab("runs", email=ROBIN, run=run_id).press("run_start")
    assert f"{LEAD} approved it as group:leads, which is no approver any more" in robin.plain
    assert team.resources.reads.run(run_id).state is RunState.PLANNED
    assert not lead(run=run_id).offers("approve")
    tab("runs", email="alex@example.com", run=run_id).press("approve").type_to_confirm("3").press("approve_go")
    tab("runs", email=ROBIN, run=run_id).press("run_start")
    assert team.resources.wait(run_id, PATIENCE)
    assert team.resources.reads.run(run_id).state is RunState.FINISHED
