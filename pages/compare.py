"""Compare: what changed between two kept lists, or since one, and whose change it was."""

import streamlit as st

from lib.errors import ViewUnreadable
from lib.ui import loading
from lib.ui.compare import view
from lib.ui.compare.address import ADDRESS
from lib.ui.resources import get_resources
from lib.ui.widgets import head

resources = get_resources()
try:
    ADDRESS.keep_to(resources)
except ViewUnreadable as error:
    ADDRESS.refuse(error)
    st.stop()

head.show("Compare")
loading.show_trouble(resources.loads)
ADDRESS.show_trouble()
view.show(resources)
view.show_record(resources)
