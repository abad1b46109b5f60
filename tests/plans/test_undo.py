"""An undo touches only what the run changed and what is still as the run left it, and names the rest."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from lib.plans.model import Action, Run, RunState, Step, StepState, Totals
from lib.plans.plan import Untouched
from lib.plans.policy import Policy
from lib.plans.undo import is_behind, undo_plan, undone
from lib.runs.preflight import preflight
from tests.runs.fakes import FINGERPRINT, NOW, customer, id_of

LATER = NOW + timedelta(days=1)


def run_that(action):
    return Run(
        id="run_1",
        state=RunState.FINISHED,
        action=action,
        plan_hash="0" * 64,
        connection_label="sandbox",
        fingerprint=FINGERPRINT,
        base_url="",
        operator="Robin",
        reason="Contract ended",
        ticket="",
        filter_text="",
        created_at=NOW,
        totals=Totals(verified=1),
    )


def step(state=StepState.VERIFIED, **after):
    left = customer(is_active=False, updated_at=NOW, **after)
    return Step("run_1", 0, id_of(1), "Clinic 1", state, before=customer(), after=left)


@pytest.mark.parametrize(
    ("step", "current", "why"),
    [
        (step(), customer(is_active=False, updated_at=NOW), None),
        (step(), customer(is_active=False, updated_at=LATER), "Somebody changed it after this run: last update."),
        (step(), customer(is_active=False, updated_at=None), "Somebody changed it after this run: last update."),
        (step(), customer(is_active=True, updated_at=NOW), "It is active again already."),
        (step(), None, "It could not be read now."),
        (step(StepState.SKIPPED), customer(is_active=False, updated_at=NOW), "did not change it for certain"),
        (step(StepState.NOT_APPLIED), customer(is_active=False, updated_at=NOW), "did not change it for certain"),
        (step(StepState.UNKNOWN), customer(is_active=False, updated_at=NOW), "did not change it for certain"),
    ],
)
def test_who_is_put_back_and_who_is_left_alone(step, current, why):
    undo = undo_plan(run_that(Action.DEACTIVATE), [step], {current.id: current} if current else {}, LATER)
    assert (undo.undo_of, undo.action) == ("run_1", Action.REACTIVATE)
    if why is None:
        (planned,) = undo.customers
        assert (planned.record, planned.read_at) == (current, LATER)
        assert undo.left_alone == ()
    else:
        assert undo.customers == ()
        assert why in undo.left_alone[0].why
        assert (undo.left_alone[0].customer_id, undo.left_alone[0].name) == (id_of(1), "Clinic 1")


@pytest.mark.parametrize("updated_at", [NOW, None], ids=["same time", "time unknown"])
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"user_count": 2}, "users"),
        ({"name": "New"}, "name"),
        ({"metadata": {"region": "south", "tier": "1"}}, "metadata: region, metadata: tier"),
        ({"metadata": {}}, "metadata: region"),
        ({"created_at": NOW}, "created"),
        ({"created_by_user_id": f"usr_{7:032x}"}, "created by user"),
        ({"created_by_api_key_id": UUID(int=7)}, "created by key"),
        ({"name": "New", "user_count": 2}, "users, name"),
        ({}, ""),
    ],
)
def test_whatever_differs_from_what_the_run_left_is_left_alone_and_named(fields, named, updated_at):
    left = customer(is_active=False, updated_at=updated_at)
    done = replace(step(), after=left)
    now = left.model_copy(update=fields)
    undo = undo_plan(run_that(Action.DEACTIVATE), [done], {now.id: now}, LATER)
    assert [one.why for one in undo.left_alone] == ([f"Somebody changed it after this run: {named}."] if named else [])
    # and so does the reading right before an undo's call
    again = replace(step(StepState.PLANNED), before=left, after=None)
    verdict = preflight(Action.REACTIVATE, again, now, Policy(drift=frozenset()), exact=True)
    assert (verdict.words.in_log if verdict else "") == (
        f"Changed since the review: {named}. No call was made." if named else ""
    )


def test_an_id_in_capitals_is_the_same_customers():
    left = customer(0xAB, is_active=False, updated_at=NOW)
    done = replace(step(), customer_id=left.id, after=left)
    now = left.model_copy(update={"id": f"cus_{0xAB:032X}"})
    undo = undo_plan(run_that(Action.DEACTIVATE), [done], {now.id: now}, LATER)
    assert [planned.record for planned in undo.customers] == [now]
    assert undo.without([left.id], "Asked so.").customers == ()


def test_who_is_taken_out_of_an_undo_is_left_alone_with_the_others():
    records = [customer(number, is_active=False, updated_at=NOW) for number in (1, 2)]
    steps = [Step("run_1", n, one.id, one.name, StepState.VERIFIED, customer(n), one) for n, one in enumerate(records)]
    undo = undo_plan(run_that(Action.DEACTIVATE), steps, {one.id: one for one in records}, LATER).without(
        [id_of(1)], "Asked so."
    )
    undo = undo.without([id_of(1)], "Asked so.")
    assert [planned.record.id for planned in undo.customers] == [id_of(2)]
    assert undo.left_alone == (Untouched(customer_id=id_of(1), name="Clinic 1", why="Asked so."),)


def test_an_undo_can_be_undone():
    before, after = customer(is_active=False), customer(updated_at=NOW)
    redone = Step("run_1", 0, id_of(1), "Clinic 1", StepState.VERIFIED, before=before, after=after)
    undo = undo_plan(run_that(Action.REACTIVATE), [redone], {after.id: after}, LATER)
    assert undo.action is Action.DEACTIVATE
    assert [planned.record for planned in undo.customers] == [after]


@pytest.mark.parametrize(
    ("current", "behind"),
    [
        (customer(updated_at=NOW - timedelta(days=1)), True),
        (customer(is_active=False, updated_at=NOW), False),
        (customer(updated_at=LATER), False),
        (customer(updated_at=None), False),
        (None, False),
    ],
)
def test_records_read_before_the_run_had_changed_them_are_told_apart(current, behind):
    assert is_behind([step()], {current.id: current} if current else {}) == behind


@pytest.mark.parametrize(
    ("undos", "words"),
    [
        ([], ""),
        ([(RunState.CANCELLED, 0)], ""),
        ([(RunState.PAUSED, 1)], "being taken back"),
        ([(RunState.CANCELLED, 1)], "1 of 3 taken back"),
        ([(RunState.CANCELLED, 1), (RunState.FINISHED, 2)], "taken back"),
    ],
)
def test_how_far_a_run_was_taken_back_is_told_in_a_few_words(undos, words):
    run = replace(run_that(Action.DEACTIVATE), totals=Totals(verified=3))
    back = replace(run_that(Action.REACTIVATE), id="run_2", undo_of=run.id)
    others = [replace(back, undo_of="run_3", totals=Totals(verified=3))]
    assert undone(run, [replace(back, state=state, totals=Totals(verified=done)) for state, done in undos] + others) == words
