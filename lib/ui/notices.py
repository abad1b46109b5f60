"""Errors in words where no page script stands by to say them: in a button's callback, and in a part that redraws itself."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.errors import ExpressOpsError
from lib.ui.text import md

_KEY = "notice"


def attempt(act: Callable[..., object], *args: object, **kwargs: object) -> None:
    """Use as a callback: calls `act`; an error of ours becomes a notice instead of a broken page."""
    try:
        act(*args, **kwargs)
    except ExpressOpsError as error:
        st.session_state[_KEY] = error.message


def fragment(draw: Callable[..., None], *args: object, every: float | None) -> None:
    """Draws now and, with `every`, again each so many seconds. An error of ours is told in its place, and it tries on."""
    st.fragment(_in_words, run_every=every)(draw, *args)


def _in_words(draw: Callable[..., None], *args: object) -> None:
    try:
        draw(*args)
    except ExpressOpsError as error:
        st.error(md(error.message, limit=500), icon=":material/error:")


def show() -> None:
    message = st.session_state.pop(_KEY, None)
    if message:
        st.error(md(message, limit=500), icon=":material/error:")
