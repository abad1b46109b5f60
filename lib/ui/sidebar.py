"""The sidebar: which connection, where to go and what waits there, how old the data is and what is new in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import wraps

import streamlit as st

from lib.avara.connection import Connection
from lib.config import APP_NAME
from lib.errors import JournalError
from lib.ui import loading, nav, news, notices, picks
from lib.ui.resources import LiveRuns, Resources
from lib.ui.text import md, number
from lib.ui.widgets import dialogs

#: Between two looks at the runs while one is live, and while none is: each look costs every tab a drawing.
_POLL_SECONDS, _QUIET_SECONDS = 3.0, 10.0
_DRAWINGS = itertools.count()


def show(resources: Resources) -> None:
    with st.sidebar:
        st.markdown(f"**{APP_NAME}**")
        st.page_link(nav.page("overview"))
        nav.link("customers")
        st.page_link(nav.page("deactivate"), label=_with("Deactivate", len(picks.chosen()), "picked"))
        notices.fragment(_newly_named(_runs_link), resources, every=_every(resources))
        st.page_link(nav.page("connection"))
        st.divider()
        loading.show_status(resources.loads, lambda: resources.waiting)
        news.show(resources.loads)


def show_connection(connection: Connection) -> None:
    """Sandbox or production, in words and in colour: for the top of every page, where it is in sight at every width."""
    if connection.environment == "sandbox":
        st.badge(
            md(connection.label),
            icon=":material/science:",
            color="green",
            help="Made-up customers; nothing leaves this machine.",
        )
    else:
        st.badge(f"Production · {md(connection.label)}", icon=":material/public:", color="orange", help="Real customers.")


def _every(resources: Resources) -> float:
    """In seconds; often also where it can't be known."""
    with suppress(JournalError):
        return _POLL_SECONDS if resources.live_runs.get().runs else _QUIET_SECONDS
    return _POLL_SECONDS


def _newly_named(draw: Callable[[Resources], None]) -> Callable[[Resources], None]:
    """The same for Streamlit to draw, under a name that no timer of an earlier drawing asks for.

    Where such a one asks just after a drawing of the whole page is over, Streamlit 1.67 loses what of that is not on its way
    yet: of 20 tabs that search at once, now and then one kept the old rows under the new search.
    """

    @wraps(draw)
    def newly_named(resources: Resources) -> None:
        draw(resources)

    newly_named.__qualname__ = f"{draw.__qualname__}-{next(_DRAWINGS)}"
    return newly_named


def _runs_link(resources: Resources) -> None:
    """Follows by itself, so that on every page a run tells when it needs a person, whoever started it.

    It asks for what was read a moment ago: no page waits here for a journal that does not answer.
    """
    if notices.download_failed():
        dialogs.redraw_page()
    try:
        live = resources.live_runs.get()
        label, trouble = _runs_label(live), next(iter(live.stalled.values()), "")
    except JournalError as error:
        label, trouble = "Runs", error.message
    st.page_link(nav.page("runs"), label=label)
    if trouble:
        st.caption(f":material/error: {md(trouble, limit=200)}")


def _runs_label(live: LiveRuns) -> str:
    waiting = live.waiting(datetime.now(UTC))
    if waiting:
        return _with("Runs", len(waiting), "waiting for you")
    return _with("Runs", len(live.runs), "running")


def _with(label: str, value: int, what: str) -> str:
    return f"{label} · {number(value)} {what}" if value else label
