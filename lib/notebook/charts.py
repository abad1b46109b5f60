"""What a notebook draws, and the tables that are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import pandas as pd

from lib.avara.text import count
from lib.charts import Drawing, bars, curve
from lib.customers.counts import by_age
from lib.customers.frame import CustomerFrame
from lib.errors import PlanError
from lib.evidence.what_if import WhatIf
from lib.notebook.picked import ids_of

_CURVE = ["days", "candidates", "unknown"]


def drawing(frame: CustomerFrame, found: pd.DataFrame | None, now: datetime) -> Drawing:
    """How long ago the customers were updated: the active and the inactive, or those found and the others; or the curve of a
    table of `what_if`.
    """
    if found is not None and list(found.columns) == _CURVE:
        return Drawing(curve(found, now=found.attrs.get("now")).properties(width=600, title="Candidates by the number of days"))
    counted = by_age(frame, now)
    counted = counted if found is None else counted.against(frame, frame.positions(ids_of(found)))
    return Drawing(bars(counted.table).properties(width=600, title="Customers by the time since their last update"))


def whole_days(days: Iterable[int]) -> tuple[int, ...]:
    """Raises PlanError where these are no numbers of days."""
    told = tuple(days) if isinstance(days, Iterable) else ()
    if not told or any(type(one) is not int or one < 1 for one in told):
        raise PlanError("The days are whole numbers from 1 on: days=range(30, 730, 10)")
    return told


def what_if_table(found: WhatIf) -> pd.DataFrame:
    """Its table, which `drawing` knows how to draw; says by how many days the rule set stands."""
    stands = "asks for no one number of days" if found.now is None else f"now by {count(found.now, 'day')}"
    print(f"{found.rules.label}: {stands}, {count(len(found.facts), 'active customer')}")
    table = found.table
    table.attrs["now"] = found.now
    return table
