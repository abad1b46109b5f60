"""What was known of a customer's studies when it was picked."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("steps", sa.Column("activity", sa.Text))
