"""Which exit code an error or a run leads to."""

from dataclasses import replace

import pytest

from lib import errors
from lib.cli.exits import Exit, of_error, of_run
from lib.plans.model import Action, Run, RunState, Step, StepState, Totals
from tests.runs.fakes import NOW, customer


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError(), Exit.REFUSED),
        (errors.UploadUnreadable(), Exit.REFUSED),
        (errors.OtherConnection(), Exit.REFUSED),
        (errors.CapExceeded(), Exit.REFUSED),
        (errors.AlreadyStarted(), Exit.REFUSED),
        (errors.RunsOverlap(), Exit.REFUSED),
        (errors.IllegalTransition(), Exit.REFUSED),
        (errors.NotAuthorized(), Exit.REFUSED),
        (errors.Unreachable(), Exit.UNREACHABLE),
        (errors.NoAnswer(), Exit.UNREACHABLE),
        (errors.ServiceBroken(), Exit.UNREACHABLE),
        (errors.RateLimited(), Exit.UNREACHABLE),
        (errors.BadAnswer(), Exit.UNREACHABLE),
        (errors.JournalUnavailable(), Exit.UNREACHABLE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_code_of_an_error(error, code):
    assert of_error(error) is code


def run_of(state, **totals):
    words = dict.fromkeys(("plan_hash", "connection_label", "fingerprint", "base_url", "operator", "reason", "ticket"), "x")
    return Run(
        id="run_1", state=state, action=Action.DEACTIVATE, filter_text="", created_at=NOW, totals=Totals(**totals), **words
    )


SKIPPED = Step("run_1", 0, "cus_1", "A", StepState.SKIPPED, before=customer(1))
ALREADY = replace(SKIPPED, after=customer(1, is_active=False))
CHANGED = replace(SKIPPED, after=customer(1, name="B"))


@pytest.mark.parametrize(
    ("run", "skipped", "code"),
    [
        (run_of(RunState.FINISHED, verified=3), [], Exit.FINISHED),
        (run_of(RunState.FINISHED, verified=2, skipped=1), [ALREADY], Exit.FINISHED),
        (run_of(RunState.FINISHED, verified=2, skipped=1), [CHANGED], Exit.PARTLY),
        (run_of(RunState.FINISHED, verified=2, skipped=1), [SKIPPED], Exit.PARTLY),
        (run_of(RunState.FINISHED, verified=2, failed=1), [], Exit.PARTLY),
        (run_of(RunState.FINISHED, verified=2, unknown=1), [], Exit.PARTLY),
        (run_of(RunState.FINISHED, verified=2, not_applied=1), [], Exit.PARTLY),
        (run_of(RunState.PAUSED, verified=3), [], Exit.PARTLY),
        (run_of(RunState.INTERRUPTED, verified=2, planned=1), [], Exit.PARTLY),
        (run_of(RunState.CANCELLED, verified=2, planned=1), [], Exit.PARTLY),
    ],
)
def test_the_code_of_a_run(run, skipped, code):
    assert of_run(run, skipped) is code
