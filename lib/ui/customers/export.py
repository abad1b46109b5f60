"""Downloads of the filtered table. Each file is made when it is asked for, on another thread, from the frame on show."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from lib.customers import export
from lib.customers.filters import Filter, apply
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.reading.loads import Loads, View
from lib.customers.views import Sort
from lib.ui import notices
from lib.ui.customers import address, table
from lib.ui.text import count

_Make = Callable[[CustomerFrame, Positions, Sequence[str]], bytes]
_Write = Callable[[CustomerFrame, Positions], bytes]
_FORMATS: dict[str, tuple[str, str, _Make]] = {
    "CSV, safe in spreadsheets": ("csv", "text/csv", export.to_csv),
    "Excel, safe in spreadsheets": (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        export.to_xlsx,
    ),
    "JSON lines, exact": ("jsonl", "application/x-ndjson", lambda frame, at, _: export.to_jsonl(frame, at)),
    "Parquet, exact": ("parquet", "application/vnd.apache.parquet", lambda frame, at, _: export.to_parquet(frame, at)),
}


def show(loads: Loads, view: View, positions: Positions) -> None:
    """`positions` are those of the customers in `view` that match the filter. The files have the order and columns on show."""
    offer = st.popover("Export", icon=":material/download:", width="content", key="export", on_change="rerun")
    if not offer.open:
        return
    complete, shown, keys = view.complete, address.shown(), table.metadata_columns(view.frame)
    with offer:
        st.caption(
            f"{count(len(positions), 'customer')} that match the filters, all pages, in the order on show. "
            f"CSV and Excel have the {count(len(keys), 'metadata key')} on show (*View*), the others all."
            + ("" if complete else " The list is not complete.")
        )
        stamp = f"{datetime.now(UTC):%Y-%m-%d-%H%M}{'' if complete else '-incomplete'}"
        anew = partial(_anew, loads, shown.filter)
        for label, (ending, mime, make) in _FORMATS.items():
            write = partial(_in_order, make, shown.sort, keys)
            st.download_button(
                label,
                data=notices.download(partial(_made, write, weakref.ref(view.frame), positions, anew)),
                file_name=f"customers-{stamp}.{ending}",
                mime=mime,
                on_click="ignore",
                key=f"export_{ending}",
                width="stretch",
                disabled=len(positions) == 0,
            )


def _made(
    write: _Write, seen: weakref.ref[CustomerFrame], positions: Positions, anew: Callable[[], tuple[CustomerFrame, Positions]]
) -> bytes:
    """The file. A button is remembered as long as its tab is, so it holds no frame: that of a tab which slept through a reload
    is gone, and the file is made of the list that took its place, by the same filter.
    """
    frame = seen()
    return write(*anew()) if frame is None else write(frame, positions)


def _in_order(make: _Make, sort: Sort, keys: Sequence[str], frame: CustomerFrame, positions: Positions) -> bytes:
    return make(frame, table.in_order(frame, positions, sort), keys)


def _anew(loads: Loads, flt: Filter) -> tuple[CustomerFrame, Positions]:
    frame = loads.frame()
    return frame, apply(frame, flt, datetime.now(UTC))
