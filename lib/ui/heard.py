"""Whether the browser has heard already of what was set here.

Every message of the browser brings the values of all widgets as it knows them, also one that a polling fragment or a quick
second click sends before it has got the values set here meanwhile: they would be undone by it. So each message also brings the
number of the last setting that the browser has got, in a hidden field that is drawn behind the widgets in question.

The same tells whether the browser has got the last drawing of the whole page. Under load Streamlit 1.67 loses what is not on
its way yet when a timer of the page asks just after the drawing is over (its session no longer listens to the runner of it):
of 20 tabs that search at once, now and then one kept the old rows under the new search.
"""

from __future__ import annotations

import streamlit as st

_PAGE, _BEHIND = "page", "behind_drawing"


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


def page_begins() -> None:
    """The whole page is about to be drawn, whatever was lost before."""
    st.session_state.pop(_BEHIND, None)


def page_ends() -> None:
    """The whole page is drawn; call it behind all of it."""
    setting(_PAGE)
    listen(_PAGE)


def redraw_what_was_lost() -> None:
    """For what polls: the whole page anew where the browser has not got its last drawing by the second time it asks."""
    if not echoed(_PAGE):
        st.session_state.pop(_BEHIND, None)
    elif st.session_state.get(_BEHIND) == _last(_PAGE):
        st.rerun()
    else:
        st.session_state[_BEHIND] = _last(_PAGE)


def _last(what: str) -> str:
    return str(st.session_state.get(_setting(what), 0))


def _setting(what: str) -> str:
    return f"setting_{what}"


def _field(what: str) -> str:
    return f"heard_{what}"
