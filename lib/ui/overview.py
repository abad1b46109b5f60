"""Totals and charts of the customers on show."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from lib.charts import bars
from lib.customers.counts import by_age, by_year
from lib.customers.filters import Filter, apply
from lib.customers.frame import CustomerFrame
from lib.customers.views import View
from lib.ui import nav
from lib.ui.customers import address
from lib.ui.text import count, number

#: The customers that deserve a look first.
IDLE = Filter(status="active", users_min=0, users_max=0, not_updated_days=365)


def show_totals(frame: CustomerFrame, *, complete: bool) -> None:
    rows = frame.rows
    active = rows["is_active"]
    idle = len(apply(frame, IDLE, datetime.now(UTC)))
    with st.container(horizontal=True):
        st.metric("Customers", number(len(frame)), border=True, help=None if complete else "The list is not complete yet.")
        st.metric("Active", number(active.sum()), border=True)
        st.metric("Inactive", number((~active).sum()), border=True)
        st.metric("Users", number(rows["user_count"].sum()), border=True)
    if idle and st.button(
        f"{count(idle, 'active customer')} without users, not updated for a year: look at them",
        icon=":material/arrow_forward:",
        type="tertiary",
        key="idle",
    ):
        nav.go_to("customers", **address.spelled(View(filter=IDLE)))


def show_charts(frame: CustomerFrame) -> None:
    left, right = st.columns(2)
    with left:
        st.markdown("**Time since the last update**")
        st.altair_chart(bars(by_age(frame, datetime.now(UTC))), height=250)
    with right:
        st.markdown("**Year of creation**")
        st.altair_chart(bars(by_year(frame)), height=250)
