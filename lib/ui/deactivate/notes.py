"""What stands above the list of a review: the users affected, what deserves a look first, and who is left out and why."""

from __future__ import annotations

import streamlit as st

from lib.plans.review import WarningKind
from lib.plans.subject import Subject
from lib.ui import picks
from lib.ui.text import count, number
from lib.ui.widgets import id_table
from lib.ui.widgets.id_table import Column


def show_notes(subject: Subject) -> None:
    """What deserves a look, in words, above the list."""
    reviewed = subject.reviewed
    affected = f"**{count(reviewed.users_affected, 'user')}** affected"
    # In the one line that stands above the list: another would push what is below out of a low window.
    unknown = reviewed.studies_unknown
    unread = f"The studies of {number(unknown)} were not read: *Studies* on Customers reads them." if unknown else ""
    counted = {kind.those: reviewed.counted(kind) for kind in WarningKind}
    if found := [f"{number(customers)} {words}" for words, customers in counted.items() if customers]:
        first = f"Look first at {count(reviewed.warning_count, 'customer')}, at the top of the list: {', '.join(found)}."
        st.warning(f"{affected}. {first} {unread}", icon=":material/visibility:")
    else:
        with st.container(horizontal=True):
            st.markdown(affected, width="content")
            if unread:
                st.caption(unread, width="content")
    for title, those in subject.left_out.items():
        with st.expander(title, icon=":material/block:"):
            id_table.show(
                f"left_out_{title.split(' ', 1)[1]}",
                [Column("Customer", 260, "long"), Column("Why", 340, "long"), Column("Id", 300, "id")],
                [(one.customer_id or one.why, one.who, one.why, one.customer_id) for one in those[: id_table.MOST_ROWS]],
                label=title,
            )
            if len(those) > id_table.MOST_ROWS:
                st.caption(f"The first {number(id_table.MOST_ROWS)}; all of them are in the files under *Print or Excel*.")


def nothing_left(subject: Subject) -> None:
    """That nobody of these is acted on, and the way out of picks that would be offered again and again."""
    st.info("Nothing is left to do here.", icon=":material/info:")
    if subject.undo is None:
        st.button("Clear the picks", key="picks_clear", on_click=picks.clear)
