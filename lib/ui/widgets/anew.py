"""Widgets whose values are also set here, by a chip, a link or another widget.

Every message of the browser brings the values of all widgets as it knows them, also one that a polling fragment or a quick
second click sends before it has got what was set here meanwhile: that would be undone. So a widget whose value is set here is
drawn as a new one, under another key, and of the one before it nothing counts any more.

A new one begins with its value, and every drawing says so. A value that is put into the session state is told by one drawing
alone: by none where the browser's next message cuts that short, since Streamlit 1.67 throws away what was not sent yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import streamlit as st

from lib.ui import account
from lib.ui.widgets import heard

_TURNS, _TAKEN = "anew", "anew_taken"


def says(
    name: str,
    value: object,
    take: Callable[[Any], None],
    *,
    begins: Literal["value", "default"] = "value",
    among: Sequence[object] = (),
    reads: Callable[[Any], object] = lambda said: said,
) -> dict[str, Any]:
    """What to draw the widget `name` with, so that it says `value`: its key, its callback, and what it begins with.

    `begins` is Streamlit's name for that: "default" where one of several is shown as chosen, and for lists in any case. A
    select begins with the index of the value `among` its options, or with none. `take` gets what a person says in it, and makes
    that the `value` of the next drawing. `reads` gives what counts of it: a widget that says the same in other words stays,
    with the focus in it.
    """
    taken: dict[str, object] = st.session_state.setdefault(_TAKEN, {})
    key = _key(name)
    if key in st.session_state and reads(st.session_state[key]) != value:
        taken.pop(key, None)
        key = _turn(name)
    if key not in st.session_state:
        taken[key] = value if not among or value in among else None

    def hear() -> None:
        said = st.session_state[key]
        if key == _key(name) and said != taken.get(key):
            take(said)
            taken[key] = said

    if among:
        begin: dict[str, object] = {"index": among.index(value) if value in among else None}
    else:
        begin = {"default" if isinstance(value, list) else begins: value}
    return {"key": key, "on_change": heard.by(key, hear)} | begin


def _turn(name: str) -> str:
    turns: dict[str, int] = st.session_state.setdefault(_TURNS, {})
    turns[name] = turns.get(name, 0) + 1
    return _key(name)


def _key(name: str) -> str:
    turns: dict[str, int] = st.session_state.get(_TURNS, {})
    return account.own(f"{name}-{turns[name]}" if name in turns else name)
