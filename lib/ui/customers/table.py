"""The customers table: one page of rows over the whole filtered, sorted frame, with ticks that become picks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st
from pandas.api.extensions import ExtensionArray

from lib.customers.facets import facet_keys
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.sorting import METADATA, page_count, page_slice, sort_positions
from lib.customers.views import BY_EVIDENCE, SORTABLE, Sort, sortable
from lib.evidence.columns import EvidenceColumns
from lib.evidence.views import View
from lib.people import Right
from lib.plans.evidence import Way
from lib.ui import picks
from lib.ui.customers import address
from lib.ui.evidence import cells
from lib.ui.resources import may
from lib.ui.text import ago, number
from lib.ui.widgets import anew, dialogs, id_table
from lib.ui.widgets.id_table import Act, Column

#: What is above and below the table takes the rest of the window: so much, until it is measured.
_HEIGHT = "max(15rem, calc(100dvh - 29rem))"
_PAGE_SIZES = (50, 100, 250)
_FIRST = (
    Column("Customer", 290, name="name"),
    Column("Status", 95, "state", "status", help="Inactive: no new studies or users."),
    Column("Users", 75, "number", "user_count", help="Users in this customer now."),
)
_UPDATED = (Column("Updated", 160, "long", "updated_at", help="Since the record last changed; empty where unknown."),)
_LAST = (
    Column("Updated, UTC", 135, "time", "updated_utc"),
    Column("Created, UTC", 135, "time", "created_at"),
    Column("Created by", 120, name="created_by"),
    Column("Id", 300, "id", "id", help="A click marks it whole, to be copied with Ctrl+C."),
)
_LABELS = {column.name: column.label for column in (*_FIRST, *cells.ALL, *_UPDATED, *_LAST)}
_SORTED_AS = {"status": "is_active"}
#: Shows what another column shows, otherwise.
_SAME = {"updated_utc": "updated_at"}
MAKERS = {"user": "Dashboard user", "api_key": "API key", "unknown": "Unknown"}


def show(frame: CustomerFrame, positions: Positions, seen: EvidenceColumns, *, complete: bool) -> None:
    """Draw the page of rows that the view says, and take ticks and header clicks."""
    if len(positions) == 0:
        _nothing(frame, complete=complete)
        return
    view = address.shown()
    page = min(view.page, page_count(len(positions), view.rows))
    _draw(frame, page_slice(in_order(frame, positions, view.sort, seen), page, view.rows), seen, view)
    _pager(page, len(positions), view.rows)


def in_order(frame: CustomerFrame, positions: Positions, sort: Sort, seen: EvidenceColumns) -> Positions:
    """These positions as the table shows them."""
    if sort.column in BY_EVIDENCE:
        return seen.in_order(positions, sort.column, descending=sort.descending)
    return sort_positions(frame, positions, _SORTED_AS.get(sort.column, sort.column), descending=sort.descending)


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
    view = st.popover("View", icon=":material/view_column:", width="content", key="view_options", on_change="rerun")
    if not view.open:
        return
    with view:
        columns = metadata_columns(frame)
        st.multiselect(
            "Metadata as columns",
            list(dict.fromkeys([*(key for key, _ in facet_keys(frame)), *columns])),
            select_all=False,
            **anew.says("metadata_columns", columns, _show_columns),
        )
        _sort_options(columns)
        st.caption("A click on a column's header sorts too; a second click turns the order round.")
        st.selectbox(
            "Rows on a page",
            _PAGE_SIZES,
            **anew.says("rows", address.shown().rows, lambda said: address.change(rows=said), among=_PAGE_SIZES),
        )


def _show_columns(keys: list[str]) -> None:
    """These metadata keys as columns. One that is no longer shown is no longer sorted by."""
    view = address.shown()
    by = view.sort.column
    gone = by.startswith(METADATA) and by.removeprefix(METADATA) not in keys
    address.change(columns=tuple(keys), **({"sort": Sort()} if gone else {"page": view.page}))


def _sort_options(columns: list[str]) -> None:
    """Which column the rows are sorted by, and which way."""
    sort = address.shown().sort
    options = list(dict.fromkeys([*SORTABLE, *(METADATA + key for key in columns), sort.column]))
    # Another list of options is another widget: Streamlit 1.67 would go to the first of them without a word.
    by = anew.says(f"sort_by:{','.join(columns)}", sort.column, lambda said: _sort(column=said), among=options)
    st.selectbox("Sort by", options, format_func=_label, **by)
    st.toggle("Descending", **anew.says("sort_way", sort.descending, lambda said: _sort(descending=said)))


def _label(column: str) -> str:
    return _LABELS.get(column, column.removeprefix(METADATA))


def _sort(**how: str | bool) -> None:
    address.change(sort=address.shown().sort.model_copy(update=how))


def metadata_columns(frame: CustomerFrame) -> list[str]:
    """The metadata keys shown as columns: what the view says, else the two most common keys."""
    chosen = address.shown().columns
    return [key for key, _ in facet_keys(frame)[:2]] if chosen is None else list(chosen)


def _draw(frame: CustomerFrame, on_page: Positions, seen: EvidenceColumns, view: View) -> None:
    keys, known = metadata_columns(frame), cells.columns(seen)
    id_table.show(
        "customers",
        _table_columns(keys, known, view.sort),
        _rows(frame, on_page, keys, cells.cells(seen, known, frame.ids(on_page))),
        picked=picks.chosen() if may(Right.PLAN) else None,
        label="Customers that match the filters, one page of rows",
        opens=True,
        view=str(hash(view)),
        react=_react,
        height=_HEIGHT,
        above="pager",
    )


def _table_columns(keys: list[str], known: Sequence[Column], sort: Sort) -> list[Column]:
    """In the order of the table: name, status, user_count, what is known besides, updated_at, metadata..., updated_utc,
    created_at, created_by, id.
    """
    metadata = [Column(key, 110, name=METADATA + key) for key in keys]
    way: Literal["ascending", "descending"] = "descending" if sort.descending else "ascending"
    return [
        replace(column, sort=way if column.name == sort.column else "none")
        for column in [*_FIRST, *known, *_UPDATED, *metadata, *_LAST]
    ]


def _rows(frame: CustomerFrame, on_page: Positions, keys: list[str], known: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The rows on show as texts: the id, then a cell for each column."""
    rows = {name: frame.rows[name].array.take(on_page) for name in ("id", "name", "is_active", "user_count", "created_by")}
    ids, now = rows["id"].tolist(), datetime.now(UTC)
    # As the standard library's: pandas' own are eight times slower to compare.
    updated = zip(ids, frame.times["updated_at"].array.take(on_page).to_pydatetime(), strict=True)
    metadata = frame.pairs.of_customers(on_page)
    return list(
        zip(
            ids,
            rows["name"].tolist(),
            ("● Active" if active else "○ Inactive" for active in rows["is_active"]),
            map(number, rows["user_count"]),
            *known,
            ("" if pd.isna(time) else f"{ago(time, now)}{_by_us(frame, id_)}" for id_, time in updated),
            *([pairs.get(key, "") for pairs in metadata] for key in keys),
            _minutes(frame.rows["updated_at"].array.take(on_page)),
            _minutes(frame.rows["created_at"].array.take(on_page)),
            (MAKERS[maker] for maker in rows["created_by"]),
            ids,
            strict=True,
        )
    )


def _by_us(frame: CustomerFrame, customer_id: str) -> str:
    """What is added to the last update that a run of ours made."""
    own = frame.own_update(customer_id)
    return f" {own.words}" if own else ""


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
        case "sort" if sortable(_SAME.get(act.column, act.column)):
            sort, column = address.shown().sort, _SAME.get(act.column, act.column)
            _sort(column=column, descending=sort.column == column and not sort.descending)


def _pager(page: int, total: int, size: int) -> None:
    """At the bottom of the window, where it is in sight however long the page is."""
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="pager"):
        first = (page - 1) * size + 1 if total else 0
        pages = page_count(total, size)
        next_ = " · Alt+PageDown: next page" if page < pages else ""
        rows = f"Rows {number(first)} to {number(min(page * size, total))} of {number(total)}"
        st.caption(f"{rows}{next_}", width="content")
        # As wide as its buttons: by itself it leaves out pages that there is room for.
        width = max(240, 38 * (min(pages, 7) + 2))
        st.pagination(pages, width=width, **anew.says("page", page, lambda said: address.change(page=said), begins="default"))
