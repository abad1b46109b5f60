"""What a page does so that its tab goes on: it has the proxy say again and again that whoever is at work is still in."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lib.ui.signed_in.proxy import came_by_proxy, still_in_path

_draw = st.components.v2.component("still_in", js=Path(__file__).with_suffix(".js").read_text("utf-8"))


def ask() -> None:
    """Have this page ask, where a proxy signed in whoever it is drawn for; nothing for others."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None and not st.user.get("is_logged_in") and came_by_proxy(st.context.headers):
        _draw(key="still_in", data={"session": context.session_id, "path": still_in_path()}, height="content")
