"""Holds belong to an account. Each key becomes an account of its own, named by its fingerprint, until a person joins two."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE holds RENAME COLUMN fingerprint TO account")
