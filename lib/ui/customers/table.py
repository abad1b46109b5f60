"""The customers table: one page of rows over the whole filtered, sorted frame, with ticks that become picks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st
from pandas.api.extensions import ExtensionArray

from lib.customers.facets import facet_keys
from lib.customers.filters import Filter
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.sorting import page_count, page_slice, sort_positions
from lib.runs.evidence import Way
from lib.ui import dialogs, id_table, picks
from lib.ui.id_table import Act, Column
from lib.ui.text import ago, number

#: What is above and below the table takes the rest of the window.
_HEIGHT = "max(15rem, calc(100dvh - 24rem))"
_PAGE_SIZES = (50, 100, 250)
_SORT, _SORTED, _SIZE, _COLUMNS = "sort", "sorted_anew", "page_size", "metadata_columns"
_METADATA = "metadata:"
_FIRST = (
    Column("Customer", 290, name="name"),
    Column("Status", 95, "state", "status", help="Inactive: no new studies or users."),
    Column("Users", 75, "number", "user_count", help="Users in this customer now."),
    Column("Updated", 155, name="updated_at", help="Since the record last changed; empty where unknown."),
)
_LAST = (
    Column("Updated, UTC", 135, "time", "updated_utc"),
    Column("Created, UTC", 135, "time", "created_at"),
    Column("Created by", 120, name="created_by"),
    Column("Id", 300, "id", "id", help="A click marks it whole, to be copied with Ctrl+C."),
)
_LABELS = {column.name: column.label for column in (*_FIRST, *_LAST)}
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
    _draw(frame, page_slice(ordered, page, size), sort, f"{pager} {page}")
    _pager(pager, page, len(ordered), size)


def _nothing(frame: CustomerFrame, *, complete: bool) -> None:
    """The empty state takes the table's place and says what to do next."""
    with st.container(border=True, height=400, horizontal_alignment="center", vertical_alignment="center"):
        if len(frame):
            st.markdown("No customer matches these filters. Remove one above, or *Clear all*.", width="content")
        elif complete:
            st.markdown("This account has no customers. Check on *Connection* that it is the right one.", width="content")
        else:
            st.markdown("The first customers are on their way.", width="content")


def show_view_options(frame: CustomerFrame) -> None:
    """The popover that says which columns are shown, in which order, and how many rows a page has."""
    view = st.popover("View", icon=":material/view_column:", width="content", key="view", on_change="rerun")
    if not view.open:
        return
    with view:
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


def _draw(frame: CustomerFrame, on_page: Positions, sort: Sort, view: str) -> None:
    keys = _columns(frame)
    id_table.show(
        "customers",
        _table_columns(keys, sort),
        _rows(frame, on_page, keys),
        picked=picks.chosen(),
        label="Customers that match the filters, one page of rows",
        opens=True,
        view=view,
        react=_react,
        height=_HEIGHT,
    )


def _table_columns(keys: list[str], sort: Sort) -> list[Column]:
    """In the order of the table: name, status, user_count, updated_at, metadata..., updated_utc, created_at, created_by, id."""
    metadata = [Column(key, 110, name=_METADATA + key) for key in keys]
    way: Literal["ascending", "descending"] = "descending" if sort.descending else "ascending"
    return [replace(column, sort=way if column.name == sort.column else "none") for column in [*_FIRST, *metadata, *_LAST]]


def _rows(frame: CustomerFrame, on_page: Positions, keys: list[str]) -> list[tuple[str, ...]]:
    """The rows on show as texts: the id, then a cell for each column."""
    rows = {str(name): column.array.take(on_page) for name, column in frame.rows.items()}
    now = datetime.now(UTC)
    metadata = frame.pairs.of_customers(on_page)
    ids = list(rows["id"])
    return list(
        zip(
            ids,
            rows["name"],
            ("● Active" if active else "○ Inactive" for active in rows["is_active"]),
            map(number, rows["user_count"]),
            ("" if pd.isna(time) else ago(time, now) for time in rows["updated_at"]),
            *([pairs.get(key, "") for pairs in metadata] for key in keys),
            _minutes(rows["updated_at"]),
            _minutes(rows["created_at"]),
            (_MAKERS[maker] for maker in rows["created_by"]),
            ids,
            strict=True,
        )
    )


def _minutes(times: ExtensionArray) -> list[str]:
    """As 2026-11-25 17:05, in UTC; empty where there is no time."""
    words = np.datetime_as_string(times.to_numpy(dtype="datetime64[m]"))
    return ["" if word == "NaT" else word.replace("T", " ") for word in words.tolist()]


def _react(act: Act) -> None:
    """Ticks become picks, a header that was clicked becomes the sort, the button of a row opens its record."""
    match act.kind:
        case "pick":
            picks.add(act.ids, Way.TICKED)
        case "unpick":
            picks.remove(act.ids)
        case "open" if act.ids:
            dialogs.open_dialog("record", act.ids[0])
        case "sort":
            sort, column = _sort(), _SAME.get(act.column, act.column)
            _sort_anew(Sort(column, not sort.descending if sort.column == column else False))


def _pager(key: str, page: int, total: int, size: int) -> None:
    """At the bottom of the window, where it is in sight however long the page is."""
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="pager"):
        first = (page - 1) * size + 1 if total else 0
        pages = page_count(total, size)
        next_ = " · Alt+PageDown: next page" if page < pages else ""
        rows = f"Rows {number(first)} to {number(min(page * size, total))} of {number(total)}"
        st.caption(f"{rows}{next_}", width="content")
        # As wide as its buttons: by itself it leaves out pages that there is room for.
        st.pagination(pages, key=key, width=max(240, 38 * (min(pages, 7) + 2)))
