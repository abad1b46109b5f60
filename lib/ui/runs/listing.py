"""The list of runs: state, counts, age, who carries them; one opens by its button."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import pandas as pd
import streamlit as st

from lib.runs.model import Run, RunState
from lib.runs.owner import carrier
from lib.ui import nav
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.notices import fragment
from lib.ui.resources import LiveRuns, Resources
from lib.ui.runs.view import RUN_BADGES, badge
from lib.ui.text import ago, count, md, number

_ON_A_PAGE, _LATEST, _ANNOUNCED = 200, 10, 10
_ROWS_SEEN = 15
_POLL_SECONDS = 3.0
_OPEN = "open_run"
_NONE: Mapping[str, str] = MappingProxyType({})


def show(resources: Resources) -> None:
    """Every run, newest first, by state and page. It follows by itself while one is carried."""
    _follow(resources, _all)


def show_latest(resources: Resources) -> None:
    """The newest few."""
    _follow(resources, _latest)


def _follow(resources: Resources, draw: Callable[[Resources], None]) -> None:
    resources.live_runs.get()  # of a journal that does not answer it is known at once
    counts = resources.journal.reads.run_counts()
    if not counts:
        st.markdown("No run yet. Pick customers, review them and confirm; every run stays here with its receipt.")
        if st.button("Go to Customers", type="primary", icon=":material/table_rows:"):
            nav.go_to("customers")
        return
    working = counts.get(RunState.RUNNING) or counts.get(RunState.PLANNED)
    fragment(draw, resources, every=_POLL_SECONDS if working else None)


def _all(resources: Resources) -> None:
    stalled = _announce_waiting(resources)
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
    runs = resources.journal.reads.runs(_ON_A_PAGE, offset=(page - 1) * _ON_A_PAGE, state=state)
    _table(runs, resources.keys(), stalled)
    if pages > 1:
        st.pagination(pages, key="runs_page")


def _latest(resources: Resources) -> None:
    stalled = _announce_waiting(resources)
    _table(resources.journal.reads.runs(_LATEST), resources.keys(), stalled)


def _announce_waiting(resources: Resources) -> Mapping[str, str]:
    """Those that wait for a person, whatever page of the list they are on. Of which runs no call is made, and why."""
    live, now = LiveRuns.read(resources.journal, resources.worker.owner), datetime.now(UTC)
    waiting, keys = live.waiting(now), resources.keys()
    for run in waiting[:_ANNOUNCED]:
        _announce(run, now, live.stalled.get(run.id, ""), ours=run.fingerprint in keys)
    if len(waiting) > _ANNOUNCED:
        st.caption(f"and {number(len(waiting) - _ANNOUNCED)} more that wait for a person")
    return live.stalled


def _table(runs: Sequence[Run], keys: Collection[str], stalled: Mapping[str, str]) -> None:
    st.dataframe(
        runs_table(runs, datetime.now(UTC), keys, stalled=stalled),
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


def _announce(run: Run, now: datetime, stalled: str, *, ours: bool) -> None:
    label, icon, _ = badge(run, now, stalled)
    what = f"{run.action.value} {count(run.totals.total, 'customer')}"
    next_ = "resume or cancel" if run.can_resume else "start or cancel" if run.state is RunState.PLANNED else "cancel"
    next_ = "see it or cancel" if run.damage or stalled else next_ if ours else "cancel"
    needless = run.on_canary or run.never_started(now) or not ours  # the label, or the key, says it all
    why = "" if needless else md(run.damage or stalled or run.words, limit=300)
    key = "" if ours else f"Made under another key ({md(run.fingerprint[:8])}). "
    st.page_link(
        nav.page("runs"),
        label=f"{label}: {what}. {key}Open it to {next_}.",
        icon=icon,
        query_params={"run": run.id},
    )
    if why:
        st.caption(why)  # a link's label stays on one line, and is cut off where that ends


def runs_table(
    runs: Sequence[Run], now: datetime, keys: Collection[str], *, stalled: Mapping[str, str] = _NONE
) -> pd.DataFrame:
    """One row a run, newest first: Open, State, Action, counts that add up, Recorded, Planned by, Reason ..., Process, Id.

    Of a run whose key is none of the account's `keys` the connection names it. `stalled`: why no call is made of a running
    run, by its id.
    """
    return pd.DataFrame(
        {
            "Open": ["Open"] * len(runs),
            "State": [badge(run, now, stalled.get(run.id, ""))[0] for run in runs],
            "Action": [run.action.value.capitalize() for run in runs],
            "Customers": [run.totals.total for run in runs],
            "Verified": [run.totals.verified for run in runs],
            "Skipped": [run.totals.skipped for run in runs],
            "Not applied": [run.totals.not_applied for run in runs],
            "Failed": [run.totals.failed for run in runs],
            "Unknown": [run.totals.unknown for run in runs],
            "To do": [run.totals.planned + run.totals.in_flight for run in runs],
            "Recorded": [ago(run.created_at, now) for run in runs],
            "Planned by": [run.operator for run in runs],
            "Reason": [run.reason for run in runs],
            "Ticket": [run.ticket for run in runs],
            "Connection": [
                run.connection_label if run.fingerprint in keys else f"{run.connection_label}, key {run.fingerprint[:8]}"
                for run in runs
            ],
            "Process": ["" if run.id in stalled else _carrier(run) for run in runs],
            "Id": [run.id for run in runs],
        }
    )


def _carrier(run: Run) -> str:
    """Which process carries a running run."""
    return carrier(run.owner) if run.state is RunState.RUNNING else ""


def _remember(run_ids: list[str]) -> None:
    click = st.session_state.get(_OPEN)
    if click is not None and 0 <= click["row"] < len(run_ids):
        st.session_state["run_to_open"] = run_ids[click["row"]]
