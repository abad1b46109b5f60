"""How many customers there are."""

from __future__ import annotations

import streamlit as st

from lib.customers.frame import CustomerFrame
from lib.ui.text import number


def show(frame: CustomerFrame, *, complete: bool) -> None:
    rows = frame.rows
    active = rows["is_active"]
    with st.container(horizontal=True):
        st.metric("Customers", number(len(frame)), border=True, help=None if complete else "The list is not complete yet.")
        st.metric("Active", number(active.sum()), border=True)
        st.metric("Inactive", number((~active).sum()), border=True)
        st.metric("Users", number(rows["user_count"].sum()), border=True)
