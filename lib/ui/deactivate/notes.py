"""What stands above the list of a review: the counts, what deserves a look first, and who is left out and why."""

from __future__ import annotations

import streamlit as st

from lib.plans.review import Review, WarningKind
from lib.plans.subject import Subject
from lib.ui.text import number
from lib.ui.widgets import id_table
from lib.ui.widgets.id_table import Column


def show_metrics(reviewed: Review) -> None:
    with st.container(horizontal=True):
        st.metric("Customers", number(len(reviewed.in_order)), border=True)
        st.metric("Users affected", number(reviewed.users_affected), border=True)
        look = "Customers with a warning, such as users or a recent change; they stand at the top of the list."
        st.metric("To look at first", number(reviewed.warning_count), border=True, help=look)
        st.metric("Set aside", number(len(reviewed.set_aside)), border=True, help="Already as asked: no call is spent on them.")


def show_notes(subject: Subject) -> None:
    """What deserves a look, in words, above the list."""
    counted = {kind.those: subject.reviewed.counted(kind) for kind in WarningKind}
    if found := [f"{number(customers)} {words}" for words, customers in counted.items() if customers]:
        st.warning(f"Look first: {', '.join(found)}. They stand at the top of the list.", icon=":material/visibility:")
    for title, those in subject.left_out.items():
        with st.expander(title, icon=":material/block:"):
            id_table.show(
                f"left_out_{title.split(' ', 1)[1]}",
                [Column("Customer", 260), Column("Why", 340, "long"), Column("Id", 300, "id")],
                [(one.customer_id, one.name, one.why, one.customer_id) for one in those[: id_table.MOST_ROWS]],
                label=title,
            )
            if len(those) > id_table.MOST_ROWS:
                st.caption(f"The first {number(id_table.MOST_ROWS)}; all of them are in the files under *Print or Excel*.")
