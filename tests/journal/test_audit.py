"""Whatever somebody alters in the tables is found by the log, or by the plan whose hash the log holds, and is named."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import Boolean, Double, Float, Integer, create_engine, text

from lib.errors import JournalDamaged, RunNotFound
from lib.journal.replay import NOT_PROVED
from lib.journal.tables import runs, steps
from lib.runs.model import Action, Hold, RunState, StepState
from lib.runs.words import Words, said
from tests.runs.fakes import KIM, NOW, ROBIN, customer, id_of, plan_of

OWNER = "host:1:a"


class Story:
    """A journal in which everything that can happen to runs and steps has happened, a minute apart."""

    def __init__(self, journal):
        self.journal, self._now = journal, NOW

    def now(self):
        self._now += timedelta(minutes=1)
        return self._now

    def told(self):
        return {"now": self.now(), "who": ROBIN}

    def step(self, run, number):
        return self.journal.reads.step(run.id, id_of(number))

    def settle(self, run, number, to, *, begin=True, **facts):
        step = self.step(run, number)
        if begin:
            step = self.journal.steps.begin(step, owner=OWNER, **self.told())
        return self.journal.steps.settle(step, to, owner=OWNER, **self.told(), **facts)

    def whole(self):
        """The id of a run with steps in each state that was paused, interrupted, resumed, retried and taken back."""
        records = [customer(number, name=f"Clinic\0{number}", user_count=number) for number in range(1, 10)]
        plan = plan_of(records, ticket="OPS\0-7", filter_text="no users", base_url="https://api.example", goes_on=True)
        run = self.journal.record(plan, self.now(), who=ROBIN)
        self.journal.start(run.id, owner="host:0:z", canary=2, **self.told())
        self.journal.interrupt(self.expired(run), words=said("Its process is gone."), now=self.now())
        self.journal.start(run.id, owner=OWNER, **self.told())
        gone = customer(1, is_active=False, updated_at=NOW)
        self.settle(run, 1, StepState.VERIFIED, after=gone, status=200, request_id="req\0_1", seconds=0.123456789)
        self.settle(run, 2, StepState.NOT_APPLIED, after=records[1], status=500, seconds=1.5, read_back=True, words=said("No."))
        self.settle(run, 3, StepState.FAILED, words=Words("Refused: Jo\0", "Refused."), status=404, seconds=0.25)
        self.settle(run, 4, StepState.UNKNOWN, words=said("Not read."), seconds=0.5)
        self.settle(run, 5, StepState.PLANNED, words=said("Slow down."), status=429, seconds=0.1)
        self.settle(run, 6, StepState.PLANNED, words=said("Not sent."), sent=0)
        self.settle(run, 7, StepState.SKIPPED, begin=False, after=records[6], words=Words("Renamed to Jo.", "name"))
        self.journal.request(run.id, "pause", **self.told())
        self.journal.end(run.id, RunState.PAUSED, words=Words("Jo asked.", ""), hold=Hold.CANARY, **self.told())
        self.journal.start(run.id, owner=OWNER, **self.told())
        self.journal.end(run.id, RunState.FINISHED, words=said(""), **self.told())
        self.journal.retry(run.id, owner=OWNER, **self.told())
        self.settle(run, 2, StepState.VERIFIED, after=records[1].model_copy(update={"is_active": False}), status=200, seconds=1)
        self.journal.end(run.id, RunState.FINISHED, words=said("Done."), **self.told())
        undo = plan_of([gone], action=Action.REACTIVATE, undo_of=run.id, now=self.now())
        self.journal.record(undo, self.now(), who=KIM)
        return run.id

    def running(self):
        """The id of another run, which has a call in flight and is asked to end."""
        run = self.journal.record(plan_of([customer(20), customer(21)], now=self.now()), self.now(), who=ROBIN)
        self.journal.start(run.id, owner=OWNER, canary=1, **self.told())
        self.journal.pass_canary(run.id, words=said("It goes on."), owner=OWNER, **self.told())
        self.journal.steps.begin(self.step(run, 20), owner=OWNER, **self.told())
        self.journal.request(run.id, "cancel", **self.told())
        return run.id

    def expired(self, run):
        self.journal.renew("host:0:z", -1.0)
        return self.journal.reads.run(run.id)


@pytest.fixture
def story(journal):
    return Story(journal)


#: Columns that take few values, each with two of them.
FEW = {
    ("runs", "state"): ("finished", "running"),
    ("steps", "state"): ("verified", "failed"),
    ("runs", "action"): ("deactivate", "reactivate"),
    ("runs", "requested"): ("pause", "cancel"),
    ("runs", "hold"): ("person", "breaker"),
}


def other(column, value, run_id):
    """Another value of this column, of a kind that the database and the code take."""
    two = FEW.get((column.table.name, column.name))
    if two:
        return next(one for one in two if one != value)
    if isinstance(column.type, Boolean):
        return not value
    if isinstance(column.type, Integer | Float | Double):
        return (value or 0) + 100
    if column.foreign_keys:
        return run_id if value is None else None
    if column.name in ("before", "after"):
        return customer(9, user_count=77).model_dump_json(by_alias=True)
    return "2020-01-01T00:00:00.000000+00:00" if column.name.endswith("_at") else "altered"


def altered(place, column, key, of, value):
    """Past the journal, put `value` where `key` is `of`; what stood there."""
    table = column.table.name
    engine = create_engine(place.url)
    with engine.begin() as db:
        where = f"WHERE {' AND '.join(f'{name} = :{name}' for name in of)}"
        was = db.execute(text(f"SELECT {column.name} FROM {table} {where}"), of).scalar_one()
        new = value(was) if callable(value) else value
        db.execute(text(f"UPDATE {table} SET {column.name} = :new {where}"), {"new": new, **of})
    engine.dispose()
    return was


# A run's id and a step's run say which row it is: without it one is gone, and another is there that nobody knows.
COLUMNS = [column for table in (runs, steps) for column in table.c if column.name not in ("id", "run_id")]


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_an_update_of_any_column_of_any_row_is_found_and_named(story, journal, place, column):
    story.whole(), story.running()
    key = "id" if column.table is runs else "customer_id" if column.name == "position" else "position"
    run_key = "id" if column.table is runs else "run_id"
    for found_in in place.run(f"SELECT DISTINCT {run_key}, {key} FROM {column.table.name}"):
        of = dict(zip((run_key, key), found_in, strict=True))
        run_id = of[run_key]
        was = altered(place, column, key, of, lambda was, run_id=run_id: other(column, was, run_id))
        audit = journal.audit.run(run_id)
        if column.name in NOT_PROVED:
            assert audit.ok
        elif column.name == "position":
            assert {found.words for found in audit.findings} >= {"has no step, but is in the plan."}
        else:
            assert [found.words.split()[0] for found in audit.findings if found.run_id == run_id][0] == column.name
            assert bool(audit.findings[0].customer_id) == (column.table is steps)
        altered(place, column, key, of, was)
    assert journal.audit.all().ok


def test_a_journal_of_which_nothing_was_altered_is_sound(story, journal):
    story.whole(), story.running()
    audit = journal.audit.all()
    assert (audit.ok, audit.runs, audit.steps, audit.findings, audit.partly) == (True, 3, 12, (), 0)
