"""Leases, what holds a paused run, the contexts of log entries, and the log's guards on PostgreSQL as well."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

#: In one statement each: SQLite can't add a constraint to a table later, but it can add a column that has one.
_COLUMNS = (
    "ALTER TABLE runs ADD COLUMN hold VARCHAR(8) CHECK (hold IN ('person', 'canary', 'breaker', 'cap'))",
    "ALTER TABLE runs ADD COLUMN canary INTEGER",
    "ALTER TABLE runs ADD COLUMN goes_on BOOLEAN NOT NULL DEFAULT FALSE",
    # 0 is a lease that ran out long ago: what an older version left running is offered at once
    "ALTER TABLE runs ADD COLUMN lease_until DOUBLE PRECISION NOT NULL DEFAULT 0",
    "ALTER TABLE log ADD COLUMN context_id VARCHAR(64)",
)
_SQLITE_GUARD = (
    "CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
)
_POSTGRESQL_REFUSAL = (
    "CREATE FUNCTION log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'restrict_violation'; END $$"
)
_POSTGRESQL_GUARD = (
    "CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION log_is_append_only()"
)


def upgrade() -> None:
    for statement in _COLUMNS:
        op.execute(statement)
    op.create_table(
        "log_contexts", sa.Column("id", sa.String(64), primary_key=True), sa.Column("body", sa.Text, nullable=False)
    )
    if op.get_context().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_SQLITE_GUARD.format(table="log_contexts", verb=verb))
    else:
        op.execute(_POSTGRESQL_REFUSAL)
        for table in ("log", "log_contexts"):
            for verb in ("UPDATE", "DELETE", "TRUNCATE"):
                op.execute(_POSTGRESQL_GUARD.format(table=table, verb=verb))
    op.drop_table("schema_version")  # Alembic keeps the version from here on
