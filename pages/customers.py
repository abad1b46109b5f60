"""Customers: load, filter, look, pick."""

from datetime import UTC, datetime

import streamlit as st

from lib.customers.filters import describe, matching, users_of
from lib.errors import ViewUnreadable
from lib.ui import loading, picks
from lib.ui.customers import address, drawer, export, filters, pick_list, table, tray, views
from lib.ui.resources import get_resources
from lib.ui.text import ago, count, number
from lib.ui.widgets import announce, dialogs, head

resources = get_resources()
try:
    address.ADDRESS.keep_to(resources)
except ViewUnreadable as error:
    address.ADDRESS.refuse(error)
    st.stop()

now = datetime.now(UTC)
view = resources.loads.view(patience=loading.first_draw_patience())
frame, complete = view.frame, view.complete

loading.show_trouble(resources.loads)
title = head.row()
filters.show(frame)
flt = address.shown().filter
found = matching(frame, flt, now)
positions = found.positions
picks.look_at(describe(flt), view.read_at)
with head.show("Customers", title):
    views.show_button()
    table.show_view_options(frame)
    export.show(resources.loads, view, positions)

with st.container(horizontal=True, vertical_alignment="center", key="chips"):
    so_far = f" as of {ago(view.kept_at, now)}" if view.kept_at else "" if complete else " so far, not complete"
    users = count(users_of(frame, positions), "user")
    st.markdown(f"**{number(len(positions))}** of {count(len(frame), 'customer')}{so_far} · {users}", width="content")
    filters.show_chips(flt, found.unknown_times)
address.ADDRESS.show_trouble()
loading.show_problems(resources.loads)

table.show(frame, positions, flt, complete=complete)
announce.say(f"{number(len(positions))} of {count(len(frame), 'customer')}, {number(len(picks.chosen()))} picked")
tray.show_bar(resources, view, positions)

if record := dialogs.opened("record"):
    drawer.show(resources, frame, record.about)
elif dialogs.opened("picks"):
    tray.show_picks(frame, positions)
elif dialogs.opened("list"):
    pick_list.show(resources.loads)
elif dialogs.opened("views"):
    views.show(resources, now)
