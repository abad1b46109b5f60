"""The customers table: one page of rows over the whole filtered, sorted frame, with ticks that become picks.

Streamlit's grid speaks in row positions, and a keyed grid applies old positions to new data (streamlit#17026). So the grid's
key is a digest of the ids on show, and positions are turned into ids with the ids that this very key was drawn with.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lib.customers.facets import facet_keys
from lib.customers.filters import Filter
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.sorting import page_count, page_slice, sort_positions
from lib.ui import dialogs, heard, picks
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.text import number

TABLE_HEIGHT = grid_height(15, 15)
_PAGE_SIZES = (50, 100, 250)
#: Grids whose ids are remembered, so that a click that was under way while the table changed still finds its customers.
_REMEMBERED = 8
_SORT, _SORTED, _SIZE, _COLUMNS, _SHOWN = "sort", "sorted_anew", "page_size", "metadata_columns", "grids_shown"
_TICKS = "ticks"
_METADATA = "metadata:"
_LABELS = {
    "name": "Customer",
    "status": "Status",
    "user_count": "Users",
    "updated_at": "Updated",
    "updated_utc": "Updated, UTC",
    "created_at": "Created, UTC",
    "created_by": "Created by",
    "id": "Id",
}
_SORTED_AS = {"status": "is_active"}
#: Shows what another column shows, otherwise.
_SAME = {"updated_utc": "updated_at"}
_MAKERS = {"user": "Dashboard user", "api_key": "API key", "unknown": "Unknown"}


@dataclass(frozen=True)
class Sort:
    column: str = "updated_at"
    descending: bool = False


def show(frame: CustomerFrame, positions: Positions, flt: Filter, *, complete: bool) -> None:
    """Draw the page of rows that the sort and the pager say, and take ticks and header clicks."""
    if len(positions) == 0:
        _nothing(frame, complete=complete)
        return
    sort = _sort()
    ordered = sort_positions(frame, positions, _SORTED_AS.get(sort.column, sort.column), descending=sort.descending)
    size = int(st.session_state.get(_SIZE) or _PAGE_SIZES[1])
    pager = _pager_key(flt, sort, size)
    page = min(int(st.session_state.get(pager) or 1), page_count(len(ordered), size))
    _grid(frame, page_slice(ordered, page, size), sort)
    _pager(pager, page, len(ordered), size)


def _nothing(frame: CustomerFrame, *, complete: bool) -> None:
    """The empty state takes the table's place and says what to do next."""
    with st.container(border=True, height=TABLE_HEIGHT, horizontal_alignment="center", vertical_alignment="center"):
        if len(frame):
            st.markdown("No customer matches these filters. Remove one above, or *Clear all*.", width="content")
        elif complete:
            st.markdown("This account has no customers. Check on *Connection* that it is the right one.", width="content")
        else:
            st.markdown("The first customers are on their way.", width="content")


def show_view_options(frame: CustomerFrame) -> None:
    """The popover that says which columns are shown, in which order, and how many rows a page has."""
    with st.popover("View", icon=":material/view_column:", width="content"):
        keys = [key for key, _ in facet_keys(frame)]
        if keys:  # before the first customers have come, an empty choice would stay chosen
            st.multiselect(
                "Metadata as columns",
                keys + [key for key in _columns(frame) if key not in set(keys)],
                default=None if _COLUMNS in st.session_state else _columns(frame),
                key=_COLUMNS,
                persist_state="session",
            )
        _sort_options([name for name in _LABELS if name not in _SAME] + [_METADATA + key for key in _columns(frame)])
        st.caption("A click on a column's header sorts too; a second click turns the order round.")
        st.segmented_control(
            "Rows on a page", _PAGE_SIZES, default=_PAGE_SIZES[1], required=True, key=_SIZE, persist_state="session"
        )


def _sort_options(columns: list[str]) -> None:
    """Which column the rows are sorted by, and which way. A metadata column that is no longer shown is no longer sorted by.

    A click on a header makes new widgets: a closed popover is not told what they say now, and the browser would send again
    what they said before.
    """
    if _sort().column not in columns:
        _sort_anew(Sort())
    sort, state = _sort(), st.session_state
    by, way = (f"{name}-{state.get(_SORTED, 0)}" for name in ("sort_by", "sort_way"))
    for key, value in ((by, sort.column), (way, sort.descending)):
        if key not in state:
            state[key] = value

    def take() -> None:
        state[_SORT] = Sort(state[by], state[way])

    st.selectbox("Sort by", columns, key=by, format_func=_label, on_change=take)
    st.toggle("Descending", key=way, on_change=take)


def _label(column: str) -> str:
    return _LABELS.get(column, column.removeprefix(_METADATA))


def _sort_anew(sort: Sort) -> None:
    """Sort as the widgets under *View* do not say yet."""
    st.session_state[_SORT] = sort
    st.session_state[_SORTED] = st.session_state.get(_SORTED, 0) + 1


def _sort() -> Sort:
    sort: Sort = st.session_state.get(_SORT, Sort())
    return sort


def _columns(frame: CustomerFrame) -> list[str]:
    """The metadata keys shown as columns: what the person chose, else the two most common keys."""
    chosen: list[str] | None = st.session_state.get(_COLUMNS)
    return chosen if chosen is not None else [key for key, _ in facet_keys(frame)[:2]]


def _pager_key(flt: Filter, sort: Sort, size: int) -> str:
    """A changed filter, sort or page size is another pager, which starts at the first page."""
    return f"page-{_digest(flt.model_dump_json(), repr(sort), str(size))}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _grid(frame: CustomerFrame, on_page: Positions, sort: Sort) -> None:
    columns = _columns(frame)
    shown = _page_of_rows(frame, on_page, columns)
    ids = tuple(shown["id"])
    key = _remember(ids, (*columns, sort))
    _follow_picks(key, ids)
    st.dataframe(
        shown,
        key=key,
        hide_index=True,
        height=TABLE_HEIGHT,
        row_height=ROW_HEIGHT,
        placeholder="",
        on_select=partial(_take_selection, key),
        selection_mode=["multi-row", "single-column"],
        column_config=_column_config(columns, sort, key),
        alt="Customers that match the filters, one page of rows",
    )
    heard.listen(_TICKS)


def _page_of_rows(frame: CustomerFrame, on_page: Positions, columns: list[str]) -> pd.DataFrame:
    """The rows on show: open, name, status, user_count, updated_at, metadata..., updated_utc, created_at, created_by, id."""
    rows = {str(name): column.array.take(on_page) for name, column in frame.rows.items()}
    metadata = frame.pairs.of_customers(on_page)
    return pd.DataFrame(
        {
            "open": ["Open"] * len(on_page),
            "name": rows["name"],
            "status": np.where(rows["is_active"], "● Active", "○ Inactive"),
            "user_count": rows["user_count"],
            "updated_at": rows["updated_at"],
            **{_METADATA + key: pd.Series([pairs.get(key) for pairs in metadata], dtype="str") for key in columns},
            "updated_utc": rows["updated_at"],
            "created_at": rows["created_at"],
            "created_by": [_MAKERS[maker] for maker in rows["created_by"]],
            "id": rows["id"],
        }
    )


def _column_config(columns: list[str], sort: Sort, key: str) -> dict[str, Any]:
    arrow = " ↓" if sort.descending else " ↑"

    def label(name: str) -> str:
        return _label(name) + (arrow if name == sort.column else "")

    time = {"format": "YYYY-MM-DD HH:mm", "timezone": "UTC"}
    return {
        "open": st.column_config.ButtonColumn(
            "Record", type="tertiary", width=70, key=f"open-{key}", on_click=_open_record, args=(key,), pinned=True
        ),
        "name": st.column_config.TextColumn(label("name"), width=290),
        "status": st.column_config.TextColumn(label("status"), width=95, help="Inactive: no new studies or users."),
        "user_count": st.column_config.NumberColumn(label("user_count"), width=75, help="Users in this customer now."),
        "updated_at": st.column_config.DatetimeColumn(
            label("updated_at"), width=120, format="distance", help="Since the record last changed; empty where unknown."
        ),
        "updated_utc": st.column_config.DatetimeColumn(label("updated_utc"), width=135, **time),  # type: ignore[arg-type]
        "created_at": st.column_config.DatetimeColumn(label("created_at"), width=135, **time),  # type: ignore[arg-type]
        "created_by": st.column_config.TextColumn(label("created_by"), width=120),
        "id": st.column_config.TextColumn(label("id"), width=300, help="Click a cell and copy it with Ctrl+C."),
        **{_METADATA + name: st.column_config.TextColumn(label(_METADATA + name), width=110) for name in columns},
    }


def _remember(ids: tuple[str, ...], layout: object) -> str:
    """The grid's key: a digest of the ids it shows. The ids of the last few keys are kept to translate positions."""
    key = f"grid-{_digest(*ids, repr(layout))}"
    grids: dict[str, tuple[str, ...]] = st.session_state.setdefault(_SHOWN, {})
    grids.pop(key, None)
    grids[key] = ids
    while len(grids) > _REMEMBERED:
        del grids[next(iter(grids))]
    return key


def _follow_picks(key: str, ids: tuple[str, ...]) -> None:
    """Tick exactly the picked rows. Written only where it differs, so that quick clicks are never overwritten."""
    picked = picks.chosen()
    rows = [row for row, customer_id in enumerate(ids) if customer_id in picked]
    held = st.session_state.get(key)
    if held is None or sorted(held["selection"]["rows"]) != rows or held["selection"]["columns"]:
        st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
        if held is not None:
            heard.setting(_TICKS)


def _take_selection(key: str) -> None:
    """Callback: ticks become picks by id; a header that was clicked becomes the sort.

    Not from a message sent before the ticks set here had arrived: *Pick all* and at once another click would unpick the rows
    in sight.
    """
    if heard.echoed(_TICKS):
        return
    selection = st.session_state[key]["selection"]
    ids = st.session_state[_SHOWN].get(key, ())
    picks.choose_among(ids, [ids[row] for row in selection["rows"] if 0 <= row < len(ids)])
    for header in selection["columns"]:
        if header != "open":
            sort, column = _sort(), _SAME.get(header, header)
            _sort_anew(Sort(column, not sort.descending if sort.column == column else False))


def _open_record(key: str) -> None:
    """Callback: open the record of the row whose button was clicked."""
    click = st.session_state.get(f"open-{key}")
    ids = st.session_state[_SHOWN].get(key, ())
    if click is not None and 0 <= click["row"] < len(ids):
        dialogs.open_dialog("record", ids[click["row"]])


def _pager(key: str, page: int, total: int, size: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="pager"):
        first = (page - 1) * size + 1 if total else 0
        st.caption(f"Rows {number(first)} to {number(min(page * size, total))} of {number(total)}", width="content")
        pages = page_count(total, size)
        # As wide as its buttons: by itself it leaves out pages that there is room for.
        st.pagination(pages, key=key, width=max(240, 38 * (min(pages, 7) + 2)))
