"""The journal's database, SQLite or PostgreSQL: opened, brought up to date, and used in transactions of two kinds.

Nobody waits for it for ever, not even for a server that was stopped in the middle (SIGSTOP), which no setting of the server
itself can tell: each statement has a deadline on this side, and a connection that missed one is closed. What such a statement
was to do may be done later, once the server goes on: of a commit that was under way nobody knows, all else is rolled back.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, Row, Select, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lib.errors import JournalUnavailable
from lib.journal.migrations import kept_before_upgrade, prepare

#: Seconds between two tries of turning a new file into WAL, which takes milliseconds.
_WAL_NAP = 0.01
#: Seconds within which the database must answer a statement, on top of what it may have to wait for a lock.
ANSWERS_WITHIN = 5.0
#: Rows that a statement reads at a time.
PAGE = 1000
#: Seconds that a statement of a migration may take: it can rewrite all there is.
_MIGRATED_WITHIN = 3600.0
#: Milliseconds for which a transaction may stand still at least: on a busy machine a live process can be slow too.
_ASLEEP_MS = 2_000


@dataclass(frozen=True)
class Refusal:
    """The journal could not be written: since when (UTC), and the database's words for it."""

    since: datetime
    cause: str


class Database:
    """The opened database, for any number of threads.

    `where` is a file path or a database URL; a new one is made, an older one migrated after a copy. `patience` is how many
    seconds to wait for a lock. Raises JournalUnavailable when it can't be opened, JournalError when a newer version wrote it.
    """

    def __init__(self, where: str | Path, *, patience: float = 10.0) -> None:
        self.closed = False
        #: Set from the first write that failed until something has been written to the log again.
        self.refusal: Refusal | None = None
        self.write_within = patience + ANSWERS_WITHIN
        self._patience = patience
        self._engine = open_engine(where, patience=patience)
        #: Several servers may have it at once.
        self.is_shared = self._engine.dialect.name != "sqlite"
        # On PostgreSQL each statement of a transaction sees its own moment, unless it is told to see one.
        one_moment = {"isolation_level": "REPEATABLE READ"} if self.is_shared else {}
        self._reader = self._engine.execution_options(**one_moment)
        # Threads of this process queue here, in order; SQLite's own waiting between processes polls and is unfair.
        self._writing = threading.Lock()
        try:
            with (
                kept_before_upgrade(self._engine),
                self._engine.connect() as db,
                db.execution_options(writes=True, within=_MIGRATED_WITHIN).begin(),
            ):
                prepare(db)
        except (SQLAlchemyError, OSError, self._engine.dialect.dbapi.Error) as exc:  # type: ignore[union-attr]  # it has one
            raise self.unavailable("opened", exc) from exc

    def close(self) -> None:
        """Close all connections. Whoever works with this journal in the background stops."""
        self.closed = True
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a transaction that sees one moment and never waits for a writer. Raises JournalUnavailable.

        Each statement has ANSWERS_WITHIN seconds.
        """
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
            with (
                self._next_writer(),
                self._engine.connect() as db,
                db.execution_options(writes=True, within=self.write_within).begin(),
            ):
                yield db
        except IntegrityError:
            raise
        except SQLAlchemyError as exc:
            error = self.unavailable("written", exc)
            self.refusal = self.refusal or Refusal(datetime.now(UTC), _cause(exc))
            raise error from exc

    @contextmanager
    def _next_writer(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=self.write_within):
            raise PoolTimeout
        try:
            yield
        finally:
            self._writing.release()

    def unavailable(self, what: str, exc: Exception) -> JournalUnavailable:
        """The error for a journal that can't be `what` (opened, read, written), in the database's own words of `exc`."""
        here = self._engine.dialect.name == "sqlite"
        look = "Check the data folder's disk and permissions." if here else "Check the database server and the way to it."
        so = "" if what == "read" else ", so no call is made"
        return JournalUnavailable(f"The journal can't be {what} ({_cause(exc)}){so}. {look}")


def in_pages(db: Connection, query: Select[*tuple[Any, ...]], key: Column[Any]) -> Iterator[Sequence[Row[Any]]]:
    """What `query` finds, in the order of `key`, which is unique in it: a thousand rows a statement, however many there are.

    So each statement is answered in time, whatever the size of the table. The rows have `key` under its name.
    """
    page = query.order_by(key).limit(PAGE)
    rows = db.execute(page).all()
    yield rows
    while len(rows) == PAGE:
        rows = db.execute(page.where(key > rows[-1]._mapping[key.name])).all()
        yield rows


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
        "connect_timeout": str(int(ANSWERS_WITHIN)),
        # The second: an app server that was put to sleep within a transaction must not hold up all the others.
        "options": f"-c lock_timeout={wait} -c idle_in_transaction_session_timeout={asleep} -c timezone=UTC",
        # A database server that went away without a word must not hold up the pages.
        "tcp_user_timeout": str(wait),
    }
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), connect_args=settings, pool_pre_ping=True, pool_timeout=ANSWERS_WITHIN
    )
    event.listen(engine, "do_connect", _postgresql_connect)
    event.listen(engine, "begin", _postgresql_begin)
    event.listen(engine, "checkin", _postgresql_checkin)
    return engine


def _postgresql_connect(_dialect: object, _record: object, args: Sequence[Any], settings: dict[str, Any]) -> Any:  # noqa: ANN401  # DBAPI
    from lib.journal.impatient import ImpatientConnection  # noqa: PLC0415 - only who has a server needs its driver

    return ImpatientConnection.connect(*args, **settings)


def _postgresql_begin(connection: Connection) -> None:
    connection.connection.driver_connection.within = connection.get_execution_options().get("within", ANSWERS_WITHIN)  # type: ignore[union-attr]


def _postgresql_checkin(connection: Any, _record: object) -> None:  # noqa: ANN401  # DBAPI
    if connection is not None:
        connection.within = ANSWERS_WITHIN


def _prepare_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its -wal and -shm files the mode of the database file.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _sqlite_connect(connection: Any, _record: object, *, dbapi: Any, patience: float) -> None:  # noqa: ANN401  # DBAPI
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")  # one damaged text must not hide all others
    connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows no letter beyond z
    connection.isolation_level = None  # transactions begin in _sqlite_begin, not by the driver's guess
    _into_wal(connection, dbapi, patience)
    # FULL, not NORMAL: with NORMAL a power cut can lose the last commits, and a step whose intent is lost would be taken
    # for one that was never sent.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _lower(text: object) -> object:
    return text.lower() if isinstance(text, str) else text


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
    if isinstance(exc, PoolTimeout):
        return "others of this process wait for it already"
    told = str(exc.orig) if isinstance(exc, DBAPIError) else "" if isinstance(exc, SQLAlchemyError) else str(exc)
    return told.splitlines()[0].rstrip(".") if told else type(exc).__name__
