"""One customer's record on a page: every field, the metadata as a table, raw JSON to copy; or before and after, side by side.

All values stand in grid cells or code blocks, which never read them as markup.
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from lib.avara.models import Customer
from lib.runs.plan import PlannedCustomer
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.text import ago, exact, md

_MOST_ROWS = 12


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
    _table(pd.DataFrame(field_values(record).items(), columns=["Field", "Value"]), "The record's fields")
    show_metadata(record)
    show_raw(record)


def show_evidence(planned: PlannedCustomer) -> None:
    """Why the customer was picked, what its record said, and when it was read."""
    told = "; ".join(planned.evidence) or "none was noted"
    st.caption(f"Evidence: {md(told, limit=1000)}. Record read {exact(planned.read_at)}.")


def show_change(before: Customer, after: Customer | None, now: datetime) -> None:
    """The record as planned beside the record as read after the call; changed fields carry a mark and the word."""
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
            _table(pd.DataFrame(field_values(before).items(), columns=["Field", "Before"]), "Record before")
        else:
            _table(change_table(before, after), "The record before and now, changed fields marked")
    with right:
        show_metadata(after or before, before)
    show_raw(after or before)


def change_table(before: Customer, after: Customer) -> pd.DataFrame:
    """One row a field: columns Field, Before, Now, Change (all text; Change is "◀ changed" or empty)."""
    old, new = field_values(before), field_values(after)
    return pd.DataFrame(
        {
            "Field": list(old),
            "Before": list(old.values()),
            "Now": list(new.values()),
            "Change": ["◀ changed" if old[field] != new[field] else "" for field in old],
        }
    )


def metadata_table(record: Customer, before: Customer | None = None) -> pd.DataFrame:
    """Columns Key and Value, and with `before` also Before and Change, one row a key in the record's order."""
    if before is None or before.metadata == record.metadata:
        return pd.DataFrame({"Key": list(record.metadata), "Value": list(record.metadata.values())}, dtype="str")
    keys = dict.fromkeys([*record.metadata, *before.metadata])
    pairs = [(key, before.metadata.get(key), record.metadata.get(key)) for key in keys]
    return pd.DataFrame(
        [(key, old or "", new or "", "◀ changed" if old != new else "") for key, old, new in pairs],
        columns=["Key", "Before", "Now", "Change"],
    )


def show_metadata(record: Customer, before: Customer | None = None) -> None:
    table = metadata_table(record, before)
    st.markdown(f"**Metadata** · {len(record.metadata)} of at most 50")
    if table.empty:
        st.caption("This customer has no metadata.")
    else:
        _table(table, "Metadata, one row a key")


def show_raw(record: Customer) -> None:
    with st.expander("Raw JSON", icon=":material/data_object:"):
        st.code(record.model_dump_json(by_alias=True, indent=2), language="json", wrap_lines=True)


def _badge(record: Customer) -> None:
    if record.is_active:
        st.badge("Active", icon=":material/check_circle:", color="green")
    else:
        st.badge("Inactive", icon=":material/block:", color="gray")


def _table(table: pd.DataFrame, alt: str) -> None:
    st.dataframe(
        table,
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(table), _MOST_ROWS),
        column_config={
            # Pinned columns stay in sight beside the field's name, however long the values are.
            "Field": st.column_config.TextColumn(width=120, pinned=True),
            "Key": st.column_config.TextColumn(width=140, pinned=True),
            "Change": st.column_config.TextColumn(width=90, pinned=True),
            "Before": st.column_config.TextColumn(width=170),
        },
        placeholder="",
        alt=alt,
    )
