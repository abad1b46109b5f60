"""One customer's record on a page: every field, the metadata, raw JSON to copy; what changed as before → now.

All values stand in table cells or code blocks, which never read them as markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from lib.avara.models import Customer
from lib.runs.plan import PlannedCustomer
from lib.ui import id_table
from lib.ui.id_table import Cell, Changed, Column
from lib.ui.text import ago, exact, md


def field_values(record: Customer) -> dict[str, str]:
    """Field in words → value in words; an empty text where the record has none."""
    return {
        "Name": record.name,
        "Active": "yes" if record.is_active else "no",
        "Users": str(record.user_count),
        "Updated": exact(record.updated_at),
        "Created": exact(record.created_at),
        "Created by user": record.created_by_user_id or "",
        "Created by API key": str(record.created_by_api_key_id or ""),
    }


def show_record(record: Customer, now: datetime) -> None:
    """The whole record as it was read."""
    st.subheader(md(record.name), anchor=False)
    st.code(record.id, language=None)
    with st.container(horizontal=True, vertical_alignment="center"):
        _badge(record)
        st.caption(f"Updated {ago(record.updated_at, now)} · created {ago(record.created_at, now)}")
    _show_fields(record)
    _show_metadata(record)
    show_raw(record)


def show_evidence(planned: PlannedCustomer) -> None:
    """Why the customer was picked, what its record said, and when it was read."""
    told = "; ".join(planned.evidence) or "none was noted"
    st.caption(f"Evidence: {md(told, limit=1000)}. Record read {exact(planned.read_at)}.")


def show_change(before: Customer, after: Customer | None, now: datetime) -> None:
    """The record as read after the call; what is not as planned is marked, with its value before."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(md(before.name), anchor=False, width="content")
        if after is not None:
            _badge(after)
            st.caption(f"Updated {ago(after.updated_at, now)}")
    st.code(before.id, language=None)
    left, right = st.columns([3, 2])
    with left:
        st.markdown("**Record**")
        if after is None:
            st.caption("The record was not read after the call, so only the one before is known.")
        _show_fields(after or before, before)
    with right:
        _show_metadata(after or before, before)
    show_raw(after or before)


def rows_of(now: Mapping[str, str], before: Mapping[str, str]) -> list[tuple[str, str, Cell]]:
    """One row a name: its id, the name, its value, which is `Changed` where it was another. What is gone comes last."""
    was_is = {name: Changed(before.get(name), now.get(name)) for name in {**now, **before}}
    return [(name, name, both if both.before != both.now else both.now or "") for name, both in was_is.items()]


def _show_fields(record: Customer, before: Customer | None = None) -> None:
    rows = rows_of(field_values(record), field_values(before or record))
    columns = [Column("Field", 140), Column("Value", 220, "long")]
    id_table.show(f"fields-{record.id}", columns, rows, label="The record's fields")


def _show_metadata(record: Customer, before: Customer | None = None) -> None:
    rows = rows_of(record.metadata, (before or record).metadata)
    st.markdown(f"**Metadata** · {len(record.metadata)} of at most 50")
    if rows:
        columns = [Column("Key", 140), Column("Value", 180, "long")]
        id_table.show(f"metadata-{record.id}", columns, rows, label="Metadata, one row a key")
    else:
        st.caption("This customer has no metadata.")


def show_raw(record: Customer) -> None:
    with st.expander("Raw JSON", icon=":material/data_object:"):
        st.code(record.model_dump_json(by_alias=True, indent=2), language="json", wrap_lines=True)


def _badge(record: Customer) -> None:
    if record.is_active:
        st.badge("Active", icon=":material/check_circle:", color="green")
    else:
        st.badge("Inactive", icon=":material/block:", color="gray")
