"""The one table of all lists: it speaks in ids, never in positions.

Streamlit's own grid is drawn on a canvas, which neither a keyboard nor a screen reader gets into, and it applies the row
positions that were ticked to other data too (streamlit#17026). This is the browser's own table, drawn by id_table.js.

    id_table.show(
        "runs",                                                   # a key of its own for each table of a page
        [Column("Run", 220), Column("State", 110, "state"), Column("Customers", 90, "number"), Column("Reason", 260, "long")],
        [(run.id, run.id, "✓ Finished", "150", run.reason), ...],  # the row's id, then a cell for each column
        label="Runs, newest first",                               # its name for screen readers
        address=lambda run_id: f"runs?run={run_id}",              # the first cell is a link
    )

- **Cells** are texts, drawn as such, never as markup; a `Changed` cell shows what was and what is, marked. See `Column.kind`.
- **All rows are drawn**, so a caller gives at most 250: it has pages, or says "the first 250 of N" (`MOST_ROWS`).
- **Ticks**: `picked` says whose row is ticked. Without it there are none. `tick` says what a tick does, which is its name for
  screen readers. Ticks that only this table needs to know are kept by it: `picked=id_table.ticked(key)`, and no `react`.
- **Opening**: with `opens` the first cell is a button, with `address` a link, which opens in another browser tab too. A plain
  click on either stays in this session: `react` gets it, or without `react`, `show` returns the row's id, once:
  `if run_id := id_table.show(...): nav.go_to("runs", run=run_id)`.
- **Sorting**: a column whose `sort` is not None has a button as its header. The caller sorts.
- **Keys**: one Tab stop; arrows, Home, End, Page Up and Down move in it; Space ticks (with Shift all from the last one ticked),
  Enter opens. The focus stays with the row's id, whatever comes and goes around it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import streamlit as st
from pydantic import BaseModel, TypeAdapter
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lib.ui import account
from lib.ui.widgets import heard

#: So many rows are drawn at most.
MOST_ROWS = 250

_HERE = Path(__file__).parent
_draw = st.components.v2.component(
    "id_table",
    html="""<div class="frame" tabindex="-1"><table role="grid" translate="no" class="notranslate">
        <thead role="rowgroup"><tr role="row"></tr></thead><tbody role="rowgroup"></tbody>
    </table></div><div class="unseen" role="status"></div>""",
    css=(_HERE / "id_table.css").read_text("utf-8"),
    js=(_HERE / "id_table.js").read_text("utf-8"),
)
_SESSION = "table_session"


@dataclass(frozen=True)
class Column:
    """A column, `width` pixels wide; where there is room, those of texts grow. Its `kind` says how its cells stand:

    "text" is cut off where it does not fit, "long" goes on in further lines, "below" has lines of its own below the row's other
    cells, as wide as what is in sight (at most one, and the last), "number" and "time" have even figures, "id" is marked whole
    by a click, "state" begins with a sign ("✓ verified"), which screen readers leave out.
    """

    label: str
    width: int = 150
    kind: Literal["text", "long", "below", "number", "time", "id", "state"] = "text"
    #: What `Act.column` calls it; the label if empty.
    name: str = ""
    help: str = ""
    #: None where the rows can't be sorted by it, "none" where they are not.
    sort: Literal["none", "ascending", "descending"] | None = None


class Changed(NamedTuple):
    """A cell whose value changed; None where there was or is no value."""

    before: str | None
    now: str | None


Cell = str | Changed


def filled(
    columns: Sequence[Column], rows: Sequence[tuple[str, Mapping[str, Cell]]]
) -> tuple[list[Column], list[tuple[Cell, ...]]]:
    """The columns that are not all empty, and their rows; `rows` are ids and their cells by the columns' labels."""
    used = [column for column in columns if any(cells.get(column.label) for _, cells in rows)]
    return used, [(id_, *(cells.get(column.label, "") for column in used)) for id_, cells in rows]


class Act(BaseModel, frozen=True):
    """What a person did: picked or unpicked rows, opened one, or clicked a header. Numbered from 1 a table and session."""

    number: int
    session: str
    kind: Literal["pick", "unpick", "open", "sort"]
    ids: tuple[str, ...] = ()
    column: str = ""


_ACTS = TypeAdapter(tuple[Act, ...])


def show(
    key: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    label: str,
    picked: Collection[str] | None = None,
    tick: str = "Pick",
    react: Callable[[Act], None] | None = None,
    opens: bool = False,
    address: Callable[[str], str] | None = None,
    most: int = 12,
    height: str = "",
    above: str = "",
    view: str = "",
    current: str = "",
) -> str | None:
    """Draw the table; returns the id of a row that was just opened, unless `react` takes that.

    `react` is called before the next run of the script with each act, once, in the order of the clicks. At most `most` rows are
    in sight, the others are scrolled to, or the table is as high as a CSS `height`, or reaches down to what has the key
    `above` at the bottom of the window. Another `view` starts at the top. The row `current` is marked: what stands below the
    table is of it.
    """
    state, session = st.session_state, st.session_state.setdefault(_SESSION, secrets.token_hex(4))
    if picked is not None and react is None:
        state[_ticked(key)] = tuple(str(row[0]) for row in rows if row[0] in picked)
    _draw(
        key=account.own(key),
        data={
            "columns": [asdict(column) | {"name": column.name or column.label} for column in columns],
            "rows": rows,
            "picked": None if picked is None else [row[0] for row in rows if row[0] in picked],
            "count": 0 if picked is None else len(picked),
            "label": label,
            "tick": tick,
            "opens": opens or address is not None,
            "addresses": [address(str(row[0])) for row in rows] if address else None,
            "most": most,
            "height": height,
            "above": above,
            "view": view,
            "current": current,
            "heard": _heard(key)[0],
            "session": session,
        },
        height="content",
        on_acts_change=heard.by(account.own(key), partial(_hear, key, react or partial(_keep, key))),
    )
    run, opened = state.pop(_opened(key), (None, ""))
    return opened if opened and run is get_script_run_ctx() else None  # as in clicked.py: not when one comes back later


def ticked(key: str) -> tuple[str, ...]:
    """The ids that are ticked in a table that keeps its ticks itself; they are forgotten with their rows."""
    ids: tuple[str, ...] = st.session_state.get(_ticked(key), ())
    return ids


def _hear(key: str, react: Callable[[Act], None]) -> None:
    """Each message brings all acts that the browser does not know to be heard.

    What `react` does comes last in it. Nothing asks the session state from there on until it counts as heard: the browser's
    next message would end this there, and it would be done once more.
    """
    state, heard = st.session_state, _heard(key)
    acts, session = state[account.own(key)].get("acts") or (), state.get(_SESSION)
    for act in _ACTS.validate_python(acts):
        if act.session == session and act.number > heard[0]:
            react(act)
            heard[0] = act.number


def _keep(key: str, act: Act) -> None:
    match act.kind:
        case "pick":
            st.session_state[_ticked(key)] = tuple(dict.fromkeys((*ticked(key), *act.ids)))
        case "unpick":
            st.session_state[_ticked(key)] = tuple(id_ for id_ in ticked(key) if id_ not in act.ids)
        case "open" if act.ids:
            st.session_state[_opened(key)] = get_script_run_ctx(), act.ids[0]


def _heard(key: str) -> list[int]:
    """Up to which number the acts of the table were heard."""
    heard: list[int] = st.session_state.setdefault(f"heard_in-{key}", [0])
    return heard


def _ticked(key: str) -> str:
    return f"ticked_in-{key}"


def _opened(key: str) -> str:
    return f"opened_in-{key}"
