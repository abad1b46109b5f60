"""Runs: every run, and one in full when its id is in the URL."""

import streamlit as st

from lib.errors import ViewUnreadable
from lib.ui.deactivate import plan_file
from lib.ui.resources import get_resources
from lib.ui.runs import history, listing, report, view
from lib.ui.runs.address import ADDRESS
from lib.ui.widgets import head

resources = get_resources()
run_id = st.query_params.get("run")

if run_id:
    view.show(resources, run_id)
else:
    try:
        ADDRESS.keep_to(resources)
    except ViewUnreadable as error:
        ADDRESS.refuse(error)
        st.stop()
    with head.show("Runs"):
        plan_file.offer()
        report.offer(resources)
    history.search()
    ADDRESS.show_trouble()
    listing.show(resources)
