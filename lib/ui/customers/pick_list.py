"""Picking the customers of a list that somebody sent: what of it is meant is asked, and whom it found is shown before that."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import streamlit as st

from lib.customers.frame import CustomerFrame
from lib.customers.lists.columns import ANY, Choice, certain, choose, decisions, described
from lib.customers.lists.read import UPLOAD_LIMIT, read
from lib.customers.lists.report import Entry, Kind, Listed, Report, listed, look_up, to_csv
from lib.customers.lists.table import Table, id_in
from lib.customers.reading.loads import Loads
from lib.errors import ListUnclear, UploadUnreadable
from lib.plans.evidence import Way
from lib.ui import notices, picks
from lib.ui.customers.list_people import people
from lib.ui.text import count, md, number
from lib.ui.widgets import dialogs, id_table
from lib.ui.widgets.id_table import MOST_ROWS, Column

_T = TypeVar("_T")

_TYPES = ["txt", "csv", "tsv", "json", "jsonl", "md", "xlsx", "xlsm", "xlsb", "xls", "ods"]
_PREVIEW, _SHOWN = 5, 500
#: What was read and looked up: as long as the dialog is open.
_KEPT = ("list_opening", "list_table", "list_sheet", "list_columns", "list_rows", "list_report")
_WORDS = {
    Kind.ALREADY: "already inactive, set aside",
    Kind.UNKNOWN: "unknown here",
    Kind.ILL_FORMED: "neither one id nor a name",
    Kind.DISPUTED: "contradicted by the list itself: meant in one row and not in another, or with another customer's name",
    Kind.NOT_MEANT: "not meant",
    Kind.REPEATED: "repeated, counted once",
    Kind.EMPTY: "without id or name",
}
_BY_HAND = {Kind.SEVERAL: "with the name of several customers", Kind.NEAR: "with only nearly the name of a customer"}


@dataclass(frozen=True)
class _Source:
    """A list as it was given; `mark` is another one for each, so that no answer about one is taken for another."""

    name: str
    mark: str
    content: Callable[[], bytes | str]


def _close() -> None:
    for key in _KEPT:
        st.session_state.pop(key, None)
    dialogs.close()


@notices.dialog("Pick from a list", width="large", icon=":material/list_alt:", on_dismiss=_close)
def show(loads: Loads) -> None:
    """Paste or upload a list; it is read once, and nothing of it is picked before it is clear who is meant."""
    result, source = st.container(), _given()  # what came of it stands on top, where it is seen whatever follows
    if source is None:
        return
    try:
        table = _read(source)
        view = loads.view()
        choice = _choice(source, table, view.frame)
    except ListUnclear as unclear:
        st.info(md(unclear.message, limit=600), icon=":material/help:")
        return
    except UploadUnreadable as error:
        notices.tell(error)
        return
    rows = _once("list_rows", (table, choice), lambda: listed(table, choice))
    if not view.complete and any(row.name or row.beside for row in rows):
        st.info("This list has names. They are looked up once all customers have been read.", icon=":material/hourglass_empty:")
        return
    report = _once("list_report", (table, choice, view.frame.version), lambda: _looked_up(rows, view.frame))
    _show_report(report, view.frame)
    by_hand = [id_ for kind, words in _BY_HAND.items() for id_ in _choose(source, report.of(kind), words, view.frame)]
    _show_rest(report, loads)
    chosen = dict.fromkeys([*report.found, *by_hand])
    result.markdown(_counted(report))
    result.button(
        f"Pick {count(len(chosen), 'customer')}" if chosen else "Pick",
        type="primary",
        disabled=not chosen,
        key="list_pick",
        on_click=dialogs.act,
        args=(_pick, report.found, by_hand, ", ".join(filter(None, (source.name, described(table, choice))))),
    )


def _pick(found: Sequence[str], by_hand: Sequence[str], source: str) -> None:
    picks.add(found, Way.LISTED, source)
    picks.add(by_hand, Way.CHOSEN, source)
    _close()


def _given() -> _Source | None:
    opening = st.session_state.setdefault("list_opening", secrets.token_hex(4))
    text = st.text_area(
        "Ids or names",
        height=120,
        key="list_text",
        placeholder="One a line, or a table copied from a spreadsheet",
    )
    upload = st.file_uploader(
        "Or a file: text, CSV, Excel, OpenDocument, JSON, a Markdown table",
        type=_TYPES,
        key="list_file",
        max_upload_size=UPLOAD_LIMIT // 2**20,
    )
    if upload is not None:
        if text:
            st.caption("The file counts, not the text.")
        return _Source(upload.name, f"{opening}-{upload.file_id}", upload.getvalue)
    return _Source("pasted text", f"{opening}-{hash(text)}", lambda: text) if text and text.strip() else None


def _once(key: str, of: object, make: Callable[[], _T]) -> _T:
    """What `make` gives or raises for `of`, made once and kept until it is asked for another."""
    kept = st.session_state.get(key)
    if kept is None or kept[0] != of:
        try:
            kept = of, make(), None
        except UploadUnreadable as error:
            kept = of, None, error
        st.session_state[key] = kept
    if kept[2] is not None:
        raise kept[2].with_traceback(None)
    return cast("_T", kept[1])


def _read(source: _Source) -> Table:
    def reading(sheet: str) -> Table:
        with st.spinner("Reading the list…"):
            return read(source.content(), sheet)

    try:
        return _once("list_table", source.mark, lambda: reading(""))
    except ListUnclear as unclear:
        sheet = st.selectbox("Which sheet counts?", unclear.among, index=None, key=f"list_sheet-{source.mark}")
        if sheet is None:
            raise
        return _once("list_sheet", (source.mark, sheet), lambda: reading(sheet))


def _choice(source: _Source, table: Table, frame: CustomerFrame) -> Choice:
    """What is meant, as the list says it or the person does. Raises ListUnclear while that is open."""
    for remark in table.remarks:
        st.caption(md(remark, limit=300))
    if not table.rows:
        raise UploadUnreadable("This list is empty.")
    if len(table.names) == 1:
        return choose(table)
    _preview(table)
    held = _once("list_columns", (table, frame.version), lambda: _held(table, frame))
    column = st.selectbox(
        "Which column holds the customers?",
        table.names,
        index=certain(table),
        format_func=lambda name: f"{name}: {held[name]}",
        placeholder="Choose the column",
        key=f"list_column-{source.mark}",
    )
    if column is None:
        return choose(table)
    where: list[tuple[str, str]] = []
    for one in decisions(table, table.names.index(column)):
        told = {value: f"{value or 'nothing'}: {count(rows, 'row')}" for value, rows in one.values}
        told.setdefault(ANY, "Every row, whatever it says")
        meant = st.multiselect(
            f"{md(one.name)}: which rows are meant?",
            list(told),
            format_func=told.__getitem__,
            placeholder="Choose the values",
            select_all=False,
            key=f"list_where-{source.mark}-{one.place}",
        )
        where += [(one.name, value) for value in meant]
    return choose(table, column, where)


def _held(table: Table, frame: CustomerFrame) -> dict[str, str]:
    """What each column holds, in words: "12 ids, 11 of them known, 3 other texts"."""
    told = {}
    for column in table.columns:
        ids = {found for row in table.rows if column.ids and (found := id_in(row.cell(column.place)))}
        known = f"{count(column.ids, 'id')}, {number(int(frame.known(ids).sum()))} of them known"
        others = count(column.texts, "other text" if column.ids else "text")
        told[column.name] = ", ".join([known] * bool(column.ids) + [others] * bool(column.texts)) or "empty"
    return told


def _preview(table: Table) -> None:
    rows = [(str(at), *(row.cell(place) for place in range(len(table.names)))) for at, row in enumerate(table.rows[:_PREVIEW])]
    id_table.show("list_preview", [Column(name, 160) for name in table.names], rows, label="First rows of the list")
    if len(table.rows) > _PREVIEW:
        st.caption(f"The first {number(_PREVIEW)} of {count(len(table.rows), 'row')}.")


def _looked_up(rows: Sequence[Listed], frame: CustomerFrame) -> Report:
    bar = st.empty()
    report = look_up(
        rows,
        frame,
        already=False,
        tell=lambda done, of: bar.progress(done / of, f"{number(done)} of {count(of, 'name')} compared with all customers"),
    )
    bar.empty()
    return report


def _counted(report: Report) -> str:
    counted = [f"{number(report.counts[kind])} {kind}" for kind in Kind if report.counts[kind] and kind is not Kind.FOUND]
    total = f"{count(len(report.entries), 'row')}: **{number(len(report.found))} found**"
    return " · ".join([total, *counted])


def _show_report(report: Report, frame: CustomerFrame) -> None:
    if report.not_compared:
        st.caption(
            f"{count(report.not_compared, 'name')} that nobody has: too many to look for names that are nearly the same."
        )
    found = report.of(Kind.FOUND)
    if found:
        label = "Customers that the list found"
        id_table.show("list_found", *people(found, frame), label=label, most=6)
    if len(found) > MOST_ROWS:
        st.caption(f"The first {number(MOST_ROWS)} of {count(len(found), 'customer')}; the report has all.")


def _choose(source: _Source, entries: Sequence[Entry], words: str, frame: CustomerFrame) -> list[str]:
    """The customers that the person ticks of those that these rows may mean."""
    columns, rows = people(entries, frame)
    if not rows:
        return []
    st.markdown(f"**{count(len(entries), 'row')} {words}.** Tick whom you mean.")
    key = f"list_{entries[0].kind.name.lower()}-{source.mark}"
    id_table.show(key, columns, rows, label=f"Rows {words}", picked=id_table.ticked(key), tick="Choose", most=6)
    if len(rows) == MOST_ROWS:
        st.caption(f"The first {number(MOST_ROWS)} customers to choose from; the report has all.")
    return [row.split()[-1] for row in id_table.ticked(key)]


def _show_rest(report: Report, loads: Loads) -> None:
    for kind, words in _WORDS.items():
        entries = report.of(kind)
        if entries:
            with st.expander(f"{number(len(entries))} {words}"):
                lines = [f"{entry.line:>6}  {entry.text}" for entry in entries[:_SHOWN]]
                st.code("\n".join(lines) + ("\n     …" if len(entries) > _SHOWN else ""), language=None)
    notices.download_button(
        "Download the report",
        lambda: to_csv(report, loads.view().frame.records),
        file_name="list-report.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="list_report_csv",
    )
