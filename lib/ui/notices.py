"""What a button's callback has to say: errors in words, shown at the top of the page by the run that follows."""

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


def show() -> None:
    message = st.session_state.pop(_KEY, None)
    if message:
        st.error(md(message, limit=500), icon=":material/error:")
