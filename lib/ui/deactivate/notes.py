"""What stands above the list of a review: the counts, what deserves a look first, and who is left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from lib.runs.plan import Untouched
from lib.runs.review import Review, WarningKind
from lib.runs.undo import LeftAlone, Undo
from lib.ui import id_table
from lib.ui.id_table import Column
from lib.ui.text import count, number

_KINDS = {
    WarningKind.HAS_USERS: "with users",
    WarningKind.CHANGED_RECENTLY: "changed recently",
    WarningKind.NEVER_DATED: "with an unknown last update",
}


@dataclass(frozen=True)
class Subject:
    """What is reviewed, where it comes from, and for an undo the run that it takes back."""

    reviewed: Review
    filter_text: str
    #: Picks that are no longer in the list.
    missing: tuple[str, ...] = ()
    undo: Undo | None = None

    @property
    def about(self) -> str:
        """The run that is undone; empty where this is no undo."""
        return self.undo.undo_of if self.undo else ""

    @property
    def title(self) -> str:
        return f"{self.reviewed.action.value.capitalize()} {count(len(self.reviewed.in_order), 'customer')}"

    @property
    def untouched(self) -> tuple[Untouched, ...]:
        """Whom an undo leaves alone, as its plan keeps them; nobody where this is none."""
        if self.undo is None:
            return ()
        return self.undo.without({record.id for record, _ in self.reviewed.protected}, "The settings protect it.").untouched

    @property
    def left_out(self) -> Mapping[str, Sequence[LeftAlone]]:
        """Who is not acted on, and why, under a title each."""
        state = "active" if self.reviewed.action.wants_active else "inactive"
        kinds = {
            ("customer", f"already {state}, set aside"): [
                LeftAlone(record.id, record.name, f"It is {state} already.") for record in self.reviewed.set_aside
            ],
            ("customer", "protected, left out"): [
                LeftAlone(record.id, record.name, f"Protected: {why}.") for record, why in self.reviewed.protected
            ],
            ("pick", "no longer in the list, left out"): [LeftAlone(id_, "", "No longer in the list.") for id_ in self.missing],
            ("customer", "of that run left alone"): self.undo.left_alone if self.undo else (),
        }
        return {f"{count(len(those), what)} {words}": those for (what, words), those in kinds.items() if those}


def show_metrics(reviewed: Review) -> None:
    with st.container(horizontal=True):
        st.metric("Customers", number(len(reviewed.in_order)), border=True)
        st.metric("Users affected", number(reviewed.users_affected), border=True)
        st.metric("To look at first", number(reviewed.warning_count), border=True)
        st.metric("Set aside", number(len(reviewed.set_aside)), border=True, help="Already as asked: no call is spent on them.")


def show_notes(subject: Subject) -> None:
    """What deserves a look, in words, above the list."""
    counted = {words: subject.reviewed.counted(kind) for kind, words in _KINDS.items()}
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
                st.caption(f"The first {number(id_table.MOST_ROWS)}; all of them are in the files under *Take along*.")
