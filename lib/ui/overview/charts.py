"""Charts of the customers. A click on a bar, or a row of its table, opens exactly those customers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.charts import CLICKED, bars
from lib.customers import counts
from lib.customers.counts import Counted
from lib.customers.facets import facet_keys
from lib.customers.frame import CustomerFrame
from lib.evidence.counts import by_newest_study
from lib.plans.model import Action, Run
from lib.spreadsheet import csv_bytes
from lib.ui import notices
from lib.ui.customers.opening import look_at
from lib.ui.resources import Resources
from lib.ui.text import md, number
from lib.ui.widgets import id_table
from lib.ui.widgets.id_table import Column

_NARROWEST, _HIGH = 300, 290
#: Of a table in sight, which then takes the room of its chart.
_ROWS = 6
#: The newest runs that are counted, and the newest months that have a bar.
_RUNS, _MONTHS = 1_000, 12
_DID = {Action.DEACTIVATE: "Deactivated", Action.REACTIVATE: "Reactivated"}


@dataclass(frozen=True)
class _Bars:
    """A chart: its `table` as `bars` takes it, and who is in a bar, by its group and series. `what` names the groups."""

    key: str
    title: str
    what: str
    table: pd.DataFrame
    ids: Callable[[str, str], Iterable[str]]
    upright: bool = False

    @classmethod
    def of(cls, frame: CustomerFrame, counted: Counted, **names: Any) -> Self:  # noqa: ANN401 - the fields above
        return cls(table=counted.table, ids=lambda label, series: frame.ids(counted.positions(label, series)), **names)

    @property
    def rows(self) -> list[tuple[str, str, str, int]]:
        """The bars there are: an id, its group, its series, how many."""
        cells = self.table.astype({self.table.columns[0]: "str"}).itertuples(name=None)
        return [(str(place), label, series, number) for place, label, series, number in cells if number]


def show(resources: Resources, frame: CustomerFrame) -> None:
    now, known = datetime.now(UTC), resources.evidence.reading.known
    st.header("Customers by what is known of them", anchor=False)
    st.caption("A click on a bar opens exactly those customers; so does a row of its table.")
    of = partial(_Bars.of, frame)
    newest = by_newest_study(frame, known, now)
    ages, years, users = counts.by_age(frame, now), counts.by_year(frame), counts.by_users(frame)
    with st.grid(3, min_column_width=_NARROWEST, gap="xsmall"):
        _draw(resources, of(newest, key="studies", title="Time since the newest study", what="Newest study"))
        _draw(resources, of(ages, key="updated", title="Time since the last update", what="Last update"))
        _draw(resources, of(users, key="users", title="Users", what="Users"))
        _draw(resources, of(years, key="created", title="Year of creation", what="Created in", upright=True))
        if keys := [key for key, _ in facet_keys(frame)]:
            _draw_metadata(resources, frame, keys)
        if (did := _of_runs(resources)) is not None:
            _draw(resources, did)


def _draw_metadata(resources: Resources, frame: CustomerFrame, keys: list[str]) -> None:
    with _card("metadata"):
        key = st.selectbox("Metadata key", keys, key="chart_key", label_visibility="collapsed", persist_state="session")
        counted = counts.by_metadata(frame, key)
        _fill(resources, _Bars.of(frame, counted, key="metadata", title=f"Metadata: {key}", what=key))


def _of_runs(resources: Resources) -> _Bars | None:
    """What runs of this account did, by the month (UTC) in which they were recorded; None where they did nothing."""
    keys = resources.keys
    runs = [run for run in resources.reads.runs(_RUNS) if run.fingerprint in keys and run.totals.verified]
    months = sorted({_month(run) for run in runs})[-_MONTHS:]

    def ids(month: str, done: str) -> Iterable[str]:
        """Each customer once, however often it was done to it."""
        return resources.reads.verified_in([run.id for run in runs if (_month(run), _DID[run.action]) == (month, done)])

    did = [(month, done, len(tuple(ids(month, done)))) for month in months for done in _DID.values()]
    table = pd.DataFrame(did, columns=["Month", "Done", "Customers"])

    return _Bars("runs", "What past runs did", "Runs of", table, ids, upright=True) if runs else None


def _month(run: Run) -> str:
    return f"{run.created_at.astimezone(UTC):%Y-%m}"


def _draw(resources: Resources, chart: _Bars) -> None:
    with _card(chart.key):
        _fill(resources, chart)


def _card(key: str) -> DeltaGenerator:
    return st.container(border=True, key=f"chart-{key}", height="stretch")


def _fill(resources: Resources, chart: _Bars) -> None:
    """The chart, or in its place the table of its numbers."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{md(chart.title)}**", width="stretch")
        is_table = st.toggle("Table", key=f"chart_table_{chart.key}")
    for label, of in (_table(chart) if is_table else _chart(chart))[:1]:
        look_at(resources, chart.ids(label, of), f"{chart.what} {label}, {of.lower()}")


def _chart(chart: _Bars) -> list[tuple[str, str]]:
    """Group and series of the bar that was clicked."""
    event = st.altair_chart(
        bars(chart.table, title=chart.what, upright=chart.upright, clicks=True),
        height=_HIGH if chart.upright else "content",
        key=f"chart_{chart.key}",
        on_select="rerun",
        selection_mode=CLICKED,
        alt=f"{chart.title}; its table has the numbers",
    )
    by, series, _ = map(str, chart.table.columns)
    return [(one[by], one[series]) for one in event["selection"].get(CLICKED, ())]


def _table(chart: _Bars) -> list[tuple[str, str]]:
    """The bars as rows, and their file; group and series of the row that was just opened."""
    by, series, customers = map(str, chart.table.columns)
    opened = id_table.show(
        f"chart_rows_{chart.key}",
        [Column(by, 105), Column(series, 80), Column(customers, 85, "number")],
        [(place, label, of, number(many)) for place, label, of, many in chart.rows],
        label=f"{chart.title}, a row a bar",
        opens=True,
        most=_ROWS,
    )
    notices.download_button(
        "CSV",
        csv_bytes([by, series, customers], [row[1:] for row in chart.rows]),
        file_name=f"{chart.key}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"chart_csv_{chart.key}",
    )
    return [(label, of) for place, label, of, _ in chart.rows if place == opened]
