"""One customer's record on a page: every field, the metadata, raw JSON to copy; each value before and now where it changed.

All values stand in table cells or code blocks, which never read them as markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from lib.avara.models import Customer
from lib.customers.ours import OwnUpdate
from lib.plans.plan import PlannedCustomer
from lib.ui import nav
from lib.ui.text import ago, exact, md
from lib.ui.widgets import id_table
from lib.ui.widgets.id_table import Cell, Changed, Column


def fields(before: Customer, after: Customer | None = None) -> dict[str, Cell]:
    """Field in words → its value in words, marked where it is another one after; an empty text where the record has none."""
    return _told(_values(before), _values(after or before))


def metadata(before: Customer, after: Customer | None = None) -> dict[str, Cell]:
    """Key → its value, marked where it is another one after, or came or went. In the record's order."""
    return _told(before.metadata, (after or before).metadata)


def _told(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, Cell]:
    was_is = {name: Changed(old.get(name), new.get(name)) for name in {**new, **old}}
    return {name: both if both.before != both.now else both.now or "" for name, both in was_is.items()}


def _values(record: Customer) -> dict[str, str]:
    return {
        "Name": record.name,
        "Status": "● Active" if record.is_active else "○ Inactive",
        "Users": f"{record.user_count:,}",
        "Updated": exact(record.updated_at),
        "Created": exact(record.created_at),
        "Created by user": record.created_by_user_id or "",
        "Created by API key": str(record.created_by_api_key_id or ""),
    }


def show_standing(record: Customer, now: datetime, own: OwnUpdate | None = None) -> None:
    """How the record stands, below its name; `own`: the last update, if a run of ours made it."""
    by_us = " by a run of ours" if own else ""
    _standing(record, f"Updated {ago(record.updated_at, now)}{by_us} · created {ago(record.created_at, now)}")
    if own is not None:
        before = exact(own.before) if own.before else "at an unknown time"
        label = f"Changed by {md(own.run_id)}, before that {before}"
        nav.link("runs", label=label, icon=":material/history:", run=own.run_id)


def show_record(record: Customer) -> None:
    """The whole record as it was read."""
    st.subheader("Record", anchor=False)
    _fields(record, None)
    _metadata(record, None)
    _raw(record)


def show_evidence(planned: PlannedCustomer) -> None:
    """Why the customer was picked, what its record said, and when it was read."""
    first, *others = planned.told or ("none was noted",)
    st.markdown(f"**Evidence:** {md(first, limit=2500)}.")
    st.caption(f"{md('; '.join([*others, 'record read']), limit=4000)} {exact(planned.read_at)}.")


def show_change(before: Customer, after: Customer | None, now: datetime) -> None:
    """The record as planned beside the record as read after the call."""
    told = f"Updated {ago(after.updated_at, now)}" if after else "Not read since; as planned"
    _standing(after or before, told, title=(after or before).name)
    left, right = st.columns([3, 2])
    with left:
        _fields(before, after)
    with right:
        _metadata(before, after)
    _raw(after or before)


def _standing(record: Customer, told: str, title: str = "") -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if title:
            st.header(md(title), anchor=False, width="content")
        if record.is_active:
            st.badge("Active", icon=":material/check_circle:", color="green")
        else:
            st.badge("Inactive", icon=":material/block:", color="gray")
        st.caption(md(told), width="content")
    st.code(record.id, language=None)


def _fields(before: Customer, after: Customer | None) -> None:
    """What is empty takes no room."""
    rows = [(name, name, value) for name, value in fields(before, after).items() if value]
    columns = [Column("Field", 150), Column("Value", 250, "long")]
    id_table.show("record-fields", columns, rows, label="The record's fields", view=before.id)


def _metadata(before: Customer, after: Customer | None) -> None:
    rows = [(key, key, value) for key, value in metadata(before, after).items()]
    if rows:
        columns = [Column("Key", 130), Column("Value", 140, "long")]
        id_table.show("record-metadata", columns, rows, label="Metadata, one row a key", view=before.id)
    else:
        st.caption("This customer has no metadata.")


def _raw(record: Customer) -> None:
    with st.expander("Raw JSON", icon=":material/data_object:"):
        st.code(record.model_dump_json(by_alias=True, indent=2), language="json", wrap_lines=True)
