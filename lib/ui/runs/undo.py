"""What a run's page says of undos: which run it takes back, who takes it back and how far that got, whom it left alone."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.errors import PlanError, RunNotFound
from lib.plans.model import Run, StepState
from lib.plans.plan import Untouched
from lib.plans.undo import as_left
from lib.ui import nav
from lib.ui.resources import Resources
from lib.ui.text import count, md, number
from lib.ui.widgets import id_table
from lib.ui.widgets.id_table import MOST_ROWS, Column


def show_links(resources: Resources, run: Run, undos: Sequence[Run]) -> None:
    """Links between a run and its undos; below them whom its plan left out."""
    if run.undo_of:
        _link(run.undo_of, f"This run takes back {run.undo_of}")
    for undo in undos:
        _link(undo.id, taken_back(run, undo))
    _left_out(resources, run)


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
    nav.link("runs", label=label, icon=":material/undo:", run=run_id)


def _left_out(resources: Resources, run: Run) -> None:
    try:
        plan, names = resources.reads.plan(run.id), {}
    except (PlanError, RunNotFound):  # the check of the journal says so
        return
    left = plan.left_alone or plan.set_aside
    if not left:
        return
    if run.undo_of:  # plans of older versions have no names of them
        names = {step.customer_id: step.name for step in resources.reads.every_step(run.undo_of)}
    with st.expander(md(left_alone(left, undo=bool(run.undo_of))), icon=":material/block:"):
        for many in (one for one in left if not one.customer_id):
            st.markdown(f"{md(many.who)}: {md(many.why, limit=400)}")
        named = [one for one in left if one.customer_id]
        rows = [
            (one.customer_id, one.who or names.get(one.customer_id, ""), one.why, one.customer_id) for one in named[:MOST_ROWS]
        ]
        columns = [Column("Customer", 240, "long"), Column("Why", 320, "long"), Column("Id", 300, "id")]
        if rows:
            id_table.show("left_alone", columns, rows, label="Customers that this run leaves alone")
        if len(named) > MOST_ROWS:
            st.caption(f"The first {number(MOST_ROWS)} of {count(len(named), 'customer')}; the receipt has all.")


def left_alone(those: Sequence[Untouched], *, undo: bool) -> str:
    """How many customers there are of each kind: "2 customers left out by the review, 542 not picked"."""
    picked, not_picked = (sum(one.number for one in those if one.not_picked is over) for over in (False, True))
    told = [f"{count(picked, 'customer')} {'of that run left alone' if undo else 'left out by the review'}"] if picked else []
    if not_picked:
        told.append(f"{number(not_picked) if told else count(not_picked, 'candidate')} not picked")
    return ", ".join(told)
