"""What the log says of a run, and whether the log is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pandas as pd
import streamlit as st

from lib.runs.chain import Entry
from lib.runs.model import Run
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.resources import Resources
from lib.ui.text import exact, md, number

_MOST = 500


def show(resources: Resources, run: Run) -> None:
    """Closed at first; reads the log only when somebody opens it."""
    opened = st.expander("Log of this run", icon=":material/history:", on_change="rerun", key=f"log-{run.id}")
    if not opened.open:
        return
    with opened:
        entries = resources.journal.entries(run.id, limit=_MOST)
        st.dataframe(
            entries_table(entries),
            hide_index=True,
            height=grid_height(len(entries), 10),
            row_height=ROW_HEIGHT,
            column_config={"What": st.column_config.TextColumn(width=420)},
            placeholder="",
            alt="The log's entries of this run, oldest first",
        )
        if len(entries) == _MOST:
            st.caption(f"The first {number(_MOST)} entries; the JSON lines receipt holds all.")
        if st.button("Check the whole log", icon=":material/verified:", key=f"check-{run.id}"):
            _check(resources)


def entries_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """One row an entry, oldest first: Number, When, Event, Customer, By, What (all text but Number)."""
    return pd.DataFrame(
        {
            "Number": [entry.seq for entry in entries],
            "When": [exact(entry.at) for entry in entries],
            "Event": [entry.event for entry in entries],
            "Customer": [entry.customer_id or "" for entry in entries],
            "By": [entry.who for entry in entries],
            "What": [_told(entry.payload) for entry in entries],
        }
    )


def _told(payload: str) -> str:
    """The facts of an entry as "name: value", nested names joined by a dot, without those that are empty."""
    return ", ".join(f"{name}: {value}" for name, value in _facts("", json.loads(payload)))


def _facts(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for part, inner in value.items():
            yield from _facts(f"{name}.{part}" if name else part, inner)
    elif value not in (None, "", []):
        yield name, "yes" if value is True else "no" if value is False else value


def _check(resources: Resources) -> None:
    checked = resources.journal.verify_chain()
    if checked.ok:
        st.success(f"All {number(checked.entries)} entries are as they were written.", icon=":material/verified:")
        st.code(checked.head, language=None)
    else:
        st.error(f"{md(checked.words)} Keep this journal as it is and tell whoever answers for it.", icon=":material/error:")
