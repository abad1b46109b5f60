"""Whatever somebody alters in the tables is found by the log, or by the plan whose hash the log holds, and is named."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import Boolean, Double, Float, Integer, create_engine, event, text

from lib.errors import JournalDamaged, RunNotFound
from lib.evidence.activity import Activity
from lib.journal.database import PAGE
from lib.journal.log import in_log
from lib.journal.proof.replay import NOT_PROVED
from lib.journal.tables import log, log_contexts, log_head, plans, runs, steps
from lib.plans.model import Action, DamagedStep, Hold, RunState, Step, StepState
from lib.plans.words import Words, said
from tests.journal.places import sqlite_place
from tests.runs.fakes import KIM, NOW, ROBIN, customer, id_of, judgement, plan_of

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
        """The id of a run with steps in each state that was paused, interrupted, resumed, retried and taken back. A rule set
        picked some of its customers.
        """
        newest = Activity(NOW, newest=NOW - timedelta(days=9), why="cut off")
        records = [customer(number, name=f"Clinic\0{number}", user_count=number) for number in range(1, 10)]
        judged = {record.id: judgement() for record in records[2:5]} | {records[5].id: judgement(newest)}
        facts = {"ticket": "OPS\0-7", "filter_text": "no users", "base_url": "https://api.example", "goes_on": True}
        plan = plan_of(records, judged=judged, **facts)
        run = self.journal.record(plan, self.now(), who=ROBIN)
        self.journal.claim(run.id, owner="host:0:z", canary=2, **self.told())
        self.journal.renew("host:0:z", -1.0)
        self.journal.end(
            run.id, RunState.INTERRUPTED, words=said("Its process is gone."), owner="host:0:z", expired=True, **self.told()
        )
        self.journal.claim(run.id, owner=OWNER, **self.told())
        gone = customer(1, is_active=False, updated_at=NOW)
        self.settle(run, 1, StepState.VERIFIED, after=gone, status=200, request_id="req\0_1", seconds=0.123456789)
        self.settle(run, 2, StepState.NOT_APPLIED, after=records[1], status=500, seconds=1.5, read_back=True, words=said("No."))
        self.settle(run, 3, StepState.FAILED, words=Words("Refused: Jo\0", "Refused."), status=404, seconds=0.25)
        self.settle(run, 4, StepState.UNKNOWN, words=said("Not read."), seconds=0.5)
        self.settle(run, 5, StepState.PLANNED, words=said("Slow down."), status=429, seconds=0.1)
        self.settle(run, 6, StepState.PLANNED, words=said("Not sent."), sent=0)
        self.settle(run, 7, StepState.SKIPPED, begin=False, after=records[6], words=Words("Renamed to Jo.", "name"))
        self.journal.request(run.id, "pause", **self.told())
        self.journal.end(
            run.id, RunState.PAUSED, words=Words("Jo asked.", ""), hold=Hold.CANARY, requested="pause", **self.told()
        )
        self.journal.claim(run.id, owner=OWNER, **self.told())
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
        self.journal.claim(run.id, owner=OWNER, canary=1, **self.told())
        self.journal.pass_canary(run.id, words=said("It goes on."), owner=OWNER, **self.told())
        self.journal.steps.begin(self.step(run, 20), owner=OWNER, **self.told())
        self.journal.request(run.id, "cancel", **self.told())
        return run.id

    def cancelled(self):
        """The id of a run whose cancel was carried out only after its process had gone, with a call that nobody read back."""
        run = self.journal.record(plan_of([customer(30), customer(31)], now=self.now()), self.now(), who=ROBIN)
        self.journal.claim(run.id, owner=OWNER, **self.told())
        self.journal.steps.begin(self.step(run, 30), owner=OWNER, **self.told())
        self.journal.request(run.id, "cancel", **self.told())
        self.journal.end(run.id, RunState.INTERRUPTED, words=said("Gone."), requested="cancel", **self.told())
        assert self.journal.reads.run(run.id).requested == "cancel"
        assert self.journal.audit.run(run.id).findings == ()
        self.journal.cancel(run.id, words=said("Cancelled."), **self.told())
        return run.id


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


@pytest.fixture
def raw(place):
    """The database past the journal."""
    engine = create_engine(place.url)
    yield engine
    engine.dispose()


def altered(raw, column, of, value):
    """Past the journal, put `value` into the row that `of` says; what stood there."""
    table = column.table.name
    with raw.begin() as db:
        where = f"WHERE {' AND '.join(f'{name} = :{name}' for name in of)}"
        was = db.execute(text(f"SELECT {column.name} FROM {table} {where}"), of).scalar_one()
        new = value(was) if callable(value) else value
        db.execute(text(f"UPDATE {table} SET {column.name} = :new {where}"), {"new": new, **of})
    return was


# A run's id and a step's run say which row it is: without it one is gone, and another is there that nobody knows.
COLUMNS = [column for table in (runs, steps) for column in table.c if column.name not in ("id", "run_id")]


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_an_update_of_any_column_of_any_row_is_found_and_named(story, journal, place, raw, column):
    story.whole(), story.running()
    key = "id" if column.table is runs else "customer_id" if column.name == "position" else "position"
    run_key = "id" if column.table is runs else "run_id"
    for found_in in place.run(f"SELECT DISTINCT {run_key}, {key} FROM {column.table.name}"):
        of = dict(zip((run_key, key), found_in, strict=True))
        run_id = of[run_key]
        was = altered(raw, column, of, lambda was, run_id=run_id: other(column, was, run_id))
        audit = journal.audit.run(run_id)
        if column.name in NOT_PROVED:
            assert audit.ok
        elif column.name == "position":
            assert {found.words for found in audit.findings} >= {"has no step, but is in the plan."}
        else:
            assert next(found.words.split()[0] for found in audit.findings) == column.name
            assert bool(audit.findings[0].customer_id) == (column.table is steps)
        altered(raw, column, of, was)
    assert journal.audit.all().ok


@pytest.mark.parametrize(
    ("was", "is_now"), [(":true", ":1"), ('"userCount":1,', '"userCount":1.0,'), ('"userCount":1,', '"userCount":true,')]
)
def test_a_value_of_another_type_is_another_value_although_python_takes_them_for_equal(story, journal, raw, was, is_now):
    run_id = story.whole()
    stood = altered(raw, steps.c.before, {"run_id": run_id, "position": 0}, lambda text: text.replace(was, is_now, 1))
    assert was in stood
    assert [found.words for found in journal.audit.run(run_id).findings] == ["before is not the record of the plan."]


def test_a_journal_of_which_nothing_was_altered_is_sound(story, journal):
    story.whole(), story.running(), story.cancelled()
    audit = journal.audit.all()
    assert (audit.ok, audit.runs, audit.steps, audit.findings, audit.partly) == (True, 4, 14, (), 0)


SWAP = (
    "UPDATE steps SET customer_id = '{other}', name = 'Clinic 99', before = replace(before, '{one}', '{other}')"
    " WHERE run_id = '{run}' AND position = 1"
)
RUN_GONE = (
    "DELETE FROM holds WHERE run_id = '{run}'; DELETE FROM plans WHERE run_id = '{run}';"
    "UPDATE runs SET undo_of = NULL, undone_by = NULL; DELETE FROM steps WHERE run_id = '{run}';"
    "DELETE FROM runs WHERE id = '{run}'"
)
STEP_MORE = (
    "INSERT INTO steps (run_id, position, customer_id, name, state, before, words, attempts)"
    " SELECT run_id, 9, '{other}', name, state, before, words, attempts FROM steps WHERE run_id = '{run}' AND position = 1"
)
RUN_MORE = (
    "INSERT INTO runs (id, state, action, plan_hash, size, connection_label, fingerprint, base_url, operator, reason, ticket,"
    " filter_text, created_at, words) SELECT 'run_new', state, action, 'new', 0, connection_label, fingerprint, base_url,"
    " operator, reason, ticket, filter_text, created_at, words FROM runs WHERE id = '{run}'"
)


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (SWAP, "customer_id says “{other}”, the plan “{one}”."),
        ("DELETE FROM steps WHERE run_id = '{run}' AND position = 1", "{one}: has no step, but is in the plan."),
        ("DELETE FROM steps WHERE run_id = '{run}'", "{one}: the log tells of it, but it has no step."),
        ("UPDATE steps SET position = position + 50 WHERE run_id = '{run}' AND position = 1", "{one}: has no step"),
        ("DELETE FROM plans WHERE run_id = '{run}'", "its plan is gone."),
        ("UPDATE plans SET body = replace(body, 'Contract ended', 'Fraud') WHERE run_id = '{run}'", "its plan was altered"),
        ("UPDATE plans SET body = '{{' WHERE run_id = '{run}'", "its plan can't be read."),
        ("UPDATE runs SET size = 3 WHERE id = '{run}'", "size says “3”, the log “9”."),
        (RUN_GONE, "it is gone from the journal's tables; the log knows it."),
        (
            STEP_MORE,
            "{other}: has a step, but is not in the plan.",
        ),
        (
            RUN_MORE,
            "run_new: the log does not say that it was planned.",
        ),
    ],
    ids=[
        *("swapped", "step gone", "steps gone", "step moved", "plan gone", "plan altered", "plan unreadable", "size"),
        *("run gone", "step more", "run more"),
    ],
)
def test_what_is_swapped_gone_or_added_is_found_and_named(story, journal, place, alter, words):
    names = {"run": story.whole(), "one": id_of(2), "other": id_of(99)}
    place.run(*(statement.format(**names) for statement in alter.split(";")))
    assert words.format(**names) in " ".join(map(str, journal.audit.all().findings))


def test_an_altered_run_does_not_take_the_others_with_it(story, journal, place):
    run_id, other = story.whole(), story.running()
    place.run(f"UPDATE runs SET reason = 'Fraud', words = '' WHERE id = '{run_id}'", "UPDATE steps SET attempts = 7")
    audit = journal.audit.all()
    assert {found.run_id for found in audit.findings} == {run_id, other, journal.reads.run(run_id).undone_by}
    assert audit.found == len(audit.findings) == 2 + 12


def test_of_very_many_findings_the_first_are_named_and_all_counted(journal, place):
    run = journal.record(plan_of([customer(number) for number in range(1, 251)]), NOW, who=ROBIN)
    place.run("UPDATE steps SET attempts = 7")
    audit = journal.audit.run(run.id)
    assert (audit.found, len(audit.findings)) == (250, 100)
    assert "250 things" in audit.words


@pytest.mark.parametrize(
    ("alter", "checked"),
    [
        (SWAP, id_of(2)),
        ("UPDATE steps SET before = replace(before, 'Count\"\\:2', 'Count\"\\:0') WHERE position = 1", id_of(2)),
        ("UPDATE steps SET name = 'Clinic 2' WHERE position = 2 AND run_id = '{run}'", id_of(3)),
        ("DELETE FROM steps WHERE run_id = '{run}' AND position = 8", id_of(9)),
        ("UPDATE runs SET fingerprint = 'ffffffffffffffff' WHERE id = '{run}'", "fingerprint"),
        ("UPDATE runs SET action = 'reactivate' WHERE id = '{run}'", "action"),
        ("UPDATE runs SET plan_hash = 'ffffffffffffffff' WHERE id = '{run}'", "plan_hash"),
        ("UPDATE plans SET body = replace(body, 'Contract ended', 'Fraud') WHERE run_id = '{run}'", "its plan was altered"),
        ("UPDATE steps SET words = 'Another story.' WHERE position = 1", None),  # what came of it is not what it will do
    ],
)
def test_a_run_that_is_not_what_its_plan_says_is_named_with_the_customer(story, journal, place, alter, checked):
    names = {"run": story.whole(), "one": id_of(2), "other": id_of(99)}
    journal.audit.check_plan(names["run"])
    place.run(alter.format(**names))
    if checked is None:
        journal.audit.check_plan(names["run"])
        return
    with pytest.raises(JournalDamaged, match=names["run"]) as caught:
        journal.audit.check_plan(names["run"])
    assert checked.replace(id_of(2), id_of(99) if alter is SWAP else id_of(2)) in caught.value.message
    assert "Cancel this run" in caught.value.message


def test_a_run_that_is_nowhere_is_not_found(journal):
    with pytest.raises(RunNotFound):
        journal.audit.check_plan("run_none")


def test_a_plan_put_in_the_place_of_another_with_its_hash_shows_by_the_log(story, journal, place, raw):
    """Everything in the tables agrees, for somebody who knows how plans are made: only the log's first entry tells."""
    run_id = story.whole()
    forged = plan_of([customer(99)])
    place.run(
        f"DELETE FROM steps WHERE run_id = '{run_id}' AND position > 0",
        f"UPDATE steps SET customer_id = '{id_of(99)}', name = 'Clinic 99' WHERE run_id = '{run_id}'",
        f"UPDATE runs SET plan_hash = '{forged.hash}', size = 1 WHERE id = '{run_id}'",
    )
    of = {"run_id": run_id}
    altered(raw, plans.c.body, of, forged.to_json())
    altered(raw, steps.c.before, of, customer(99).model_dump_json(by_alias=True))
    with pytest.raises(JournalDamaged, match="not the one whose hash stands in the log"):
        journal.audit.check_plan(run_id)


def test_judgements_that_are_not_those_of_the_log_are_found_although_the_plan_is(story, journal, place, raw):
    run_id = story.whole()
    place.unguard_the_log()
    planned = {"run_id": run_id, "event": "planned"}
    was = altered(raw, log.c.payload, planned, lambda payload: payload.replace('"rule_sets":["0', '"rule_sets":["1'))
    assert '"judged":{"customers":4,' in was
    assert [found.words for found in journal.audit.run(run_id).findings] == ["judgements are not those that the log tells of."]


def without_digests(payload):
    told = json.loads(payload)
    told.pop("said", None)
    told.get("observed", {}).pop("record", None)
    return json.dumps(told)


def test_what_an_older_version_did_not_log_is_told_apart_from_what_was_altered(story, journal, place, raw):
    run_id = story.whole()
    place.unguard_the_log()
    for (seq,) in place.run("SELECT seq FROM log"):
        altered(raw, log.c.payload, {"seq": seq}, without_digests)
    audit = journal.audit.all()
    assert (audit.findings, audit.partly > 0) == ((), True)
    assert "older version did not log everything" in audit.words
    # what it did log still proves: the state, and of a record its status, users and last update
    place.run(f"UPDATE steps SET after = replace(after, 'Active\"\\:false', 'Active\"\\:true') WHERE run_id = '{run_id}'")
    assert {found.customer_id for found in journal.audit.all().findings} == {id_of(1), id_of(2)}


GARBAGE = ("CAST(x'ff41' AS TEXT)", "x'00ff'", "'{'", "'[]'", "12345678901234567", "-1.5", "''")
#: SQLite itself takes nothing but whole numbers there.
ROWIDS = {log.c.seq, log_head.c.id}
EVERY_COLUMN = [column for table in (runs, plans, steps, log, log_contexts, log_head) for column in table.c]


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory):
    """A journal's file without the log's guards, and the ids of two of its runs."""
    place = sqlite_place(tmp_path_factory.mktemp("unguarded"))
    story = Story(place.open())
    ids = story.whole(), story.running()
    place.unguard_the_log()
    place.close()
    return place.path, *ids


@pytest.mark.parametrize("column", EVERY_COLUMN, ids=str)
def test_whatever_stands_in_a_column_verify_reports_it_and_other_runs_stay_to_be_seen(tmp_path, unguarded, column):
    """SQLite takes anything in any column; who may write to the file needs to obey no constraint."""
    path, broken, other = unguarded
    place = sqlite_place(tmp_path)
    place.path.parent.mkdir()
    shutil.copy(path, place.path)
    journal = place.open()
    one_row = {
        runs: f"id = '{broken}'",
        plans: f"run_id = '{broken}'",
        steps: f"run_id = '{broken}' AND position = 2",
        log: "seq = 3",
    }
    with closing(sqlite3.connect(place.path, isolation_level=None)) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        name, table = column.name, column.table
        (rowid,) = raw.execute(f"SELECT rowid FROM {table.name} WHERE {one_row.get(table, '1 = 1')}").fetchone()
        for garbage in GARBAGE:
            if column in ROWIDS and not garbage.isdigit():
                continue
            raw.execute(f"UPDATE {table.name} SET {name} = {garbage} WHERE rowid = {rowid}")
            rowid = int(garbage) if column in ROWIDS else rowid
            check, audit = journal.log.verify_chain(), journal.audit.all()
            assert name in NOT_PROVED or column is log_head.c.id or not (check.ok and audit.ok), garbage
            assert other in {run.id for run in journal.reads.runs()}
            assert len(journal.reads.steps_to_show(other)) == 2
            whole = 8 if column is steps.c.run_id else 9
            assert len(journal.reads.steps_to_show(broken)) == whole or column is steps.c.position
    place.close()


def test_a_damaged_run_is_shown_as_that_and_can_only_be_cancelled(story, journal, place):
    run_id = story.running()
    place.run(f"UPDATE runs SET created_at = 'garbage' WHERE id = '{run_id}'", "DELETE FROM steps WHERE position = 1")
    journal.end(run_id, RunState.PAUSED, words=said("Paused."), requested="cancel", **story.told())
    run = journal.reads.run(run_id)
    assert (
        run.damage == "The journal is damaged: what it has as created_at of this run can't be read; it has 1 steps, its plan 2."
    )
    assert (run.can_resume, run.can_retry, run.can_undo, run.can_cancel, run.needs_person(NOW)) == (
        False,
        False,
        False,
        True,
        True,
    )


def test_a_step_that_can_not_be_read_is_named_and_hides_no_other(story, journal, place):
    run_id = story.whole()
    place.run(f"UPDATE steps SET before = '{{' WHERE run_id = '{run_id}' AND position = 4")
    shown = journal.reads.steps_to_show(run_id)
    assert [type(one) for one in shown] == [Step] * 4 + [DamagedStep] + [Step] * 4
    assert (shown[4].customer_id, shown[4].words) == (
        id_of(5),
        "The journal is damaged: what it has as before of this step can't be read.",
    )
    with pytest.raises(JournalDamaged, match=f"{run_id}, {id_of(5)}"):
        list(journal.reads.every_step(run_id))


MANY = 3 * PAGE + 1


def test_a_run_of_any_size_is_verified_in_pages_so_that_no_statement_grows_with_it(journal):
    run = journal.record(plan_of([customer(number) for number in range(MANY)]), NOW, who=ROBIN)
    journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    skipped = {"state": StepState.SKIPPED, **in_log(said(""))}
    with journal.log.writing() as writing:
        writing.db.execute(steps.update().values(state=StepState.SKIPPED, settled_at=NOW))
        for number in range(MANY):
            writing.log(run.id, "skip", who=ROBIN, now=NOW, payload=skipped, customer_id=id_of(number))
    asked = []
    event.listen(journal._database._engine, "before_cursor_execute", lambda _db, _cursor, sql, *_: asked.append(sql))
    audit, chain = journal.audit.all(), journal.log.verify_chain()
    assert (audit.findings, audit.steps, chain.ok, chain.entries) == ((), MANY, True, MANY + 2)
    bounded = ("LIMIT", " IN (", "min(", "customer_id IS NULL", "SELECT DISTINCT log.run_id ")  # the last a row a run
    assert [sql for sql in asked if "FROM steps" in sql or "FROM log" in sql if not any(part in sql for part in bounded)] == [
        sql for sql in asked if "FROM log_head" in sql
    ]


def test_a_customer_that_can_not_be_read_breaks_the_chain_although_the_entry_is_of_the_whole_run(tmp_path, unguarded):
    path, *_ = unguarded
    place = sqlite_place(tmp_path)
    place.path.parent.mkdir()
    shutil.copy(path, place.path)
    journal = place.open()
    assert journal.log.verify_chain().ok
    place.run("UPDATE log SET customer_id = x'00ff' WHERE seq = (SELECT min(seq) FROM log WHERE customer_id IS NULL)")
    assert not journal.log.verify_chain().ok
