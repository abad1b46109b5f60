"""Deactivate: review the picks, say why, confirm, watch, read the updated records."""

import streamlit as st

from lib.ui import nav, review, run_view
from lib.ui.resources import get_resources

resources = get_resources()
run_id = st.query_params.get("run")
undo_of = st.query_params.get("undo")

if run_id:
    st.page_link(nav.page("customers"), label="Pick more customers", icon=":material/arrow_back:")
    run_view.show(resources, run_id)
elif undo_of:
    review.show_undo(resources, undo_of)
else:
    review.show_picks(resources)
