"""Whether the browser has heard already of what was set here.

Every message of the browser brings the values of all widgets as it knows them, also one that a polling fragment or a quick
second click sends before it has got the values set here meanwhile: they would be undone by it. So each message also brings the
number of the last setting that the browser has got, in a hidden field that is drawn behind the widgets in question.
"""

from __future__ import annotations

import streamlit as st


def setting(what: str) -> None:
    """Values are set here, of widgets that the browser may have already."""
    st.session_state[_setting(what)] = st.session_state.get(_setting(what), 0) + 1


def echoed(what: str) -> bool:
    """Does this run answer a message that was sent before the browser had the last values set here?

    A page that is drawn for the first time has no field yet, and its browser no values that could be old.
    """
    return bool(st.session_state.get(_field(what), _last(what)) != _last(what))


def listen(what: str) -> None:
    """Draw the hidden field; call it behind the widgets."""
    st.session_state[_field(what)] = _last(what)
    st.text_input("Heard", key=_field(what), label_visibility="collapsed")


def _last(what: str) -> str:
    return str(st.session_state.get(_setting(what), 0))


def _setting(what: str) -> str:
    return f"setting_{what}"


def _field(what: str) -> str:
    return f"heard_{what}"
