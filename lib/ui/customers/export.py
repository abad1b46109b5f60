"""Downloads of the filtered table. Each file is made when it is asked for, on another thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from lib.customers import export
from lib.customers.export import More
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.reading.loads import Loads
from lib.customers.reading.view import View
from lib.evidence.evidence import Evidence
from lib.evidence.views import View as Shown
from lib.people import Right
from lib.ui import notices
from lib.ui.customers import address, asked, table
from lib.ui.resources import Resources
from lib.ui.text import count

_Make = Callable[[CustomerFrame, Positions, Sequence[str], More], bytes]
_FORMATS: dict[str, tuple[str, str, _Make]] = {
    "CSV, safe in spreadsheets": ("csv", "text/csv", export.to_csv),
    "Excel, safe in spreadsheets": (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        export.to_xlsx,
    ),
    "JSON lines, exact": ("jsonl", "application/x-ndjson", lambda frame, at, *_: export.to_jsonl(frame, at)),
    "Parquet, exact": ("parquet", "application/vnd.apache.parquet", lambda frame, at, *_: export.to_parquet(frame, at)),
}


def show(resources: Resources, view: View, positions: Positions) -> None:
    """`positions` are those of the customers in `view` that match the filter. The files have the order and columns on show."""
    if not resources.may(Right.EXPORT):
        return
    offer = st.popover("Export", icon=":material/download:", width="content", key="export", on_change="rerun")
    if not offer.open:
        return
    complete, keys = view.complete, table.metadata_columns(view.frame)
    shown = address.shown().model_copy(update={"columns": tuple(keys)})
    with offer:
        st.caption(
            f"{count(len(positions), 'customer')} that match the filters, all pages, in the order on show. "
            f"CSV and Excel have the {count(len(keys), 'metadata key')} on show (*View*) and the columns of studies and "
            "candidates that are; the others have the whole records." + ("" if complete else " The list is not complete.")
        )
        stamp = f"{datetime.now(UTC):%Y-%m-%d-%H%M}{'' if complete else '-incomplete'}"
        for label, (ending, mime, make) in _FORMATS.items():
            notices.download_button(
                label,
                data=partial(_made, make, resources.loads, resources.evidence, shown),
                file_name=f"customers-{stamp}.{ending}",
                mime=mime,
                on_click="ignore",
                key=f"export_{ending}",
                width="stretch",
                disabled=len(positions) == 0,
            )


def _made(make: _Make, loads: Loads, evidence: Evidence, shown: Shown) -> bytes:
    """The file, of the list as it is now. A button is remembered as long as its tab is, so it holds no frame."""
    frame = loads.frame()
    found, seen = asked.anew_found(evidence, frame, shown).positions, evidence.columns(shown.rules, frame)
    return make(frame, table.in_order(frame, found, shown.sort, seen), shown.columns or (), More(seen.fields(), seen.cells))
