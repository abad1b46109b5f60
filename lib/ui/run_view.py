"""A run on a page: how it stands, what may be done with it now, each step, and every updated record beside the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

import pandas as pd
import streamlit as st

from lib.runs.model import Hold, Person, Run, RunState, Step, StepState
from lib.ui import nav, receipts, record_view, timeline
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.notices import attempt, fragment
from lib.ui.resources import Resources, operator
from lib.ui.text import ago, count, duration, exact, md, number

_POLL_SECONDS = 0.6
_STEPS_ON_A_PAGE = 100
_ROWS_SEEN = 8

#: Words, mark and badge colour of each state; the mark tells states apart without colour.
STEP_WORDS = {
    StepState.PLANNED: "· to do",
    StepState.IN_FLIGHT: "… in flight",
    StepState.VERIFIED: "✓ verified",
    StepState.NOT_APPLIED: "! not applied",
    StepState.SKIPPED: "↷ skipped",
    StepState.FAILED: "✕ failed",
    StepState.UNKNOWN: "? unknown",
}
BadgeColour = Literal["gray", "blue", "orange", "green"]
RUN_BADGES: Mapping[RunState, tuple[str, str, BadgeColour]] = {
    RunState.PLANNED: ("Waiting to start", ":material/schedule:", "gray"),
    RunState.RUNNING: ("Running", ":material/play_arrow:", "blue"),
    RunState.PAUSED: ("Paused", ":material/pause:", "orange"),
    RunState.INTERRUPTED: ("Interrupted", ":material/power_off:", "orange"),
    RunState.FINISHED: ("Finished", ":material/check_circle:", "green"),
    RunState.CANCELLED: ("Cancelled", ":material/cancel:", "gray"),
}
_METRICS = (
    ("Verified", StepState.VERIFIED, "Read after the call, the record says what was asked for."),
    ("Skipped", StepState.SKIPPED, "No call was made; the table says why."),
    (
        "Not applied",
        StepState.NOT_APPLIED,
        "Read after the call, the record does not say what was asked for. It may be tried again.",
    ),
    ("Failed", StepState.FAILED, "Refused or gone; nothing was changed."),
    ("Unknown", StepState.UNKNOWN, "A call was sent and the record could not be read since."),
)


def show(resources: Resources, run_id: str) -> None:
    """The whole view. While the run is live, a fragment reads the journal and redraws; closing the tab changes nothing."""
    run = resources.journal.run(run_id)
    _header(resources, run)
    fragment(_body, resources, run_id, run.state, every=_POLL_SECONDS if run.working else None)
    timeline.show(resources, run)


def _header(resources: Resources, run: Run) -> None:
    label, icon, colour = _state(run)
    st.title(f"{run.action.value.capitalize()} {count(run.totals.total, 'customer')}", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", key="run_head"):
        st.badge(label, icon=icon, color=colour)
        parts = [md(run.connection_label), md(run.ticket), f"by {md(run.operator)}", ago(run.created_at, datetime.now(UTC))]
        st.markdown(" · ".join(part for part in parts if part), width="stretch", help=exact(run.created_at))
        _actions(resources, run)
    st.caption(f"Reason: {md(run.reason, limit=500)}")
    for words, other in (("This run takes back", run.undo_of), ("This run was taken back by", run.undone_by)):
        if other:
            st.page_link(nav.page("runs"), label=f"{words} {other}", icon=":material/undo:", query_params={"run": other})
    if run.words:
        (st.warning if run.needs_person else st.info)(md(run.words, limit=500), icon=":material/info:")


def _actions(resources: Resources, run: Run) -> None:
    """Only what is allowed now. Each button records a wish; the worker carries it out."""
    worker, who = resources.worker, {"who": operator()}
    if run.state is RunState.PLANNED:
        start = (resources, worker.submit, run.id)
        st.button(
            "Start", type="primary", icon=":material/play_arrow:", on_click=_wish, args=start, kwargs=who, key="run_start"
        )
    if run.can_pause:
        pause = (resources, worker.pause, run.id)
        st.button("Pause", icon=":material/pause:", on_click=_wish, args=pause, kwargs=who, key="run_pause")
    if run.can_resume:
        resume = (resources, worker.resume, run.id)
        word = "Let it go on" if run.hold is Hold.CANARY else "Resume"
        st.button(word, type="primary", icon=":material/play_arrow:", on_click=_wish, args=resume, kwargs=who, key="run_resume")
    if run.can_cancel:
        cancel = (resources, worker.cancel, run.id)
        st.button("Cancel", icon=":material/stop:", on_click=_wish, args=cancel, kwargs=who, key="run_cancel")
    if run.can_retry:
        st.button(
            f"Retry {number(run.totals.retryable)}",
            icon=":material/replay:",
            on_click=_wish,
            args=(resources, worker.retry, run.id),
            kwargs=who,
            key="run_retry",
            help="Only what failed, was not applied or is unknown; the rest is left alone.",
        )
    if run.can_undo and run.undone_by is None and st.button("Undo…", icon=":material/undo:", key="run_undo"):
        nav.go_to("deactivate", undo=run.id)
    if not run.live:
        receipts.show(resources, run)


def _wish(resources: Resources, act: Callable[..., object], run_id: str, *, who: Person) -> None:
    """A button's callback; the sidebar shows at once what came of it."""
    attempt(act, run_id, who=who)
    resources.live_runs.forget()


def _state(run: Run) -> tuple[str, str, BadgeColour]:
    """Words, icon and colour of the run's state; a hold after the first steps is no trouble and says so."""
    if run.state is RunState.PAUSED and run.hold is Hold.CANARY:
        return "First steps done, waiting for you", ":material/pause:", "blue"
    return RUN_BADGES[run.state]


def _body(resources: Resources, run_id: str, drawn_state: RunState) -> None:
    run = resources.journal.run(run_id)
    resources.live_runs.forget()  # the sidebar of the next rerun must not say less than this page
    if run.state is not drawn_state:
        st.rerun()
    _progress(run)
    _metrics(run)
    if run.totals.total == 1:
        _one(resources, run)
    else:
        _many(resources, run)


def _progress(run: Run) -> None:
    """Always there, so that nothing jumps when the run ends."""
    totals = run.totals
    text = f"{number(totals.settled)} of {number(totals.total)}"
    if run.started_at is not None:
        seconds = ((run.finished_at or datetime.now(UTC)) - run.started_at).total_seconds()
        rate = totals.settled / seconds if seconds > 0 else 0.0
        if run.state is RunState.RUNNING and rate > 0:
            text += f" · {rate:,.1f} a second · {duration((totals.total - totals.settled) / rate)} left"
        elif run.finished_at is not None:
            text += f" · took {duration(seconds)}"
    st.progress(totals.settled / totals.total, text=text)


def _metrics(run: Run) -> None:
    with st.container(horizontal=True):
        for label, state, help_ in _METRICS:
            st.metric(label, number(run.totals.count(state)), border=True, help=help_)
        st.metric(
            "To do", number(run.totals.planned + run.totals.in_flight), border=True, help="Not started, or in flight now."
        )


def _one(resources: Resources, run: Run) -> None:
    step = resources.journal.steps(run.id, limit=1)[0]
    _step(step)


def _many(resources: Resources, run: Run) -> None:
    states = [state for state in StepState if run.totals.count(state)]
    chosen_state = st.pills(
        "Steps",
        states,
        format_func=lambda state: f"{STEP_WORDS[state]} ({number(run.totals.count(state))})",
        key=f"states-{run.id}",
        label_visibility="collapsed",
    )
    total = run.totals.count(chosen_state) if chosen_state else run.totals.total
    pages = max(1, -(-total // _STEPS_ON_A_PAGE))
    page = min(int(st.session_state.get(f"steps-page-{run.id}") or 1), pages)
    offset = (page - 1) * _STEPS_ON_A_PAGE
    steps = list(resources.journal.steps(run.id, state=chosen_state, limit=_STEPS_ON_A_PAGE, offset=offset))
    ids = tuple(step.customer_id for step in steps)
    chosen = st.dataframe(
        steps_table(steps),
        key=f"steps-{hash(ids)}",
        hide_index=True,
        height=grid_height(len(steps), _ROWS_SEEN),
        row_height=ROW_HEIGHT,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Customer": st.column_config.TextColumn(width=270),
            "State": st.column_config.TextColumn(width=115),
            "Before": st.column_config.TextColumn(width=85),
            "After": st.column_config.TextColumn(width=85),
            "What happened": st.column_config.TextColumn(width=320),
            "Took": st.column_config.TextColumn(width=70),
            "Id": st.column_config.TextColumn(width=300),
        },
        placeholder="",
        alt="Steps of the run, one row a customer",
    )
    if pages > 1:
        st.pagination(pages, key=f"steps-page-{run.id}")
    rows = [row for row in chosen["selection"]["rows"] if 0 <= row < len(steps)]
    if rows:
        _step(steps[rows[0]])
    else:
        st.caption("Tick a row to see the customer's record before and after, and its metadata.")


def steps_table(steps: list[Step]) -> pd.DataFrame:
    """One row a step: Customer, State, Before, After, What happened, Took, Id (all text)."""
    return pd.DataFrame(
        {
            "Customer": [step.name for step in steps],
            "State": [STEP_WORDS[step.state] for step in steps],
            "Before": [_activity(step.before.is_active) for step in steps],
            "After": ["" if step.after is None else _activity(step.after.is_active) for step in steps],
            "What happened": [step.words for step in steps],
            "Took": ["" if step.seconds is None else f"{step.seconds:.2f} s" for step in steps],
            "Id": [step.customer_id for step in steps],
        },
        dtype="str",
    )


def _step(step: Step) -> None:
    mark = STEP_WORDS[step.state]
    st.markdown(f"**{md(mark)}**" + (f": {md(step.words, limit=400)}" if step.words else ""))
    record_view.show_change(step.before, step.after, datetime.now(UTC))


def _activity(is_active: bool) -> str:  # noqa: FBT001  # a field's value, not a switch
    return "● Active" if is_active else "○ Inactive"
