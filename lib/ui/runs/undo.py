"""What a run's page says of undos: which run it takes back, who takes it back and how far that got, whom it left alone."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.plans.model import Run, StepState
from lib.plans.undo import as_left
from lib.ui import nav
from lib.ui.resources import Resources
from lib.ui.text import count, number
from lib.ui.widgets import id_table
from lib.ui.widgets.id_table import MOST_ROWS, Column


def show_links(resources: Resources, run: Run, undos: Sequence[Run]) -> None:
    """Links between a run and its undos; below them whom an undo left alone."""
    if run.undo_of:
        _link(run.undo_of, f"This run takes back {run.undo_of}")
        _left_alone(resources, run, run.undo_of)
    for undo in undos:
        _link(undo.id, taken_back(run, undo))


def taken_back(run: Run, undo: Run) -> str:
    """How far `undo` got with taking back `run`, in words."""
    so_far = f"{number(undo.totals.verified)} of {count(run.totals.verified, 'customer')}"
    if undo.live:
        return f"This run is being taken back by {undo.id}, which is {undo.state}: {so_far} so far"
    if not undo.totals.verified:
        return f"Nothing of this run was taken back by {undo.id}, which is {undo.state}"
    return f"This run was taken back by {undo.id}: {so_far}"


def offered(resources: Resources, run: Run, undos: Sequence[Run]) -> bool:
    """Whether an undo makes sense: none is under way, and of what the run changed some customer is still as it left it.

    Where no list of customers can tell, it is offered: its review says who would be left alone, and why.
    """
    if not run.can_undo or any(undo.live for undo in undos):
        return False
    if not undos or not resources.loads.complete:
        return True
    frame, steps = resources.loads.frame(), resources.reads.every_step(run.id, StepState.VERIFIED)
    return any(as_left(run, step, frame.record(step.customer_id)) for step in steps)


def _link(run_id: str, label: str) -> None:
    st.page_link(nav.page("runs"), label=label, icon=":material/undo:", query_params={"run": run_id})


def _left_alone(resources: Resources, run: Run, undo_of: str) -> None:
    left = resources.reads.plan(run.id).left_alone
    if not left:
        return
    names = {step.customer_id: step.name for step in resources.reads.every_step(undo_of)}
    with st.expander(f"{count(len(left), 'customer')} of that run left alone", icon=":material/block:"):
        rows = [(one.customer_id, names.get(one.customer_id, ""), one.why, one.customer_id) for one in left[:MOST_ROWS]]
        columns = [Column("Customer", 240), Column("Why", 320, "long"), Column("Id", 300, "id")]
        id_table.show("left_alone", columns, rows, label="Customers that this undo left alone")
        if len(left) > MOST_ROWS:
            st.caption(f"The first {number(MOST_ROWS)} of {count(len(left), 'customer')}; the receipt has all.")
