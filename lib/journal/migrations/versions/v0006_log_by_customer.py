"""The log is read customer by customer when it is compared with the steps."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("log_by_customer", "log", ["run_id", "customer_id", "seq"])
