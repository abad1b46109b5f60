"""Totals and charts of the customers on show."""

from __future__ import annotations

from datetime import UTC, datetime

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from lib.customers.filters import Filter, apply
from lib.customers.frame import CustomerFrame
from lib.customers.views import View
from lib.ui import nav
from lib.ui.customers import address
from lib.ui.text import count, number

#: The customers that deserve a look first.
IDLE = Filter(status="active", users_min=0, users_max=0, not_updated_days=365)
_BANDS = ((30, "< 1 month"), (90, "1–3 months"), (180, "3–6 months"), (365, "6–12 months"), (730, "1–2 years"))
_LONGEST, _UNKNOWN = "> 2 years", "unknown"


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
        st.altair_chart(_bars(by_age(frame, datetime.now(UTC)), "Since update"), height=250)
    with right:
        st.markdown("**Year of creation**")
        st.altair_chart(_bars(by_year(frame), "Year"), height=250)


def by_age(frame: CustomerFrame, now: datetime) -> pd.DataFrame:
    """Customers by time since their last update: columns Since update (in order), Status, Customers."""
    updated = frame.times["updated_at"].dt.tz_localize(None).to_numpy()
    unknown = np.isnat(updated)
    days = (np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us") - updated[~unknown]) // np.timedelta64(1, "D")
    bands = np.full(len(frame), len(_BANDS) + 1)
    bands[~unknown] = np.searchsorted([limit for limit, _ in _BANDS], days, side="right")
    return _counted(frame, bands, [*(label for _, label in _BANDS), _LONGEST, _UNKNOWN], "Since update")


def by_year(frame: CustomerFrame) -> pd.DataFrame:
    """Customers by the year (UTC) of their creation: columns Year, Status, Customers."""
    years, places = np.unique(frame.times["created_at"].dt.year.fillna(0).to_numpy(dtype=np.int64), return_inverse=True)
    # The unknown come last, as their bar does.
    labels = [*(str(year) for year in years if year), *([_UNKNOWN] if 0 in years else [])]
    return _counted(frame, np.where(years[places] == 0, len(labels) - 1, places - (0 in years)), labels, "Year")


def _counted(frame: CustomerFrame, groups: npt.NDArray[np.int64], labels: list[str], name: str) -> pd.DataFrame:
    """How many customers of either status are in each group, which is a place in `labels`."""
    inactive = ~frame.rows["is_active"].to_numpy()
    counts = np.bincount(2 * groups + inactive, minlength=2 * len(labels))
    return pd.DataFrame(
        {
            name: pd.Categorical(np.repeat(labels, 2), categories=labels, ordered=True),
            "Status": ["Active", "Inactive"] * len(labels),
            "Customers": counts,
        }
    )


def _bars(table: pd.DataFrame, by: str) -> alt.Chart:
    order = list(dict.fromkeys(table[by].astype(str)))
    chart: alt.Chart = (
        alt.Chart(table.astype({by: "str"}))
        .mark_bar()
        .encode(
            x=alt.X(f"{by}:N", sort=order, title=None, axis=alt.Axis(labelAngle=0, labelLimit=90, labelOverlap=False)),
            y=alt.Y("Customers:Q", title=None),
            color=alt.Color(
                "Status:N", legend=alt.Legend(orient="top", title=None), scale=alt.Scale(domain=["Active", "Inactive"])
            ),
            tooltip=[by, "Status", alt.Tooltip("Customers:Q", format=",")],
        )
    )
    return chart
