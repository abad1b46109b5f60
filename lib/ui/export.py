"""Downloads of the filtered table. Each file is made when it is asked for, on another thread, from the frame on show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from lib.customers import export
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.ui.text import count

_FORMATS: dict[str, tuple[str, str, Callable[[CustomerFrame, Positions], bytes]]] = {
    "CSV, safe in spreadsheets": ("csv", "text/csv", export.to_csv),
    "Excel, safe in spreadsheets": (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        export.to_xlsx,
    ),
    "JSON lines, exact": ("jsonl", "application/x-ndjson", export.to_jsonl),
    "Parquet, exact": ("parquet", "application/vnd.apache.parquet", export.to_parquet),
}


def show(frame: CustomerFrame, positions: Positions, *, complete: bool) -> None:
    with st.popover("Export", icon=":material/download:", width="content"):
        st.caption(
            f"{count(len(positions), 'customer')} that match the filters, all pages."
            + ("" if complete else " The list is not complete.")
        )
        stamp = f"{datetime.now(UTC):%Y-%m-%d-%H%M}{'' if complete else '-incomplete'}"
        for label, (ending, mime, make) in _FORMATS.items():
            st.download_button(
                label,
                data=_later(make, frame, positions),
                file_name=f"customers-{stamp}.{ending}",
                mime=mime,
                on_click="ignore",
                key=f"export_{ending}",
                width="stretch",
                disabled=len(positions) == 0,
            )


def _later(
    make: Callable[[CustomerFrame, Positions], bytes], frame: CustomerFrame, positions: Positions
) -> Callable[[], bytes]:
    return lambda: make(frame, positions)
