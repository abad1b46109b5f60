"""Widgets whose values are also set here, by a chip, a link or another widget.

Every message of the browser brings the values of all widgets as it knows them, also one that a polling fragment or a quick
second click sends before it has got what was set here meanwhile: that would be undone. So a widget whose value is set here is
drawn as a new one, under another key, and of the one before it nothing counts any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

_TURNS = "anew"


def says(
    name: str, value: object, take: Callable[[Any], None], *, reads: Callable[[Any], object] = lambda said: said
) -> dict[str, Any]:
    """The key and the callback to draw the widget `name` with, so that it says `value`.

    `take` gets what a person says in it, and makes that the `value` of the next drawing. `reads` gives what counts of it: a
    widget that says the same in other words stays, with the focus in it.
    """
    turns: dict[str, int] = st.session_state.setdefault(_TURNS, {})
    if reads(st.session_state.get(_key(name), value)) != value:
        turns[name] = turns.get(name, 0) + 1
    key = _key(name)
    if key not in st.session_state:
        st.session_state[key] = value

    def changed() -> None:
        if key == _key(name):
            take(st.session_state[key])

    return {"key": key, "on_change": changed}


def _key(name: str) -> str:
    turns: dict[str, int] = st.session_state[_TURNS]
    return f"{name}-{turns[name]}" if name in turns else name
