"""Downloads of the filtered table. Each file is made when it is asked for, on another thread, from the frame on show."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from lib.customers import export
from lib.customers.filters import Filter, apply
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.loads import Loads, View
from lib.ui.text import count

_Make = Callable[[CustomerFrame, Positions], bytes]
_FORMATS: dict[str, tuple[str, str, _Make]] = {
    "CSV, safe in spreadsheets": ("csv", "text/csv", export.to_csv),
    "Excel, safe in spreadsheets": (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        export.to_xlsx,
    ),
    "JSON lines, exact": ("jsonl", "application/x-ndjson", export.to_jsonl),
    "Parquet, exact": ("parquet", "application/vnd.apache.parquet", export.to_parquet),
}


def show(loads: Loads, view: View, flt: Filter, positions: Positions) -> None:
    """`positions` are those of the customers in `view` that match the filter."""
    offer = st.popover("Export", icon=":material/download:", width="content", key="export", on_change="rerun")
    if not offer.open:
        return
    complete = view.complete
    with offer:
        st.caption(
            f"{count(len(positions), 'customer')} that match the filters, all pages."
            + ("" if complete else " The list is not complete.")
        )
        stamp = f"{datetime.now(UTC):%Y-%m-%d-%H%M}{'' if complete else '-incomplete'}"
        for label, (ending, mime, make) in _FORMATS.items():
            st.download_button(
                label,
                data=partial(_made, make, weakref.ref(view.frame), positions, partial(_anew, loads, flt)),
                file_name=f"customers-{stamp}.{ending}",
                mime=mime,
                on_click="ignore",
                key=f"export_{ending}",
                width="stretch",
                disabled=len(positions) == 0,
            )


def _made(
    make: _Make, seen: weakref.ref[CustomerFrame], positions: Positions, anew: Callable[[], tuple[CustomerFrame, Positions]]
) -> bytes:
    """The file. A button is remembered as long as its tab is, so it holds no frame: that of a tab which slept through a reload
    is gone, and the file is made of the list that took its place, by the same filter.
    """
    frame = seen()
    return make(*anew()) if frame is None else make(frame, positions)


def _anew(loads: Loads, flt: Filter) -> tuple[CustomerFrame, Positions]:
    frame = loads.frame()
    return frame, apply(frame, flt, datetime.now(UTC))
