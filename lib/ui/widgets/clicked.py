"""Buttons whose click counts.

A click is a value that Streamlit sets back when a run ends. That may be the run before: it is still ending when the click's own
run begins, which then finds the button as if nobody had clicked it. A callback has been called by then, so it notes the click.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx


def button(
    label: str,
    *,
    key: str,
    on_click: Callable[..., object] | None = None,
    args: Sequence[object] = (),
    **options: Any,  # noqa: ANN401 - of Streamlit's
) -> bool:
    """Streamlit's button, for `if clicked.button(...)`. What the click's own run does not come to, the one that takes its place
    right then does, and no later one.
    """
    noted = f"clicked-{key}"
    st.button(label, key=key, on_click=_note, args=(noted, on_click, args), **options)
    run = st.session_state.pop(noted, None)
    return run is not None and run is get_script_run_ctx()


def _note(noted: str, on_click: Callable[..., object] | None, args: Sequence[object]) -> None:
    if on_click is not None:
        on_click(*args)
    st.session_state[noted] = get_script_run_ctx()
