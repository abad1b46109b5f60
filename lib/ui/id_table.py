"""A table of rows that have ids: ticks, a button to open a row, headers to sort by.

Streamlit's own grid speaks in row positions, which it applies to other data too where it has a key (streamlit#17026), and it
tells of a tick only 0.15 seconds later (its debounce). This is the browser's own table, drawn by id_table.js: it speaks in ids,
and at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import streamlit as st
from pydantic import BaseModel, TypeAdapter

_HERE = Path(__file__).parent
_draw = st.components.v2.component(
    "id_table",
    html="""<div class="frame" tabindex="-1"><table role="table">
        <thead role="rowgroup"><tr role="row"></tr></thead><tbody role="rowgroup"></tbody>
    </table></div>""",
    css=(_HERE / "id_table.css").read_text("utf-8"),
    js=(_HERE / "id_table.js").read_text("utf-8"),
)
_HEARD, _SESSION = "table_heard", "table_session"


@dataclass(frozen=True)
class Column:
    """A column: `kind` says how its cells stand, `sorted` which way the rows are sorted by it, if they are."""

    name: str
    label: str
    width: int
    kind: Literal["name", "text", "number", "time", "id"] = "text"
    help: str = ""
    sorted: Literal["", "ascending", "descending"] = ""


class Act(BaseModel, frozen=True):
    """What a person did: picked or unpicked rows, opened one, or clicked a header. Numbered from 1 in a session."""

    number: int
    kind: Literal["pick", "unpick", "open", "sort"]
    ids: tuple[str, ...] = ()
    column: str = ""


_ACTS = TypeAdapter(tuple[Act, ...])


def show(
    key: str,
    columns: Sequence[Column],
    rows: Sequence[tuple[str, ...]],
    *,
    picked: Collection[str],
    label: str,
    view: str,
    react: Callable[[Act], None],
    height: int,
) -> None:
    """Draw the table, `height` pixels high.

    A row is its id and then a text for each column. Rows whose ids are among `picked` are ticked. `label` is the table's name
    for screen readers. Another `view` starts at the top. `react` is called before the next run of the script with each act,
    once, in the order of the clicks.
    """
    state = st.session_state
    _draw(
        key=key,
        data={
            "columns": [asdict(column) for column in columns],
            "rows": rows,
            "picked": [row[0] for row in rows if row[0] in picked],
            "label": label,
            "view": view,
            "height": height,
            "heard": state.get(_HEARD, 0),
            "session": state.setdefault(_SESSION, secrets.token_hex(4)),
        },
        height=height,
        on_acts_change=partial(_hear, key, react),
    )


def _hear(key: str, react: Callable[[Act], None]) -> None:
    """Callback: each message brings all acts that the browser does not know to be heard."""
    state = st.session_state
    for act in _ACTS.validate_python(state[key].get("acts") or ()):
        if act.number > state.get(_HEARD, 0):
            state[_HEARD] = act.number
            react(act)
