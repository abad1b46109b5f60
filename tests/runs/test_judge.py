"""What an answer proves, and what it does not."""

import pytest

from lib.avara.protocol import read_customer
from lib.avara.reply import Reply
from lib.avara.requests import get_customer
from lib.errors import (
    ApiError,
    BadAnswer,
    Conflict,
    NoAnswer,
    NotAuthorized,
    NotFound,
    RateLimited,
    Rejected,
    ServiceBroken,
    Unreachable,
    Withdrawn,
)
from lib.plans.model import Action, StepState
from lib.plans.words import said
from lib.runs.judge import NotSent, ReadBack, Settled, judge, judge_read_back, suspicion_of
from tests.runs.fakes import NOW, customer, id_of

ACTIVE, INACTIVE, OTHER = customer(), customer(is_active=False), customer(2, is_active=False)


def seen(verdict):
    return (type(verdict).__name__, getattr(verdict, "state", None))


@pytest.mark.parametrize(
    ("action", "answer", "verdict"),
    [
        (Action.DEACTIVATE, INACTIVE, ("Settled", "verified")),
        (Action.REACTIVATE, ACTIVE, ("Settled", "verified")),
        # the example of the API's own documentation: 200, and still active
        (Action.DEACTIVATE, ACTIVE, ("ReadBack", None)),
        (Action.REACTIVATE, INACTIVE, ("ReadBack", None)),
        (Action.DEACTIVATE, OTHER, ("ReadBack", None)),
        (Action.DEACTIVATE, NoAnswer(), ("ReadBack", None)),
        (Action.DEACTIVATE, ServiceBroken(status=500), ("ReadBack", None)),
        (Action.DEACTIVATE, BadAnswer(), ("ReadBack", None)),
        (Action.DEACTIVATE, ApiError(), ("ReadBack", None)),
        (Action.DEACTIVATE, Conflict(), ("ReadBack", None)),
        (Action.DEACTIVATE, NotFound(), ("Settled", "failed")),
        (Action.DEACTIVATE, Rejected(), ("Settled", "failed")),
        (Action.DEACTIVATE, NotAuthorized(), ("NotSent", None)),
        (Action.DEACTIVATE, RateLimited(), ("NotSent", None)),
        (Action.DEACTIVATE, Unreachable(), ("NotSent", None)),
        (Action.DEACTIVATE, Withdrawn(), ("NotSent", None)),
    ],
)
def test_what_a_call_proves(action, answer, verdict):
    assert seen(judge(action, id_of(1), answer)) == verdict


def test_an_error_that_may_have_been_applied_is_always_read_back():
    for error in (NoAnswer(), ServiceBroken(), BadAnswer()):
        assert error.may_have_applied
        assert isinstance(judge(Action.DEACTIVATE, id_of(1), error), ReadBack)


def test_the_case_of_an_id_is_no_difference():
    answer = customer(0xAB, is_active=False)
    assert isinstance(judge(Action.DEACTIVATE, answer.id.upper().replace("CUS", "cus"), answer), Settled)


@pytest.mark.parametrize(
    ("read", "tries_left", "state"),
    [
        (INACTIVE, 2, StepState.VERIFIED),
        (INACTIVE, 0, StepState.VERIFIED),
        (ACTIVE, 1, None),  # a reading may lag, and a call that timed out may still be under way
        (ACTIVE, 0, StepState.NOT_APPLIED),
        (OTHER, 1, None),
        (OTHER, 0, StepState.UNKNOWN),
        (NoAnswer(), 1, None),
        (NoAnswer(), 0, StepState.UNKNOWN),
        (ServiceBroken(), 0, StepState.UNKNOWN),
        (BadAnswer(), 0, StepState.UNKNOWN),
        (NotFound(), 2, StepState.UNKNOWN),  # what the call did to it, nobody can tell any more
        (NotAuthorized(), 2, StepState.UNKNOWN),  # asking again can't help
    ],
)
def test_what_a_reading_after_the_call_proves(read, tries_left, state):
    settled = judge_read_back(Action.DEACTIVATE, id_of(1), said("Why."), read, tries_left)
    assert (settled and settled.state) == state
    if settled and state is not StepState.VERIFIED:
        assert settled.words.text.startswith("Why. ")


@pytest.mark.parametrize(
    ("error", "at_once"), [(NotAuthorized(), True), (Unreachable(), False), (RateLimited(retry_after=7_000.0), False)]
)
def test_trouble_on_the_way_says_how_bad_it_is(error, at_once):
    verdict = judge(Action.DEACTIVATE, id_of(1), error)
    assert isinstance(verdict, NotSent)
    assert verdict.trouble.at_once is at_once
    assert verdict.trouble.words.text == error.message


@pytest.mark.parametrize(
    ("error", "doubtful"),
    [
        (BadAnswer(), True),
        (NotFound(), True),
        (Rejected(), True),
        (Conflict(), None),  # about this customer's state, for certain
        (Withdrawn(), None),
        (NotAuthorized(), False),
        (ServiceBroken(), False),
    ],
)
def test_an_answer_that_may_be_the_channels_fault_is_suspected(error, doubtful):
    trouble = suspicion_of(error)
    assert (trouble.doubtful if trouble else None) is doubtful


def test_a_call_whose_outcome_is_unknown_is_never_said_to_have_changed_nothing():
    request = get_customer(id_of(1))
    for status in (500, 200):
        with pytest.raises(ApiError) as failure:
            read_customer(request, Reply(status, {}, b"", NOW))
        settled = judge_read_back(Action.DEACTIVATE, id_of(1), said("Why."), failure.value, 0)
        assert settled is not None
        assert settled.state is StepState.UNKNOWN
        assert "othing was changed" not in settled.words.text
