"""The plan that a session is about to make: what is chosen for it is chosen for no other."""

from __future__ import annotations

import streamlit as st

_MADE = "drafts_made"


def key(name: str, about: str = "") -> str:
    """The session key of a choice for this one plan; `about` is the run that it undoes, empty where it has picks."""
    return f"{name}-{about}-{_made().get(about, 0)}"


def over(about: str = "") -> None:
    """The plan was started, or its picks are gone: the next one begins without its choices."""
    made = _made()
    st.session_state[_MADE] = {**made, about: made.get(about, 0) + 1}


def _made() -> dict[str, int]:
    made: dict[str, int] = st.session_state.get(_MADE, {})
    return made
