"""The version of the journal's tables: a new database gets them, an older one is brought up to date, a newer one is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, column, inspect, select, table, text

from lib.errors import JournalError
from lib.journal.lists import tables as _  # noqa: F401 - they are of `metadata`
from lib.journal.proof import chain
from lib.journal.tables import HEAD, log_head, metadata

_VERSION = table("alembic_version", column("version_num"))
#: Any number that means this journal to PostgreSQL: two app servers that start at once must not both make the tables.
_SCHEMA_LOCK = 7_263_547_001


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
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = db
    if inspect(db).has_table("schema_version") and not inspect(db).has_table(_VERSION.name):
        command.stamp(config, "0001")  # the first version kept its number in a table of its own
    command.upgrade(config, to)


@contextmanager
def kept_before_upgrade(engine: Engine) -> Iterator[None]:
    """Keep a copy of an older SQLite file beside it while it is brought up to date, and after that.

    Its name has the version and the time. An upgrade is one transaction, which leaves the journal as it was when it fails: the
    copy goes then, or those who try again every few seconds would fill the disk. Copies of PostgreSQL are its server's.
    """
    copy = _copied(engine) if engine.dialect.name == "sqlite" else None
    try:
        yield
    except BaseException:
        if copy:
            copy.unlink(missing_ok=True)
        raise


def _copied(engine: Engine) -> Path | None:
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
