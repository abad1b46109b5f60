"""The sidebar: which connection, where to go and what waits there, how old the data is and what is new in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import wraps

import streamlit as st

from lib.errors import JournalError
from lib.people import Right
from lib.plans.model import Run
from lib.ui import account, kept, loading, nav, news, notices, picks, sign_in
from lib.ui.accounts import armed
from lib.ui.resources import LiveRuns, Resources
from lib.ui.text import md, number
from lib.ui.widgets import dialogs

#: Between two looks at the runs while one is live, and while none is: each look costs every tab a drawing.
_POLL_SECONDS, _QUIET_SECONDS = 3.0, 10.0
_DRAWINGS = itertools.count()


def show(resources: Resources) -> None:
    with st.sidebar:
        _bare("overview")
        nav.link("customers")
        if resources.may(Right.PLAN):
            _bare("deactivate", _with("Deactivate", len(picks.chosen()), "picked"))
        notices.fragment(_newly_named(_runs_link), resources, every=_every(resources))
        nav.link("compare")
        _bare("connection")
        st.divider()
        loading.show_status(resources.loads, lambda: resources.waiting)
        news.show(resources.loads)
        if (who := resources.operator).sign_in is not None and not st.user.get("is_logged_in"):  # else `out` says it
            st.caption(f":material/person: {md(who.name)}")
        sign_in.out(resources.gate)


def _bare(name: nav.PageName, label: str | None = None) -> None:
    """A link to a page that is not as it was left."""
    st.page_link(nav.page(name), label=label, query_params=account.said() or None)


def show_connection(resources: Resources) -> None:
    """Sandbox or production, in words and in colour: for the top of every page, where it is in sight at every width."""
    connection, color = resources.connection, resources.account.color
    if connection.environment == "sandbox":
        st.badge(
            md(connection.label),
            icon=":material/science:",
            color="green",
            help="Made-up customers; nothing leaves this machine.",
        )
    elif connection.environment == "test":
        st.badge(
            f"Test · {md(connection.label)}",
            icon=":material/labs:",
            color=color,
            help="No production: settings.toml says so, or its API is on this machine.",
        )
    else:
        st.badge(f"Production · {md(connection.label)}", icon=":material/public:", color=color, help="Real customers.")


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
    if notices.download_failed() or not armed.is_drawn(resources):
        dialogs.redraw_page()
    live = None
    try:
        live = resources.live_runs.get()
        kept.hold(resources)
        if not kept.is_drawn(resources):
            dialogs.redraw_page()
        label, trouble = _runs_label(resources, live), next(iter(live.stalled.values()), "")
    except JournalError as error:
        label, trouble = "Runs", error.message
    _bare("runs", label)
    _tell_approvals(live.runs if live else ())
    if trouble:
        st.caption(f":material/error: {md(trouble, limit=200)}")


def _tell_approvals(live: Sequence[Run]) -> None:
    """On every page that runs wait for a second person, with the way there."""
    waiting = [run for run in live if run.awaits_approval(datetime.now(UTC))]
    if waiting:
        words = "1 run waits for approval" if len(waiting) == 1 else f"{number(len(waiting))} runs wait for approval"
        only = {"run": waiting[0].id} if len(waiting) == 1 else {}
        nav.link("runs", label=words, icon=":material/approval:", **only)


def _runs_label(resources: Resources, live: LiveRuns) -> str:
    now = datetime.now(UTC)
    if waiting := live.waiting_for(resources, now):
        return _with("Runs", len(waiting), "waiting for you")
    return _with("Runs", len(live.working(now)), "running")


def _with(label: str, value: int, what: str) -> str:
    return f"{label} · {number(value)} {what}" if value else label
