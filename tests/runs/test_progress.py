"""The pace of a run is that of now, and the time it took leaves its pauses out."""

import json
from datetime import timedelta

import pytest

from lib.journal.proof.chain import Entry
from lib.plans.model import RunState, StepState
from lib.plans.words import said
from lib.runs.progress import WINDOW, Progress, last_taken_up, progress, time_carried
from tests.runs.fakes import NOW, ROBIN, customer, plan_of

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("settled", "seconds", "to_do", "told"),
    [
        (0, None, 9, Progress()),
        (1, 20, 9, Progress()),
        (21, 10, 8, Progress(2.0, 4.0)),
        (21, 10, 0, Progress(2.0, 0.0)),
        (3, 0, 4, Progress(2.0, 2.0)),
    ],
)
def test_the_pace_is_that_of_what_settled_last(settled, seconds, to_do, told):
    first_at = None if seconds is None else NOW - seconds * SECOND
    assert progress(settled, first_at, NOW, to_do) == told


def entry(seconds, event, **payload):
    return Entry(1, "run_1", NOW + seconds * SECOND, event, None, "Robin", json.dumps(payload), "")


def test_a_run_took_the_time_that_somebody_carried_it():
    told = [
        entry(0, "planned"),
        entry(100, "approved"),
        entry(110, "canary"),  # it went on by itself
        entry(120, "pause"),
        entry(900, "resume"),
        entry(905, "canary", hold="canary"),
        entry(2000, "resume"),
        entry(2001, "finish"),
        entry(5000, "retry"),
        entry(5004, "finish"),
        entry(6000, "export"),
    ]
    assert time_carried(told, lambda entry: entry.at) == 30 * SECOND


def test_what_nobody_carried_after_a_process_died_is_no_time_that_a_run_took(journal):
    run = journal.record(plan_of([customer(1), customer(2)]), NOW, who=ROBIN)

    def carried_for(began, last, noticed, state):
        journal.claim(run.id, owner="host:1:a", now=NOW + began * SECOND, who=ROBIN)
        step = next(step for step in journal.reads.steps(run.id) if step.state is StepState.PLANNED)
        words = said("Inactive by now.")
        journal.steps.settle(step, StepState.SKIPPED, now=NOW + last * SECOND, who=ROBIN, words=words)
        journal.end(run.id, state, words=said(""), now=NOW + noticed * SECOND, who=ROBIN)

    carried_for(100, 104, 90_000, RunState.INTERRUPTED)  # killed; the server was started again a day later
    journal.claim(run.id, owner="host:1:b", now=NOW + 95_000 * SECOND, who=ROBIN)
    journal.end(run.id, RunState.INTERRUPTED, words=said(""), now=NOW + 99_000 * SECOND, who=ROBIN)  # killed at once
    carried_for(100_000, 100_001, 100_002, RunState.FINISHED)
    entries = journal.log.run_entries(run.id)
    assert time_carried(entries, journal.log.before) == 6 * SECOND
    assert last_taken_up(entries) == NOW + 100_000 * SECOND


def test_what_was_settled_before_a_pause_says_nothing_of_the_pace(journal):
    run = journal.record(plan_of([customer(number) for number in range(1, 5)]), NOW, who=ROBIN)
    journal.claim(run.id, owner="host:1:a", now=NOW, who=ROBIN)
    for step, seconds in zip(journal.reads.steps(run.id), (0, 3590, 3595), strict=False):
        journal.steps.settle(step, StepState.SKIPPED, now=NOW + seconds * SECOND, who=ROBIN, words=said("Inactive by now."))
    now = NOW + 3600 * SECOND
    assert journal.reads.settled_since(run.id, now - WINDOW) == (2, NOW + 3590 * SECOND)
    assert journal.reads.settled_since(run.id, now) == (0, None)
    assert journal.reads.run(run.id).state is RunState.RUNNING
