"""Connection: which account, whether a key is there (never which), a test, and the limits."""

import streamlit as st

from lib.ui import connection
from lib.ui.resources import get_resources

resources = get_resources()
st.title("Connection", anchor=False)
connection.show(resources)
