"""A record that changed since the review is left alone, and what changed is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lib.errors import BadAnswer, NoAnswer, NotAuthorized, NotFound, RateLimited, Unreachable, Withdrawn
from lib.evidence.activity import NOT_READ, Activity
from lib.evidence.studies import reason
from lib.plans.model import Action, Step, StepState
from lib.runs.judge import NotSent, Settled
from lib.runs.preflight import preflight, revival
from tests.runs.fakes import NEVER, NOW, customer

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


DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
#: What was known when the customer was picked: all of its studies, of which the newest is old; or not all.
OLD = Activity(NOW - DAY, NOW - 400 * DAY, whole=True)
PARTLY = Activity(NOW - DAY, NOW - 400 * DAY)
UNREAD = Activity(NOW - DAY, why="The API does not allow this key to do that.")


@pytest.mark.parametrize(
    ("before", "seen", "words"),
    [
        (NEVER, Activity(NOW, NOW - 3 * HOUR), "A study came in 3 hours ago (2026-03-01 09:00 UTC). No call was made."),
        (OLD, Activity(NOW, NOW - 3 * HOUR), "3 hours ago"),
        (OLD, Activity(NOW, NOW + 2 * MINUTE), "A study came in now (2026-03-01 12:02 UTC)"),  # their clock is ahead
        (OLD, Activity(NOW, NOW - 399 * DAY), "1 year, 1 month ago (2025-01-26 12:00 UTC)"),  # later than all that were there
        (NEVER, Activity(NOW, NOW - 399 * DAY), "1 year, 1 month ago"),
        (PARTLY, Activity(NOW, NOW - 23 * HOUR), "23 hours ago"),
        (UNREAD, Activity(NOW, NOW - 23 * HOUR), "23 hours ago"),
        (OLD, Activity(NOW, NOW - 400 * DAY), ""),
        (PARTLY, Activity(NOW, NOW - 25 * HOUR), ""),  # it may have been there: nobody had seen all
        (replace(OLD, undated=1), Activity(NOW, NOW - 25 * HOUR), ""),
        (replace(OLD, undated=1), Activity(NOW, undated=1), ""),  # it may be the one that was known
        (replace(OLD, undated=1), Activity(NOW, undated=2), "whose time can't be a fact"),
        (replace(PARTLY, undated=1), Activity(NOW, undated=1), "whose time can't be a fact"),  # or another: not all were seen
        (OLD, Activity(NOW, NOW - 3 * HOUR, undated=1), "3 hours ago"),
        (UNREAD, Activity(NOW, NOW - 25 * HOUR), ""),
        *((before, Activity(NOW, cancelled=3), "") for before in (NEVER, OLD, PARTLY, UNREAD)),
        *((before, Activity(NOW, undated=1), "whose time can't be a fact") for before in (NEVER, OLD, PARTLY, UNREAD)),
    ],
)
def test_a_study_that_came_in_or_may_have_since_the_pick_keeps_a_call_from_being_made(before, seen, words):
    verdict = revival(before, seen)
    assert (verdict is None) == (words == "")
    if verdict is not None:
        assert (verdict.state, verdict.trouble) == (StepState.SKIPPED, None)
        assert words in verdict.words.text


REFUSED = NotAuthorized("The API does not allow this key to do that. It said: Jo", status=403)


@pytest.mark.parametrize("error", [REFUSED, BadAnswer("metadata of Jo"), NotFound()])
def test_a_customer_whose_studies_can_not_be_read_again_is_not_called_as_one_whose_record_can_not(error):
    for before in (NEVER, OLD, PARTLY, UNREAD):
        verdict = revival(before, error)
        assert (verdict.state, verdict.trouble.doubtful, verdict.trouble.at_once) == (StepState.FAILED, True, False)
        assert verdict.words.text.startswith("Its studies could not be read again before the call, so no call was made:")
        assert "Jo" not in verdict.words.in_log


@pytest.mark.parametrize(
    ("before", "error", "stands"),
    [
        (reason(REFUSED), REFUSED, False),
        (reason(REFUSED), NotFound(), True),
        (reason(BadAnswer("one thing")), BadAnswer("another"), True),
        (reason(BadAnswer("one thing")), REFUSED, True),
        (reason(BadAnswer("one thing")), BadAnswer("one thing"), False),
        (NOT_READ, REFUSED, True),
        ("", REFUSED, True),
        (reason(NoAnswer()), NoAnswer(), True),  # which says nothing of the customer, then or now
        (reason(NotAuthorized(status=401)), NotAuthorized(status=401), True),
    ],
)
def test_studies_that_can_not_be_read_for_the_reason_that_was_told_when_it_was_picked_are_no_change(before, error, stands):
    assert (revival(Activity(NOW, why=before), error) is not None) is stands


@pytest.mark.parametrize("error", [NoAnswer(), NotAuthorized(status=401), RateLimited(), Unreachable(), Withdrawn()])
def test_trouble_on_the_way_to_the_studies_is_not_held_against_the_customer(error):
    for before in (NEVER, OLD, PARTLY, UNREAD):
        verdict = revival(before, error)
        assert isinstance(verdict, NotSent)
        assert (verdict.trouble is None) == isinstance(error, Withdrawn)


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
