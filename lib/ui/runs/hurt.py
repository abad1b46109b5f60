"""*Did it hurt?*: whether customers that a run deactivated have come back to life, asked when somebody wants to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from lib.errors import OtherConnection
from lib.plans.model import Action, Run
from lib.runs.aftermath import NOT_SHOWN, Aftermath, Asked, to_csv
from lib.ui import notices
from lib.ui.resources import Resources
from lib.ui.text import ago, count, duration, exact, md, number
from lib.ui.widgets import dialogs, id_table
from lib.ui.widgets.id_table import MOST_ROWS, Cell, Column

_POLL_SECONDS = 0.6
#: Those to look at first come first; the sign tells them apart without colour.
_SIGNS = {"yes": "! yes", "unknown": "? unknown", "no": "✓ no"}
_COLUMNS = (
    Column("Customer", 220, "long"),
    Column("Did it hurt", 110, "state"),
    Column("Newest study since, UTC", 180, "time"),
    Column("Status now", 110),
    Column("Id", 300, "id"),
    Column("What is seen", kind="below"),
)


def show(resources: Resources, run: Run) -> None:
    """A button below the records of a run that is over; once it was asked, what came of it."""
    if run.live or run.damage or run.action is not Action.DEACTIVATE or not run.totals.verified:
        return
    try:
        resources.check_ours(run)
    except OtherConnection:
        return
    asked = resources.aftermaths.of(run.id)
    if asked is None or any((undo.started_at or asked.at) > asked.at for undo in resources.reads.undos(run.id)):
        _ask(resources, run, "Did it hurt?")  # also where what was found is of before an undo
        return
    st.subheader("Did it hurt?", anchor=False)
    if asked.under_way:
        notices.fragment(_progress, resources, run.id, every=_POLL_SECONDS)
    else:
        _answers(resources, run, asked)


def _ask(resources: Resources, run: Run, label: str) -> None:
    st.button(
        label,
        icon=":material/ecg_heart:",
        key="hurt",
        on_click=resources.aftermaths.begin,
        args=(run,),
        help=f"Asks the API again for {count(run.totals.verified, 'customer')}: studies that came in since, and who is active "
        "again. Nothing is changed.",
    )


def _progress(resources: Resources, run_id: str) -> None:
    asked = resources.aftermaths.of(run_id)
    if asked is None or not asked.under_way:
        dialogs.redraw_page()
        return
    done = len(asked.found)
    text = f"{number(done)} of {count(asked.total, 'customer')} asked"
    if done:
        left = (datetime.now(UTC) - asked.at).total_seconds() / done * (asked.total - done)
        text += f" · {duration(left)} left"
    st.progress(done / max(asked.total, 1), text=text)
    st.button("Stop", icon=":material/stop:", key="hurt_stop", on_click=resources.aftermaths.stop, args=(run_id,))


def _answers(resources: Resources, run: Run, asked: Asked) -> None:
    if asked.failure:
        st.error(md(asked.failure, limit=400), icon=":material/error:")
    found = sorted(asked.found, key=lambda one: list(_SIGNS).index(one.answer))
    counts = Counter(one.answer for one in found)
    told = in_words(counts, asked.total)
    st.markdown(f"**{md(told, limit=400)}** Asked {ago(asked.at, datetime.now(UTC))}.", help=exact(asked.at))
    st.caption(NOT_SHOWN)
    pages = max(1, -(-len(found) // MOST_ROWS))
    page = min(int(st.session_state.get("hurt_page") or 1), pages)
    if cells := [(one.customer_id, _cells(one)) for one in found[(page - 1) * MOST_ROWS : page * MOST_ROWS]]:
        columns, rows = id_table.filled(_COLUMNS, cells)
        label = "What came after, those to look at first"
        id_table.show(f"hurt-{run.id}", columns, rows, label=label, view=str(page), most=10)
    if pages > 1:
        st.pagination(pages, key="hurt_page")
    with st.container(horizontal=True):
        _ask(resources, run, "Ask again")
        notices.download_button(
            "Download",
            data=partial(to_csv, found),
            file_name=f"aftermath-{run.id}.csv",
            mime="text/csv",
            on_click="ignore",
            key="hurt_csv",
            icon=":material/download:",
            disabled=not found,
        )


def in_words(counts: Mapping[str, int], total: int) -> str:
    """What came of all `total` of them, in a sentence; `counts` are by answer."""
    yes, unknown, no = (counts.get(answer, 0) for answer in _SIGNS)
    if total == no == 1:
        return "No: it has had no study since, and is not active again."
    if total and no == total:
        return f"No: none of the {number(total)} has had a study since, and none is active again."
    told = [f"{number(yes)} with a study since or active again"] if yes else []
    told += [f"{number(unknown)} of whom nobody can tell"] if unknown else []
    told += [f"{number(no)} without any sign of life"] if no else []
    told += [f"{number(left)} not asked"] if (left := total - yes - unknown - no) else []
    return f"{'Yes' if yes else 'Not known'}: {', '.join(told)}."


def _cells(one: Aftermath) -> dict[str, Cell]:
    return {
        "Customer": one.name,
        "Did it hurt": _SIGNS[one.answer],
        "Newest study since, UTC": exact(one.newest) if one.newest else "",
        "Status now": {True: "● Active", False: "○ Inactive", None: "unknown"}[one.active],
        "Id": one.customer_id,
        "What is seen": one.words,
    }
