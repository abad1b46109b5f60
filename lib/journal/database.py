"""The journal's database, SQLite or PostgreSQL: opened, brought up to date, and used in transactions of two kinds."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from lib.errors import JournalUnavailable
from lib.journal.migrations import copy_before_upgrade, prepare

#: Seconds between two tries of turning a new file into WAL, which takes milliseconds.
_WAL_NAP = 0.01
#: Milliseconds for which a transaction may stand still at least: on a busy machine a live process can be slow too.
_ASLEEP_MS = 2_000


class Database:
    """The opened database, for any number of threads.

    `where` is a file path or a database URL; a new one is made, an older one migrated after a copy. `patience` is how many
    seconds to wait for a lock or a connection. Raises JournalUnavailable when it can't be opened, JournalError when a newer
    version wrote it.
    """

    def __init__(self, where: str | Path, *, patience: float = 10.0) -> None:
        self.closed = False
        self._engine = open_engine(where, patience=patience)
        # On PostgreSQL each statement of a transaction sees its own moment, unless it is told to see one.
        one_moment = {} if self._engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._reader = self._engine.execution_options(**one_moment)
        # Threads of this process queue here, in order; SQLite's own waiting between processes polls and is unfair.
        self._writing = threading.Lock()
        try:
            copy_before_upgrade(self._engine)
            with self._engine.connect() as db, db.execution_options(writes=True).begin():
                prepare(db)
        except (SQLAlchemyError, OSError, self._engine.dialect.dbapi.Error) as exc:  # type: ignore[union-attr]  # it has one
            raise self.unavailable("opened", exc) from exc

    def close(self) -> None:
        """Close all connections. Whoever works with this journal in the background stops."""
        self.closed = True
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a transaction that sees one moment and never waits for a writer. Raises JournalUnavailable."""
        try:
            with self._reader.connect() as db, db.begin():
                yield db
        except SQLAlchemyError as exc:
            raise self.unavailable("read", exc) from exc

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a transaction that commits whole or not at all. Raises JournalUnavailable.

        IntegrityError passes through: its meaning is the caller's.
        """
        try:
            with self._writing, self._engine.connect() as db, db.execution_options(writes=True).begin():
                yield db
        except IntegrityError:
            raise
        except SQLAlchemyError as exc:
            raise self.unavailable("written", exc) from exc

    def unavailable(self, what: str, exc: Exception) -> JournalUnavailable:
        """The error for a journal that can't be `what` (opened, read, written), in the database's own words of `exc`."""
        here = self._engine.dialect.name == "sqlite"
        look = "Check the data folder's disk and permissions." if here else "Check the database server and the way to it."
        so = "" if what == "read" else ", so no call is made"
        return JournalUnavailable(f"The journal can't be {what} ({_cause(exc)}){so}. {look}")


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
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")  # one damaged text must not hide all others
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


def _cause(exc: Exception) -> str:
    """The database's own words, in one line; they name no credentials."""
    told = str(exc.orig) if isinstance(exc, DBAPIError) else "" if isinstance(exc, SQLAlchemyError) else str(exc)
    return told.splitlines()[0].rstrip(".") if told else type(exc).__name__
