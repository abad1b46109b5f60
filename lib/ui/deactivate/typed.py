"""The field of a confirmation, and what is wrong about what was typed into it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from lib.runs.spelling import visible

_HERE = Path(__file__).parent
_draw = st.components.v2.component(
    "typed",
    html="""<label for="typed"></label>
        <input id="typed" type="text" autocomplete="off" spellcheck="false" aria-describedby="told">
        <p id="told" role="status"></p>""",
    css=(_HERE / "typed.css").read_text("utf-8"),
    js=(_HERE / "typed.js").read_text("utf-8"),
)
_SHOWN = 20


def field(key: str, label: str, wanted: str) -> bool:
    """Draw the field; whether what was typed is `wanted`."""
    typed = str(st.session_state.get(key, {}).get("typed") or "")
    wrong = what_is_wrong(typed, wanted)
    told = wrong or ("That is the same." if typed else "Nothing is sent before that.")
    _draw(key=key, data={"label": label, "typed": typed, "told": told, "wrong": bool(wrong)}, on_typed_change=lambda: None)
    return bool(typed) and not wrong


def what_is_wrong(typed: str, wanted: str) -> str:
    """In words; empty where nothing is typed, and where it is the same.

    It must be exact, but for what nobody sees: outer and repeated spaces, invisible characters, the Unicode form. What shows
    nothing is never right.
    """
    got, asked = visible(typed), visible(wanted)
    if not typed or got == asked != "":
        return ""
    if not got:
        return "Nothing can be seen of what you typed."
    if asked.startswith(got):
        return "That is its beginning. Go on."
    if got.casefold() == asked.casefold():
        return "Capital and small letters are not the same."
    same = next((at for at, pair in enumerate(zip(got, asked, strict=False)) if len(set(pair)) > 1), len(asked))
    after = f" after “{'…' if same > _SHOWN else ''}{got[max(same - _SHOWN, 0) : same]}”" if same else ""
    return f"That is something else{after}."
