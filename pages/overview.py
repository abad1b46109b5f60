"""Overview: how the customers stand, how old the data is, what needs attention."""

import streamlit as st

from lib.ui import loading
from lib.ui.overview import candidates, charts, totals
from lib.ui.resources import get_resources
from lib.ui.runs import listing
from lib.ui.widgets import head

resources = get_resources()
frame = resources.loads.frame()

head.show("Overview")
loading.show_trouble(resources.loads)
complete = resources.loads.complete
totals.show(frame, complete=complete)
candidates.show(resources, frame, complete=complete)
charts.show(resources, frame)
st.header("Latest runs", anchor=False)
listing.show_latest(resources)
