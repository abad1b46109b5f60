"""What every run did to one customer, also to one that is no longer in the list."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.runs.model import Run, Step
from lib.ui import dialogs, id_table, nav
from lib.ui.id_table import MOST_ROWS, Column
from lib.ui.resources import Resources
from lib.ui.runs.step_table import STEP_WORDS
from lib.ui.text import count, exact, md

_SEARCH = "history_of"
_COLUMNS = (
    Column("When", 190, "time"),
    Column("Action", 95),
    Column("State", 115, "state"),
    Column("What happened", 260, "long"),
    Column("Reason", 200, "long"),
    Column("By", 130),
    Column("Run", 190, "id"),
)


def search(resources: Resources) -> bool:
    """A field for a customer's id, and below it what the runs did to that customer; whether one was asked for."""
    typed = st.text_input(
        "Customer id", key=_SEARCH, placeholder="cus_… shows what every run did to it", label_visibility="collapsed", width=420
    )
    customer_id = (typed or "").strip()
    if not customer_id:
        return False
    past = resources.journal.reads.history(customer_id) or resources.journal.reads.history(customer_id.lower())
    if not past:
        st.info(f"No run has touched {md(customer_id)}. Paste the whole id, as it stands in a list or a receipt.")
        return True
    names = dict.fromkeys(step.name for _, step in past)
    st.markdown(f"**{md(' / '.join(names))}** in {count(len(past), 'run')}, newest first")
    show(past)
    return True


def show(past: Sequence[tuple[Run, Step]]) -> None:
    """One row a run, newest first, each a link to it."""
    rows = [
        (
            run.id,
            exact(step.settled_at or run.created_at),
            run.action.value.capitalize(),
            STEP_WORDS[step.state],
            step.words,
            run.reason,
            run.operator,
            run.id,
        )
        for run, step in past[:MOST_ROWS]
    ]
    run_id = id_table.show(
        "history",
        _COLUMNS,
        rows,
        label="Runs of this customer, newest first",
        address=lambda run_id: nav.address("runs", run=run_id),
    )
    if run_id:
        dialogs.close()
        nav.go_to("runs", run=run_id)
