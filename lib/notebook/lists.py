"""A list that a colleague sent, as a notebook shows it: whom it means, and what became of every row."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from lib.avara.text import one_line
from lib.customers.lists.columns import described
from lib.customers.lists.report import listed, look_up
from lib.customers.reading.view import View
from lib.errors import ListUnclear
from lib.files import typed_path
from lib.notebook.picked import note
from lib.notebook.tables import customers_table
from lib.plans.evidence import Picked, Way
from lib.session import Session


def taken_of(
    session: Session, view: View, file: str | Path, *, column: str, where: Iterable[tuple[str, str]], sheet: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The customers that the list means for certain, and its rows. Remarks and counts are printed."""
    path = typed_path(file)
    try:
        meant = [(str(name), str(value)) for name, value in where]
    except (TypeError, ValueError):
        raise ListUnclear("These rows are not told as pairs of a column and a value.", needs="where") from None
    taken = session.read_list(path, column=str(column), where=meant, sheet=str(sheet))
    # Among the very customers that the table is made of: whom they lack is unknown, and not found.
    report = look_up(listed(taken.table, taken.choice), view.frame)
    for remark in taken.table.remarks:
        print(one_line(remark, 300))
    print(", ".join(f"{number:,} {kind}" for kind, number in report.counts.items()))
    table = customers_table(view.frame, view.frame.positions(report.found))
    how = described(taken.table, taken.choice)
    note(table, Picked(Way.LISTED, f"{path.name}{how and f', {how}'}", view.read_at or session.now()))
    return table, pd.DataFrame(report.entries)
