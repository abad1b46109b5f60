"""What changed between two kept lists, or since one: which lists, which changes, a row for each, and files of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from lib.customers.compared import COLUMNS, KINDS, Compared, rows_of
from lib.customers.workbook import xlsx_bytes
from lib.errors import ExpressOpsError
from lib.spreadsheet import csv_bytes
from lib.ui import nav, notices
from lib.ui.compare.address import ADDRESS, CompareView
from lib.ui.resources import Resources
from lib.ui.text import ago, count, exact, md, number
from lib.ui.widgets import anew, dialogs, id_table
from lib.ui.widgets.id_table import Act, Cell, Changed, Column

_T = TypeVar("_T")
_ON_A_PAGE, _RUNS_NAMED = 200, 5
_COLUMNS = (
    Column("Customer", 240, "long"),
    Column("What", 120),
    Column("Metadata key", 140),
    Column("Value", 320, "long"),
    Column("Updated, UTC", 170, "time"),
    Column("Run by", 130),
    Column("Run", 200, "id"),
    Column("Id", 300, "id"),
)
_BY = {"runs": "By runs of ours", "others": "By others"}


def show(resources: Resources) -> None:
    """The choice of two lists, and what is different in the later one."""
    kept = resources.days.kept
    if ADDRESS.shown().before is None and (newest := _newest_before(resources, kept)):
        _show(before=newest)
        ADDRESS.say(resources)
    if not kept or ADDRESS.shown().before is None:
        _nothing_yet(resources, kept)
        return
    _choose(kept)
    view = ADDRESS.shown()
    try:
        with st.spinner("Comparing…"):
            found = resources.days.compare(view.before or kept[0], view.after)
    except ExpressOpsError as error:
        notices.tell(error)
        return
    now = datetime.now(UTC)
    until = f"that of {exact(found.until)}" if view.after else f"the list on show, read {ago(found.until, now)}"
    words = md(found.changes.words or "Nothing changed", limit=300)
    st.markdown(f"**{words}**, from the list of {exact(found.since)} to {until}.")
    if found.changes:
        _changes(found)


def show_record(resources: Resources) -> None:
    """The record of a row that was opened, as it stands in the list on show."""
    from lib.ui.customers import drawer  # noqa: PLC0415 - it is drawn only where somebody opens one

    if record := dialogs.opened("record"):
        drawer.show(resources, resources.loads.frame(), record.about)


def _newest_before(resources: Resources, kept: tuple[date, ...]) -> date | None:
    """The newest day before that of the list on show."""
    read_at = resources.loads.view().read_at or datetime.now(UTC)
    return next((day for day in kept if day < read_at.astimezone(UTC).date()), None)


def _nothing_yet(resources: Resources, kept: tuple[date, ...]) -> None:
    rules = resources.policy.snapshot
    if not (rules.keep and rules.days):
        words = "Lists are not kept by date: settings.toml in the data folder says so (`[snapshot]`, `keep` and `days`)."
    elif kept:
        words = "One list is kept so far, that of today. Come back tomorrow: then this page says what changed since."
    else:
        words = (
            "No list is kept yet. The first one is once all customers have been read; from the next day on this page compares."
        )
    st.info(words, icon=":material/difference:")


def _choose(kept: tuple[date, ...]) -> None:
    """Which two lists: any kept one, and a later one or that on show."""
    view = ADDRESS.shown()
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare_row"):
        days = sorted({*kept, *_given(view.before)}, reverse=True)
        later = sorted({*(day for day in kept if view.before and day > view.before), *_given(view.after)}, reverse=True)
        about = "The last list of that day (UTC) that was read whole"
        _select("From the list of", "before", view.before, days, about=about)
        _select("To that of", "after", view.after, [None, *later], none="now (the list on show)", about=about)


def _changes(found: Compared) -> None:
    table = found.table
    _filters(table)
    some = _matching(table, ADDRESS.shown())
    with st.container(horizontal=True, vertical_alignment="center", key="compare_found"):
        st.markdown(
            f"**{number(len(some))}** of {count(len(table), 'change')} of {count(some['id'].nunique(), 'customer')}",
            width="stretch",
        )
        _files(found, some)
    if some.empty:
        st.markdown("No change matches. Choose fewer filters.")
        return
    _runs(some)
    pages = max(1, -(-len(some) // _ON_A_PAGE))
    page = min(ADDRESS.shown().page, pages)
    _table(some.iloc[(page - 1) * _ON_A_PAGE : page * _ON_A_PAGE])
    if pages > 1:
        st.pagination(pages, **anew.says("compare_page", page, lambda said: _show(page=said), begins="default"))


def _filters(table: pd.DataFrame) -> None:
    view = ADDRESS.shown()
    counts = table["what"].value_counts()
    kinds = [what for what in KINDS if counts.get(what)]
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare_filters"):
        options = [what for what in KINDS if what in kinds or what in view.what]
        says = _says("what", list(view.what), tuple)
        st.pills(
            "What", options, selection_mode="multi", format_func=str.capitalize, **says
        )  # a choice whose words change is lost
        if view.by or (table["run"] != "").any():
            says = _says("by", view.by or None, lambda said: said or "")
            st.pills("Whose", list(_BY), format_func=_BY.__getitem__, **says)
        if keys := sorted({*table.loc[table["what"] == "metadata", "key"], *_given(view.key)}):
            _select("Metadata key", "key", view.key, ["", *keys], none="all")
    st.caption(" · ".join(f"{what.capitalize()} {number(counts[what])}" for what in kinds))


def _select(
    label: str, field: str, value: object, options: Sequence[object], *, none: str = "", about: str | None = None
) -> None:
    """A select that says this field of the view. Another list of options is another widget: Streamlit 1.67 would go to the
    first of them without a word.
    """
    name = f"compare_{field}:{','.join(map(str, options))}"
    says = anew.says(name, value, lambda said: _show(**{field: said}), among=options)
    st.selectbox(label, options, format_func=lambda option: str(option) if option else none, width=220, help=about, **says)


def _given(value: _T | None) -> tuple[_T, ...]:
    return (value,) if value else ()


def _matching(table: pd.DataFrame, view: CompareView) -> pd.DataFrame:
    mask = pd.Series(data=True, index=table.index)
    if view.what:
        mask &= table["what"].isin(view.what)
    if view.key:
        mask &= table["key"] == view.key
    if view.by:
        mask &= (table["run"] != "") == (view.by == "runs")
    return table[mask]


def _says(field: str, value: object, take: Callable[[Any], object]) -> dict[str, Any]:
    """What pills that say this field of the view begin with."""
    return anew.says(f"compare_{field}", value, lambda said: _show(**{field: take(said)}), begins="default")


def _show(**changed: object) -> None:
    """Another choice starts at the first page, and a later list that is no longer later makes way for that on show."""
    view = ADDRESS.shown().model_copy(update={"page": 1, **changed})
    if view.after and view.before and view.after <= view.before:
        view = view.model_copy(update={"after": None})
    ADDRESS.show(view)


def _files(found: Compared, some: pd.DataFrame) -> None:
    name = f"changes-{found.since:%Y-%m-%d}-{found.until:%Y-%m-%d}"
    header = list(COLUMNS.values())
    forms: dict[str, tuple[str, Callable[[], bytes]]] = {
        "CSV": ("text/csv", lambda: csv_bytes(header, rows_of(some))),
        "Excel": (
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            lambda: xlsx_bytes(header, rows_of(some), sheet="Changes"),
        ),
    }
    for label, (mime, make) in forms.items():
        ending = {"CSV": "csv", "Excel": "xlsx"}[label]
        notices.download_button(
            label,
            data=make,
            file_name=f"{name}.{ending}",
            mime=mime,
            icon=":material/download:",
            on_click="ignore",
            key=f"compare_{ending}",
            help=f"All {number(len(some))} changes that match, safe in spreadsheets",
            disabled=some.empty,
        )


def _runs(some: pd.DataFrame) -> None:
    """Links to the runs of ours that made some of these changes, those with the most first."""
    ours = some[some["run"] != ""]
    made = Counter(zip(ours["run"].tolist(), ours["by"].tolist(), strict=True)).most_common()
    for (run_id, by), changes in made[:_RUNS_NAMED]:
        nav.link(
            "runs",
            label=f"{count(changes, 'change')} by {md(run_id)}, planned by {md(by)}",
            icon=":material/history:",
            run=run_id,
        )
    if len(made) > _RUNS_NAMED:
        st.caption(f"and by {number(len(made) - _RUNS_NAMED)} more runs: the table names each")


def _table(some: pd.DataFrame) -> None:
    rows: list[tuple[str, dict[str, Cell]]] = [
        (
            f"{row.id} {row.what} {row.key}",
            {
                "Customer": row.name,
                "What": row.what,
                "Metadata key": row.key,
                "Value": Changed(row.before or None, row.after or None),
                "Updated, UTC": exact(row.updated_at)[:16] or "unknown",
                "Run by": row.by,
                "Run": row.run,
                "Id": row.id,
            },
        )
        for row in rows_of(some)
    ]
    columns, cells = id_table.filled(_COLUMNS, rows)
    id_table.show("compare", columns, cells, label="What changed, one row a change", opens=True, react=_open, most=15)


def _open(act: Act) -> None:
    if act.kind == "open" and act.ids:
        dialogs.open_dialog("record", act.ids[0].split(" ", 1)[0])
