"""The field of a confirmation, and what is wrong about what was typed into it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from lib.spelling import what_is_wrong

_HERE = Path(__file__).parent
_draw = st.components.v2.component(
    "typed",
    html="""<label for="typed"></label>
        <input id="typed" type="text" autocomplete="off" spellcheck="false" aria-describedby="told">
        <p id="told" role="status"></p>""",
    css=(_HERE / "typed.css").read_text("utf-8"),
    js=(_HERE / "typed.js").read_text("utf-8"),
)


def field(key: str, label: str, wanted: str) -> bool:
    """Draw the field; whether what was typed is `wanted`."""
    typed = str(st.session_state.get(key, {}).get("typed") or "")
    wrong = what_is_wrong(typed, wanted)
    told = wrong or ("It matches." if typed else "Nothing is sent before that.")
    _draw(key=key, data={"label": label, "typed": typed, "told": told, "wrong": bool(wrong)}, on_typed_change=lambda: None)
    return bool(typed) and not wrong
