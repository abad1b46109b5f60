"""The steps of a run on its page: in a table, and one customer's record before and after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from lib.journal.journal import Journal
from lib.runs.model import DamagedStep, Run, Step, StepState
from lib.runs.plan import PlannedCustomer
from lib.ui import record_view
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.resources import Resources
from lib.ui.text import md, number

_STEPS_ON_A_PAGE = 100
_ROWS_SEEN = 8

#: Words and mark of each state; the mark tells states apart without colour.
STEP_WORDS = {
    StepState.PLANNED: "· to do",
    StepState.IN_FLIGHT: "… in flight",
    StepState.VERIFIED: "✓ verified",
    StepState.NOT_APPLIED: "! not applied",
    StepState.SKIPPED: "↷ skipped",
    StepState.FAILED: "✕ failed",
    StepState.UNKNOWN: "? unknown",
}
_DAMAGED = "✕ damaged"
_COLUMNS = ("Customer", "State", "Before", "After", "What happened", "Took", "Id")


def show(resources: Resources, run: Run) -> None:
    """The steps in the plan's order, by state and page; where there is one customer, its record at once."""
    if run.totals.total == 1 and (only := resources.journal.reads.steps_to_show(run.id, limit=1)):
        show_step(resources, only[0])
    else:
        _many(resources, run)


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
    steps = resources.journal.reads.steps_to_show(run.id, chosen_state, limit=_STEPS_ON_A_PAGE, offset=offset)
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
        show_step(resources, steps[rows[0]])
    else:
        st.caption("Tick a row to see the customer's record before and after, and its metadata.")


def steps_table(steps: Sequence[Step | DamagedStep]) -> pd.DataFrame:
    """One row a step: Customer, State, Before, After, What happened, Took, Id (all text)."""
    return pd.DataFrame(list(map(_row, steps)), columns=list(_COLUMNS), dtype="str")


def _row(step: Step | DamagedStep) -> tuple[str, ...]:
    if isinstance(step, DamagedStep):
        return step.name, _DAMAGED, "", "", step.words, "", step.customer_id
    after = "" if step.after is None else _activity(step.after.is_active)
    took = "" if step.seconds is None else f"{step.seconds:.2f} s"
    return step.name, STEP_WORDS[step.state], _activity(step.before.is_active), after, step.words, took, step.customer_id


def show_step(resources: Resources, step: Step | DamagedStep) -> None:
    """One customer's evidence, its record before and after, with its metadata."""
    mark = _DAMAGED if isinstance(step, DamagedStep) else STEP_WORDS[step.state]
    st.markdown(f"**{md(mark)}**" + (f": {md(step.words, limit=400)}" if step.words else ""))
    if isinstance(step, Step):
        record_view.show_evidence(_planned(resources.journal, step.run_id)[step.position])
        record_view.show_change(step.before, step.after, datetime.now(UTC))


@st.cache_resource(max_entries=4, show_spinner=False)
def _planned(_journal: Journal, run_id: str) -> tuple[PlannedCustomer, ...]:
    """The plan's customers, in the order of the run's steps. A plan never changes, and the page asks often."""
    return _journal.reads.plan(run_id).customers


def _activity(is_active: bool) -> str:  # noqa: FBT001  # a field's value, not a switch
    return "● Active" if is_active else "○ Inactive"
