"""Which account this browser's session works with, kept in its address so that a link says whose it is.

Everything that a session holds is of one account. Where another one is chosen all of it goes, but for what waits there until
this one is chosen again: so a new page can't forget to keep the accounts apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

#: What says the account in an address.
PARAMETER = "account"
_CHOSEN, _WAITING = "account_chosen", "accounts_waiting"
#: The session keys of what waits: picks, drafts and what was said for them, and which view a page shows. None is a widget's.
_WAITS = re.compile(
    r"picks|picks_on_show|picks_split|draft_(id|saved)|drafts_(made|taken|done|why-.*)|last_why|taken_out-.*|news_heard|opened_plan"
    r"|(customers|runs|compare)_(address|view(_opened|_tokens)?)"
)


def chosen() -> str:
    """The account's name; empty where there is only one, none was chosen yet, or no browser asks."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return ""
    name: str = st.session_state.get(_CHOSEN, "")
    return name


def said() -> dict[str, str]:
    """What every address of this session says besides, as URL parameters."""
    return {PARAMETER: name} if (name := chosen()) else {}


def without(query: Mapping[str, Any]) -> dict[str, Any]:
    """What an address says of its page alone."""
    return {name: value for name, value in query.items() if name != PARAMETER}


def own(key: str) -> str:
    """The key of a widget in this account: the browser keeps what a widget of the same key says, also from another account."""
    return f"{key}-{name}" if (name := chosen()) else key


def choose(name: str) -> None:
    """Work with this account from now on. Call it where no widget is drawn yet, or the script is about to start anew."""
    state, before = st.session_state, chosen()
    if name == before:
        return
    waiting: dict[str, dict[str, Any]] = state.get(_WAITING, {})
    if before:
        waiting = waiting | {before: {key: state[key] for key in map(str, state) if _WAITS.fullmatch(key)}}
    for key in list(map(str, state)):
        del state[key]
    state.update(waiting.pop(name, {}) | {_CHOSEN: name, _WAITING: waiting})


def follow_address() -> None:
    """Call it before anything is drawn: an address that somebody went to says the account; any other is told which it is.

    A message may have been sent before the browser had got the last address that was set here: it counts for nothing then.
    """
    told, context = st.query_params.get(PARAMETER, ""), get_script_run_ctx()
    went = not chosen() or (context is not None and context.is_history_navigation)
    if told and went:
        choose(told)
    elif chosen() and told != chosen():
        st.query_params[PARAMETER] = chosen()
