"""Which live run of an account holds which customer: the database forbids that two hold one. Inside a caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from sqlalchemy import Connection, insert, select, update

from lib.avara.models import id_key
from lib.errors import RunsOverlap
from lib.journal.tables import holds

_BATCH = 1000


def hold(db: Connection, run_id: str, account: str, ids: Iterable[str]) -> None:
    """Let the run hold these customers. Raises IntegrityError where a live run of the account holds one of them."""
    rows = ({"account": account, "customer_id": id_key(id_), "run_id": run_id} for id_ in ids)
    while batch := list(islice(rows, _BATCH)):
        db.execute(insert(holds), batch)


def holder(db: Connection, account: str, ids: Iterable[str]) -> str | None:
    """The id of a live run of the account that holds one of these customers."""
    wanted = (id_key(id_) for id_ in ids)
    while batch := list(islice(wanted, _BATCH)):
        query = select(holds.c.run_id).where(holds.c.account == account, holds.c.customer_id.in_(batch))
        if found := db.execute(query.limit(1)).scalar():
            return str(found)
    return None


def hand_over(db: Connection, account: str, to: str) -> None:
    """Make what one account holds another's. Raises RunsOverlap (with `run_id`) where both hold the same customer."""
    ours, theirs = holds.alias(), holds.alias()
    query = select(ours.c.run_id, theirs.c.run_id, ours.c.customer_id).where(
        ours.c.account == to, theirs.c.account == account, ours.c.customer_id == theirs.c.customer_id
    )
    both = db.execute(query.order_by(*query.selected_columns).limit(1)).one_or_none()
    if both is not None:
        run_id, other_id, customer_id = both
        raise RunsOverlap(
            f"{run_id} and {other_id} both hold {customer_id}, which two live runs of one account never may. Cancel one, "
            "then say again that the keys are of the same account.",
            run_id=run_id,
        )
    db.execute(update(holds).where(holds.c.account == account).values(account=to))
