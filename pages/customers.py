"""Customers: load, filter, look, pick."""

from datetime import UTC, datetime

import streamlit as st

from lib.customers.filters import describe, matching, users_of
from lib.ui import announce, dialogs, loading, picks
from lib.ui.customers import drawer, export, filters, table, tray
from lib.ui.resources import get_resources
from lib.ui.text import ago, count, number

resources = get_resources()
now = datetime.now(UTC)
view = resources.loads.view(patience=loading.first_draw_patience())
frame, complete = view.frame, view.complete

loading.show_trouble(resources.loads)
title = st.container(horizontal=True, key="title_line")
flt = filters.show(frame, now)
found = matching(frame, flt, now)
positions = found.positions
picks.look_at(describe(flt), resources.loads.read_at)
with title:
    st.title("Customers", anchor=False, width="stretch")
    table.show_view_options(frame)
    export.show(resources.loads, view, flt, positions)

with st.container(horizontal=True, vertical_alignment="center", key="chips"):
    so_far = f" as of {ago(view.kept_at, now)}" if view.kept_at else "" if complete else " so far, not complete"
    users = count(users_of(frame, positions), "user")
    st.markdown(f"**{number(len(positions))}** of {count(len(frame), 'customer')}{so_far} · {users}", width="content")
    filters.show_chips(flt)
    if found.unknown_times:
        st.caption(f"{number(found.unknown_times)} more would match, but a date of theirs is unknown.", width="content")
loading.show_problems(resources.loads)

table.show(frame, positions, flt, complete=complete)
announce.say(f"{number(len(positions))} of {count(len(frame), 'customer')}, {number(len(picks.chosen()))} picked")
tray.show_bar(frame, positions, obstacle=resources.loads.plan_obstacle())

if record := dialogs.opened("record"):
    drawer.show(resources, frame, record.about)
elif dialogs.opened("picks"):
    tray.show_picks(frame, positions)
elif dialogs.opened("paste"):
    tray.show_paste(resources.loads)
