"""Customers: load, filter, look, pick."""

from datetime import UTC, datetime

import streamlit as st

from lib.customers.filters import users_of
from lib.errors import ViewUnreadable
from lib.ui import loading, picks
from lib.ui.customers import address, asked, export, filters, opened, table, tray, views
from lib.ui.evidence import editor, studies
from lib.ui.resources import get_resources
from lib.ui.text import ago, count, number
from lib.ui.widgets import announce, head

resources = get_resources()
try:
    address.ADDRESS.keep_to(resources)
except ViewUnreadable as error:
    address.ADDRESS.refuse(error)
    st.stop()
view, now = resources.loads.view(patience=loading.first_draw_patience()), datetime.now(UTC)
frame, complete = view.frame, view.complete
loading.show_trouble(resources.loads)
title = head.row()
filters.show(resources, frame)
busy = resources.evidence.reading.under_way is not None
shown, seen = address.shown(), asked.columns(resources, frame)
found, unknown_studies = asked.found(frame, shown, seen, now)
positions = found.positions
picks.look_at(asked.described(shown), view.read_at, shown.rules)
with head.show("Customers", title):
    editor.show_button(shown.rules)
    views.show_button()
    table.show_view_options(frame)
    studies.show_button(resources, frame, positions, busy=busy)
    export.show(resources, view, positions)

with st.container(horizontal=True, vertical_alignment="center", key="chips"):
    so_far = f" as of {ago(view.kept_at, now)}" if view.kept_at else "" if complete else " so far, not complete"
    users = count(users_of(frame, positions), "user")
    st.markdown(f"**{number(len(positions))}** of {count(len(frame), 'customer')}{so_far} · {users}", width="content")
    asked.show_answers(seen)
    filters.show_chips(found.unknown_times, unknown_studies)
    asked.show_read(resources, frame, seen, busy=busy)
address.ADDRESS.show_trouble()
loading.show_problems(resources.loads)

table.show(frame, positions, seen, complete=complete)
announce.say(f"{number(len(positions))} of {count(len(frame), 'customer')}, {number(len(picks.chosen()))} picked")
tray.show_bar(resources, view, positions)

opened.show(resources, frame, positions)
