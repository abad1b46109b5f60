"""The first journal: runs, plans, steps, holds and the chained log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_STEP_STATES = "state IN ('planned', 'in_flight', 'verified', 'not_applied', 'skipped', 'failed', 'unknown')"
_RUN_STATES = "state IN ('planned', 'running', 'paused', 'interrupted', 'finished', 'cancelled')"
_START = "0" * 64


def upgrade() -> None:
    op.create_table("schema_version", sa.Column("version", sa.Integer, primary_key=True))
    op.execute("INSERT INTO schema_version (version) VALUES (1)")
    _runs()
    op.create_table(
        "plans",
        sa.Column("run_id", sa.String(40), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    _steps()
    op.create_table(
        "holds",
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("run_id", sa.String(40), sa.ForeignKey("runs.id"), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "customer_id"),
    )
    op.create_index("holds_by_run", "holds", ["run_id"])
    _log()


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("plan_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("connection_label", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("base_url", "operator", "reason", "ticket", "filter_text")),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("started_at", sa.String(32)),
        sa.Column("finished_at", sa.String(32)),
        sa.Column("undo_of", sa.String(40), sa.ForeignKey("runs.id")),
        sa.Column("undone_by", sa.String(40), sa.ForeignKey("runs.id")),
        sa.Column("owner", sa.Text),
        sa.Column("requested", sa.String(8)),
        sa.Column("words", sa.Text, nullable=False),
        sa.CheckConstraint(_RUN_STATES),
        sa.CheckConstraint("action IN ('deactivate', 'reactivate')"),
        sa.CheckConstraint("requested IN ('pause', 'cancel')"),
    )
    op.create_index("runs_newest", "runs", ["created_at"])


def _steps() -> None:
    op.create_table(
        "steps",
        sa.Column("run_id", sa.String(40), sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("request_id", sa.Text),
        sa.Column("started_at", sa.String(32)),
        sa.Column("settled_at", sa.String(32)),
        sa.Column("seconds", sa.Float),
        sa.PrimaryKeyConstraint("run_id", "position"),
        sa.UniqueConstraint("run_id", "customer_id"),
        sa.CheckConstraint(_STEP_STATES),
    )
    op.create_index("steps_by_state", "steps", ["run_id", "state", "position"])
    op.create_index("steps_by_customer", "steps", ["customer_id"])


def _log() -> None:
    op.create_table(
        "log",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run_id", sa.String(40), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("customer_id", sa.String(36)),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("log_by_run", "log", ["run_id", "seq"])
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.execute(f"INSERT INTO log_head (id, seq, hash) VALUES (1, 0, '{_START}')")  # noqa: S608 - a constant
    if op.get_context().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER log_no_{verb} BEFORE {verb} ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
            )
