"""What is too much for one run, carried out by several that follow one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st

from lib.customers.reading.view import View
from lib.plans.model import Action
from lib.plans.policy import Policy, most_customers, sizes_of_runs
from lib.plans.review import Review
from lib.ui import nav, picks
from lib.ui.resources import Resources
from lib.ui.text import count, number
from lib.ui.widgets import clicked

_SPLIT = "picks_split"


def split() -> None:
    """From now on the picks are reviewed in parts."""
    st.session_state[_SPLIT] = True


def over() -> None:
    """The picks are gone, or all of them have their runs."""
    st.session_state.pop(_SPLIT, None)


def split_button(
    policy: Policy,
    view: View,
    action: Action,
    users: Sequence[int],
    do: Callable[..., None],
    *args: object,
    key: str,
    kind: Literal["primary", "secondary"] = "secondary",
) -> bool:
    """Whether a person has just asked to split those with so many `users` each, which `do` does; not where no plan can be made
    from the list. Where the cap on users allows fewer customers than the others do, it says so.
    """
    caps = policy.caps
    size = max(sizes_of_runs(caps, action, users, view.active_total))
    by_users = size < min(len(users), most_customers(caps, action, view.active_total))
    each = f" (at most {count(caps.max_users, 'user')} each)" if by_users else ""
    return clicked.button(
        f"Split into runs of up to {number(size)}{each}",
        icon=":material/call_split:",
        on_click=do,
        args=args,
        key=key,
        type=kind,
        disabled=view.obstacle is not None,
        help="Each with its own review and confirmation, in this order.",
    )


def first(whole: Review, policy: Policy, view: View) -> tuple[Review, str]:
    """What the next run would do: all, or the first part where the picks are split; and then how large a part, in words."""
    cut = whole.split(policy.caps, view.active_total) if _SPLIT in st.session_state else ()
    if len(cut) < 2:
        return whole, ""
    now, total = len(cut[0].in_order), len(whole.in_order)
    by_users = now < most_customers(policy.caps, whole.action, view.active_total)
    too_many = (
        f"with the next one it would affect over {count(policy.caps.max_users, 'user')}"
        if by_users
        else "all are too many for one run"
    )
    return cut[0], (
        f"The first {number(now)} of {count(total, 'customer')}, in the order picked: {too_many}. "
        f"The other {number(total - now)} stay picked, and are next."
    )


def offer_next(resources: Resources) -> None:
    """On the page of a run of a split: the way on to the next one."""
    if _SPLIT not in st.session_state:
        return
    view = resources.loads.view()
    users = [record.user_count for record in view.frame.records(picks.get()) if record.is_active]
    sizes = sizes_of_runs(resources.policy.caps, Action.DEACTIVATE, users, view.active_total)
    if sizes and clicked.button(
        f"Review the next {number(sizes[0])}", type="primary", icon=":material/arrow_forward:", key="review_next"
    ):
        nav.go_to("deactivate")
