"""The list of runs: state, counts, age, who carries them; what somebody looks for among them; one opens by its link."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType

import streamlit as st

from lib.people import Right
from lib.plans.model import LIVE, Run, RunState
from lib.plans.undo import undone
from lib.runs.owner import carrier
from lib.ui import nav
from lib.ui.notices import fragment
from lib.ui.resources import LiveRuns, Resources
from lib.ui.runs import history
from lib.ui.runs.address import ADDRESS, RunsView
from lib.ui.runs.view import RUN_BADGES, badge, stands
from lib.ui.text import ago, count, exact, md, number
from lib.ui.widgets import anew, clicked, id_table
from lib.ui.widgets.id_table import Cell, Column

_ON_A_PAGE, _LATEST, _ANNOUNCED = 200, 10, 10
_ROWS_SEEN = 15
_POLL_SECONDS = 3.0
_COLUMNS = (
    Column("Run", 220),
    Column("State", 210),
    Column("Recorded, UTC", 230, "time"),
    *(Column(name, 95, "number") for name in ("Verified", "Skipped", "Not applied", "Failed", "Unknown", "To do")),
    Column("Planned by", 130),
    Column("Reason", 260, "long"),
    Column("Ticket", 110),
    Column("Connection", 180),
    Column("Process", 180),
    Column("Id", 200, "id"),
)
#: The choice of one finds each that its list calls so.
_STATES: Mapping[RunState, str] = {state: words for state, (words, *_) in RUN_BADGES.items()} | {
    RunState.PLANNED: "Waiting to start or for approval"
}
_NONE: Mapping[str, str] = MappingProxyType({})


def show(resources: Resources) -> None:
    """The runs of the view, newest first. It follows by itself while one is carried."""
    text = ADDRESS.shown().text
    found = bool(text) and history.show_found(resources, text)
    if text and not found and not resources.reads.run_counts(text):
        st.info(
            f"Nothing was found for {md(text)}: no customer of a run by that name or whole id, and no run by its id, ticket, "
            "reason, day (2026-11-28) or the people who planned or carried it.",
            icon=":material/search_off:",
        )
        return
    _follow(_all, resources)


def show_latest(resources: Resources) -> None:
    """The newest few."""
    _follow(_latest, resources)


def _follow(draw: Callable[[Resources], None], resources: Resources) -> None:
    resources.live_runs.get()  # of a journal that does not answer it is known at once
    counts = resources.reads.run_counts()
    if not counts:
        st.markdown("No run yet. Pick customers, review them and confirm; every run stays here with its receipt.")
        if clicked.button("Go to Customers", type="primary", icon=":material/table_rows:", key="to_customers"):
            nav.go_to("customers")
        return
    live = any(counts.get(state) for state in LIVE)  # also one that waits: somebody goes on with it elsewhere
    fragment(draw, resources, every=_POLL_SECONDS if live else None)


def _all(resources: Resources) -> None:
    stalled, view = _announce_waiting(resources), ADDRESS.shown()
    text, state = view.text, view.state
    counts = resources.reads.run_counts(text)
    st.pills(
        "State",
        [one for one in RunState if one in counts or one is state],
        format_func=_STATES.__getitem__,  # no counts: a choice whose words change is lost
        **anew.says("runs_state", state, partial(_narrow, resources), begins="default"),
        label_visibility="collapsed",
    )
    st.caption(" · ".join(f"{_STATES[one]} {number(counts[one])}" for one in RunState if one in counts))
    total = counts.get(state, 0) if state else sum(counts.values())
    pages = max(1, -(-total // _ON_A_PAGE))
    page = min(view.page, pages)
    runs = resources.reads.runs(_ON_A_PAGE, offset=(page - 1) * _ON_A_PAGE, state=state, text=text)
    _table(resources, runs, stalled)
    if pages > 1:
        st.pagination(pages, **anew.says("runs_page", page, partial(_turn, resources), begins="default"))


def _narrow(resources: Resources, state: RunState | None) -> None:
    _show(resources, RunsView(text=ADDRESS.shown().text, state=state))


def _turn(resources: Resources, page: int) -> None:
    _show(resources, ADDRESS.shown().model_copy(update={"page": page}))


def _show(resources: Resources, view: RunsView) -> None:
    ADDRESS.show(view)
    ADDRESS.say(resources)  # only this part of the page is drawn


def _latest(resources: Resources) -> None:
    stalled = _announce_waiting(resources)
    _table(resources, resources.reads.runs(_LATEST), stalled)


def _announce_waiting(resources: Resources) -> Mapping[str, str]:
    """Those that wait for a person, whatever page of the list they are on. Of which runs no call is made, and why."""
    live, now = LiveRuns.read(resources), datetime.now(UTC)
    waiting, mine, keys = live.waiting(now), live.waiting_for(resources, now), resources.keys
    for run in waiting[:_ANNOUNCED]:
        _announce(resources, run, now, live.stalled.get(run.id, ""), ours=run.fingerprint in keys, mine=run in mine)
    if len(waiting) > _ANNOUNCED:
        st.caption(f"and {number(len(waiting) - _ANNOUNCED)} more that wait for a person")
    return live.stalled


def _table(resources: Resources, runs: Sequence[Run], stalled: Mapping[str, str]) -> None:
    undos = resources.reads.undos(*(run.id for run in runs if run.undone_by))
    columns, rows = runs_table(runs, datetime.now(UTC), resources.keys, stalled=stalled, undos=undos)
    opened = id_table.show(
        "runs",
        columns,
        rows,
        label="Runs, newest first",
        address=lambda run_id: nav.address("runs", run=run_id),
        most=_ROWS_SEEN,
    )
    if opened:
        nav.go_to("runs", run=opened)


def _announce(resources: Resources, run: Run, now: datetime, stalled: str, *, ours: bool, mine: bool) -> None:
    label, icon, _ = badge(run, now, stalled)
    what = f"{run.action.value} {count(run.totals.total, 'customer')}"
    next_ = "resume or cancel" if run.can_resume else "start or cancel" if run.state is RunState.PLANNED else "cancel"
    if run.awaits_approval(now):
        next_ = "approve or refuse it" if mine else "see it or cancel"
    next_ = "see it or cancel" if run.damage or stalled else next_ if ours else "cancel"
    next_ = next_ if resources.can_write(run) and (mine or resources.may(Right.RUN)) else "see it"
    needless = run.on_canary or run.never_started(now) or not ours  # the label, or the key, says it all
    why = "" if needless else md(run.damage or stalled or stands(run, now), limit=300)
    key = "" if ours else f"Made under another key ({md(run.fingerprint[:8])}). "
    nav.link(
        "runs",
        label=f"{label}: {what}. {key}Open it to {next_}.",
        icon=icon,
        run=run.id,
    )
    if why:
        st.caption(why)  # a link's label stays on one line, and is cut off where that ends


def runs_table(
    runs: Sequence[Run],
    now: datetime,
    keys: Collection[str],
    *,
    stalled: Mapping[str, str] = _NONE,
    undos: Sequence[Run] = (),
) -> tuple[list[Column], list[tuple[Cell, ...]]]:
    """One row a run, newest first, in the columns that some run has something for.

    Of a run whose key is none of the account's `keys` the connection names it. `stalled`: why no call is made of a running
    run, by its id. `undos`: the runs that took some of them back.
    """
    return id_table.filled(_COLUMNS, [(run.id, _told(run, now, keys, stalled.get(run.id, ""), undos)) for run in runs])


def _told(run: Run, now: datetime, keys: Collection[str], stalled: str, undos: Sequence[Run]) -> dict[str, Cell]:
    totals = run.totals
    counts = {
        "Verified": totals.verified,
        "Skipped": totals.skipped,
        "Not applied": totals.not_applied,
        "Failed": totals.failed,
        "Unknown": totals.unknown,
        "To do": totals.planned + totals.in_flight,
    }
    return {
        "Run": f"{run.action.value.capitalize()} {count(totals.total, 'customer')}",
        "State": ", ".join(filter(None, (badge(run, now, stalled)[0], undone(run, undos)))),
        "Recorded, UTC": f"{exact(run.created_at)[:16]} · {ago(run.created_at, now)}",
        **{name: number(value) if value else "" for name, value in counts.items()},
        "Planned by": run.operator,
        "Reason": run.reason,
        "Ticket": run.ticket,
        "Connection": run.connection_label if run.fingerprint in keys else f"{run.connection_label}, key {run.fingerprint[:8]}",
        "Process": "" if stalled else _carrier(run),
        "Id": run.id,
    }


def _carrier(run: Run) -> str:
    """Which process carries a running run."""
    return carrier(run.owner) if run.state is RunState.RUNNING else ""
