"""Which dialog is open. Streamlit shows one at a time, and only when the main script asks for it in every run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import streamlit as st

Name = Literal["record", "picks", "list", "views", "rules", "confirm", "approve", "changes", "account", "arm"]
_KEY, _DRAWN = "open_dialog", "dialog_drawn"


@dataclass(frozen=True)
class Opened:
    name: Name
    #: What the dialog is about: a customer id, say. Empty where the name says it all.
    about: str = ""


def open_dialog(name: Name, about: str = "") -> None:
    """Ask for a dialog; use it as a callback, so that the run that follows shows it."""
    st.session_state[_KEY] = Opened(name, about)


def close() -> None:
    st.session_state.pop(_KEY, None)
    begin()


def begin() -> None:
    """A run of the whole page begins; whether it draws a dialog will be seen."""
    st.session_state.pop(_DRAWN, None)


def end() -> None:
    """A run of the whole page is over: what it did not draw is closed, and does not open by itself where one comes back."""
    if not st.session_state.get(_DRAWN):
        st.session_state.pop(_KEY, None)


def opened(name: Name) -> Opened | None:
    """The dialog of that name where it is to be shown. Who asks draws it."""
    value: Opened | None = st.session_state.get(_KEY)
    if value is None or value.name != name:
        return None
    st.session_state[_DRAWN] = True
    return value


def redraw_page() -> None:
    """For what polls: the whole page anew, or once the dialog that lies over it is closed.

    Streamlit 1.67 takes an open dialog away and puts it up again in each run of the whole page: what is being typed in it
    is lost, and so is the focus.
    """
    if not st.session_state.get(_DRAWN):
        st.rerun()


def act(do: Callable[..., object], *args: object) -> None:
    """Callback of a button in a dialog: does it, then the whole page is drawn, not the dialog alone.

    What stands below `if st.button(...)` is lost where another rerun cuts this one short; a callback has been called by then.
    """
    do(*args)
    st.rerun()
