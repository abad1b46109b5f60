"""Which dialog is open. Streamlit shows one at a time, and only when the main script asks for it in every run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import streamlit as st

Name = Literal["record", "picks", "paste", "confirm", "changes"]
_KEY = "open_dialog"


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


def opened() -> Opened | None:
    value: Opened | None = st.session_state.get(_KEY)
    return value


def act(do: Callable[..., object], *args: object) -> None:
    """Callback of a button in a dialog: does it, then the whole page is drawn, not the dialog alone.

    What stands below `if st.button(...)` is lost where another rerun cuts this one short; a callback has been called by then.
    """
    do(*args)
    st.rerun()
