"""What runs did to customers: to one, also to one that is no longer in the list, or to those that somebody looks for."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.plans.model import DamagedStep, Run, Step
from lib.ui import nav
from lib.ui.resources import Resources
from lib.ui.runs.address import ADDRESS, RunsView
from lib.ui.runs.step_table import mark
from lib.ui.text import count, exact, number
from lib.ui.widgets import anew, dialogs, id_table
from lib.ui.widgets.id_table import Cell, Column

_COLUMNS = (
    Column("When", 190, "time"),
    Column("Customer", 230, "long"),
    Column("Action", 100),
    Column("State", 120, "state"),
    Column("What happened", 260, "long"),
    Column("By", 130),
    Column("Reason", 260, "long"),
    Column("Ticket", 110),
    Column("Run", 200, "id"),
)


def search() -> None:
    """A field for what somebody looks for among all runs; the view of Runs has it from there."""
    st.text_input(
        "Search the runs",
        **anew.says("runs_search", ADDRESS.shown().text, _look_for, reads=str.strip),
        type="search",
        placeholder="Customer's name or id, run, person, ticket, reason or day",
        label_visibility="collapsed",
        width=460,
    )


def _look_for(said: str) -> None:
    ADDRESS.show(RunsView(text=said.strip(), state=ADDRESS.shown().state))


def show_found(resources: Resources, text: str) -> bool:
    """What runs did to the customers of that id or with that in their names; whether there are any."""
    found = resources.reads.history(text, by_name=True, limit=id_table.MOST_ROWS + 1)
    past = found[: id_table.MOST_ROWS]
    if past:
        customers = count(len({step.customer_id for _, step in past}), "customer")
        newest = f"the newest {number(len(past))}" if len(found) > len(past) else "newest first"
        st.markdown(f"What runs did to **{customers}**, {newest}")
        show(past)
    return bool(past)


def show(past: Sequence[tuple[Run, Step | DamagedStep]], *, names: bool = True) -> None:
    """One row a customer and run; it opens the customer in its run. Without `names` where they stand above."""
    shown = [column for column in _COLUMNS if names or column.label != "Customer"]
    columns, rows = id_table.filled(shown, [(f"{run.id} {step.customer_id}", _told(run, step)) for run, step in past])
    opened = id_table.show(
        "history",
        columns,
        rows,
        label="What runs did, newest first",
        address=lambda row: nav.address("runs", **_query(row)),
    )
    if opened:
        dialogs.close()
        nav.go_to("runs", **_query(opened))


def _query(row: str) -> dict[str, str]:
    return dict(zip(("run", "customer"), row.split(), strict=True))


def _told(run: Run, step: Step | DamagedStep) -> dict[str, Cell]:
    settled_at = step.settled_at if isinstance(step, Step) else None
    return {
        "When": exact(settled_at or run.created_at),
        "Customer": step.name,
        "Action": run.action.value.capitalize(),
        "State": mark(step),
        "What happened": step.words,
        "By": run.operator,
        "Reason": run.reason,
        "Ticket": run.ticket,
        "Run": run.id,
    }
