"""A customer's record in a drawer on the right, with its history and a way to pick it."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from lib.avara.models import Customer
from lib.customers.frame import CustomerFrame
from lib.errors import JournalError
from lib.people import Right
from lib.plans.evidence import Way
from lib.spelling import visible
from lib.ui import notices, picks, record_view
from lib.ui.customers import asked
from lib.ui.resources import Resources
from lib.ui.runs import history
from lib.ui.text import md
from lib.ui.widgets import dialogs


def show(resources: Resources, frame: CustomerFrame, customer_id: str) -> None:
    """The record of `customer_id` as it stands in `frame`, and what every run did to it."""
    record = frame.record(customer_id)
    title = "Customer" if record is None else md(record.name if visible(record.name) else record.id)
    drawer = notices.dialog(title, width=620, position="right", icon=":material/domain:", on_dismiss=dialogs.close)
    drawer(_body)(resources, frame, customer_id, record)


def _body(resources: Resources, frame: CustomerFrame, customer_id: str, record: Customer | None) -> None:
    if record is None:
        st.warning("This customer is no longer in the list. Reload to see what is there now.")
        _history(resources, customer_id)
        return
    record_view.show_standing(record, datetime.now(UTC), frame.own_update(customer_id))
    picked = picks.how().get(customer_id)
    if picked:
        st.caption(md(picked.words, limit=500))
    if resources.may(Right.PLAN):
        st.button(
            "Unpick this customer" if picked else "Pick this customer",
            icon=":material/remove:" if picked else ":material/add:",
            key="drawer_pick",
            on_click=dialogs.act,
            args=(picks.remove, [customer_id]) if picked else (picks.add, [customer_id], Way.RECORD),
        )
    asked.draw_known(resources, frame, customer_id)
    record_view.show_record(record)
    _history(resources, customer_id)


def _history(resources: Resources, customer_id: str) -> None:
    st.subheader("Runs of this customer", anchor=False)
    try:
        past = resources.reads.history(customer_id)
    except JournalError as error:
        notices.tell(error)
        return
    if not past:
        st.caption("No run has touched it.")
        return
    history.show(past, names=False)
