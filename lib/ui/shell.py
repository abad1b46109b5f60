"""The frame around every page: settings of the page, the sidebar, navigation, and errors in words."""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from lib.config import APP_NAME
from lib.errors import ExpressOpsError, NotStarted
from lib.people import NotAllowed, Right
from lib.ui import account, kept, nav, news, notices, sidebar, sign_in
from lib.ui.accounts import armed, choose
from lib.ui.resources import get_resources, served
from lib.ui.signed_in import still_in
from lib.ui.startup import AGAIN_AFTER
from lib.ui.widgets import announce, dialogs, heard

logger = logging.getLogger(__name__)
HERE = Path(__file__).parent


@st.fragment(run_every=AGAIN_AFTER)
def not_started() -> None:
    """Says why there is nothing to show, and goes on by itself once there is."""
    try:
        get_resources()
    except NotStarted as error:
        notices.tell(error)
        st.caption("Express Ops tries again every few seconds, and this page goes on by itself.")
    else:
        st.rerun()


sign_in.begin()
# Before the navigation: that would have the browser ask a host on the internet for the page's icon.
st.set_page_config(page_icon=str(HERE / "icon.svg"), layout="wide", initial_sidebar_state=250)
account.follow_address()
heard.begin()
page = st.navigation(nav.all_pages(), position="hidden")
nav.name_tab(page.title)
st.html(HERE / "style.css")
nav.hold_address(page)
dialogs.begin()
announce.begin()
kept.begin()
still_in.ask()

try:
    choose.ask(served())
    with st.sidebar:
        st.markdown(f"**{APP_NAME}**")
        choose.show(served(), page)
    resources = get_resources()
    try:
        resources.ask(Right.READ)
    except NotAllowed as error:
        sign_in.show(resources.gate, error)
    resources.loads.start()
    with st.container(horizontal=True, vertical_alignment="center", key="top_line"):
        sidebar.show_connection(resources)
        armed.badge(resources)
        nav.show_way_back(page)
    notices.show()
    sidebar.show(resources)  # behind the notices: it has the page drawn again for one that nobody was told yet
    news.show_dialog(resources.loads)
    armed.show_dialog(resources)
    try:
        page.run()
        dialogs.end()
    finally:
        kept.keep(resources)
except NotStarted:
    not_started()
except ExpressOpsError as error:
    notices.tell_for_the_page(error)
except Exception:  # a page never shows a traceback; Streamlit's own stop and rerun are BaseExceptions and pass
    logger.exception("A page broke")
    st.error("This page broke. Nothing was changed by it; the server's log says why. Reload the page to go on.")
announce.show(page.title)
