"""Opening a journal: new, older, newer, unusable. Whatever it is, it is said in words."""

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from lib.errors import JournalError, JournalUnavailable, RunsOverlap
from lib.journal import migrations
from lib.journal.database import open_engine
from lib.journal.journal import Journal
from lib.journal.migrations import upgrade
from lib.journal.proof.chain import START, Entry
from lib.journal.tables import HEAD, metadata
from lib.plans.model import RunState, StepState
from lib.plans.words import said
from tests.journal.places import sqlite_place
from tests.runs.fakes import NOW, ROBIN, customer, plan_of

OWNER = "host:1:a"


def write_version(place, version):
    """A journal as an older version left it: a run with one step done, one in flight and one to do."""
    engine = open_engine(place.url)
    with engine.connect() as db, db.execution_options(writes=True).begin():
        upgrade(db, version)
        if version == "0001":
            db.execute(text("DROP TABLE alembic_version"))  # the first version had none
        plan = plan_of([customer(1), customer(2), customer(3)])
        at = "2026-03-01T12:00:00.000000+00:00"
        run_id = f"run_{plan.hash[:16]}"
        db.execute(
            text(
                "INSERT INTO runs (id, state, action, plan_hash, size, connection_label, fingerprint, base_url, operator,"
                " reason, ticket, filter_text, created_at, started_at, owner, words)"
                " VALUES (:id, 'running', 'deactivate', :hash, 3, 'sandbox', :fingerprint,"
                " '', 'Robin', 'Contract ended', '', '', :at, :at, 'host:1:gone', '')"
            ),
            {"id": run_id, "hash": plan.hash, "fingerprint": plan.fingerprint, "at": at},
        )
        db.execute(text("INSERT INTO plans (run_id, body) VALUES (:id, :body)"), {"id": run_id, "body": plan.to_json()})
        states = ("verified", "in_flight", "planned")
        for position, (planned, state) in enumerate(zip(plan.customers, states, strict=True)):
            row = {"id": run_id, "at": position, "customer": planned.record.id, "name": planned.record.name, "state": state}
            row["before"] = planned.record.model_dump_json(by_alias=True)
            db.execute(
                text(
                    "INSERT INTO steps (run_id, position, customer_id, name, state, before, words, attempts)"
                    " VALUES (:id, :at, :customer, :name, :state, :before, '', 1)"
                ),
                row,
            )
            whose = "account" if version >= "0003" else "fingerprint"
            hold = f"INSERT INTO holds ({whose}, customer_id, run_id) VALUES (:print, :customer, :id)"
            db.execute(text(hold), {"print": plan.fingerprint, "customer": planned.record.id, "id": run_id})
        entry = Entry(1, run_id, NOW, "plan", None, "Robin", "{}", START)
        db.execute(
            text(
                "INSERT INTO log (seq, run_id, at, event, who, payload, previous, hash)"
                " VALUES (1, :id, :at, 'plan', 'Robin', '{}', :start, :hash)"
            ),
            {"id": run_id, "at": at, "start": START, "hash": entry.computed()},
        )
        db.execute(text("UPDATE log_head SET seq = 1, hash = :hash"), {"hash": entry.computed()})
    engine.dispose()
    return plan


@pytest.mark.parametrize("version", ["0001", "0002", "0003"])
def test_an_older_journal_is_brought_up_to_date_and_keeps_its_rows(empty_place, version):
    plan = write_version(empty_place, version)
    journal = empty_place.open()
    (run,) = journal.reads.runs()
    assert (run.state, run.operator, run.started_at, run.hold) == (RunState.RUNNING, "Robin", NOW, None)
    assert journal.reads.plan(run.id) == plan
    assert [step.state for step in journal.reads.steps(run.id)] == [StepState.VERIFIED, StepState.IN_FLIGHT, StepState.PLANNED]
    assert journal.log.verify_chain().entries == 1
    assert journal.log.verify_chain().ok
    (lease,) = journal.reads.leases()
    assert (lease.run_id, lease.left < 0) == (run.id, True)  # whoever carried it knew no leases
    with pytest.raises(RunsOverlap):  # its holds are those of its key's account ...
        journal.record(plan_of([customer(1)], reason="Again"), NOW, who=ROBIN)
    journal.record(plan_of([customer(1)], fingerprint="f" * 16), NOW, who=ROBIN)  # ... which is no other key's
    left = journal.end(run.id, RunState.INTERRUPTED, words=said("Gone."), now=NOW, who=ROBIN, expired=True)
    journal.claim(left.id, owner=OWNER, now=NOW, who=ROBIN)
    assert journal.log.verify_chain().ok
    assert empty_place.run("SELECT version_num FROM alembic_version") == [(HEAD,)]
    with pytest.raises(Exception, match="append-only"):
        empty_place.run("DELETE FROM log")


def test_an_older_file_is_copied_before_it_is_touched(tmp_path):
    place = sqlite_place(tmp_path)
    write_version(place, "0001")
    place.open().close()
    (copy,) = place.path.parent.glob("journal.version-0001.*.sqlite")
    assert type(place)(f"sqlite:///{copy}").run("SELECT version FROM schema_version", "SELECT count(*) FROM steps") == [(3,)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600 or sys.platform == "win32"
    place.open().close()
    assert list(place.path.parent.glob("journal.version-*")) == [copy]  # once is enough


def test_a_migration_that_fails_leaves_the_journal_as_it_was_and_no_copy(empty_place, monkeypatch, tmp_path):
    write_version(empty_place, "0001")

    def halfway(db, to):
        upgrade(db, to)
        raise OSError("the disk is gone")

    monkeypatch.setattr(migrations, "upgrade", halfway)
    with pytest.raises(JournalUnavailable, match="can't be opened"):
        empty_place.open()
    assert empty_place.run("SELECT version FROM schema_version") == [(1,)]
    assert not list(tmp_path.rglob("*.version-*")), "whoever tries again every few seconds must not fill the disk with copies"
    monkeypatch.undo()
    assert empty_place.open().reads.runs()[0].totals.total == 3


@pytest.mark.parametrize("version", ["0001", "0002", "0003"])
def test_a_migrated_journal_is_the_same_as_a_new_one(empty_place, version):
    write_version(empty_place, version)
    empty_place.open()
    engine = create_engine(empty_place.url)
    with engine.connect() as db:
        context = MigrationContext.configure(db, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_tables_name_the_last_migration():
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_current_head() == HEAD


def test_a_journal_of_a_newer_version_is_refused_in_words(place):
    place.open().close()
    place.run("UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(JournalError, match="newer version of Express Ops"):
        place.open()


def test_several_that_open_a_new_journal_at_once_make_it_once(empty_place):
    opened, failed = [], []

    def open_it():
        try:
            opened.append(empty_place.open())
        except JournalError as exc:
            failed.append(exc)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(opened), failed) == (6, [])
    assert empty_place.run("SELECT count(*) FROM log_head") == [(1,)]


def test_a_new_journal_that_somebody_else_is_making_is_waited_for(tmp_path):
    """SQLite itself refuses at once to turn a file into WAL while another writes to it."""
    path, patience = tmp_path / "journal.sqlite", 0.3
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(JournalUnavailable):
            Journal(path, patience=patience)
        assert time.monotonic() - began >= patience
    Journal(path).close()


def test_a_file_that_is_no_journal_is_refused_in_words(tmp_path):
    (tmp_path / "journal.sqlite").write_text("this is not a database, but it is long enough to be read as one" * 20)
    with pytest.raises(JournalUnavailable, match="can't be opened"):
        Journal(tmp_path / "journal.sqlite")


@pytest.mark.parametrize("url", ["mysql://robin:sesame@host/db", "nonsense://robin:sesame", "://sesame"])
def test_a_url_of_something_else_is_refused_without_showing_it(url):
    with pytest.raises(JournalUnavailable, match="database URL") as refused:
        Journal(url)
    assert "sesame" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path):
    with pytest.raises(JournalUnavailable, match="database server") as refused:
        Journal(f"postgresql+psycopg://robin:sesame@/journal?host={tmp_path}", patience=1)
    assert "sesame" not in str(refused.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_the_owner_can_read_the_journal(tmp_path):
    journal = Journal(tmp_path / "data" / "journal.sqlite")
    journal.record(plan_of([customer(1)]), NOW, who=ROBIN)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "data").iterdir()} == {0o600}
    journal.close()


def test_opening_a_journal_that_is_up_to_date_does_not_load_the_migrations(tmp_path):
    path = str(tmp_path / "journal.sqlite")
    code = f"import sys; from lib.journal.journal import Journal; Journal({path!r}); print('alembic' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert told.stdout.strip() == "False"
