"""Runs: every run, and one in full when its id is in the URL."""

import streamlit as st

from lib.ui import history, nav
from lib.ui.deactivate import plan_file
from lib.ui.resources import get_resources
from lib.ui.runs import listing, view

resources = get_resources()
run_id = st.query_params.get("run")

if run_id:
    st.page_link(nav.page("runs"), label="All runs", icon=":material/arrow_back:")
    view.show(resources, run_id)
else:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Runs", anchor=False, width="stretch")
        plan_file.offer()
    listing.show(resources, history.searched())
