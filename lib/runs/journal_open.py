"""Opens the journal's database: a new one gets its tables, an older one is brought up to date, a newer one is refused."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, column, create_engine, event, inspect, select, table, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from lib.errors import JournalError, JournalUnavailable
from lib.runs import chain
from lib.runs.journal_tables import HEAD, log_head, metadata

_VERSION = table("alembic_version", column("version_num"))
#: Any number that means this journal to PostgreSQL: two app servers that start at once must not both make the tables.
_SCHEMA_LOCK = 7_263_547_001
#: Seconds between two tries of turning a new file into WAL, which takes milliseconds.
_WAL_NAP = 0.01
#: Milliseconds for which a transaction may stand still at least: on a busy machine a live process can be slow too.
_ASLEEP_MS = 2_000


def open_engine(where: str | Path, *, patience: float = 10.0) -> Engine:
    """An engine for a file path or a database URL; nothing is asked of a server yet.

    `patience` is how many seconds to wait for a lock or a connection. A new SQLite file is readable by its owner only, as
    is its new folder. Raises JournalUnavailable; its words never hold the URL, which may hold a password.
    """
    try:
        url = make_url(where) if isinstance(where, str) and "://" in where else URL.create("sqlite", database=str(where))
        if url.get_backend_name() == "sqlite":
            _prepare_file(Path(url.database or ""))
            return _sqlite(url, patience)
        if url.get_backend_name() == "postgresql":
            return _postgresql(url, patience)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        pass
    except OSError as exc:
        raise JournalUnavailable(f"The journal can't be opened ({exc.strerror}). Check the data folder.") from exc
    raise JournalUnavailable(
        "The journal's database URL can't be used. It is sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE."
    )


def prepare(db: Connection) -> None:
    """Make the tables, or bring them up to date, inside the transaction of `db`.

    Raises JournalError when a newer version of Express Ops wrote this journal.
    """
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _SCHEMA_LOCK})
    found = _version(db)
    if found == HEAD:
        return
    if found is None:
        metadata.create_all(db)
        db.execute(log_head.insert().values(id=1, seq=0, hash=chain.START))
        db.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        db.execute(_VERSION.insert().values(version_num=HEAD))
    elif found > HEAD:
        raise JournalError(
            f"A newer version of Express Ops wrote this journal (schema {found}; this one knows {HEAD}). "
            "Start that version, or choose another data folder."
        )
    else:
        upgrade(db, HEAD)


def upgrade(db: Connection, to: str) -> None:
    """Carry out the migrations up to version `to`, inside the transaction of `db`."""
    # Only here: Alembic takes as long to import as the rest of the journal, and a journal is migrated once in a while.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = db
    if inspect(db).has_table("schema_version") and not inspect(db).has_table(_VERSION.name):
        command.stamp(config, "0001")  # the first version kept its number in a table of its own
    command.upgrade(config, to)


def copy_before_upgrade(engine: Engine) -> Path | None:
    """Copy an older SQLite file beside itself, with its version and the time in the name; None where there is no need.

    A PostgreSQL journal is migrated in one transaction, which leaves it as it was when it fails; copies are its server's.
    """
    if engine.dialect.name != "sqlite":
        return None
    with engine.connect() as db:
        found = _version(db)
    if found is None or found >= HEAD:
        return None
    path = Path(engine.url.database or "")
    copy = path.with_name(f"{path.stem}.version-{found}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}{path.suffix}")
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL, 0o600))
    raw = engine.raw_connection()  # outside of any transaction, as VACUUM must be
    try:
        raw.cursor().execute("VACUUM INTO ?", (str(copy),))
    finally:
        raw.close()
    return copy


def _version(db: Connection) -> str | None:
    """The version of the tables, or None where there are none yet."""
    if inspect(db).has_table(_VERSION.name):
        return db.execute(select(_VERSION.c.version_num)).scalar()
    return "0001" if inspect(db).has_table("schema_version") else None


def _sqlite(url: URL, patience: float) -> Engine:
    engine = create_engine(url, connect_args={"timeout": patience})
    event.listen(engine, "connect", partial(_sqlite_connect, dbapi=engine.dialect.dbapi, patience=patience))
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _postgresql(url: URL, patience: float) -> Engine:
    wait = int(patience * 1000)
    asleep = max(wait, _ASLEEP_MS)
    settings = {
        "application_name": "express-ops",
        "connect_timeout": str(max(int(patience), 2)),
        # The second: an app server that was put to sleep within a transaction must not hold up all the others.
        "options": f"-c lock_timeout={wait} -c idle_in_transaction_session_timeout={asleep} -c timezone=UTC",
        # A database server that went away without a word must not hold up the pages.
        "tcp_user_timeout": str(wait),
    }
    return create_engine(url.set(drivername="postgresql+psycopg"), connect_args=settings, pool_pre_ping=True)


def _prepare_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its -wal and -shm files the mode of the database file.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _sqlite_connect(connection: Any, _record: object, *, dbapi: Any, patience: float) -> None:  # noqa: ANN401  # DBAPI
    connection.isolation_level = None  # transactions begin in _sqlite_begin, not by the driver's guess
    _into_wal(connection, dbapi, patience)
    # FULL, not NORMAL: with NORMAL a power cut can lose the last commits, and a step whose intent is lost would be taken
    # for one that was never sent.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _into_wal(connection: Any, dbapi: Any, patience: float) -> None:  # noqa: ANN401  # DBAPI
    """SQLite does not wait for others by itself when it turns a file into WAL, which several that open a new one all do."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except dbapi.OperationalError as exc:
            if exc.sqlite_errorcode != dbapi.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_NAP)
        else:
            return


def _sqlite_begin(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading a read transaction later fails when another writer was in between.
    options = connection.get_execution_options()
    if options.get("isolation_level") == "AUTOCOMMIT":
        return
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes", False) else "BEGIN")
