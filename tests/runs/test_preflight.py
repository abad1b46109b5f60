"""A record that changed since the review is left alone, and what changed is told."""

from dataclasses import replace

import pytest

from lib.errors import BadAnswer, NoAnswer, NotAuthorized, NotFound, Withdrawn
from lib.plans.model import Action, Step, StepState
from lib.runs.judge import NotSent, Settled
from lib.runs.preflight import preflight
from tests.runs.fakes import NOW, customer

PLANNED = customer(user_count=3, metadata={"region": "north", "tier": "1"})


def a_step(planned=PLANNED, **fields):
    return replace(Step("run_1", 0, planned.id, planned.name, StepState.PLANNED, planned), **fields)


def changed(**fields):
    return PLANNED.model_copy(update=fields)


@pytest.mark.parametrize(
    ("action", "planned", "read", "state", "words"),
    [
        (Action.DEACTIVATE, PLANNED, changed(is_active=False), "skipped", "Already inactive"),
        (Action.DEACTIVATE, PLANNED, changed(is_active=False, name="New"), "skipped", "Already inactive"),
        (Action.REACTIVATE, changed(is_active=False), PLANNED, "skipped", "Already active"),
        (Action.DEACTIVATE, PLANNED, changed(user_count=0), "skipped", "users was 3, is now 0"),
        (Action.DEACTIVATE, changed(is_active=False), PLANNED, "skipped", "status was inactive, is now active"),
        (Action.DEACTIVATE, PLANNED, NotFound(), "failed", "no such customer"),
        (Action.DEACTIVATE, PLANNED, BadAnswer("metadata is too long"), "failed", "metadata is too long"),
        (Action.DEACTIVATE, PLANNED, customer(2), "failed", "another customer"),
    ],
)
def test_what_keeps_a_call_from_being_made(action, planned, read, state, words):
    verdict = preflight(action, a_step(planned), read)
    assert isinstance(verdict, Settled)
    assert verdict.state == state
    assert words in verdict.words.text


@pytest.mark.parametrize("error", [NoAnswer(), NotAuthorized(), Withdrawn()])
def test_trouble_on_the_way_is_not_held_against_the_customer(error):
    verdict = preflight(Action.DEACTIVATE, a_step(), error)
    assert isinstance(verdict, NotSent)
    assert (verdict.trouble is None) == isinstance(error, Withdrawn)


@pytest.mark.parametrize("read", [NotFound(), BadAnswer(), customer(2)])
def test_what_may_be_the_channels_fault_is_told_although_the_step_ends(read):
    assert preflight(Action.DEACTIVATE, a_step(), read).trouble.doubtful


def test_nothing_stands_in_the_way_of_an_unchanged_record():
    assert preflight(Action.DEACTIVATE, a_step(), PLANNED) is None


def test_an_undo_leaves_alone_what_anybody_has_updated_since():
    read = changed(updated_at=NOW)
    assert preflight(Action.DEACTIVATE, a_step(), read) is None
    verdict = preflight(Action.DEACTIVATE, a_step(), read, exact=True)
    assert verdict.state is StepState.SKIPPED
    assert "last update was 2025-01-25 12:00:00 UTC, is now 2026-03-01 12:00:00 UTC" in verdict.words.text


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"attempts": 1, "after": PLANNED}, StepState.VERIFIED),  # read back as not applied, tried again
        ({"attempts": 1}, StepState.SKIPPED),  # its call certainly changed nothing, so somebody else did
        ({}, StepState.SKIPPED),
    ],
)
def test_a_call_that_took_effect_late_is_this_runs_own(fields, state):
    assert preflight(Action.DEACTIVATE, a_step(**fields), changed(is_active=False)).state is state
