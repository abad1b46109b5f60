"""The Deactivate page: review, reason, confirmation, the run and its results, and the way back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from lib.errors import CapExceeded
from lib.evidence.activity import Activity
from lib.evidence.judgement import Answered
from lib.plans.evidence import Picked, Way, seen_in
from lib.plans.model import Run, RunState, StepState
from lib.sandbox.server import SandboxServer
from tests import message
from tests.pages.test_kept import hold, keep
from tests.pages.world import PATIENCE, Session, World, records_of
from tests.runs.fakes import ROBIN, judgement
from tests.sandbox_server import rename

Record = dict[str, Any]
REVIEW = "Customers under review"


@pytest.fixture
def sandbox(world: World) -> SandboxServer:
    return world.sandbox(customers=130)


def ids_of(sandbox: SandboxServer, *, active: bool, count: int, users: bool | None = None) -> list[str]:
    found = [
        record["expressCustomerId"]
        for record in records_of(sandbox)
        if record["isActive"] is active and users in (None, record["userCount"] > 0)
    ]
    return found[:count]


def record_of(sandbox: SandboxServer, customer_id: str) -> Record:
    store = sandbox.sandbox.store
    return store.read(store.position(customer_id))


def changes(sandbox: SandboxServer) -> list[tuple[str, str]]:
    return [(call.operation, call.customer_id) for call in sandbox.calls() if call.method == "POST"]


def review_of(world: World, ids: list[str]) -> Session:
    return world.open().pick(ids).go("deactivate")


def to_dialog(session: Session, reason: str = "Contract ended") -> Session:
    next(text for text in session.at.text_input if text.label == "Reason").set_value(reason)
    return session.run().press("to_confirm")


def confirm(session: Session, typed: str) -> Session:
    return session.type_to_confirm(typed).press("confirm_go")


def ended(session: Session) -> bool:
    """The run on the page is over, or waits for a person."""
    return not any(badge in session.words for badge in ("Waiting to start", ":material/play_arrow: Running"))


def metrics(session: Session) -> dict[str, str]:
    return {metric.label: metric.value for metric in session.at.metric}


def test_without_picks_it_says_what_to_do_and_leads_there(world: World, sandbox: SandboxServer) -> None:
    session = world.open("deactivate")
    assert "Nothing is picked yet. Pick customers first" in session.words
    assert not session.offers("to_confirm")
    next(button for button in session.at.button if button.label == "Go to Customers").click()
    assert session.run().at.title[0].value == "Customers"


def test_the_review_names_everyone_and_what_deserves_a_look(world: World, sandbox: SandboxServer) -> None:
    with_users, without = ids_of(sandbox, active=True, count=2, users=True), ids_of(sandbox, active=True, count=1, users=False)
    session = review_of(world, [*without, *with_users])
    users = sum(record_of(sandbox, customer_id)["userCount"] for customer_id in with_users)
    assert session.at.title[0].value == "Deactivate 3 customers"
    assert session.at.warning[0].value.startswith(f"**{users:,} users** affected. Look first at 2 customers")
    assert "2 with users" in session.at.warning[0].value
    table = session.rows_of(REVIEW)
    assert set(table["Id"]) == {*without, *with_users}
    assert set(table["Id"][:2]) == set(with_users)  # those to look at come first
    assert table["Look at"].tolist()[0].startswith("Has ")


def test_the_plan_holds_why_each_was_picked_under_the_filter_of_that_moment(world: World, sandbox: SandboxServer) -> None:
    session = world.open(status="active").act("pick", 0).go("customers", status="inactive")
    (picked,) = session.picks
    session = to_dialog(session.go("deactivate"))
    record = record_of(sandbox, picked)
    evidence = session.rows_of(REVIEW)["Evidence"][0]
    assert evidence.startswith("Ticked in the table, filter: active; customers as read 2")
    session = confirm(session, record["expressCustomerName"]).until(ended)
    plan = world.resources.journal.reads.plan(world.resources.journal.reads.runs()[0].id)
    planned = plan.customers[0]
    assert plan.filter_text == "active"
    assert "; ".join(planned.evidence) == evidence.replace("\n", "; ")
    assert planned.evidence[1:] == seen_in(planned.record, planned.read_at)
    assert "Evidence: Ticked in the table, filter: active; customers as read" in session.plain


def test_the_review_and_the_runs_page_tell_what_the_rule_set_said(world: World, sandbox: SandboxServer) -> None:
    now = datetime.now(UTC)
    seen = Activity(now - timedelta(minutes=5), now - timedelta(days=400), (0, 0, 0, 7), whole=True)
    judged = judgement(seen, words="*never* seen", answers=(Answered(question="no users", answer="yes", seen="no users"),))
    (picked,) = ids_of(sandbox, active=True, count=1, users=False)
    session = world.open()
    session.at.session_state["picks"] = {picked: Picked(Way.RULES, judged.rules, now, judged)}
    session = session.go("deactivate")
    (row,) = session.rows_of(REVIEW).to_dict("records")
    assert row["Newest study"] == "1 year, 1 month ago"
    first, rest = row["Evidence"].splitlines()
    assert first == "*never* seen".capitalize()
    assert rest.startswith(f"Picked by a rule set: {judged.rules}; customers as read ")
    assert "; no users: yes (no users); newest study " in rest
    record = record_of(sandbox, picked)
    session = confirm(to_dialog(session), record["expressCustomerName"]).until(ended)
    run = world.resources.reads.runs()[0]
    plan = world.resources.reads.plan(run.id)
    assert plan.customers[0].judgement == judged
    assert f"Evidence: {first}." in session.plain
    assert rest in session.plain
    step = world.resources.reads.step(run.id, picked)
    assert step.activity == seen
    # what the sandbox has of its studies decided whether it was called
    assert step.state is StepState.VERIFIED or step.words.startswith("A study came in")


def test_the_already_inactive_are_set_aside_and_the_no_longer_listed_named(world: World, sandbox: SandboxServer) -> None:
    active, inactive = ids_of(sandbox, active=True, count=1), ids_of(sandbox, active=False, count=2)
    gone = f"cus_{5:032x}"
    session = review_of(world, [*active, *inactive, gone])
    assert session.at.title[0].value == "Deactivate 1 customer"
    assert session.rows_of(REVIEW)["Id"].tolist() == active
    assert "2 customers already inactive, set aside" in session.words
    assert "1 pick no longer in the list, left out" in session.words
    assert session.rows_of("1 pick no longer")["Id"].tolist() == [gone]


def test_when_all_picks_are_inactive_already_there_is_nothing_to_do(world: World, sandbox: SandboxServer) -> None:
    session = review_of(world, ids_of(sandbox, active=False, count=2))
    assert "Nothing is left to do" in session.words
    assert not session.offers("to_confirm")
    session.press("picks_clear")  # or they would be offered for ever
    assert "Nothing is picked yet" in session.words
    assert session.picks == []


def test_ticked_rows_can_be_taken_out_of_the_picks_and_the_run_tells_of_them(world: World, sandbox: SandboxServer) -> None:
    session = review_of(world, ids_of(sandbox, active=True, count=4))
    shown = session.rows_of(REVIEW)["Id"].tolist()
    assert session.table_of(REVIEW)["tick"] == "Remove"
    assert not session.offers("review_remove")
    session.act("pick", 0, 2, label=REVIEW).press("review_remove")
    assert set(session.picks) == {shown[1], shown[3]}
    assert session.rows_of(REVIEW)["Id"].tolist() == [shown[1], shown[3]]
    assert "2 customers taken out by hand" in session.words
    confirm(to_dialog(session), "2").until(ended)
    left_out = world.resources.reads.plan(session.at.query_params["run"]).set_aside
    assert {one.customer_id for one in left_out} == {shown[0], shown[2]}
    assert "2 customers left out by the review" in session.words
    session.pick([shown[0]]).go("deactivate")
    assert "taken out by hand" not in session.words  # of another plan


def test_without_a_reason_there_is_an_error_in_words_and_no_dialog(world: World, sandbox: SandboxServer) -> None:
    session = review_of(world, ids_of(sandbox, active=True, count=1))
    for reason in ("", "   "):
        to_dialog(session, reason)
        assert session.at.error[0].value.startswith("A reason is required")
        assert not session.at.get("dialog")
    assert changes(sandbox) == []


def test_the_dialog_names_the_act_the_count_the_account_the_users_and_the_way_back(
    world: World, sandbox: SandboxServer
) -> None:
    picked = ids_of(sandbox, active=True, count=12, users=True)
    session = to_dialog(review_of(world, picked))
    users = sum(record_of(sandbox, customer_id)["userCount"] for customer_id in picked)
    assert "Deactivate 12 customers?" in session.words
    assert session.at.button(key="confirm_go").label == "Deactivate 12 customers"
    words = session.plain
    assert f"{sandbox.base_url.removeprefix('http://')}" in words
    assert "a test account" in words  # as is whatever answers on this machine
    assert f"{users:,} users work there" in words
    assert "reactivate them" in words
    assert session.table_of("Type ")["label"] == "Type 12 to confirm"
    records = [record_of(sandbox, planned) for planned in session.at.session_state["plan_to_confirm"].ids]
    names = [record["expressCustomerName"] for record in sorted(records, key=lambda record: -record["userCount"])]
    assert f"Customers: {', '.join(names[:4])} and 8 more" in words
    assert "Reason: Contract ended" in words
    assert "Ticket" not in words.partition("Customers: ")[2].partition("Deactivate 12")[0]


def test_the_dialog_counts_no_single_name_that_it_could_say(world: World, sandbox: SandboxServer) -> None:
    picked = ids_of(sandbox, active=True, count=5)
    words = to_dialog(review_of(world, picked)).plain.partition("Customers: ")[2].partition("Reason: ")[0]
    assert all(record_of(sandbox, planned)["expressCustomerName"] in words for planned in picked)
    assert " more" not in words


def test_the_wrong_count_confirms_nothing(world: World, sandbox: SandboxServer) -> None:
    session = to_dialog(review_of(world, ids_of(sandbox, active=True, count=12)))
    for typed in ("", "1", "012", "12.0", "twelve", "Deactivate", "１２"):
        assert not session.type_to_confirm(typed).offers("confirm_go"), typed
    assert not world.resources.journal.reads.runs()
    assert changes(sandbox) == []


def test_the_dialog_says_what_is_wrong_about_what_was_typed(world: World, sandbox: SandboxServer) -> None:
    session = to_dialog(review_of(world, ids_of(sandbox, active=True, count=12)))
    assert session.table_of("Type ")["wrong"] is False
    for typed, told in (("1", "Right so far. Go on."), ("13", "This does not match after “1”.")):
        field = session.type_to_confirm(typed).table_of("Type ")
        assert (field["wrong"], field["told"]) == (True, told)
    assert session.type_to_confirm("12").table_of("Type ")["wrong"] is False


def test_cancel_changes_nothing_and_keeps_the_picks_and_the_reason(world: World, sandbox: SandboxServer) -> None:
    picked = ids_of(sandbox, active=True, count=2)
    session = to_dialog(review_of(world, picked), "Closed in June")
    session.press("confirm_cancel")
    assert not session.at.get("dialog")
    assert session.picks == picked
    assert next(text.value for text in session.at.text_input if text.label == "Reason") == "Closed in June"
    assert not world.resources.journal.reads.runs()
    assert changes(sandbox) == []
    session.press("to_confirm")
    assert session.table_of("Type ")["typed"] == ""


def test_one_customer_is_deactivated_and_its_updated_record_shown_beside_the_one_before(
    world: World, sandbox: SandboxServer
) -> None:
    (chosen,) = ids_of(sandbox, active=True, count=1, users=True)
    before = record_of(sandbox, chosen)
    session = confirm(to_dialog(review_of(world, [chosen])), before["expressCustomerName"])
    session.until(ended)
    assert "Finished" in session.words
    assert metrics(session)["Verified"] == "1"
    after = record_of(sandbox, chosen)
    assert after["isActive"] is False
    assert changes(sandbox) == [("deactivate", chosen)]
    fields = dict(session.rows_of("The record's fields").to_numpy().tolist())
    assert fields["Status"] == "● Active → ○ Inactive"
    assert fields["Name"] == before["expressCustomerName"]
    assert " UTC → " in fields["Updated"]
    assert dict(session.rows_of("Metadata").to_numpy().tolist()) == after["metadata"]
    assert '"isActive": false' in session.at.code[-1].value
    assert session.picks == []
    assert "Contract ended" in session.words
    run_id = session.at.query_params["run"]
    session.go("customers", status="inactive")  # the table knows it without a reload
    assert world.resources.loads.frame().record(chosen).is_active is False
    session.at.text_input(key="search").set_value(chosen)
    session.run().act("open", 0)
    assert f"Changed by {run_id}, before that {fields['Updated'].split(' → ')[0]}" in session.plain


def test_many_are_deactivated_with_totals_that_add_up_and_a_record_for_each(world: World, sandbox: SandboxServer) -> None:
    picked = ids_of(sandbox, active=True, count=9)
    session = confirm(to_dialog(review_of(world, picked)), "9").until(ended)
    assert "Finished" in session.words
    shown = metrics(session)
    assert shown["Verified"] == "9"
    assert sum(int(value) for value in shown.values()) == 9
    assert {customer_id for _, customer_id in changes(sandbox)} == set(picked)
    assert len(changes(sandbox)) == 9
    steps = session.rows_of("Customers of")
    assert set(steps["Id"]) == set(picked)
    assert set(steps["State"]) == {"✓ verified"}
    assert set(steps["Status"]) == {"● Active → ○ Inactive"}
    metadata = {key: value for record in map(partial(record_of, sandbox), picked) for key, value in record["metadata"].items()}
    assert set(metadata) <= set(steps)
    for at in range(9):  # every record in full, one after the other; the first is open from the start
        assert f"Customer {at + 1} of 9" in session.words
        assert steps["Id"][at] in [code.value for code in session.at.code]
        assert dict(session.rows_of("The record's fields").to_numpy().tolist())["Status"] == "● Active → ○ Inactive"
        assert session.offers("record_previous") is (at > 0)
        if session.offers("record_next"):
            session.press("record_next")
    assert "Customer 9 of 9" in session.words
    session.act("open", 4, label="Customers of")
    assert steps["Id"][4] in [code.value for code in session.at.code]


def test_a_run_begins_with_the_customers_that_are_the_safest(world: World, sandbox: SandboxServer) -> None:
    world.home.mkdir()
    (world.home / "settings.toml").write_text("[canary]\nsteps = 2\nfrom_size = 3\n")
    with_users, without = ids_of(sandbox, active=True, count=2, users=True), ids_of(sandbox, active=True, count=2, users=False)
    session = review_of(world, [*with_users, *without])
    assert "begins with those without warnings" in session.words
    confirm(to_dialog(session), "4").until(ended)
    assert {customer_id for _, customer_id in changes(sandbox)} == set(without)
    assert set(session.rows_of("Customers of")["Id"]) == set(without)


def test_the_choice_to_go_on_by_itself_is_made_for_one_plan_only(world: World, sandbox: SandboxServer) -> None:
    world.home.mkdir()
    (world.home / "settings.toml").write_text("[canary]\nsteps = 1\nfrom_size = 2\n")
    picked = ids_of(sandbox, active=True, count=6, users=False)
    session = review_of(world, picked[:2])
    session.at.toggle[0].set_value(True)
    confirm(to_dialog(session.run().go("customers").go("deactivate")), "2").until(ended)
    assert world.resources.journal.reads.run(session.at.query_params["run"]).goes_on
    session.pick(picked[2:4]).go("deactivate")
    assert session.at.toggle[0].value is False
    session.at.toggle[0].set_value(True)
    session.run().pick([]).run()
    assert session.pick(picked[4:]).run().at.toggle[0].value is False


def test_a_second_session_shows_the_same_run(world: World, sandbox: SandboxServer) -> None:
    session = confirm(to_dialog(review_of(world, ids_of(sandbox, active=True, count=3))), "3")
    run_id = session.at.query_params["run"]
    for page in ("deactivate", "runs"):
        other = world.open(page, run=run_id).until(ended)
        assert metrics(other)["Verified"] == "3"


def test_a_confirmation_that_was_left_does_not_open_by_itself_when_one_is_back(world: World, sandbox: SandboxServer) -> None:
    session = to_dialog(review_of(world, ids_of(sandbox, active=True, count=3)))
    assert session.offers("confirm_cancel")
    session.go("customers").go("deactivate")  # as Back and Forward do, which close no dialog
    assert not session.offers("confirm_cancel")
    assert to_dialog(session).offers("confirm_cancel")


def test_a_confirmation_is_of_whom_the_page_behind_it_shows_and_of_nobody_else(world: World, sandbox: SandboxServer) -> None:
    first, *others = ids_of(sandbox, active=True, count=4)
    session = to_dialog(review_of(world, [first, *others[:2]]))
    session.pick(others)  # as many: what is typed could not tell them apart
    assert not session.offers("confirm_cancel")
    confirm(session.press("to_confirm"), "3").until(ended)
    assert {customer_id for _, customer_id in changes(sandbox)} == set(others)


def test_a_run_that_is_recorded_is_begun_although_the_next_message_comes_in_between(
    world: World, sandbox: SandboxServer
) -> None:
    session, record = to_dialog(review_of(world, ids_of(sandbox, active=True, count=2))), world.resources.record

    def recorded(*args: Any, **kwargs: Any) -> Run:
        run = record(*args, **kwargs)
        message.comes()
        return run

    world.patch.setattr(world.resources, "record", recorded)
    confirm(session, "2")
    (run,) = world.resources.reads.runs()
    session.until(lambda _: world.resources.reads.run(run.id).state is RunState.FINISHED)
    assert len(changes(sandbox)) == 2


def test_whoever_clicks_both_keeps_them_active_and_no_click_is_left_for_the_next_time(
    world: World, sandbox: SandboxServer
) -> None:
    session = to_dialog(review_of(world, ids_of(sandbox, active=True, count=2))).type_to_confirm("2")
    session.at.button(key="confirm_go").click()
    session.press("confirm_cancel")
    assert not session.offers("confirm_cancel")
    assert "clicked-confirm_go" not in session.at.session_state
    assert not world.resources.reads.runs()


def test_the_same_plan_confirmed_again_shows_its_run_and_calls_nobody_twice(world: World, sandbox: SandboxServer) -> None:
    picked = ids_of(sandbox, active=True, count=2)
    session = to_dialog(review_of(world, picked))
    plan, dialog = session.at.session_state["plan_to_confirm"], session.at.session_state["open_dialog"]
    first = confirm(session, "2").until(ended).at.query_params["run"]
    # As a second click does that was under way while the first one was carried out.
    again = world.open()
    again.at.session_state["opened_plan"] = again.at.session_state["plan_to_confirm"] = plan
    again.go("deactivate").at.session_state["open_dialog"] = dialog
    again.run()
    assert confirm(again, "2").at.query_params["run"] == first
    assert len(world.resources.journal.reads.runs()) == 1
    assert len(changes(sandbox)) == 2


def test_a_run_whose_start_is_refused_is_shown_with_the_refusal_and_can_be_cancelled(
    world: World, sandbox: SandboxServer
) -> None:
    picked = ids_of(sandbox, active=True, count=2)
    session = to_dialog(review_of(world, picked))

    def refuse(*_: object, **__: object) -> None:
        raise CapExceeded("Too many by now.", asked=2, allowed=1)

    world.patch.setattr(world.resources.worker, "submit", refuse)
    confirm(session, "2")
    assert "Too many by now" in session.at.error[0].value
    assert session.offers("run_start")
    session.press("run_cancel")
    assert "Cancelled" in session.words
    assert changes(sandbox) == []


def test_customers_that_another_live_run_holds_are_refused_in_words(world: World, sandbox: SandboxServer) -> None:
    picked = ids_of(sandbox, active=True, count=4)
    sandbox.set_faults(["timeout-before"])
    holder = confirm(to_dialog(review_of(world, picked[:3])), "3")
    name = record_of(sandbox, picked[0])["expressCustomerName"]
    session = confirm(to_dialog(review_of(world, picked[:1])), name)
    assert holder.at.query_params["run"] in session.plain
    assert "has not ended" in session.at.error[-1].value
    assert len(world.resources.journal.reads.runs()) == 1


def test_an_answer_that_shows_the_customer_still_active_is_not_applied_and_can_be_tried_again(
    world: World, sandbox: SandboxServer
) -> None:
    picked = ids_of(sandbox, active=True, count=3)
    sandbox.set_faults(["still-active"])
    session = confirm(to_dialog(review_of(world, picked)), "3").until(ended)
    assert metrics(session)["Not applied"] == "3"
    steps = session.rows_of("Customers of")
    assert set(steps["State"]) == {"! not applied"}
    assert set(steps["Status"]) == {"● Active"}
    assert all(steps["What happened"])
    sandbox.set_faults([])
    session.press("run_retry").until(ended)
    assert metrics(session)["Verified"] == "3"


def test_a_refused_key_pauses_the_run_which_says_why_and_goes_on_when_asked(world: World, sandbox: SandboxServer) -> None:
    picked = ids_of(sandbox, active=True, count=6)
    session = to_dialog(review_of(world, picked))
    sandbox.sandbox.faults.revoked = True
    confirm(session, "6").until(ended)
    assert "Paused" in session.words
    assert "refused the key" in session.at.warning[0].value
    assert session.offers("run_resume")
    assert session.offers("run_cancel")
    session.run()  # the sidebar is drawn before the page: here it may have been a blink too early
    assert "Runs · 1 waiting for you" in session.words
    sandbox.set_faults([])
    session.press("run_resume").until(lambda it: metrics(it)["Verified"] == "6")
    assert sorted(customer_id for _, customer_id in changes(sandbox) if record_of(sandbox, customer_id)["isActive"]) == []


def test_a_paused_run_can_be_cancelled_and_the_rest_stays_as_it_was(world: World, sandbox: SandboxServer) -> None:
    picked = ids_of(sandbox, active=True, count=4)
    session = to_dialog(review_of(world, picked))
    sandbox.sandbox.faults.revoked = True
    confirm(session, "4").until(ended).press("run_cancel").until(lambda it: "Cancelled" in it.words)
    assert not session.offers("run_resume")
    assert metrics(session)["To do"] == "4"
    assert all(record_of(sandbox, customer_id)["isActive"] for customer_id in picked)


def test_a_button_pressed_too_late_is_told_in_words(world: World, sandbox: SandboxServer) -> None:
    session = to_dialog(review_of(world, ids_of(sandbox, active=True, count=2)))
    sandbox.sandbox.faults.revoked = True
    confirm(session, "2").until(ended)
    world.resources.worker.cancel(session.at.query_params["run"], who=ROBIN)  # somebody else was quicker
    session.press("run_resume")
    assert "This run is cancelled" in session.at.error[0].value
    assert not session.at.exception


def test_undo_reactivates_what_the_run_changed_and_leaves_alone_what_somebody_changed_since(
    world: World, sandbox: SandboxServer
) -> None:
    picked = ids_of(sandbox, active=True, count=3)
    session = confirm(to_dialog(review_of(world, picked)), "3").until(ended)
    first = session.at.query_params["run"]
    rename(sandbox, picked[0], "Renamed since")
    shown = world.resources.loads.shown
    session.press("reload").until(lambda _: world.resources.loads.shown is not shown)
    session.press("run_undo")
    assert session.at.query_params == {"undo": first}
    assert f"Takes back {first}: deactivate 3 customers, recorded" in session.plain
    assert "Reason: Contract ended" in session.plain
    assert "Back to the run" in session.words
    assert session.at.title[0].value == "Reactivate 2 customers"
    assert "1 customer of that run left alone" in session.words
    confirm(to_dialog(session, "Wrong list"), "2").until(ended)
    assert metrics(session)["Verified"] == "2"
    assert [record_of(sandbox, customer_id)["isActive"] for customer_id in picked] == [False, True, True]
    assert f"This run takes back {first}" in session.words
    assert "1 customer of that run left alone" in session.words
    undo = world.resources.journal.reads.run(session.at.query_params["run"])
    told = world.resources.journal.log.entries(undo.id)[0].payload
    why = "Somebody changed it after this run: last update, name."
    assert json.loads(told)["left_alone"] == [{"customer_id": picked[0], "why": why}]
    session.go("runs", run=first)
    assert f"This run was taken back by {undo.id}: 2 of 3 customers" in session.words
    assert not session.offers("run_undo")


def test_a_run_that_was_taken_back_does_not_stand_in_the_lists_of_runs_as_if_it_had_not_been(
    world: World, sandbox: SandboxServer
) -> None:
    picked = ids_of(sandbox, active=True, count=2)
    session = confirm(to_dialog(review_of(world, picked)), "2").until(ended).press("run_undo")
    confirm(to_dialog(session, "Wrong list"), "2").until(ended)
    for page in ("runs", "overview"):
        assert session.go(page).rows_of("Runs, newest first")["State"].tolist() == ["Finished", "Finished, taken back"]


def test_an_undo_that_was_cancelled_with_nothing_done_is_told_so_and_can_be_made_again(
    world: World, sandbox: SandboxServer
) -> None:
    picked = ids_of(sandbox, active=True, count=2)
    first = confirm(to_dialog(review_of(world, picked)), "2").until(ended).at.query_params["run"]
    session = to_dialog(world.open("deactivate", undo=first), "Wrong list")
    sandbox.sandbox.faults.revoked = True
    confirm(session, "2").until(ended)
    undo = session.at.query_params["run"]
    session.go("runs", run=first)
    assert f"This run is being taken back by {undo}, which is paused: 0 of 2 customers so far" in session.words
    assert not session.offers("run_undo")
    world.resources.worker.cancel(undo, who=ROBIN)
    session.run()
    assert f"Nothing of this run was taken back by {undo}, which is cancelled" in session.words
    sandbox.set_faults([])
    assert session.offers("run_undo")
    confirm(to_dialog(session.go("deactivate", undo=first), "Wrong list"), "2").until(ended)
    assert all(record_of(sandbox, customer_id)["isActive"] for customer_id in picked)


def test_an_undo_needs_no_reload_although_the_list_on_show_was_read_before_the_run(
    world: World, sandbox: SandboxServer
) -> None:
    picked = ids_of(sandbox, active=True, count=2)
    first = confirm(to_dialog(review_of(world, picked)), "2").until(ended).at.query_params["run"]
    world.restart()
    sandbox.set_faults(["timeout-before@list"])  # the kept list, older than the run, stays on show
    session = world.open("deactivate", undo=first)
    assert session.at.title[0].value == "Reactivate 2 customers"
    assert session.offers("to_confirm")


def test_an_undo_that_is_over_a_cap_can_be_made_in_parts(world: World, sandbox: SandboxServer) -> None:
    picked = ids_of(sandbox, active=True, count=3)
    first = confirm(to_dialog(review_of(world, picked)), "3").until(ended).at.query_params["run"]
    world.restart()
    (world.home / "settings.toml").write_text("[caps]\nmax_customers = 2\n")
    session = world.open("deactivate", undo=first)
    assert not session.offers("to_confirm")
    shown = session.rows_of(REVIEW)["Id"].tolist()
    session.press("review_split")
    assert "1 customer of that run left alone" in session.words
    assert session.press("review_back").rows_of(REVIEW)["Id"].tolist() == shown
    session.act("pick", 1, label=REVIEW).press("review_remove")
    confirm(to_dialog(session, "Wrong list"), "2").until(ended)
    assert [record_of(sandbox, customer_id)["isActive"] for customer_id in shown] == [True, False, True]
    assert "A person left it out of this undo." in session.rows_of("Customers that this run leaves alone")["Why"].tolist()
    session.go("runs", run=first).press("run_undo")
    assert session.rows_of(REVIEW)["Id"].tolist() == [shown[1]]  # what was taken out belonged to the undo before


def test_a_run_that_is_not_there_is_told_in_words(world: World, sandbox: SandboxServer) -> None:
    session = world.open()
    for page, query in (("deactivate", "run"), ("runs", "run"), ("deactivate", "undo")):
        for run_id in ("run_0000000000000000", "![x](http://evil.example/p.png)", "'; drop table runs; --"):
            session.go(page, **{query: run_id})
            assert session.at.error[0].value.startswith("The journal knows no such run")
            assert not session.at.exception
            assert "evil.example" not in session.plain


def test_reason_and_ticket_are_empty_after_a_run_and_the_last_ones_are_a_click_away(
    world: World, sandbox: SandboxServer
) -> None:
    picked = ids_of(sandbox, active=True, count=4, users=False)
    session = review_of(world, picked[:2])
    assert not session.offers("why_last")
    field_of(session, "Ticket (optional)").set_value("OPS-*1*")
    confirm(to_dialog(session, "Contract ended"), "2").until(ended)
    session.pick(picked[2:]).go("deactivate")
    assert (field_of(session, "Reason").value, field_of(session, "Ticket (optional)").value) == ("", "")
    assert "Use the last: Contract ended · OPS-*1*" in session.plain
    session.press("why_last")
    assert not session.offers("why_last")
    run_id = confirm(session.press("to_confirm"), "2").until(ended).at.query_params["run"]
    run = world.resources.journal.reads.run(run_id)
    assert (run.reason, run.ticket) == ("Contract ended", "OPS-*1*")


def test_a_reason_that_is_typed_stays_while_one_looks_elsewhere(world: World, sandbox: SandboxServer) -> None:
    session = review_of(world, ids_of(sandbox, active=True, count=2))
    field_of(session, "Reason").set_value("Closed in June")
    session.run().go("customers").go("runs").go("deactivate")
    assert field_of(session, "Reason").value == "Closed in June"


def field_of(session: Session, label: str) -> Any:
    return next(text for text in session.at.text_input if text.label == label)


def test_what_is_too_much_for_one_run_is_said_at_the_picks_and_split_into_runs_that_follow_one_another(
    world: World, sandbox: SandboxServer
) -> None:
    world.home.mkdir()
    (world.home / "settings.toml").write_text("[caps]\nmax_customers = 2\n")
    picked = ids_of(sandbox, active=True, count=5, users=False)
    inactive = ids_of(sandbox, active=False, count=1)
    session = world.open().pick(picked[:2])
    assert "one run may have at most 2" not in session.plain
    assert not session.offers("tray_split")
    session.pick([*picked[:2], *inactive, *picked[2:]])
    assert "This plan has 5 customers; one run may have at most 2 (max_customers)" in session.plain
    assert session.at.button(key="tray_split").label == "Split into runs of up to 2"
    assert not session.press("review").offers("to_confirm")  # all at once is refused there too ...
    session.press("review_split")  # ... and split there as well
    for number, part in enumerate((picked[:2], picked[2:4], picked[4:]), start=1):
        if number == 2:  # as after F5, a restart or in another tab: the picks are kept, and say where they stand
            Session().until(lambda _: world.resources.journal.drafts.heads(world.resources.keys)[0].size == 4)
            session = world.open()
            next(button for button in session.at.button if button.label == "Take them").click()
            session.run().press("tray_split")
        told = f"The first 2 of {7 - 2 * number} customers, in the order picked: all are too many for one run."
        assert (told in session.plain) == (number < 3)
        assert set(session.rows_of(REVIEW)["Id"]) == set(part)
        assert field_of(session, "Reason").value == ""
        name = record_of(sandbox, part[0])["expressCustomerName"]
        confirm(to_dialog(session), str(len(part)) if len(part) > 1 else name).until(ended)
        assert not any(record_of(sandbox, customer_id)["isActive"] for customer_id in part)
        if number < 3:
            assert session.at.button(key="review_next").label == f"Review the next {2 if number == 1 else 1}"
            session.press("review_next")
    assert not session.offers("review_next")
    assert session.picks == inactive  # what was set aside
    session.pick([]).run()
    assert "Run " not in session.pick(ids_of(sandbox, active=True, count=2)).go("deactivate").words


def test_where_the_cap_on_users_is_what_limits_a_run_the_split_says_so(world: World, sandbox: SandboxServer) -> None:
    with_users = [record for record in records_of(sandbox) if record["isActive"] and record["userCount"]]
    one, other = sorted(with_users, key=lambda record: -record["userCount"])[:2]
    most = one["userCount"] + 1
    world.home.mkdir()
    (world.home / "settings.toml").write_text(f"[caps]\nmax_users = {most}\nmax_percent = 100\n")
    ids = [record["expressCustomerId"] for record in (one, other)]
    session = world.open().pick(ids)
    label = f"Split into runs of up to 1 (at most {most} users each)"
    assert session.at.button(key="tray_split").label == label
    assert session.press("review").at.button(key="review_split").label == label
    session.press("review_split")
    assert (
        f"The first 1 of 2 customers, in the order picked: with the next one it would affect over {most} users."
        in session.plain
    )
    assert not world.open().pick(ids[:1]).offers("tray_split")


def test_one_customer_with_too_many_users_alone_is_not_offered_to_be_split(world: World, sandbox: SandboxServer) -> None:
    one = max((record for record in records_of(sandbox) if record["isActive"]), key=lambda record: record["userCount"])
    world.home.mkdir()
    (world.home / "settings.toml").write_text(f"[caps]\nmax_users = {one['userCount'] - 1}\n")
    session = world.open().pick([one["expressCustomerId"]])
    assert "1 too many. Raise the cap in settings.toml." in session.plain
    assert not session.offers("tray_split")


def test_a_list_that_may_not_feed_a_plan_does_not_do_so_because_another_came_while_the_page_was_drawn(
    world: World, sandbox: SandboxServer
) -> None:
    keep(world)
    hold(sandbox)
    session = world.open().act("pick", 0).press("load_stop")
    loads = world.resources.loads
    view = loads.view

    def then_all_were_read(**options: float) -> object:
        seen, deadline = view(**options), time.monotonic() + PATIENCE
        if loads.kept is not None:
            sandbox.set_faults([])
            loads.newest.resume()
        while loads.kept is not None:
            assert time.monotonic() < deadline
        return seen

    world.patch.setattr(loads, "view", then_all_were_read)
    session.go("deactivate")
    assert "The kept list is too old to plan from" in session.at.error[0].value
    assert not session.offers("to_confirm")
    assert session.run().offers("to_confirm")


def test_a_review_says_of_how_many_the_studies_were_not_read(world: World, sandbox: SandboxServer) -> None:
    ids = ids_of(sandbox, active=True, count=3)
    session = review_of(world, ids)
    assert "The studies of 3 were not read" in session.words
    reading = world.resources.evidence.reading
    reading.read(ids[:2])
    session.until(lambda _: reading.under_way is None).run()
    assert "The studies of 1 were not read" in session.words
