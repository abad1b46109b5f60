"""The list of customers that servers share, and whose turn it is to read it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "shared_lists",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("reader", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("customers", sa.Integer, nullable=False),
        sa.Column("failed", sa.Text, nullable=False),
        sa.Column("list_turn", sa.Integer, nullable=False),
        sa.Column("started_at", sa.String(32)),
        sa.Column("finished_at", sa.String(32)),
        sa.Column("digest", sa.String(64)),
    )
    op.create_table(
        "shared_list_chunks",
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "digest", "position"),
    )
