"""The head of a page: its title, with what can be done with the page at the right of it."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_ROW = "page_head"


def row() -> DeltaGenerator:
    """The place of a head whose title is drawn later, so that what is drawn meanwhile stands below it."""
    return st.container(horizontal=True, vertical_alignment="center", key=_ROW)


def show(title: str, at: DeltaGenerator | None = None) -> DeltaGenerator:
    """Draw the title as plain words; returns its row, for buttons. On every page it stands at the same height."""
    at = at or row()
    at.title(title, anchor=False, width="stretch")
    return at
