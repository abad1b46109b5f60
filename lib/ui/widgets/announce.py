"""What screen readers are told when it changes: counts, picks, how a run stands; and where the focus goes when a page or a
part of it opens, or when a field is wrong. The page itself shows it all elsewhere."""

from __future__ import annotations

import secrets
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_WORDS, _WRONG, _OPENED = "announced", "announced_wrong", "announced_opened"
_region = st.components.v2.component(
    "announce",
    html='<div role="status" aria-live="polite"></div>',
    css="div { position: absolute; clip-path: inset(50%); }",
    js=(_HERE / "announce.js").read_text("utf-8"),
)


def begin() -> None:
    """A run of the whole page begins: what one said that went to another page is not this one's."""
    st.session_state.pop(_WORDS, None)


def say(words: str) -> None:
    """Tell these words once this run of the page has ended, unless they were the last ones told."""
    st.session_state[_WORDS] = words


def point_at(field: str, words: str) -> None:
    """Once this run of the page has ended, mark the field whose key begins so as wrong, for this reason, and lead there."""
    st.session_state[_WRONG] = field, words, secrets.token_hex(4)  # the same again leads there again


def lead_to(part: str, name: str) -> None:
    """Once this run of the page has ended, bring the container with this key in sight, and the focus: it has just opened."""
    st.session_state[_OPENED] = part, name, secrets.token_hex(4)


def show(title: str) -> None:
    """The live region; call it behind all that says something. Of a page that says nothing its title is told."""
    state = st.session_state
    data = {"words": state.pop(_WORDS, title), "wrong": state.pop(_WRONG, ()), "opened": state.pop(_OPENED, ())}
    _region(key="announce", data=data, height="content")
