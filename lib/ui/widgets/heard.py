"""What a person does is heard, whatever they do next.

The browser's next message ends the callback of the one before it, wherever that looks into the session state, and Streamlit
calls it no more: the value had changed before that message. Of a reason and a ticket that are typed one after the other the
reason would be lost, now and then, on a busy server. So what a callback hears is asked for again when the next run begins.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

_HEARERS = "heard"


def by(key: str, hear: Callable[[], None]) -> Callable[[], None]:
    """Use as the callback of the widget with this key. `hear` does what is new in its value, and nothing where nothing is."""
    hearers: dict[str, Callable[[], None]] = st.session_state.setdefault(_HEARERS, {})
    hearers[key] = hear
    return hear


def begin() -> None:
    """A run of the whole page begins: what was not heard to its end is, before anything is drawn."""
    hearers: dict[str, Callable[[], None]] = st.session_state.get(_HEARERS, {})
    for key, hear in list(hearers.items()):
        if key in st.session_state:
            hear()
        else:
            del hearers[key]  # is on show no more
