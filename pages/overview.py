"""Overview: how the customers stand, how old the data is, what needs attention."""

import streamlit as st

from lib.ui import loading, overview
from lib.ui.resources import get_resources
from lib.ui.runs import listing
from lib.ui.widgets import head

resources = get_resources()
frame = resources.loads.frame()

head.show("Overview")
loading.show_trouble(resources.loads)
overview.show_totals(frame, complete=resources.loads.complete)
overview.show_charts(frame)
st.header("Latest runs", anchor=False)
listing.show_latest(resources)
