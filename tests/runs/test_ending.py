"""How a run ends for now: one table."""

import pytest

from lib.plans.model import Action, Hold, Run, RunState, Step, StepState, Totals
from lib.plans.words import said
from lib.runs.ending import ABANDONED, Ending, Halt, all_verified, canary_words, ending, where_stopped
from tests.runs.fakes import NOW, customer, id_of

LEFT, OVER = Totals(planned=3, verified=1), Totals(verified=4)
OPEN = Totals(planned=2, in_flight=1, verified=1)
TROUBLE, LOST = Halt(said("No network.")), Halt(said("The disk is full."), hold=None)


def run(totals, requested):
    facts = ("hash", "sandbox", "f" * 16, "", "Robin", "Reason", "", "")
    return Run("run_1", RunState.RUNNING, Action.DEACTIVATE, *facts, created_at=NOW, totals=totals, requested=requested)


@pytest.mark.parametrize(
    ("totals", "requested", "halt", "stopping", "end"),
    [
        (OVER, None, None, False, Ending(RunState.FINISHED)),
        (
            OVER,
            "pause",
            TROUBLE,
            True,
            Ending(RunState.FINISHED, said("It had already finished when Kim asked for a pause: no call was left to hold.")),
        ),
        (
            OVER,
            "cancel",
            None,
            False,
            Ending(RunState.CANCELLED, said("Cancelled by Kim after 4 of 4 customers; nothing was left to start.")),
        ),
        (OVER, None, ABANDONED, False, Ending(RunState.FINISHED)),
        (
            LEFT,
            "cancel",
            None,
            False,
            Ending(RunState.CANCELLED, said("Cancelled by Kim after 1 of 4 customers; the other 3 were not started.")),
        ),
        (LEFT, "pause", None, False, Ending(RunState.PAUSED, said("Paused by Kim after 1 of 4 customers."), Hold.PERSON)),
        (
            LEFT,
            None,
            TROUBLE,
            False,
            Ending(RunState.PAUSED, said("No network. Paused after 1 of 4 customers; resume the run to go on."), Hold.BREAKER),
        ),
        (
            LEFT,
            None,
            Halt(said("Too many users."), Hold.CAP),
            False,
            Ending(
                RunState.PAUSED,
                said(
                    "Too many users. Paused after 1 of 4 customers. Cancel it and plan the others apart; or raise max_users in "
                    "settings.toml, start Express Ops again and resume the run."
                ),
                Hold.CAP,
            ),
        ),
        (
            LEFT,
            None,
            LOST,
            False,
            Ending(RunState.INTERRUPTED, said("The disk is full. Stopped after 1 of 4 customers; resume the run to go on.")),
        ),
        (
            LEFT,
            None,
            None,
            True,
            Ending(RunState.INTERRUPTED, said("Express Ops was stopped after 1 of 4 customers; resume the run to go on.")),
        ),
        # a call whose outcome is open keeps a run from being cancelled
        (
            OPEN,
            "cancel",
            TROUBLE,
            False,
            Ending(
                RunState.INTERRUPTED,
                said(
                    "No network. Stopped after 1 of 4 customers; it is cancelled as soon as the calls that were under way are "
                    "read back."
                ),
            ),
        ),
        (
            LEFT,
            "pause",
            ABANDONED,
            False,
            Ending(
                RunState.INTERRUPTED,
                said(
                    "The process that carried this run ended in the middle, or lost its way to the journal. Stopped after 1 of "
                    "4 customers; resume the run to go on."
                ),
            ),
        ),
        (
            LEFT,
            "cancel",
            ABANDONED,
            False,
            Ending(RunState.CANCELLED, said("Cancelled by Kim after 1 of 4 customers; the other 3 were not started.")),
        ),
    ],
)
def test_what_becomes_of_a_run(totals, requested, halt, stopping, end):
    assert ending(run(totals, requested), halt, asked_by="Kim", stopping=stopping) == end


def steps(*states):
    return [
        Step("run_1", number, id_of(number), f"Clinic {number}", state, customer(number)) for number, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("first", "all_well", "words"),
    [
        (steps(StepState.VERIFIED, StepState.VERIFIED), True, "The first 2 customers are done: 2 verified."),
        (steps(StepState.VERIFIED, StepState.SKIPPED), False, "The first 2 customers are done: 1 verified."),
        (steps(StepState.NOT_APPLIED), False, "The first customer is done: 0 verified."),
        ([], False, ""),
    ],
)
def test_what_the_canary_brought(first, all_well, words):
    assert all_verified(first) is all_well
    assert canary_words(first).text.startswith(words)


@pytest.mark.parametrize(
    ("left", "words"),
    [(1, "."), (2, " and 1 other."), (1200, " and 1,199 others.")],
)
def test_what_was_not_started_is_told_by_name(left, words):
    (step,) = steps(StepState.PLANNED)
    assert where_stopped(step, left) == f"Not started: Clinic 0 ({id_of(0)}){words}"
