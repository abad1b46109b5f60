"""The journal's tables, the same on SQLite and PostgreSQL.

A change here needs a new file in lib/journal/migrations/versions, and HEAD: a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    select,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import DDL
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from lib.errors import JournalDamaged
from lib.plans.model import Action, Hold, RunState, StepState

#: The version of these tables: the last one in lib/journal/migrations/versions.
HEAD = "0009"


class UtcText(TypeDecorator[datetime]):
    """A UTC time as text of fixed width: the same on every database, in the order of time, exact in the hash chain."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # its interface
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002  # its interface
        if value is None:
            return None
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, TypeError, OverflowError):
            raise JournalDamaged("The journal is damaged: a time that it has of this can't be read.") from None


class PlainText(TypeDecorator[str]):
    """Text from elsewhere. PostgreSQL can hold every character but NUL, which is shown as what it is: not readable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # its interface
        return plain_text(value)


def plain_text(value: str | None) -> str | None:
    """Text as every engine can keep it."""
    return None if value is None else str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")


class database_now(FunctionElement[float]):  # noqa: N801  # named as SQL functions are
    """The database's own clock, in seconds since 1970."""

    type = Double()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(_element: database_now, _compiler: SQLCompiler, **_: Any) -> str:  # noqa: ANN401  # its interface
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(database_now, "postgresql")
def _postgresql_now(_element: database_now, _compiler: SQLCompiler, **_: Any) -> str:  # noqa: ANN401  # its interface
    return "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"


def _one_of(column: str, values: type[RunState] | type[StepState] | type[Action] | type[Hold]) -> CheckConstraint:
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})")


metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("action", String(16), nullable=False),
    Column("plan_hash", String(64), nullable=False, unique=True),  # the same plan never starts twice
    Column("size", Integer, nullable=False),
    Column("connection_label", PlainText, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("base_url", PlainText, nullable=False),
    Column("operator", PlainText, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("ticket", PlainText, nullable=False),
    Column("filter_text", PlainText, nullable=False),
    Column("created_at", UtcText, nullable=False),
    Column("started_at", UtcText),
    Column("finished_at", UtcText),
    Column("undo_of", String(40), ForeignKey("runs.id")),
    Column("undone_by", String(40), ForeignKey("runs.id")),
    Column("owner", Text),
    Column("lease_until", Double, nullable=False, server_default="0"),  # by database_now; 0 where nobody carries the run
    Column("requested", String(8)),
    Column("hold", String(8)),
    Column("canary", Integer),  # hold after so many first steps; nothing once that is over
    Column("goes_on", Boolean, nullable=False, server_default=false()),  # without a person, if they are all verified
    Column("words", PlainText, nullable=False, default=""),
    _one_of("state", RunState),
    _one_of("action", Action),
    CheckConstraint("requested IN ('pause', 'cancel')"),
    _one_of("hold", Hold),
    Index("runs_newest", "created_at"),
)

#: The plan whole, apart from `runs` so that listing runs never reads it.
plans = Table(
    "plans",
    metadata,
    Column("run_id", String(40), ForeignKey("runs.id"), primary_key=True),
    Column("body", Text, nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("run_id", String(40), ForeignKey("runs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("customer_id", String(36), nullable=False),
    Column("name", PlainText, nullable=False),
    Column("state", String(16), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text),
    Column("words", PlainText, nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    Column("status", Integer),
    Column("request_id", PlainText),
    Column("started_at", UtcText),
    Column("settled_at", UtcText),
    Column("seconds", Float),
    Column("activity", Text),  # of the plan's judgement: what a study that comes in before the call is told from
    PrimaryKeyConstraint("run_id", "position"),
    UniqueConstraint("run_id", "customer_id"),
    _one_of("state", StepState),
    Index("steps_by_state", "run_id", "state", "position"),
    Index("steps_by_customer", "customer_id"),
)

#: Which live run holds which customer of which account: the primary key forbids that two hold one.
holds = Table(
    "holds",
    metadata,
    Column("account", String(64), nullable=False),
    Column("customer_id", String(36), nullable=False),
    Column("run_id", String(40), ForeignKey("runs.id"), nullable=False),
    PrimaryKeyConstraint("account", "customer_id"),
    Index("holds_by_run", "run_id"),
)

log = Table(
    "log",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("run_id", String(40), nullable=False),
    Column("at", UtcText, nullable=False),
    Column("event", String(32), nullable=False),
    Column("customer_id", String(36)),
    Column("who", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("context_id", String(64)),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("log_by_run", "run_id", "seq"),
    Index("log_by_customer", "run_id", "customer_id", "seq"),
)

#: What many entries share (who was asked how, where, why), once each, under the SHA-256 of its text.
log_contexts = Table("log_contexts", metadata, Column("id", String(64), primary_key=True), Column("body", Text, nullable=False))

#: One row: where the log ends. Writers lock it, so entries get their numbers one after the other; a log cut short shows.
log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

#: Views by their tokens. Without a name it is what an address stands for, and goes after a while; with one a person saved it.
views = Table(
    "views",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("name", PlainText),
    Column("body", PlainText, nullable=False),
    Column("saved_by", PlainText, nullable=False),
    Column("saved_at", UtcText, nullable=False),
    UniqueConstraint("fingerprint", "name"),
    Index("views_by_age", "saved_at"),
)

#: Picks of which no run has started yet, one row a session of the app; see lib/journal/drafts.py.
drafts = Table(
    "drafts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("person", PlainText, nullable=False),
    Column("saved_at", UtcText, nullable=False),
    Column("size", Integer, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("body", PlainText, nullable=False),
    Index("drafts_newest", "saved_at"),
)

#: Rule sets, every version that was saved: plans name them. A name's versions are counted up.
rule_sets = Table(
    "rule_sets",
    metadata,
    Column("fingerprint", String(64), nullable=False),
    Column("name", PlainText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("author", PlainText, nullable=False),
    Column("body", PlainText, nullable=False),
    Column("saved_at", UtcText, nullable=False),
    PrimaryKeyConstraint("fingerprint", "name", "version"),
)


def as_stored(table: Table) -> Select[*tuple[Any, ...]]:
    """All columns of a table as the database gives them: no value is read as what it should be, so none can't be read."""
    return select(*(type_coerce(column, Text).label(column.name) for column in table.c))


def _ddl(statement: str, dialect: str) -> Any:  # noqa: ANN401  # SQLAlchemy left it untyped
    return DDL(statement).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]


_SQLITE_GUARD = "CREATE TRIGGER {0}_no_{1} BEFORE {1} ON {0} BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
_POSTGRESQL_REFUSAL = (
    "CREATE FUNCTION log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'restrict_violation'; END $$"
)
_POSTGRESQL_GUARD = "CREATE TRIGGER {0}_no_{1} BEFORE {1} ON {0} FOR EACH STATEMENT EXECUTE FUNCTION log_is_append_only()"
event.listen(metadata, "before_create", _ddl(_POSTGRESQL_REFUSAL, "postgresql"))
for _table in (log, log_contexts):
    for _verb in ("UPDATE", "DELETE"):
        event.listen(_table, "after_create", _ddl(_SQLITE_GUARD.format(_table.name, _verb), "sqlite"))
    for _verb in ("UPDATE", "DELETE", "TRUNCATE"):
        event.listen(_table, "after_create", _ddl(_POSTGRESQL_GUARD.format(_table.name, _verb), "postgresql"))
