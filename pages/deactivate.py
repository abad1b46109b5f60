"""Deactivate: review the picks, say why, confirm, watch, read the updated records."""

import streamlit as st

from lib.ui import picks
from lib.ui.deactivate import parts, plan_file, review
from lib.ui.resources import get_resources
from lib.ui.runs import view

resources = get_resources()
run_id = st.query_params.get("run")
undo_of = st.query_params.get("undo")

if run_id:
    plan_file.close_started(run_id)
    parts.offer_next(resources)
    view.show(resources, run_id)
elif undo_of:
    resources.loads.catch_up()  # with what the run did, whichever process carried it
    review.show_undo(resources, undo_of)
elif plan := plan_file.opened():
    plan_file.show(resources, plan)
else:
    review.show_picks(resources)
    if not picks.get():
        plan_file.offer()
