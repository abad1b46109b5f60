"""The tables of states say everything; nothing else is allowed."""

from itertools import product

import pytest

from lib.errors import IllegalTransition
from lib.plans.model import LIVE, RETRYABLE, RUN_MOVES, STEP_MOVES, Action, RunState, StepState, Totals, check

ALLOWED_STEPS = {
    "planned -> in_flight",
    "planned -> skipped",
    "planned -> failed",
    "planned -> verified",
    "in_flight -> verified",
    "in_flight -> not_applied",
    "in_flight -> failed",
    "in_flight -> unknown",
    "in_flight -> planned",
    "unknown -> verified",
    "unknown -> not_applied",
    "unknown -> failed",
    "unknown -> unknown",
    "not_applied -> planned",
    "failed -> planned",
}
ALLOWED_RUNS = {
    "planned -> running",
    "planned -> cancelled",
    "running -> paused",
    "running -> interrupted",
    "running -> finished",
    "running -> cancelled",
    "paused -> running",
    "paused -> cancelled",
    "interrupted -> running",
    "interrupted -> cancelled",
    "finished -> running",
}


@pytest.mark.parametrize(("before", "after"), [*product(StepState, StepState), *product(RunState, RunState)])
def test_a_move_is_allowed_only_if_the_table_lists_it(before, after):
    allowed = ALLOWED_STEPS if isinstance(before, StepState) else ALLOWED_RUNS
    if f"{before} -> {after}" in allowed:
        check(before, after)
    else:
        with pytest.raises(IllegalTransition, match=f"{before}.*{after}"):
            check(before, after)


def test_a_step_state_never_follows_a_run_state_of_the_same_name():
    with pytest.raises(IllegalTransition):
        check(StepState.FAILED, RunState.PLANNED)


def test_every_state_has_its_row():
    assert set(STEP_MOVES) == set(StepState)
    assert set(RUN_MOVES) == set(RunState)


def test_a_customer_is_never_called_again_after_verified_or_skipped():
    assert not STEP_MOVES[StepState.VERIFIED]
    assert not STEP_MOVES[StepState.SKIPPED]


def test_only_a_planned_step_can_be_sent():
    assert [state for state, after in STEP_MOVES.items() if StepState.IN_FLIGHT in after] == [StepState.PLANNED]


def test_an_unknown_step_is_read_back_before_it_is_planned_again():
    assert StepState.PLANNED not in STEP_MOVES[StepState.UNKNOWN]
    assert StepState.UNKNOWN in RETRYABLE


def test_ended_runs_hold_no_customers():
    assert set(RunState) - LIVE == {RunState.FINISHED, RunState.CANCELLED}


def test_totals_add_up():
    counts = {state: number for number, state in enumerate(StepState, start=1)}
    totals = Totals.of(counts)
    assert totals.total == sum(counts.values())
    assert totals.settled == totals.total - counts[StepState.PLANNED] - counts[StepState.IN_FLIGHT]
    assert {state: totals.count(state) for state in StepState} == counts


@pytest.mark.parametrize("action", Action)
def test_an_action_and_its_opposite_want_opposite_things(action):
    assert action.wants_active is not action.opposite.wants_active
