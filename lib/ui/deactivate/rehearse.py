"""Rehearse: what is on the page carried out on a sandbox made of the list, before anybody confirms it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import streamlit as st

from lib.errors import ExpressOpsError
from lib.plans.model import StepState
from lib.plans.plan import Plan
from lib.rehearsal.conditions import FAULTS, Conditions
from lib.rehearsal.rehearsal import Rehearsal
from lib.rehearsal.report import Report, words_of
from lib.ui import notices
from lib.ui.resources import Resources
from lib.ui.text import asked_to_wait, count, duration, md, number
from lib.ui.widgets import announce, clicked, dialogs, id_table
from lib.ui.widgets.id_table import MOST_ROWS, Column

_OPEN, _MADE, _TOLD = "rehearse_open", "rehearsal_made", "rehearsal_told"
_POLL_SECONDS = 0.5
#: What goes wrong, besides the faults that one chooses.
_AS_SEEN = "As seen so far"
_SHARES: Mapping[str, float] = {"1 of 100": 0.01, "1 of 20": 0.05, "1 of 5": 0.2, "Every one": 1.0}
_LEFT = (Column("Customer", 260, "long"), Column("Result", 110), Column("What happened", 380, "long"), Column("Id", 300, "id"))
#: Pixels: five of them fit in a narrow row.
_METRIC = 118
_METRICS = (StepState.VERIFIED, StepState.SKIPPED, StepState.NOT_APPLIED, StepState.FAILED, StepState.UNKNOWN)


def button(*, disabled: bool) -> None:
    """Opens and closes what `show` draws."""
    st.button(
        "Rehearse",
        icon=":material/science:",
        key="rehearse",
        on_click=_open,
        disabled=disabled,
        help="The same run on a sandbox made of the list, on this machine: how long it takes, and who would be skipped.",
    )


def show(resources: Resources, ids: Collection[str], freeze: Callable[[], Plan]) -> None:
    """What can be chosen, then how far it is, then what came of it, for a plan of these ids that `freeze` makes."""
    made: Rehearsal | None = st.session_state.get(_MADE)
    if made is not None and set(made.plan.ids) != set(ids):  # others are on the page by now
        made.cancel()
        made = None
        del st.session_state[_MADE]
    if not st.session_state.get(_OPEN):
        return
    with st.container(border=True, key="rehearsal"):
        st.markdown(
            "The same run on a **sandbox made of the list**, on this machine. Nothing is sent to the API, nothing is changed "
            "and nothing of it is in the journal."
        )
        under_way = made is not None and not made.over
        chosen = _choose(resources, disabled=under_way)
        if made is not None and under_way:
            notices.fragment(_progress, made, every=_POLL_SECONDS)
            return
        if chosen is not None and clicked.button("Start the rehearsal", key="rehearse_start", icon=":material/play_arrow:"):
            _start(resources, freeze, chosen)
        if made is not None:
            _came_of_it(made)


def _came_of_it(made: Rehearsal) -> None:
    """What came of it, which is led to once: it opens below what was chosen."""
    with st.container(key="rehearsal_result"):
        if made.report is not None:
            _report(made.report)
        elif made.failure is not None:
            notices.tell(made.failure)
    if st.session_state.get(_TOLD) is not made:
        st.session_state[_TOLD] = made
        announce.lead_to("rehearsal_result", "Result of the rehearsal")


def _open() -> None:
    st.session_state[_OPEN] = not st.session_state.get(_OPEN)
    if st.session_state[_OPEN]:
        announce.lead_to("rehearsal", "Rehearsal")


def _choose(resources: Resources, *, disabled: bool) -> Conditions | None:
    """The conditions as chosen, to begin with those of the API so far; None where they can't be."""
    seen = resources.rehearsals.seen
    left, middle, right = st.columns(3)
    rate = left.number_input(
        "Requests a second",
        min_value=0.1,
        value=seen.a_second,
        placeholder="no limit",
        key="rehearse_rate",
        disabled=disabled,
        help="Of the API's limit; to begin with, what was found out about it so far.",
    )
    milliseconds = middle.number_input(
        "Milliseconds an answer",
        min_value=0,
        max_value=120_000,
        value=round(seen.latency * 1000),
        step=50,
        key="rehearse_latency",
        disabled=disabled,
        help="How long one takes; to begin with, as long as lately.",
    )
    names = st.multiselect(
        "What goes wrong",
        [_AS_SEEN, *FAULTS],
        default=[_AS_SEEN],
        format_func=lambda name: f"{name}: {FAULTS[name]}" if name in FAULTS else name,
        placeholder="Nothing",
        key="rehearse_faults",
        disabled=disabled,
    )
    st.caption(md(f"As seen so far: {resources.rehearsals.met}.", limit=400))
    others = [name for name in names if name != _AS_SEEN]
    often = right.selectbox("How often", list(_SHARES), index=1, disabled=disabled or not others, key="rehearse_often")
    as_seen = seen if _AS_SEEN in names else Conditions()
    faults = (*(f"{name}={_SHARES[often]:g}" for name in others), *as_seen.faults)
    by_chance = as_seen.rate_limit if as_seen.a_second is None else ""
    try:
        return Conditions(by_chance if rate is None else f"{rate:g}", milliseconds / 1000, faults)
    except ExpressOpsError as error:
        notices.tell(error)
        return None


def _start(resources: Resources, freeze: Callable[[], Plan], chosen: Conditions) -> None:
    try:
        st.session_state[_MADE] = resources.rehearsals.begin(freeze(), resources.loads.view(), chosen)
    except ExpressOpsError as error:
        notices.tell(error)
        return
    st.rerun()


def _progress(made: Rehearsal) -> None:
    if made.over:
        dialogs.redraw_page()
    now, size = made.progress, len(made.plan.customers)
    text = f"Rehearsing: {number(now.totals.settled)} of {count(size, 'customer')}"
    st.progress(now.totals.settled / size, text=text)
    left = words_of(made.expected) if now.left is None else f"{duration(now.left)} left"
    st.caption(md("; ".join(part for part in (left, asked_to_wait(now.waiting)) if part), limit=400))
    st.button(
        "Stop", icon=":material/stop:", on_click=made.cancel, key="rehearse_stop", help="The report is then of what was seen."
    )


def _report(report: Report) -> None:
    with st.container(horizontal=True):
        for state in _METRICS:
            label = state.value.replace("_", " ").capitalize()
            st.metric(label, number(report.totals.count(state)), border=True, width=_METRIC)
    st.markdown("\n".join(f"- {name.capitalize()}: {md(words, limit=400)}" for name, words in report.facts.items() if words))
    if report.met:
        st.markdown("Met on the way:\n" + "\n".join(f"- {md(one.words, limit=400)}" for one in report.met))
    if report.left:
        cells = [
            (step.customer_id, step.name, step.state.value.replace("_", " "), step.words, step.customer_id)
            for step in report.left[:MOST_ROWS]
        ]
        id_table.show("rehearsed", _LEFT, cells, label="Customers that were not as asked in the rehearsal")
        if len(report.left) > MOST_ROWS:
            st.caption(f"The first {number(MOST_ROWS)} of {number(len(report.left))}; the report has all of them.")
    notices.download_button(
        "Download the report",
        data=report.to_html,
        file_name=f"rehearsal-{report.plan.hash[:16]}.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
        key="rehearse_report",
        help="It names customers: keep it safe.",
    )
