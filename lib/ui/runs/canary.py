"""The first steps of a run that holds for them: each record before and now at a glance, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lib.runs.model import Run, Step
from lib.ui import record_view
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.resources import Resources
from lib.ui.runs import step_table
from lib.ui.text import count, number

_MOST = 100
_ROWS_SEEN = 8
_FIELDS = ("Active", "Users", "Name", "Metadata", "Updated")
_MARK = "◀"


def show(resources: Resources, run: Run) -> None:
    """For a run that is `on_canary`."""
    if not run.canary:  # held by an earlier version, which did not keep how many they were
        return
    first = resources.journal.reads.steps(run.id, limit=min(run.canary, _MOST))
    with st.container(border=True, key="canary"):
        st.markdown(f"**The first {count(run.canary, 'customer')}** · what changed is marked {_MARK}")
        chosen = st.dataframe(
            canary_table(first),
            key="canary_steps",
            hide_index=True,
            height=grid_height(len(first), _ROWS_SEEN),
            row_height=ROW_HEIGHT,
            on_select="rerun",
            selection_mode="single-row",
            column_config={
                "Customer": st.column_config.TextColumn(width=230, pinned=True),
                "State": st.column_config.TextColumn(width=100),
                "Active": st.column_config.TextColumn(width=95),
                "Users": st.column_config.TextColumn(width=75),
                "Name": st.column_config.TextColumn(width=100),
                "Metadata": st.column_config.TextColumn(width=130),
                "Updated": st.column_config.TextColumn(width=370),
                "Id": st.column_config.TextColumn(width=300),
            },
            placeholder="",
            alt="The first customers of the run, each field before and now",
        )
        rows = [row for row in chosen["selection"]["rows"] if 0 <= row < len(first)]
        if rows:
            step_table.show_step(resources, first[rows[0]])
        left = f"the other {number(run.totals.planned)}"
        st.caption(
            f"Are these records as you want them? *Let it go on* takes up {left}; *Cancel* leaves {left} as they are. "
            "Tick a row to see its whole record."
        )


def canary_table(steps: Sequence[Step]) -> pd.DataFrame:
    """One row a step: Customer, State, fields as "before → now ◀" where they changed, What happened, Id (all text)."""
    fields = [_fields(step) for step in steps]
    return pd.DataFrame(
        {
            "Customer": [step.name for step in steps],
            "State": [step_table.STEP_WORDS[step.state] for step in steps],
            **{name: [told[name] for told in fields] for name in _FIELDS},
            "What happened": [step.words for step in steps],
            "Id": [step.customer_id for step in steps],
        },
        dtype="str",
    )


def _fields(step: Step) -> dict[str, str]:
    if step.after is None:
        return dict.fromkeys(_FIELDS, "not read")
    before, after = record_view.field_values(step.before), record_view.field_values(step.after)
    told = {name: _told(before[name], after[name]) for name in _FIELDS if name in before}
    told["Name"] = told["Name"] if before["Name"] != after["Name"] else "unchanged"
    old, new = step.before.metadata, step.after.metadata
    keys = [key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
    told["Metadata"] = ", ".join(f"{key}: {_told(old.get(key, ''), new.get(key, ''))}" for key in keys) or "unchanged"
    return told


def _told(before: str, now: str) -> str:
    return before if before == now else f"{before} → {now} {_MARK}"
