"""The customers of a run in one table, each value before and now, and one record in full below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from lib.errors import RunNotFound
from lib.plans.model import DamagedStep, Run, Step, StepState
from lib.plans.plan import PlannedCustomer
from lib.ui import nav, record_view
from lib.ui.resources import Resources
from lib.ui.text import count, md, number
from lib.ui.widgets import anew, id_table
from lib.ui.widgets.id_table import Act, Cell, Changed, Column

_ON_A_PAGE = 100
#: Metadata keys that are columns; the record in full has all.
_KEYS = 30

#: Words and mark of each state; the mark tells states apart without colour.
STEP_WORDS = {
    StepState.PLANNED: "· to do",
    StepState.IN_FLIGHT: "… in flight",
    StepState.VERIFIED: "✓ verified",
    StepState.NOT_APPLIED: "! not applied",
    StepState.SKIPPED: "↷ skipped",
    StepState.FAILED: "✕ failed",
    StepState.UNKNOWN: "? unknown",
}
_DAMAGED = "✕ damaged"
#: Which columns come before those of metadata. What no row has gets none; the last few have one where some row changed there.
_FIELDS = (
    Column("Customer", 190, "long"),
    Column("State", 110, "state"),
    Column("Status", 155),
    Column("Users", 60),
    Column("Updated, UTC", 250, "time"),
    *(Column(name, 250) for name in ("Name", "Created", "Created by user", "Created by API key")),
)
_IF_CHANGED = frozenset({"Name", "Created", "Created by user", "Created by API key"})
_OTHERS = (Column("Took", 70, "number"), Column("Id", 300, "id"), Column("What happened", kind="below"))
_METADATA = "metadata:"
_MINUTES = len("2026-11-28 22:03")
#: In the place of an id: the record on the edge of the page that somebody turned to.
_FIRST, _LAST = "first", "last"


def show(resources: Resources, run: Run) -> None:
    """The steps by state and page: of a run that is over first those that are not verified, of one that holds for its first
    steps only those, else all in the plan's order. One record in full: the first one, or the one that was opened.
    """
    reads = resources.reads
    if run.totals.total == 1:
        for only in reads.steps_to_show(run.id, limit=1):
            show_step(resources, only)
        return
    state = _chosen_state(run)
    first = run.canary if run.on_canary and state is None else None
    total = first or (run.totals.count(state) if state else run.totals.total)
    pages = max(1, -(-total // _ON_A_PAGE))
    page = min(int(st.session_state.get(_pager(run)) or 1), pages)
    start = (page - 1) * _ON_A_PAGE
    most = min(_ON_A_PAGE, total - start)
    steps = reads.steps_to_show(run.id, state, limit=most, offset=start, verified_last=not run.live)
    if first:
        _ask(run, first)
    columns, rows = steps_table(steps)
    at = _place(run, [step.customer_id for step in steps])
    id_table.show(
        f"steps-{run.id}",
        columns,
        rows,
        label="Customers of the run, what changed is marked",
        address=lambda customer_id: nav.address("runs", run=run.id, customer=customer_id),
        react=partial(_opened, run),
        view=f"{state} {page}",
        current="" if at is None else steps[at].customer_id,
    )
    if pages > 1:
        turn = anew.says(f"steps-{_pager(run)}", page, partial(_turn_to, run), begins="default")
        st.pagination(pages, **turn)
    _record(resources, run, steps, at, start=start, total=total)


def _chosen_state(run: Run) -> StepState | None:
    states = [state for state in StepState if run.totals.count(state)]
    if len(states) < 2:
        return None
    chosen: StepState | None = st.pills(
        "Steps",
        states,
        format_func=lambda state: f"{STEP_WORDS[state]} ({number(run.totals.count(state))})",
        key=f"states-{run.id}",
        label_visibility="collapsed",
        on_change=_close,
        args=(run,),
    )
    return chosen


def _ask(run: Run, first: int) -> None:
    left = f"the other {number(run.totals.planned)}"
    st.markdown(
        f"**The first {count(first, 'customer')}.** Are these records as you want them? *Let it go on* takes up {left}; "
        f"*Cancel* leaves {left} as they are."
    )


def _opened(run: Run, act: Act) -> None:
    """Callback: a row was opened."""
    if act.kind == "open":
        st.session_state[_open(run)] = act.ids[0]


def _asked(run: Run) -> str:
    asked: str = st.session_state.get(_open(run)) or st.query_params.get("customer", "")
    return asked


def _place(run: Run, ids: Sequence[str]) -> int | None:
    """Which row's record stands below the table; None where it is none of them.

    While calls are made only what somebody opened: what stands there must not change by itself.
    """
    asked = _asked(run)
    if not ids or (not asked and run.live and not run.on_canary) or asked not in (*ids, "", _FIRST, _LAST):
        return None
    return ids.index(asked) if asked in ids else len(ids) - 1 if asked == _LAST else 0


def _record(
    resources: Resources, run: Run, steps: Sequence[Step | DamagedStep], at: int | None, *, start: int, total: int
) -> None:
    if at is None:
        if asked := _asked(run):  # a link to a customer of another page
            with suppress(RunNotFound):
                show_step(resources, resources.reads.step(run.id, asked))
        return
    ids = [step.customer_id for step in steps]
    with st.container(horizontal=True, vertical_alignment="center", key="record_head"):
        for label, key, to, end in (("‹ Previous", "previous", at - 1, 0), ("Next ›", "next", at + 1, total - 1)):
            st.button(label, key=f"record_{key}", on_click=_turn, args=(run, ids, to), disabled=start + at == end)
        st.caption(f"Customer {number(start + at + 1)} of {number(total)}", width="content")
    show_step(resources, steps[at])


def _turn(run: Run, ids: Sequence[str], to: int) -> None:
    """Callback: open the record at this place of the page, or past an end of it that of the page beside it."""
    st.session_state[_open(run)] = ids[to] if 0 <= to < len(ids) else _LAST if to < 0 else _FIRST
    if not 0 <= to < len(ids):
        st.session_state[_pager(run)] = int(st.session_state.get(_pager(run)) or 1) + (1 if to > 0 else -1)


def _turn_to(run: Run, page: int) -> None:
    """Callback: another page, and with it the record of its first row."""
    st.session_state[_pager(run)] = page
    _close(run)


def _close(run: Run) -> None:
    """Callback: other rows are shown, and with them the record of the first."""
    st.session_state.pop(_open(run), None)
    st.query_params.pop("customer", None)


def _open(run: Run) -> str:
    return f"open-step-{run.id}"


def _pager(run: Run) -> str:
    return f"page-of-{run.id}"


def steps_table(steps: Sequence[Step | DamagedStep]) -> tuple[list[Column], list[tuple[Cell, ...]]]:
    """The columns that some of these steps have something for, and their rows: each field before and now."""
    told = [(step.customer_id, _cells(step)) for step in steps]
    changed = {name for _, cells in told for name, cell in cells.items() if isinstance(cell, Changed)}
    fields = [column for column in _FIELDS if column.label in changed or column.label not in _IF_CHANGED]
    keys = Counter(name for _, cells in told for name in cells if name.startswith(_METADATA)).most_common(_KEYS)
    columns, rows = id_table.filled([*fields, *(Column(name, 95) for name, _ in keys), *_OTHERS], told)
    return [replace(column, label=column.label.removeprefix(_METADATA), name=column.label) for column in columns], rows


def _cells(step: Step | DamagedStep) -> dict[str, Cell]:
    usual: dict[str, Cell] = {
        "Customer": step.name,
        "State": mark(step),
        "What happened": step.words,
        "Id": step.customer_id,
    }
    if isinstance(step, DamagedStep):
        return usual
    took = "" if step.seconds is None else f"{step.seconds:.2f} s"
    metadata = {_METADATA + key: cell for key, cell in record_view.metadata(step.before, step.after).items()}
    fields = record_view.fields(step.before, step.after)
    return usual | {"Took": took, "Updated, UTC": _short(fields["Updated"])} | fields | metadata


def _short(time: Cell) -> Cell:
    """To the minute, so that there is room for metadata beside it; the record in full has the seconds."""
    return Changed(*(at and at[:_MINUTES] for at in time)) if isinstance(time, Changed) else time[:_MINUTES]


def mark(step: Step | DamagedStep) -> str:
    """The step's state in words, with the sign that tells it apart."""
    return _DAMAGED if isinstance(step, DamagedStep) else STEP_WORDS[step.state]


def show_step(resources: Resources, step: Step | DamagedStep) -> None:
    """One customer's evidence, its record before and after, with its metadata."""
    st.markdown(f"**{md(mark(step))}**" + (f": {md(step.words, limit=400)}" if step.words else ""))
    if isinstance(step, Step):
        record_view.show_change(step.before, step.after, datetime.now(UTC))
        record_view.show_evidence(_planned(resources, step.run_id)[step.position])


@st.cache_resource(max_entries=4, show_spinner=False)
def _planned(_resources: Resources, run_id: str) -> tuple[PlannedCustomer, ...]:
    """The plan's customers, in the order of the run's steps. A plan never changes, and the page asks often."""
    return _resources.reads.plan(run_id).customers
