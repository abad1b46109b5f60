"""What stands above the list of a review: the counts, what deserves a look first, and who is left out and why."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from lib.avara.models import Customer
from lib.runs.model import Action
from lib.runs.plan import PlannedCustomer, Untouched
from lib.runs.review import Review, ReviewItem, WarningKind
from lib.runs.undo import Undo
from lib.ui.text import count, number

_KINDS = {
    WarningKind.HAS_USERS: "with users",
    WarningKind.CHANGED_RECENTLY: "changed recently",
    WarningKind.NEVER_DATED: "with an unknown last update",
}


@dataclass(frozen=True)
class Subject:
    """What is reviewed: an action, the planned customers by id, and for an undo the run it takes back."""

    action: Action
    planned: dict[str, PlannedCustomer]
    filter_text: str
    #: Customers that the settings protect, each with why; they never get into a plan.
    protected: tuple[tuple[Customer, str], ...] = ()
    undo: Undo | None = None

    @property
    def untouched(self) -> tuple[Untouched, ...]:
        """Whom an undo leaves alone, as its plan keeps them; nobody where this is none."""
        if self.undo is None:
            return ()
        return self.undo.without({record.id for record, _ in self.protected}, "The settings protect it.").untouched


def show_metrics(reviewed: Review) -> None:
    with st.container(horizontal=True):
        st.metric("Customers", number(len(reviewed.items)), border=True)
        st.metric("Users affected", number(reviewed.users_affected), border=True)
        look = "Customers with a warning, such as users or a recent change; they stand at the top of the list."
        st.metric("To look at first", number(reviewed.warning_count), border=True, help=look)
        st.metric("Set aside", number(len(reviewed.set_aside)), border=True, help="Already as asked: no call is spent on them.")


def show_notes(subject: Subject, reviewed: Review, missing: tuple[str, ...]) -> None:
    """What deserves a look, in words, above the list."""
    found = [f"{number(reviewed.counted(kind))} {words}" for kind, words in _KINDS.items() if reviewed.counted(kind)]
    if found:
        st.warning(f"Look first: {', '.join(found)}. They stand at the top of the list.", icon=":material/visibility:")
    state = "active" if subject.action.wants_active else "inactive"
    if reviewed.set_aside:
        _listed(f"{count(len(reviewed.set_aside), 'customer')} already {state}, set aside", reviewed.set_aside)
    if subject.protected:
        with st.expander(f"{count(len(subject.protected), 'customer')} protected, left out", icon=":material/shield:"):
            table = {
                "Customer": [record.name for record, _ in subject.protected],
                "Why": [why for _, why in subject.protected],
                "Id": [record.id for record, _ in subject.protected],
            }
            st.dataframe(table, hide_index=True, alt="Customers that the settings protect")
    if missing:
        with st.expander(f"{count(len(missing), 'pick')} no longer in the list, left out", icon=":material/help:"):
            st.code("\n".join(missing), language=None)
    if subject.undo is not None and subject.undo.left_alone:
        left = subject.undo.left_alone
        with st.expander(f"{count(len(left), 'customer')} of that run left alone", icon=":material/block:"):
            table = {
                "Customer": [one.name for one in left],
                "Why": [one.why for one in left],
                "Id": [one.customer_id for one in left],
            }
            st.dataframe(table, hide_index=True, alt="Customers that the undo leaves alone")


def _listed(title: str, items: tuple[ReviewItem, ...]) -> None:
    with st.expander(title, icon=":material/block:"):
        table = {"Customer": [item.customer.name for item in items], "Id": [item.customer.id for item in items]}
        st.dataframe(table, hide_index=True, alt=title)
