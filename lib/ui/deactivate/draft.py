"""The plan that a session is about to make: what is typed and chosen for it is for no other, and for no later one."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from lib.ui import account

_MADE, _WHY, _LAST = "drafts_made", "drafts_why", "last_why"


@dataclass(frozen=True)
class Why:
    """Reason and ticket of a plan."""

    reason: str = ""
    ticket: str = ""

    def __bool__(self) -> bool:
        return bool(self.reason or self.ticket)


def key(name: str, about: str = "") -> str:
    """The session key of a choice for this one plan; `about` is the run that it undoes, empty where it has picks."""
    return account.own(f"{name}-{about}-{_made().get(about, 0)}")


def over(about: str = "") -> None:
    """The plan was started, or its picks are gone: the next one begins without its choices."""
    st.session_state[_MADE] = _made() | {about: _made().get(about, 0) + 1}


def why(about: str = "") -> Why:
    """Reason and ticket as typed so far."""
    said: Why = st.session_state.get(key(_WHY, about), Why())
    return said


def say_why(said: Why, about: str = "") -> None:
    st.session_state[key(_WHY, about)] = said


def started(said: Why, about: str = "") -> None:
    """The plan has become a run, for this reason: the next one needs its own."""
    over(about)
    st.session_state[_LAST] = said


def last_why() -> Why:
    """Reason and ticket of the last plan that this session has started."""
    said: Why = st.session_state.get(_LAST, Why())
    return said


def _made() -> dict[str, int]:
    made: dict[str, int] = st.session_state.get(_MADE, {})
    return made
