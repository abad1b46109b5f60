"""What the log says of a run, whether the log is whole, and whether the journal's tables say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import streamlit as st

from lib.avara.text import one_line
from lib.journal.proof.chain import Entry
from lib.plans.model import Run
from lib.ui.resources import Resources
from lib.ui.text import count, exact, md, number
from lib.ui.widgets import clicked, id_table
from lib.ui.widgets.id_table import MOST_ROWS, Column

_ON_A_PAGE = MOST_ROWS
_ENTRY = (
    Column("Number", 80, "number"),
    Column("When", 190, "time"),
    Column("Event", 100),
    Column("Customer", 300, "id"),
    Column("By", 130),
    Column("What", 420, "long"),
)
_UNREAD_SHOWN = 60
_KEEP = "Keep this journal as it is and tell whoever answers for it."


def show(resources: Resources, run: Run) -> None:
    """Closed at first; reads the log only when somebody opens it."""
    opened = st.expander("Log of this run", icon=":material/history:", on_change="rerun", key=f"log-{run.id}")
    if not opened.open:
        return
    with opened:
        entries = resources.log.run_entries(run.id)
        _show_entries("entries", entries, "The log's entries of the run as a whole, oldest first")
        _steps(resources, run)
        if clicked.button("Check the whole journal", icon=":material/verified:", key=f"check-{run.id}"):
            _check(resources)


def _steps(resources: Resources, run: Run) -> None:
    """The entries of single customers, the newest on the first page."""
    key = f"log-page-{run.id}"
    page = int(st.session_state.get(key) or 1)
    number_, entries = resources.log.step_entries(run.id, limit=_ON_A_PAGE, offset=(page - 1) * _ON_A_PAGE)
    if not number_:
        return
    st.markdown(f"**Customers** · {count(number_, 'entry', 'entries')}, newest first")
    _show_entries("step_entries", entries, "The log's entries of single customers, newest first")
    pages = -(-number_ // _ON_A_PAGE)
    if pages > 1:
        st.pagination(pages, key=key)


def _show_entries(key: str, entries: Sequence[Entry], label: str) -> None:
    rows = [
        (str(entry.seq), str(entry.seq), exact(entry.at), entry.event, entry.customer_id or "", entry.who, _told(entry.payload))
        for entry in entries
    ]
    id_table.show(key, _ENTRY, rows, label=label, most=10)


def _told(payload: str) -> str:
    """The facts of an entry as "name: value", nested names joined by a dot, lists counted, without what is empty."""
    try:
        return ", ".join(f"{name}: {value}" for name, value in _facts("", json.loads(payload)))
    except ValueError:
        return f"can't be read: {one_line(payload, _UNREAD_SHOWN)}"


def _facts(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for part, inner in value.items():
            yield from _facts(f"{name}.{part}" if name else part, inner)
    elif isinstance(value, list) and value:
        yield name, f"{number(len(value))} listed"
    elif value not in (None, "", []):
        yield name, "yes" if value is True else "no" if value is False else value


def _check(resources: Resources) -> None:
    checked, audit = resources.verify()
    if checked.ok:
        st.success(f"All {number(checked.entries)} entries are as they were written.", icon=":material/verified:")
        st.code(checked.head, language=None)
    else:
        st.error(md(f"{checked.words} {_KEEP}", limit=400), icon=":material/error:")
    if audit.ok:
        st.success(md(audit.words, limit=400), icon=":material/verified:")
    else:
        st.error(md(f"{audit.words} {_KEEP}", limit=500), icon=":material/error:")
        found = audit.findings[:MOST_ROWS]
        rows = [(str(place), one.run_id, one.customer_id, one.words) for place, one in enumerate(found)]
        columns = [Column("Run", 220), Column("Customer", 300, "id"), Column("What", 420, "long")]
        id_table.show("findings", columns, rows, label="What is not as the log and the plans say", most=10)
