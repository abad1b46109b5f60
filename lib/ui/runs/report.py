"""The report of a session as a download. It is made, and its export logged, when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial

import streamlit as st

from lib.people import Right
from lib.receipts.export import Format
from lib.receipts.report import MOST, runs_since
from lib.ui import notices
from lib.ui.resources import Resources
from lib.ui.text import count


def offer(resources: Resources) -> None:
    """A popover that says which runs the report is of: those since a day, at first that of the newest run."""
    if not resources.may(Right.EXPORT):
        return
    popover = st.popover("Report", icon=":material/summarize:", width="content", key="report", on_change="rerun")
    if not popover.open:
        return
    with popover:
        newest = resources.reads.runs(1, keys=resources.keys)
        if not newest:
            st.caption("There is no run yet.")
            return
        today = datetime.now(UTC).date()
        first = min(newest[0].created_at.astimezone(UTC).date(), today)
        since = st.date_input("Runs since (UTC)", first, max_value=today, key="report_since", width=200) or first
        number = len(runs_since(resources.reads, since, resources.keys))
        st.caption(
            f"{count(number, 'run')} on one page to print: whom, why, what came of it."
            if number <= MOST
            else f"More than {MOST} runs: choose a later day."
        )
        _button(resources, (), since, disabled=not 0 < number <= MOST)


def of_run(resources: Resources, run_id: str) -> None:
    """A button for the report of one run."""
    _button(resources, (run_id,), None)


def _button(resources: Resources, named: Sequence[str], since: date | None, *, disabled: bool = False) -> None:
    notices.download_button(
        "Report, to hand on",
        data=partial(_made, resources, named, since),
        file_name=f"report-{since or named[0]}.html",
        mime=Format.HTML.mime,
        on_click="ignore",
        key="report_html",
        width="stretch",
        disabled=disabled,
    )


def _made(resources: Resources, named: Sequence[str], since: date | None) -> bytes:
    return resources.report(named, since).body
