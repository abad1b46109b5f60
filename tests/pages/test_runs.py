"""The Runs page: every run in a table, those that wait for a person on top, and one run in full."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.scriptrunner import StopException

from lib.customers.filters import Filter, matching
from lib.errors import JournalUnavailable
from lib.journal.journal import Journal
from lib.plans.model import Action, RunState, StepState
from lib.plans.plan import Plan, PlannedCustomer, make_plan
from lib.plans.policy import Caps, Policy
from lib.plans.words import said
from lib.runs.worker import Worker
from lib.ui import notices
from lib.ui.runs import history, listing, timeline
from lib.ui.runs import report as report_module
from tests.pages.world import Session, World
from tests.runs.fakes import KIM, ROBIN
from tests.sandbox_server import ask


@pytest.fixture
def open_world(world: World) -> World:
    """A world whose customers are loaded."""
    world.sandbox(customers=230)
    world.open()
    return world


def a_plan(world: World, first: int, size: int, *, ticket: str = "", reason: str = "Contract ended") -> Plan:
    frame, now = world.resources.loads.frame(), datetime.now(UTC)
    rows = frame.rows[frame.rows["is_active"]]["id"].tolist()[first : first + size]
    connection = world.resources.connection
    return make_plan(
        [PlannedCustomer(record=record, read_at=now) for record in frame.records(rows)],
        action=Action.DEACTIVATE,
        reason=reason,
        ticket=ticket,
        operator="Robin",
        fingerprint=connection.fingerprint,
        connection_label=connection.label,
        base_url=connection.base_url,
        now=now,
    )


def left_in_the_middle(world: World, first: int, size: int) -> str:
    """A run that another process carried when it died, one call of it in flight."""
    journal, now = world.resources.journal, datetime.now(UTC)
    run = journal.record(a_plan(world, first, size), now, who=ROBIN)
    journal.claim(run.id, owner="elsewhere:1:dead", now=now, who=ROBIN)
    journal.steps.begin(next(iter(journal.reads.steps(run.id, limit=1))), owner="elsewhere:1:dead", now=now, who=ROBIN)
    journal.renew("elsewhere:1:dead", 0.2)  # for no longer: it dies now
    deadline = time.monotonic() + 60
    while journal.reads.run(run.id).state is RunState.RUNNING and time.monotonic() < deadline:
        world.resources.worker.recover()  # once the dead one's lease has run out
    return run.id


def metrics(session: Session) -> dict[str, str]:
    return {metric.label: metric.value for metric in session.at.metric}


def test_without_runs_it_says_what_to_do_and_leads_there(open_world: World) -> None:
    session = open_world.open("runs")
    assert "No run yet" in session.words
    next(button for button in session.at.button if button.label == "Go to Customers").click()
    assert session.run().at.title[0].value == "Customers"


def test_every_run_is_listed_newest_first_with_counts_that_add_up(open_world: World) -> None:
    worker, journal = open_world.resources.worker, open_world.resources.journal
    done = journal.record(a_plan(open_world, 0, 3, ticket="OPS-1"), datetime.now(UTC), who=ROBIN).id
    worker.submit(done, who=ROBIN)
    assert worker.join(done, 90)
    waiting = journal.record(
        a_plan(open_world, 3, 2, reason="![x](http://evil.example/p.png)"), datetime.now(UTC), who=ROBIN
    ).id
    session = open_world.open("runs")
    table = session.rows_of("Runs")
    assert table["Id"].tolist() == [waiting, done]
    assert table["State"].tolist() == ["Waiting to start", "Finished"]
    assert table["Run"].tolist() == ["Deactivate 2 customers", "Deactivate 3 customers"]
    assert table["Verified"].tolist() == ["", "3"]
    assert table["Recorded, UTC"].str.contains(f"{datetime.now(UTC):%Y-}").all()
    assert table["Ticket"].tolist() == ["", "OPS-1"]
    assert "evil.example" not in session.words


def test_whether_it_hurt_is_asked_on_request_only_and_told_in_one_table_to_take_along(world: World) -> None:
    server = world.sandbox(customers=230)
    world.open()
    run_id = world.resources.record(a_plan(world, 0, 3), who=ROBIN).id
    assert not world.open("runs", run=run_id).offers("hurt")  # nobody was deactivated yet
    world.resources.resume(run_id, who=ROBIN)
    assert world.resources.wait(run_id, 90)
    back, *others = (step.customer_id for step in world.resources.reads.steps(run_id))
    ask(server, "POST", f"/{back}/reactivate")
    session = world.open("runs", run=run_id)
    assert "studies" not in {call.operation.partition("-")[2] for call in server.calls()}  # never by itself
    session.press("hurt").until(lambda session: session.offers("hurt"))
    assert "Yes: 1 with a study since or active again, 2 without any sign of life. Asked " in session.plain
    assert "Attempts that the API refused since then can't be counted" in session.words
    table = session.rows_of("What came after")
    assert table["Did it hurt"].tolist() == ["! yes", "✓ no", "✓ no"]
    assert (table["Id"][0], set(table["Id"][1:])) == (back, set(others))
    assert table["What is seen"][0] == "it is active again, by no run of this journal"
    assert table["Status now"].tolist() == ["● Active", "○ Inactive", "○ Inactive"]
    assert any(getattr(one.proto, "label", "") == "Download" for one in session.at.get("download_button"))
    undo = world.resources.record(world.resources.freeze_undo(world.resources.review_undo(run_id)), who=ROBIN)
    world.resources.resume(undo.id, who=ROBIN)
    assert world.resources.wait(undo.id, 90)
    after = world.open("runs", run=run_id)
    assert "without any sign of life" not in after.plain  # that was before it was taken back
    assert after.at.button(key="hurt").label == "Did it hurt?"


def test_older_runs_are_reached_by_page_and_by_state_and_those_that_wait_are_always_announced(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    open_world.patch.setattr(listing, "_ON_A_PAGE", 2)
    old = now - timedelta(days=1)
    ids = [journal.record(a_plan(open_world, n, 1), old + timedelta(hours=n), who=ROBIN).id for n in range(4)]
    for run_id in ids[1:3]:
        journal.cancel(run_id, words=said(""), now=now, who=ROBIN)
    session = open_world.open("runs")
    assert session.words.count("Never started: deactivate 1 customer") == 2
    assert session.rows_of("Runs")["Id"].tolist() == [ids[3], ids[2]]
    session.at.get("pagination")[0].set_value(2)
    assert session.run().rows_of("Runs")["Id"].tolist() == [ids[1], ids[0]]
    assert open_world.open("runs", **session.at.query_params).rows_of("Runs")["Id"].tolist() == [ids[1], ids[0]]
    session.at.get("button_group")[0].set_value(RunState.CANCELLED)
    assert session.run().rows_of("Runs")["Id"].tolist() == [ids[2], ids[1]]
    assert session.at.query_params == {"state": "cancelled"}
    session.go("customers").go("runs")  # as it was left
    assert session.rows_of("Runs")["Id"].tolist() == [ids[2], ids[1]]
    assert session.at.query_params == {"state": "cancelled"}


def test_what_was_looked_for_among_the_runs_is_in_the_address_and_no_word_of_it(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    wanted = journal.record(a_plan(open_world, 0, 1, ticket="OPS-7"), now, who=ROBIN).id
    journal.record(a_plan(open_world, 1, 1), now, who=ROBIN)
    session = open_world.open("runs")
    session.widget("runs_search").set_value(" OPS-7 ")
    session.run().run()
    session.at.get("button_group")[0].set_value(RunState.PLANNED)
    address = dict(session.run().at.query_params)
    assert list(address) == ["view"]
    assert "OPS" not in address["view"]
    open_world.restart()
    other = open_world.open("runs", **address)
    assert other.rows_of("Runs")["Id"].tolist() == [wanted]
    assert other.widget("runs_search").value == "OPS-7"
    assert open_world.open(**address).at.error  # of another page, it shows nothing there


@pytest.mark.parametrize(
    "query", [{"state": "asleep"}, {"page": "0"}, {"page": "02"}, {"page": "1"}, {"q": "x"}, {"text": "x"}, {"view": "forged"}]
)
def test_an_address_of_runs_that_can_not_be_read_shows_no_run(open_world: World, query: dict[str, str]) -> None:
    open_world.resources.journal.record(a_plan(open_world, 0, 1), datetime.now(UTC), who=ROBIN)
    session = open_world.open("runs", **query)
    assert "nothing is shown" in session.plain
    assert not session.at.get("bidi_component")
    session.press("view_all")
    assert len(session.rows_of("Runs")) == 1
    assert session.at.query_params == {}


def test_runs_are_found_by_whom_they_changed_who_did_it_why_and_when(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    long_ago = datetime(2024, 2, 29, 8, 30, tzinfo=UTC)
    plan = a_plan(open_world, 0, 1)
    gone = plan.customers[0].record.model_copy(update={"id": f"cus_{0xAB:032x}", "name": "*Gone* Klinik ÜRZIG"})
    plan = plan.model_copy(update={"customers": (plan.customers[0].model_copy(update={"record": gone}),)})
    run = journal.record(plan, now, who=ROBIN).id
    other = journal.record(a_plan(open_world, 1, 2, ticket="OPS-7", reason="100 % idle"), long_ago, who=ROBIN).id
    journal.claim(other, owner="host:1:a", now=now, who=KIM)
    session = open_world.open("runs")

    def found(text: str) -> list[str]:
        session.widget("runs_search").set_value(text)
        session.run()
        return session.rows_of("Runs")["Id"].tolist() if "Nothing was found" not in session.words else []

    of_customer = (f"  {gone.id.upper()} ", "klinik ürzig")
    of_other = (other[:9], "kim", "ops-7", "100 %", "2024-02-29", "2024-02-29 08:3")
    for text, expected in (*((text, [run]) for text in of_customer), *((text, [other]) for text in of_other)):
        assert found(text) == expected, text
        assert (b"What runs did" in session.everything) is (text in of_customer)
    found("klinik")
    assert "What runs did to 1 customer, newest first" in session.plain
    row = session.rows_of("What runs did").to_dict("records")[0]
    assert (row["Customer"], row["Action"], row["State"], row["By"]) == (gone.name, "Deactivate", "· to do", "Robin")
    for text in ("2024-02-30", "10_ %", "![x](http://evil.example/p.png)"):
        assert found(text) == []
        assert "evil.example" not in session.words
    found("klinik")
    session.act("open", 0, label="What runs did")
    assert session.at.query_params == {"run": run, "customer": gone.id}
    assert gone.id in [code.value for code in session.at.code]


def test_a_row_opens_its_run_by_a_link(open_world: World) -> None:
    journal = open_world.resources.journal
    first = journal.record(a_plan(open_world, 0, 1), datetime.now(UTC), who=ROBIN).id
    journal.record(a_plan(open_world, 1, 1), datetime.now(UTC), who=ROBIN)
    session = open_world.open("runs")
    assert session.table_of("Runs")["addresses"][1] == f"runs?run={first}"
    session.act("open", 1, label="Runs")
    assert session.at.query_params == {"run": first}
    assert session.at.title[0].value == "Deactivate 1 customer"


def test_an_interrupted_run_is_announced_on_every_page_that_lists_runs_and_can_be_resumed(open_world: World) -> None:
    run_id = left_in_the_middle(open_world, 0, 4)
    session = open_world.open("overview").until(lambda it: "Runs · 1 waiting for you" in it.words)
    assert "Interrupted: deactivate 4 customers" in session.words
    assert "Open it to resume or cancel" in session.words
    session.go("runs", run=run_id)
    assert "Interrupted" in session.words
    assert "The process that carried this run ended in the middle" in session.at.warning[0].value
    assert metrics(session)["To do"] == "4"
    session.press("run_resume").until(lambda it: "Finished" in it.words)
    # The one in flight was read back: nobody had deactivated it, so it was called again.
    assert {label: value for label, value in metrics(session).items() if value != "0"} == {"Verified": "4"}


def test_a_run_that_was_recorded_and_never_started_waits_for_a_person(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    just_now = journal.record(a_plan(open_world, 0, 1), now, who=ROBIN)
    session = open_world.open("runs", run=just_now.id)
    assert "Waiting to start" in session.words
    session.run()
    assert "Runs · 1 running" in session.words
    left = journal.record(a_plan(open_world, 1, 2), now - timedelta(minutes=2), who=ROBIN)
    session.go("runs")
    assert "Runs · 1 waiting for you" in session.words
    assert "Never started: deactivate 2 customers" in session.words
    assert "Open it to start or cancel" in session.words
    session.go("runs", run=left.id)
    assert session.at.warning
    assert "recorded but never started: start or cancel it" in session.plain
    session.press("run_start").until(lambda it: "Finished" in it.words)


def test_a_running_run_shows_its_progress_and_can_be_paused(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    run = journal.record(a_plan(open_world, 0, 5), now, who=ROBIN)
    owner = open_world.resources.worker.owner
    journal.claim(run.id, owner=owner, now=now, who=ROBIN)
    step = next(iter(journal.reads.steps(run.id, limit=1)))
    step = journal.steps.begin(step, owner=owner, now=now, who=ROBIN)
    journal.steps.settle(step, StepState.FAILED, now=now, who=ROBIN, words=said("Refused."))
    session = open_world.open("runs", run=run.id)
    assert "Running" in session.words
    assert "1 of 5" in session.at.get("progress")[0].proto.text
    assert sum(int(value) for value in metrics(session).values()) == 5
    assert not session.offers("run_resume")
    assert not session.at.get("download_button")  # no receipt of what is not over
    session.press("run_pause")
    assert journal.reads.orders(run.id).requested == "pause"
    assert "Pausing…" in session.words
    assert not session.offers("run_pause")
    assert "Runs · 1 running" in session.words


def alter(world: World, *statements: str) -> None:
    """Past the journal, as whoever may write to its file."""
    file = sqlite3.connect(world.home / "journal.sqlite")
    with file:
        for statement in statements:
            file.execute(statement)
    file.close()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM steps WHERE run_id = '{run}' AND position = 1", "it has 1 steps, its plan 2"),
        ("UPDATE runs SET created_at = 'garbage' WHERE id = '{run}'", "what it has as created_at of this run can't be read"),
    ],
)
def test_a_damaged_run_is_told_as_that_and_hides_no_other(open_world: World, statement: str, words: str) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    damaged, other = (journal.record(a_plan(open_world, first, 2), now, who=ROBIN).id for first in (0, 2))
    alter(open_world, statement.format(run=damaged))
    session = open_world.open("runs")
    table = session.rows_of("Runs")
    states = dict(zip(table["Id"], table["State"], strict=True))
    assert states == {damaged: "Damaged", other: "Waiting to start"}
    session.go("runs", run=damaged)
    assert words in session.at.warning[0].value.replace("\\", "")
    assert (session.offers("run_start"), session.offers("run_cancel")) == (False, True)
    session.press("run_cancel")
    assert journal.reads.run(damaged).state is RunState.CANCELLED
    assert not session.at.exception
    assert open_world.open("runs", run=other).offers("run_start")


def test_a_customer_whose_record_can_not_be_read_hides_no_other(open_world: World) -> None:
    run_id = open_world.resources.journal.record(a_plan(open_world, 0, 3), datetime.now(UTC), who=ROBIN).id
    alter(open_world, f"UPDATE steps SET before = '[' WHERE run_id = '{run_id}' AND position = 1")
    session = open_world.open("runs", run=run_id)
    assert session.rows_of("Customers of")["State"].tolist() == ["· to do", "✕ damaged", "· to do"]
    session.act("open", 1, label="Customers of")
    assert "what it has as before of this step can't be read" in session.plain
    assert not session.at.exception


def test_who_planned_who_carried_out_and_on_which_server_are_told(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    run = journal.record(a_plan(open_world, 0, 2), now, who=ROBIN)
    journal.claim(run.id, owner="host:1:a", now=now, who=KIM, settings=open_world.resources.policy.hash)
    session = open_world.open("runs", run=run.id)
    assert "planned by Robin · carried out by Kim · on host, process 1 ·" in session.plain
    assert "other settings" not in session.plain
    assert session.go("runs").rows_of("Runs")["Planned by"].tolist() == ["Robin"]


def test_a_run_that_another_server_carries_under_other_settings_says_so(open_world: World) -> None:
    journal, now, here = open_world.resources.journal, datetime.now(UTC), open_world.resources.policy.hash
    run = journal.record(a_plan(open_world, 0, 2), now, who=ROBIN)
    theirs = Policy(caps=Caps(max_users=7)).hash
    journal.claim(run.id, owner="host:1:a", now=now, who=KIM, settings=theirs)
    session = open_world.open("runs", run=run.id)
    assert "It was taken up under other settings than this server's. Compare settings.toml on both." in session.plain
    assert theirs not in session.plain
    assert here in str(open_world.open("connection").table_of("Facts"))


def test_a_run_that_holds_for_its_canary_shows_those_records_and_what_can_be_done(open_world: World) -> None:
    (open_world.home / "settings.toml").write_text("[canary]\nsteps = 3\nfrom_size = 5\n[caps]\nmax_users = 100000\n")
    open_world.restart()
    open_world.open()
    worker, journal = open_world.resources.worker, open_world.resources.journal
    run = journal.record(a_plan(open_world, 0, 10), datetime.now(UTC), who=ROBIN)
    worker.submit(run.id, who=ROBIN)
    assert worker.join(run.id, 90)
    session = open_world.open("runs", run=run.id)
    assert "First steps done, waiting for you" in session.words
    canary = session.rows_of("Customers of")
    assert canary["Id"].tolist() == [step.customer_id for step in journal.reads.steps(run.id, limit=3)]
    assert set(canary["Status"]) == {"● Active → ○ Inactive"}
    assert "*Let it go on* takes up the other 7" in session.words
    assert canary["Id"][0] in [code.value for code in session.at.code]  # one record in full is open
    session.act("open", 2, label="Customers of")
    assert canary["Id"][2] in [code.value for code in session.at.code]
    session.press("run_resume").until(lambda it: "Finished" in it.words)
    assert "*Let it go on*" not in session.words


def test_a_row_that_was_opened_right_before_the_page_was_left_does_not_open_when_one_is_back(open_world: World) -> None:
    open_world.resources.journal.record(a_plan(open_world, 0, 2), datetime.now(UTC), who=ROBIN)
    session, search = open_world.open("runs"), history.search

    def ended() -> None:
        open_world.patch.setattr(history, "search", search)
        raise StopException

    open_world.patch.setattr(history, "search", ended)
    session.act("open", 0, label="Runs")
    session.go("customers").go("runs")
    assert session.at.title[0].value == "Runs"
    assert session.act("open", 0, label="Runs").at.title[0].value == "Deactivate 2 customers"


def test_a_start_that_somebody_else_came_before_lets_no_run_go_on_that_holds_for_a_look(open_world: World) -> None:
    (open_world.home / "settings.toml").write_text("[canary]\nsteps = 3\nfrom_size = 5\n[caps]\nmax_users = 100000\n")
    open_world.restart()
    open_world.open()
    worker, journal = open_world.resources.worker, open_world.resources.journal
    run = journal.record(a_plan(open_world, 0, 10), datetime.now(UTC), who=ROBIN)
    session = open_world.open("runs", run=run.id)
    assert session.offers("run_start")
    worker.submit(run.id, who=KIM)
    assert worker.join(run.id, 90)
    session.press("run_start")  # as drawn before that; a second click of one's own is no other
    assert worker.join(run.id, 90)
    assert journal.reads.run(run.id).on_canary
    assert "This run is paused by now, so nothing was done." in session.plain
    assert "First steps done, waiting for you" in session.words


@pytest.mark.parametrize("key", ["run_start", "run_cancel"])
def test_a_click_that_comes_when_another_run_is_drawn_already_is_not_for_that_one(open_world: World, key: str) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    meant, other = (journal.record(a_plan(open_world, first, 2), now, who=ROBIN) for first in (0, 2))
    session = open_world.open("runs", run=meant.id)
    clicked = next(button for button in session.at.button if str(button.key).startswith(key))
    session.go("runs", run=other.id).send(WidgetState(id=clicked.proto.id, trigger_value=True))
    assert journal.reads.run(other.id).state is RunState.PLANNED
    assert session.offers(key)


def test_the_rate_and_the_time_left_are_those_since_a_pause_and_what_it_took_is_without_it(open_world: World) -> None:
    journal, now, owner = open_world.resources.journal, datetime.now(UTC), open_world.resources.worker.owner
    began = now - timedelta(hours=12)
    run = journal.record(a_plan(open_world, 0, 20), began, who=ROBIN)
    journal.claim(run.id, owner=owner, now=began, who=ROBIN)
    journal.end(run.id, RunState.PAUSED, words=said("Paused by a person."), now=began + timedelta(seconds=4), who=ROBIN)
    journal.claim(run.id, owner=owner, now=began + timedelta(seconds=10), who=ROBIN)
    steps = journal.reads.steps(run.id)
    before_hold = now - timedelta(seconds=25)
    journal.steps.settle(steps[19], StepState.SKIPPED, now=before_hold, who=ROBIN, words=said("Inactive by now."))
    journal.end(run.id, RunState.PAUSED, words=said("Paused."), now=began + timedelta(seconds=11), who=ROBIN)
    journal.claim(run.id, owner=owner, now=now - timedelta(seconds=2), who=ROBIN)
    for step in steps[:11]:
        journal.steps.settle(step, StepState.SKIPPED, now=now - timedelta(seconds=1), who=ROBIN, words=said("Inactive by now."))
    told = open_world.open("runs", run=run.id).at.get("progress")[0].proto.text
    rate, left = told.split(" · ")[1:]
    seconds = (datetime.now(UTC) - now).total_seconds() + 1
    assert float(rate.removesuffix(" a second")) >= round(10 / seconds, 1), "what settled before the hold is another pace"
    assert "hour" not in left
    for step in steps[11:19]:
        journal.steps.settle(step, StepState.SKIPPED, now=now, who=ROBIN, words=said("Inactive by now."))
    journal.end(run.id, RunState.FINISHED, words=said(""), now=now + timedelta(seconds=5), who=ROBIN)
    assert open_world.open("runs", run=run.id).at.get("progress")[0].proto.text == "20 of 20 · took 12 seconds"


def test_the_list_on_show_learns_what_a_run_of_another_process_did(open_world: World) -> None:
    resources, session = open_world.resources, open_world.open()
    plan = a_plan(open_world, 0, 3)
    with closing(Journal(resources.settings.journal)) as elsewhere:
        worker = Worker(elsewhere, lambda _: resources.client, read_back_waits=(0.0,))
        run = elsewhere.record(plan, datetime.now(UTC), who=KIM)
        worker.submit(run.id, who=KIM)
        assert worker.join(run.id, 90)
        worker.stop()
    ids = [planned.record.id for planned in plan.customers]
    session.until(lambda _: not any(record.is_active for record in resources.loads.frame().records(ids)))
    session.at.text_input(key="search").set_value(ids[0])
    assert session.run().rows["status"].tolist() == ["○ Inactive"]
    before = f"{plan.customers[0].record.updated_at:%Y-%m-%d}"
    assert session.rows["updated_at"][0].endswith(f" by {run.id}, before that {before}")
    newest = open_world.open(sort="-updated_at").rows
    assert set(newest["id"][:3]) == set(ids)  # sorted by the time, whatever is told of it
    assert newest["updated_at"].str.contains("run_").tolist() == [True] * 3 + [False] * (len(newest) - 3)
    session.act("open", 0)
    assert session.at.get("dialog")[0].proto.dialog.title.replace("\\", "") == session.rows["name"][0]
    assert f"Changed by {run.id}, before that {plan.customers[0].record.updated_at:%Y-%m-%d}" in session.plain
    assert open_world.open("deactivate", undo=run.id).at.title[0].value == "Reactivate 3 customers"
    # and what is idle but for that run is found as such
    filters = (Filter(not_updated_days=1, ignore_our_runs=True), Filter(not_updated_days=1))
    aside, all_counted = (len(matching(resources.loads.frame(), flt, datetime.now(UTC)).positions) for flt in filters)
    assert aside - all_counted == 3
    session = open_world.open(days="1")
    assert f"**{all_counted}** of" in session.words
    session.widget("ignore_our_runs").set_value(True)
    assert f"**{aside}** of" in session.run().words
    assert session.at.query_params == {"days": "1", "ours": "ignored"}


def test_a_download_that_fails_is_told_in_words_on_the_page(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    run = journal.record(a_plan(open_world, 0, 1), now, who=ROBIN)
    journal.cancel(run.id, words=said(""), now=now, who=ROBIN)
    files: list[Callable[[], bytes]] = []
    told = notices._download
    open_world.patch.setattr(notices, "_download", lambda make: files.append(told(make)) or files[-1])
    session = open_world.open("runs", run=run.id)
    for error, words in ((JournalUnavailable("The disk is full."), "The disk is full."), (OSError(), "could not be made")):
        for name in ("receipt", "report"):
            open_world.patch.setattr(type(open_world.resources), name, Mock(side_effect=error))
        for make in files[-4:]:  # the receipt in three forms, the report
            with pytest.raises(type(error)):
                make()
        for _ in range(2):  # also where the page draws itself anew
            assert session.run().plain.count(words) == 1
    open_world.patch.setattr(notices, "_STAYS", 0.0)
    assert words not in session.run().plain


@pytest.mark.parametrize(("end", "picked"), [("cancelled", "planned"), ("finished", "not_applied")])
def test_what_a_run_left_undone_can_be_picked(open_world: World, end: str, picked: str) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    run = journal.record(a_plan(open_world, 0, 5), now, who=ROBIN)
    journal.claim(run.id, owner="host:1:a", now=now, who=ROBIN)
    for step in journal.reads.steps(run.id, limit=2 if end == "cancelled" else 5):
        begun = journal.steps.begin(step, owner="host:1:a", now=now, who=ROBIN)
        state = StepState.VERIFIED if step.position % 2 else StepState.NOT_APPLIED
        journal.steps.settle(begun, state, now=now, who=ROBIN, after=step.before)
    journal.end(run.id, RunState(end), words=said(""), now=now, who=ROBIN)
    session = open_world.open("runs", run=run.id)
    steps = session.rows_of("Customers of")
    states = steps["State"].tolist()
    assert states == sorted(states, key=lambda state: state == "✓ verified"), "those that are not verified come first"
    wanted = steps[steps["State"] == {"planned": "· to do", "not_applied": "! not applied"}[picked]]["Id"].tolist()
    assert f"Pick the {len(wanted)} {'not started' if picked == 'planned' else 'not applied'}" in session.words
    session.press(f"pick_{picked}")
    assert session.picks == wanted
    assert session.at.title[0].value == "Deactivate 3 customers"


def test_a_cancel_says_what_it_means_before_it_is_asked_for(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    run = journal.record(a_plan(open_world, 0, 3), now - timedelta(minutes=5), who=ROBIN)
    session = open_world.open("runs", run=run.id)
    assert "3 customers will not be started. A cancelled run can't go on" in session.words
    assert [popover.proto.popover.label for popover in session.at.get("popover")][-1] == "Cancel…"
    session.press("run_cancel")
    assert "Cancelled by " in session.words
    assert "after 0 of 3 customers; the other 3 were not started." in session.plain


def test_steps_can_be_narrowed_to_a_state_and_paged(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    run = journal.record(a_plan(open_world, 0, 150), now, who=ROBIN)
    owner = open_world.resources.worker.owner
    journal.claim(run.id, owner=owner, now=now, who=ROBIN)
    skipped = [
        journal.steps.settle(step, StepState.SKIPPED, now=now, who=ROBIN, words=said("Inactive by now."))
        for step in journal.reads.steps(run.id, limit=2)
    ]
    journal.end(run.id, RunState.PAUSED, words=said("Paused by a person."), now=now, who=ROBIN)
    session = open_world.open("runs", run=run.id)
    third = journal.reads.steps(run.id, limit=3)[2]
    assert f"Not started: {third.name} ({third.customer_id}) and 147 others." in session.plain
    first = session.rows_of("Customers of")["Id"].tolist()
    assert len(first) == 100
    session.at.get("pagination")[0].set_value(2)
    second = session.run().rows_of("Customers of")["Id"].tolist()
    assert len({*first, *second}) == 150
    session.at.get("button_group")[0].set_value(StepState.SKIPPED)
    table = session.run().rows_of("Customers of")
    assert table["Id"].tolist() == [step.customer_id for step in skipped]
    assert set(table["What happened"]) == {"Inactive by now."}
    assert set(table["State"]) == {"↷ skipped"}
    assert not session.at.get("pagination")


def test_the_log_of_a_large_run_shows_what_became_of_the_run_and_its_newest_steps(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    open_world.patch.setattr(timeline, "_ON_A_PAGE", 20)
    run = journal.record(a_plan(open_world, 0, 30), now, who=ROBIN)
    journal.claim(run.id, owner="elsewhere", now=now, who=ROBIN)
    for step in journal.reads.steps(run.id):
        journal.steps.settle(step, StepState.SKIPPED, now=now, who=ROBIN, words=said("Inactive by now."))
    journal.end(run.id, RunState.FINISHED, words=said(""), now=now, who=ROBIN)
    session = open_world.open("runs", run=run.id)
    session.at.session_state[f"log-{run.id}"] = True
    of_run, of_steps = (session.run().rows_of(f"The log's entries of {whom}") for whom in ("the run", "single"))
    assert of_run["Event"].tolist() == ["planned", "approved", "finish"]
    assert "30 entries, newest first" in session.words
    assert of_steps["Number"].tolist() == sorted(of_steps["Number"], reverse=True, key=int)
    session.at.get("pagination")[-1].set_value(2)
    oldest = session.run().rows_of("The log's entries of single")
    assert len({*of_steps["Customer"], *oldest["Customer"]}) == 30


def test_what_a_person_wrote_is_never_markup(open_world: World) -> None:
    hostile = "![x](http://evil.example/p.png) **bold** :red[x]"
    run = open_world.resources.journal.record(
        a_plan(open_world, 0, 1, reason=hostile, ticket=hostile), datetime.now(UTC), who=ROBIN
    )
    session = open_world.open("runs", run=run.id)
    assert hostile not in session.words
    assert session.plain.count(hostile.replace("**", "")) == 2


def test_a_journal_that_cannot_be_read_is_told_in_words_and_the_customers_stay_on_show(open_world: World) -> None:
    session = open_world.open()
    journal = open_world.home / "journal.sqlite"
    with sqlite3.connect(journal) as file:
        file.execute("ALTER TABLE runs RENAME TO runs_elsewhere")
    session.until(lambda it: "The journal can't be read" in it.plain)  # the sidebar's count of runs stands for a second
    assert not session.at.error
    assert session.at.title[0].value == "Customers"
    assert len(session.rows)
    with sqlite3.connect(journal) as file:
        file.execute("ALTER TABLE runs_elsewhere RENAME TO runs")
    session.until(lambda it: "journal" not in it.plain)


def test_what_fails_in_a_part_that_follows_by_itself_is_told_once_for_the_page_in_words(open_world: World) -> None:
    journal, now = open_world.resources.journal, datetime.now(UTC)
    run = journal.record(a_plan(open_world, 0, 2), now, who=ROBIN)
    journal.claim(run.id, owner="elsewhere", now=now, who=ROBIN)
    journal.end(run.id, RunState.CANCELLED, words=said(""), now=now, who=ROBIN)
    with sqlite3.connect(open_world.home / "journal.sqlite") as file:
        file.execute("ALTER TABLE log RENAME TO log_elsewhere")
    session = open_world.open("runs", run=run.id)
    (error,) = session.at.error
    assert "no such table" in error.value
    assert not session.at.exception
    with sqlite3.connect(open_world.home / "journal.sqlite") as file:
        file.execute("ALTER TABLE log_elsewhere RENAME TO log")
    assert not session.run().at.error


def test_the_report_of_a_day_or_of_one_run_can_be_taken(open_world: World) -> None:
    session = open_world.open("runs")
    assert "There is no run yet." in session.words
    run_id = open_world.resources.start(a_plan(open_world, 0, 2), who=KIM).id
    session = open_world.open("runs").until(lambda _: open_world.resources.reads.run(run_id).state is RunState.FINISHED).run()
    assert "1 run on one page to print" in session.words
    assert [button.label for button in session.at.get("download_button")] == ["Report, to hand on"]
    body = report_module._made(open_world.resources, (), datetime.now(UTC).date()).decode()
    assert f"Report of {datetime.now(UTC):%Y-%m-%d}: 1 run" in body
    assert "Kim" in body
    assert "Report, to hand on" in open_world.open("runs", run=run_id).words
