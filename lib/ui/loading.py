"""How the load stands: progress while it runs, what happened when it stopped, and the way on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from lib.avara.models import RecordProblem
from lib.customers.reading.load import Load
from lib.customers.reading.loads import Loads
from lib.customers.reading.progress import LoadProgress, LoadState
from lib.spreadsheet import csv_bytes
from lib.ui import notices
from lib.ui.text import ago, asked_to_wait, count, duration, exact, md, number
from lib.ui.widgets import dialogs, id_table
from lib.ui.widgets.id_table import Column

_POLL_SECONDS = 0.5
#: Until the first customers have come there is nothing to draw, and everybody waits for them.
_FIRST_POLL_SECONDS = 0.15
_PROBLEM = (Column("Customer", 300, "id"), Column("Field", 140), Column("Rule", 300, "long"), Column("Seen", 220))
_KIND = (Column("Records", 90, "number"), Column("Field", 140), Column("Rule", 420, "long"))
#: So many of them are named, and so many kinds of them counted.
_NAMED, _KINDS = 100, 50
_SEEN, _DRAWN = "load_seen", "customers_drawn"
#: Seconds that the first drawing of a tab waits for the first customers: the quickest APIs answer within them, and the table is
#: drawn once instead of empty first.
_FIRST_DRAW_PATIENCE = 0.3


def show_status(loads: Loads, waiting: Callable[[], float]) -> None:
    """For the sidebar, where it takes the same room in every state: progress and *Stop*, or the data's age and *Reload*.

    `waiting`: for how many seconds the API asked all requests to wait.
    """
    load = loads.under_way
    if load is not None:
        kept = loads.kept
        seconds = _POLL_SECONDS if load.progress().pages or loads.complete else _FIRST_POLL_SECONDS
        notices.fragment(_progress, loads, load, kept.finished_at if kept else None, waiting, every=seconds)
        return
    st.session_state.pop(_SEEN, None)
    shown = loads.shown
    if shown is not None:
        progress = shown.progress()
        st.caption(_age(progress), help=f"Loading began {exact(progress.started_at)}")
    st.button(
        "Reload",
        icon=":material/refresh:",
        width="stretch",
        on_click=loads.reload,
        key="reload",
        help="Read all customers again. Picks and filters stay.",
    )


def first_draw_patience() -> float:
    """How long the Customers page should wait for customers before it draws: a moment the first time, then not at all."""
    if st.session_state.get(_DRAWN):
        return 0.0
    st.session_state[_DRAWN] = True
    return _FIRST_DRAW_PATIENCE


def show_trouble(loads: Loads) -> None:
    """In the page: what stopped the last load, and the way on. Nothing when all is well."""
    newest = loads.newest
    if newest is None:
        return
    progress = newest.progress()
    if progress.state in (LoadState.FAILED, LoadState.CANCELLED):
        _stopped(newest, progress, behind=newest is not loads.shown)


def show_problems(loads: Loads) -> None:
    """Records that break a rule, which are not in the table: how many of what, and the first by name. All are a download."""
    shown = loads.shown
    total = shown.progress().problems if shown else 0
    if shown is None or not total:
        return
    title = f"{count(total, 'record')} could not be read and left out"
    opened = st.expander(title, icon=":material/report:", on_change="rerun", key="problems_open")
    if not opened.open:
        return
    with opened:
        problems = shown.problems
        # Of the first ones: how many broke which rule is told to say what is wrong, not to be added up.
        found = Counter((problem.field, problem.rule) for problem in problems).most_common(_KINDS)
        if len(problems) > _NAMED:
            kinds = [(f"{field} {rule}", number(many), field, rule) for (field, rule), many in found]
            id_table.show("problem-kinds", _KIND, kinds, label="How many records break which rule", most=6)
        rows = [
            (str(at), problem.customer_id, problem.field, problem.rule, problem.seen)
            for at, problem in enumerate(problems[:_NAMED])
        ]
        id_table.show("problems", _PROBLEM, rows, label="Records that break a rule of the API document", most=8)
        with st.container(horizontal=True, vertical_alignment="center"):
            if len(problems) > _NAMED:
                st.caption(f"The first {number(_NAMED)} of {number(total)}.", width="content")
            notices.download_button(
                f"Download {'all' if len(problems) == total else f'the first {number(len(problems))}'} as CSV",
                partial(problems_csv, problems),
                file_name="unreadable-records.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
                key="problems_download",
            )


def problems_csv(problems: Sequence[RecordProblem]) -> bytes:
    rows = ((problem.customer_id, problem.field, problem.rule, problem.seen) for problem in problems)
    return csv_bytes([column.label for column in _PROBLEM], rows)


def _age(progress: LoadProgress) -> str:
    customers = count(progress.customers, "customer")
    if progress.state is LoadState.COMPLETE and progress.finished_at is not None:
        return f"{customers},  \nread {ago(progress.finished_at, datetime.now(UTC))}"
    return f"{customers} so far,  \nnot complete"


def _progress(loads: Loads, load: Load, kept_at: datetime | None, waiting: Callable[[], float]) -> None:
    if loads.under_way is not load:
        dialogs.redraw_page()
    progress, behind = load.progress(), load is not loads.shown
    text = f"{'Reloading' if behind else 'Loading'}: {count(progress.customers, 'customer')}"
    if (there := progress.elsewhere) is not None:
        text = f"{md(there.server, limit=60)} is reading: {count(there.customers, 'customer')} so far"
    st.progress(_share(progress), text=text)
    rate = f"{number(progress.rate)} a second · " if progress.rate else ""
    if there is not None:
        st.caption("This server takes that list over once it is whole.")
    elif waits := asked_to_wait(waiting()):
        st.caption(md(f"{waits[0].upper()}{waits[1:]}"))
    elif kept_at is None:
        st.caption(f"{count(progress.pages, 'page')} · {rate}{duration(progress.elapsed)}")
    else:
        st.caption(f"On show: read {ago(kept_at, datetime.now(UTC))}, reading again…", help=f"Read {exact(kept_at)}")
    st.button(
        "Stop", icon=":material/stop:", width="stretch", on_click=load.cancel, key="load_stop", help="Keeps what has come."
    )
    # The table follows in steps that grow with it, so that drawing never holds up loading.
    if not behind and progress.customers >= 1.25 * st.session_state.get(_SEEN, 0) + 1:
        st.session_state[_SEEN] = progress.customers
        dialogs.redraw_page()


def _share(progress: LoadProgress) -> float:
    """The API does not tell how many customers there are, so the bar nears its end without ever claiming to be there."""
    return progress.pages / (progress.pages + 20)


def _stopped(load: Load, progress: LoadProgress, *, behind: bool) -> None:
    came = f"{count(progress.customers, 'customer')} came before that"
    kept = "the earlier list stays on show" if behind else "the list below is not complete and can't feed a plan"
    happened = "Loading was stopped" if progress.state is LoadState.CANCELLED else "Loading stopped"
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="load_stopped"):
        st.markdown(
            f":material/warning: **{happened}.** {md(progress.error or '', limit=300)} {came}; {kept}.", width="stretch"
        )
        st.button("Go on", type="primary", icon=":material/play_arrow:", on_click=load.resume, key="load_resume")
