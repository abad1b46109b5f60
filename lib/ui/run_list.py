"""The list of runs: state, counts, age, who carries them; one opens by its button."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from lib.runs.model import LIVE, Run, RunState
from lib.ui import nav
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.notices import fragment
from lib.ui.resources import Resources
from lib.ui.run_view import RUN_BADGES, badge
from lib.ui.text import ago, count, md, number

_ON_A_PAGE, _LATEST, _ANNOUNCED = 200, 10, 10
_ROWS_SEEN = 15
_POLL_SECONDS = 3.0
_OPEN = "open_run"


def show(resources: Resources) -> None:
    """Every run, newest first, by state and page. It follows by itself while one is carried."""
    _follow(resources, _all)


def show_latest(resources: Resources) -> None:
    """The newest few."""
    _follow(resources, _latest)


def _follow(resources: Resources, draw: Callable[[Resources], None]) -> None:
    counts = resources.journal.reads.run_counts()
    if not counts:
        st.markdown("No run yet. Pick customers, review them and confirm; every run stays here with its receipt.")
        if st.button("Go to Customers", type="primary", icon=":material/table_rows:"):
            nav.go_to("customers")
        return
    working = counts.get(RunState.RUNNING) or counts.get(RunState.PLANNED)
    fragment(draw, resources, every=_POLL_SECONDS if working else None)


def _all(resources: Resources) -> None:
    _announce_waiting(resources)
    counts = resources.journal.reads.run_counts()
    state = st.pills(
        "State",
        [state for state in RunState if state in counts],
        format_func=lambda state: f"{RUN_BADGES[state][0]} ({number(counts[state])})",
        key="runs_state",
        label_visibility="collapsed",
    )
    total = counts.get(state, 0) if state else sum(counts.values())
    pages = max(1, -(-total // _ON_A_PAGE))
    page = min(int(st.session_state.get("runs_page") or 1), pages)
    _table(resources.journal.reads.runs(_ON_A_PAGE, offset=(page - 1) * _ON_A_PAGE, state=state), resources.keys())
    if pages > 1:
        st.pagination(pages, key="runs_page")


def _latest(resources: Resources) -> None:
    _announce_waiting(resources)
    _table(resources.journal.reads.runs(_LATEST), resources.keys())


def _announce_waiting(resources: Resources) -> None:
    """Those that wait for a person, whatever page of the list they are on."""
    now = datetime.now(UTC)
    waiting = [run for run in resources.journal.reads.live_runs(*LIVE) if run.needs_person(now)]
    keys = resources.keys()
    for run in waiting[:_ANNOUNCED]:
        _announce(run, now, ours=run.fingerprint in keys)
    if len(waiting) > _ANNOUNCED:
        st.caption(f"and {number(len(waiting) - _ANNOUNCED)} more that wait for a person")


def _table(runs: Sequence[Run], keys: Collection[str]) -> None:
    st.dataframe(
        runs_table(runs, datetime.now(UTC), keys),
        key=f"runs-{hash(tuple(run.id for run in runs))}",
        hide_index=True,
        height=grid_height(len(runs), _ROWS_SEEN),
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


def _announce(run: Run, now: datetime, *, ours: bool) -> None:
    label, icon, _ = badge(run, now)
    what = f"{run.action.value} {count(run.totals.total, 'customer')}"
    next_ = ("resume or cancel" if run.can_resume else "start or cancel") if ours else "cancel"
    needless = run.on_canary or run.never_started(now) or not ours  # the label, or the key, says it all
    why = "" if needless else f"{md(run.words)} "
    key = "" if ours else f"Made under another key ({md(run.fingerprint[:8])}). "
    st.page_link(
        nav.page("runs"),
        label=f"{label}: {what}. {why}{key}Open it to {next_}.",
        icon=icon,
        query_params={"run": run.id},
    )


def runs_table(runs: Sequence[Run], now: datetime, keys: Collection[str]) -> pd.DataFrame:
    """One row a run, newest first: Open, State, Carried by, Action, counts that add up, Started, By, Reason ...

    Of a run whose key is none of the account's `keys` the connection names it.
    """
    return pd.DataFrame(
        {
            "Open": ["Open"] * len(runs),
            "State": [badge(run, now)[0] for run in runs],
            "Carried by": [_carrier(run) for run in runs],
            "Action": [run.action.value.capitalize() for run in runs],
            "Customers": [run.totals.total for run in runs],
            "Verified": [run.totals.verified for run in runs],
            "Skipped": [run.totals.skipped for run in runs],
            "Not applied": [run.totals.not_applied for run in runs],
            "Failed": [run.totals.failed for run in runs],
            "Unknown": [run.totals.unknown for run in runs],
            "To do": [run.totals.planned + run.totals.in_flight for run in runs],
            "Started": [ago(run.created_at, now) for run in runs],
            "By": [run.operator for run in runs],
            "Reason": [run.reason for run in runs],
            "Ticket": [run.ticket for run in runs],
            "Connection": [
                run.connection_label if run.fingerprint in keys else f"{run.connection_label}, key {run.fingerprint[:8]}"
                for run in runs
            ],
            "Id": [run.id for run in runs],
        }
    )


def _carrier(run: Run) -> str:
    """Which process carries a running run, without the token that tells it from earlier ones."""
    if run.state is not RunState.RUNNING or not run.owner:
        return ""
    host, _, process = run.owner.rpartition(":")[0].rpartition(":")
    return f"{host}, process {process}" if host else run.owner


def _remember(run_ids: list[str]) -> None:
    click = st.session_state.get(_OPEN)
    if click is not None and 0 <= click["row"] < len(run_ids):
        st.session_state["run_to_open"] = run_ids[click["row"]]
