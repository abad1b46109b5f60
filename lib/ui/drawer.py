"""A customer's record in a drawer on the right, with its history and a way to pick it."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from lib.customers.frame import CustomerFrame
from lib.ui import dialogs, picks, record_view
from lib.ui.resources import Resources
from lib.ui.run_view import STEP_WORDS
from lib.ui.text import exact


@st.dialog("Customer", width=620, position="right", icon=":material/domain:", on_dismiss=dialogs.close)
def show(resources: Resources, frame: CustomerFrame, customer_id: str) -> None:
    """The record of `customer_id` as it stands in `frame`, and what every run did to it."""
    record = frame.record(customer_id)
    if record is None:
        st.warning("This customer is no longer in the list. Reload to see what is there now.")
        return
    record_view.show_record(record, datetime.now(UTC))
    picked = customer_id in picks.chosen()
    if st.button(
        "Unpick this customer" if picked else "Pick this customer",
        icon=":material/remove:" if picked else ":material/add:",
        key="drawer_pick",
    ):
        (picks.remove if picked else picks.add)([customer_id])
        st.rerun()
    _history(resources, customer_id)


def _history(resources: Resources, customer_id: str) -> None:
    past = resources.journal.history(customer_id)
    st.markdown("**Runs of this customer**")
    if not past:
        st.caption("No run has touched it.")
        return
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
