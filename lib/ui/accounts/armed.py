"""Whether customers may be changed now, in words and colours that can't be missed, and the dialog that arms production."""

from __future__ import annotations

import secrets

import streamlit as st

from lib.accounts.arming import NotArmed
from lib.errors import ExpressOpsError
from lib.people import Right
from lib.ui import notices
from lib.ui.resources import Resources, operator
from lib.ui.text import duration, md
from lib.ui.widgets import clicked, dialogs, typed

_DRAWN = "armed_drawn"


def badge(resources: Resources) -> None:
    """For the top of every page, where it is in sight at every width; the header bar turns red while production is armed."""
    until = st.session_state[_DRAWN] = resources.arming.until(operator())
    if (why := resources.gate.unchanging) is not None:
        told = f"Nothing is changed. {md(why.message, limit=300)}"
        st.badge("Read-only", icon=":material/visibility:", color="gray", help=told)
    elif until is not None:
        with st.container(key="armed", horizontal=True, vertical_alignment="center", width="content"):
            told = f"Armed until {until:%H:%M} UTC"
            st.badge(told, icon=":material/lock_open:", color="red", help="Real customers can be changed.")
            st.button("Disarm", key="disarm", type="tertiary", on_click=_disarm, args=(resources,))


def is_drawn(resources: Resources) -> bool:
    """Whether the page still says how it is: production disarms itself."""
    return bool(st.session_state.get(_DRAWN) == resources.arming.until(operator()))


def may_change(resources: Resources, right: Right = Right.RUN) -> bool:
    """Whether customers may be changed now, or what `right` says. If not, draws why, and what arms production where that is all
    that is missing.
    """
    obstacle = resources.obstacle(right)
    if isinstance(obstacle, NotArmed):
        st.button(
            f"Arm {md(resources.account.label)}…",
            type="primary",
            icon=":material/lock:",
            key="arm",
            on_click=_open,
            help="Production is changed only while it is armed.",
        )
    elif obstacle is not None:
        st.caption(f":material/block: {md(obstacle.message, limit=300)}", width="content")
    return obstacle is None


def show_dialog(resources: Resources) -> None:
    """Where it was asked for. A dialog belongs to no part of the page."""
    if (asked := dialogs.opened("arm")) is not None:
        notices.dialog(f"Arm {md(resources.account.label)}?", width="medium", on_dismiss=dialogs.close)(_ask)(
            resources, asked.about
        )


def _ask(resources: Resources, opening: str) -> None:
    arming = resources.arming
    label = arming.account.label
    lasts = duration(arming.stays.total_seconds())
    st.markdown(
        f"**{md(label)}** is production: its customers are real. For {lasts} you can start, resume, retry and undo runs there; "
        "then it disarms itself, and what runs goes on."
    )
    st.code(label, language=None, wrap_lines=True)
    right = typed.field(f"arm-{opening}", "Type the account's label to arm it", label)
    with st.container(horizontal=True, horizontal_alignment="right"):
        leave = clicked.button("Leave it", key="arm_cancel")
        arm = clicked.button(f"Arm for {lasts}", key="arm_go", type="primary", disabled=not right) and right
        if leave:  # also where both were clicked: then neither is left for the next time
            dialogs.close()
            st.rerun()
        if arm:
            try:
                resources.ask(Right.READ)
                arming.arm(label, operator())
            except ExpressOpsError as error:
                notices.tell(error)
                return
            dialogs.close()
            st.rerun()


def _open() -> None:
    dialogs.open_dialog("arm", secrets.token_hex(4))  # a field of its own each time: it must be typed again


def _disarm(resources: Resources) -> None:
    notices.attempt(lambda: resources.arming.disarm(operator()))
