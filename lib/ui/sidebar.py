"""The sidebar: which connection, where to go and what waits there, how old the data is."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.config import APP_NAME
from lib.runs.model import LIVE, Run, RunState
from lib.ui import loading, nav, picks
from lib.ui.resources import Resources
from lib.ui.text import md, number


def show(resources: Resources) -> None:
    with st.sidebar:
        st.markdown(f"### {APP_NAME}")
        show_connection(resources)
        runs = resources.journal.live_runs(*LIVE)
        st.page_link(nav.page("overview"))
        st.page_link(nav.page("customers"))
        st.page_link(nav.page("deactivate"), label=_with("Deactivate", len(picks.get()), "picked"))
        st.page_link(nav.page("runs"), label=_runs_label(runs))
        st.page_link(nav.page("connection"))
        st.divider()
        loading.show_status(resources.loads)


def show_connection(resources: Resources) -> None:
    """Sandbox or production, in words and in colour."""
    connection = resources.connection
    if connection.environment == "sandbox":
        st.badge(
            md(connection.label),
            icon=":material/science:",
            color="green",
            help="Made-up customers; nothing leaves this machine.",
        )
    else:
        st.badge(f"Production · {md(connection.label)}", icon=":material/public:", color="orange", help="Real customers.")


def _runs_label(runs: Sequence[Run]) -> str:
    waiting = sum(run.needs_person for run in runs)
    if waiting:
        return _with("Runs", waiting, "waiting for you")
    return _with("Runs", sum(run.state in (RunState.RUNNING, RunState.PLANNED) for run in runs), "running")


def _with(label: str, value: int, what: str) -> str:
    return f"{label} · {number(value)} {what}" if value else label
