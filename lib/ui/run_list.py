"""The list of runs: state, owner, counts, age; one opens by its button."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from lib.runs.model import Run
from lib.ui import nav
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.resources import Resources
from lib.ui.run_view import badge, stands
from lib.ui.text import ago, count, md

_MOST = 200
_OPEN = "open_run"


def show(resources: Resources) -> None:
    runs, now = resources.journal.runs(limit=_MOST), datetime.now(UTC)
    if not runs:
        st.markdown("No run yet. Pick customers, review them and confirm; every run stays here with its receipt.")
        if st.button("Go to Customers", type="primary", icon=":material/table_rows:"):
            nav.go_to("customers")
        return
    for run in runs:
        if run.needs_person(now):
            _announce(run, now)
    table = runs_table(runs, now)
    st.dataframe(
        table,
        key=f"runs-{hash(tuple(run.id for run in runs))}",
        hide_index=True,
        height=grid_height(len(runs), 15),
        row_height=ROW_HEIGHT,
        column_config={
            "Open": st.column_config.ButtonColumn(
                "Run", type="tertiary", width=70, key=_OPEN, on_click=_remember, args=([run.id for run in runs],), pinned=True
            ),
            "Reason": st.column_config.TextColumn(width=260),
        },
        placeholder="",
        alt="Runs, newest first",
    )
    wanted = st.session_state.pop("run_to_open", None)
    if wanted:
        nav.go_to("runs", run=wanted)


def _announce(run: Run, now: datetime) -> None:
    label, icon, _ = badge(run, now)
    what = f"{run.action.value} {count(run.totals.total, 'customer')}"
    next_ = "resume" if run.can_resume else "start"
    st.page_link(
        nav.page("runs"),
        label=f"{label}: {what}. {md(stands(run, now))} Open it to {next_} or cancel.",
        icon=icon,
        query_params={"run": run.id},
    )


def runs_table(runs: Sequence[Run], now: datetime) -> pd.DataFrame:
    """One row a run, newest first: Open, State, Action, counts of each outcome, Started, By, Reason, Ticket, Connection, Id."""
    return pd.DataFrame(
        {
            "Open": ["Open"] * len(runs),
            "State": [badge(run, now)[0] for run in runs],
            "Action": [run.action.value.capitalize() for run in runs],
            "Customers": [run.totals.total for run in runs],
            "Verified": [run.totals.verified for run in runs],
            "Skipped": [run.totals.skipped for run in runs],
            "Not applied": [run.totals.not_applied for run in runs],
            "Failed": [run.totals.failed for run in runs],
            "Unknown": [run.totals.unknown for run in runs],
            "Started": [ago(run.created_at, now) for run in runs],
            "By": [run.operator for run in runs],
            "Reason": [run.reason for run in runs],
            "Ticket": [run.ticket for run in runs],
            "Connection": [run.connection_label for run in runs],
            "Id": [run.id for run in runs],
        }
    )


def _remember(run_ids: list[str]) -> None:
    click = st.session_state.get(_OPEN)
    if click is not None and 0 <= click["row"] < len(run_ids):
        st.session_state["run_to_open"] = run_ids[click["row"]]
