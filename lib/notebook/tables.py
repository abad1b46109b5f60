"""Customers and runs as pandas tables for people who go on from there: metadata is one column a key. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from lib.avara.models import Customer
from lib.customers.facets import facet_keys
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.plans.drift import drift
from lib.plans.model import DamagedStep, Run, Step
from lib.runs.aftermath import Aftermath

#: Metadata keys that are columns, the most common first; `frame.metadata` has all.
MOST_KEYS = 50
_FIELDS = ("is_active", "user_count", "updated_at")


def customers_table(frame: CustomerFrame, positions: Positions | None = None) -> pd.DataFrame:
    """One row a customer: the columns of `CustomerFrame.rows`, then `metadata.<key>` for each key (NaN: it has none).

    A table of its own: whoever changes it changes nothing else.
    """
    keys = [key for key, _ in facet_keys(frame, positions)[:MOST_KEYS]]
    whole = pd.concat([frame.rows, *(frame.metadata_column(key) for key in keys)], axis=1)
    return whole.copy() if positions is None else whole.take(positions).reset_index(drop=True)


def records_table(steps: Iterable[Step | DamagedStep]) -> pd.DataFrame:
    """One row a customer of a run, each field before and after, metadata as after the run; `changed` names what differs.

    Where no record was read since, what is after is missing and nothing has changed as far as is known. A step that can't be
    read has the state "damaged", and why.
    """
    return pd.DataFrame([_row(step) for step in steps])


def aftermath_table(found: Iterable[Aftermath]) -> pd.DataFrame:
    """One row a customer that a run deactivated: `hurt` (yes, no, unknown), and what was seen of it since."""
    told = ("customer_id", "name", "answer", "words", "studies", "newest", "active", "since", "read_at")
    table = pd.DataFrame([[getattr(one, name) for name in told] for one in found], columns=list(told))
    return table.rename(columns={"customer_id": "id", "answer": "hurt", "newest": "newest_study"})


def changes_of(step: Step) -> str:
    """What differs between the records before and after, in words."""
    changes = drift(step.before, step.after, exact=True) if step.after is not None else ()
    return "; ".join(map(str, changes)) or step.words or "nothing changed"


def _row(step: Step | DamagedStep) -> dict[str, object]:
    if isinstance(step, DamagedStep):
        return {"id": step.customer_id, "name": step.name, "state": "damaged", "words": step.words}
    before, after = step.before, step.after
    row: dict[str, object] = {"id": step.customer_id, "name": step.name, "state": step.state.value, "words": step.words}
    for field in _FIELDS:
        row[f"{field} before"], row[f"{field} after"] = getattr(before, field), getattr(after, field, None)
    row["changed"] = "" if after is None else ", ".join(change.field for change in drift(before, after, exact=True))
    return row | _metadata(after or before)


def _metadata(record: Customer) -> dict[str, object]:
    return {f"metadata.{key}": value for key, value in record.metadata.items()}


def runs_table(found: Sequence[Run]) -> pd.DataFrame:
    """One row a run, in their order: what it was, why, when and by whom it was planned, its customers and those verified."""
    told = ("id", "state", "action", "operator", "reason", "ticket", "created_at", "undone_by")
    rows = [[*(getattr(run, name) for name in told), run.totals.total, run.totals.verified] for run in found]
    return pd.DataFrame(rows, columns=[*told, "customers", "verified"])
