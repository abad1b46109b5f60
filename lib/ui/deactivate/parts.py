"""Picks that are too many for one run, carried out by several that follow one another."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from lib.customers.reading.loads import View
from lib.plans.model import Action
from lib.plans.policy import Policy, most_customers, sizes_of_runs
from lib.plans.review import Review
from lib.ui import nav, picks
from lib.ui.resources import Resources
from lib.ui.text import count, number

_STARTED = "runs_of_split_started"


def split_button(policy: Policy, view: View, *, key: str, kind: Literal["primary", "secondary"] = "secondary") -> bool:
    """Whether a person has just asked to split; not where no plan can be made from the list."""
    most = max(most_customers(policy.caps, Action.DEACTIVATE, view.active_total), 1)
    return st.button(
        f"Split into runs of up to {number(most)}",
        icon=":material/call_split:",
        on_click=_begin,
        key=key,
        type=kind,
        disabled=view.obstacle is not None,
        help="Each with its own review and confirmation, in the order picked.",
    )


def _begin() -> None:
    st.session_state[_STARTED] = 0


def over() -> None:
    """The picks are gone, or all of them have their runs."""
    st.session_state.pop(_STARTED, None)


def count_started() -> None:
    if _STARTED in st.session_state:
        st.session_state[_STARTED] += 1


def first(whole: Review, policy: Policy, view: View) -> tuple[Review, str]:
    """What the next run would do: all, or the first part where the picks are split; and then which part it is, in words."""
    begun: int | None = st.session_state.get(_STARTED)
    cut = whole.split(policy.caps, view.active_total) if begun is not None else ()
    if begun is None or not cut or (len(cut) == 1 and not begun):
        return whole, ""
    rest = len(whole.in_order) - len(cut[0].in_order)
    then = f" The other {count(rest, 'customer')} stay picked, and are next." if rest else ""
    return cut[0], f"Run {number(begun + 1)} of {number(begun + len(cut))}: too many for one, in the order picked.{then}"


def offer_next(resources: Resources) -> None:
    """On the page of a run of a split: the way on to the next one."""
    if _STARTED not in st.session_state:
        return
    view = resources.loads.view()
    users = [record.user_count for record in view.frame.records(picks.get()) if record.is_active]
    sizes = sizes_of_runs(resources.policy.caps, Action.DEACTIVATE, users, view.active_total)
    if sizes and st.button(
        f"Review the next {number(sizes[0])}", type="primary", icon=":material/arrow_forward:", key="review_next"
    ):
        nav.go_to("deactivate")
