"""What screen readers are told when it changes: counts, picks, how a run stands. The page itself shows it all elsewhere."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_WORDS = "announced"
_region = st.components.v2.component(
    "announce",
    html='<div role="status" aria-live="polite"></div>',
    css="div { position: absolute; clip-path: inset(50%); }",
    js=(_HERE / "announce.js").read_text("utf-8"),
)


def say(words: str) -> None:
    """Tell these words once this run of the page has ended, unless they were the last ones told."""
    st.session_state[_WORDS] = words


def show(title: str) -> None:
    """The live region; call it behind all that says something. Of a page that says nothing its title is told."""
    _region(key="announce", data=st.session_state.pop(_WORDS, title), height="content")
