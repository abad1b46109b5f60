"""Errors in words, with what a page can do about them; also where no page script stands by to say them: in a button's callback,
and in a part that redraws itself."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib import errors
from lib.errors import ExpressOpsError
from lib.ui.text import md

_KEY = "notice"
#: What to do next, where that is something to press or another page.
_NEXT: dict[type, str] = {
    errors.NotFound: "Reload the customers.",
    errors.ListTooOld: "If that stopped, press Reload.",
    errors.ListOlderThanRun: "If that stopped, press Reload.",
    errors.EmptyPlan: "Pick at least one on the Customers page.",
    errors.OtherKey: "If it is, say so on the Connection page.",
    errors.AlreadyStarted: "Open its run on the Runs page.",
    errors.RunNotFound: "Open the Runs page and choose one from the list.",
    errors.IllegalTransition: "Reload the page to see its state.",
}


def told(error: ExpressOpsError) -> str:
    """What happened, and what to do about it here."""
    return " ".join(filter(None, (error.message, _NEXT.get(type(error)))))


def tell(error: ExpressOpsError, *, icon: str = "error") -> None:
    """The error in its place on the page."""
    _tell(told(error), icon)


def _tell(words: str, icon: str = "error") -> None:
    st.error(md(words, limit=600), icon=f":material/{icon}:")


def attempt(act: Callable[..., object], *args: object, **kwargs: object) -> None:
    """Use as a callback: calls `act`; an error of ours becomes a notice instead of a broken page."""
    try:
        act(*args, **kwargs)
    except ExpressOpsError as error:
        st.session_state[_KEY] = told(error)


def fragment(draw: Callable[..., None], *args: object, every: float | None) -> None:
    """Draws now and, with `every`, again each so many seconds. An error of ours is told in its place, and it tries on."""
    st.fragment(_in_words, run_every=every)(draw, *args)


def _in_words(draw: Callable[..., None], *args: object) -> None:
    try:
        draw(*args)
    except ExpressOpsError as error:
        tell(error)


def show() -> None:
    message = st.session_state.pop(_KEY, None)
    if message:
        _tell(message)
