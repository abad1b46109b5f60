"""What every run did to one customer, also to one that is no longer in the list."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lib.runs.model import Run, Step
from lib.ui import nav
from lib.ui.resources import Resources
from lib.ui.runs.step_table import STEP_WORDS
from lib.ui.text import count, exact, md

_SEARCH = "history_of"
_LINKED = 10


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
    for run, step in past[:_LINKED]:
        label = f"{run.action.value.capitalize()} of {exact(step.settled_at or run.created_at)}: {run.id}"
        st.page_link(nav.page("runs"), label=label, icon=":material/arrow_forward:", query_params={"run": run.id})
    return True


def show(past: Sequence[tuple[Run, Step]]) -> None:
    """One row a run, newest first."""
    table = pd.DataFrame(
        {
            "When": [exact(step.settled_at or run.created_at) for run, step in past],
            "Action": [run.action.value.capitalize() for run, _ in past],
            "State": [STEP_WORDS[step.state] for _, step in past],
            "What happened": [step.words for _, step in past],
            "Reason": [run.reason for run, _ in past],
            "By": [run.operator for run, _ in past],
            "Run": [run.id for run, _ in past],
        }
    )
    st.dataframe(
        table, hide_index=True, height="content", row_height=32, placeholder="", alt="Runs of this customer, newest first"
    )
