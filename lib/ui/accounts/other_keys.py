"""Which keys are of this account, and a person's word that another key of its address is. Nothing where there is one key."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from lib.errors import ExpressOpsError
from lib.journal.accounts import OtherAccount
from lib.people import Right
from lib.runs.same_account import Proof
from lib.ui import nav
from lib.ui.notices import dialog, fragment, tell
from lib.ui.resources import Resources, may, operator, served
from lib.ui.text import ago, count, exact, md, number
from lib.ui.widgets import clicked, dialogs

_JOINED = "joined_account"


def show(resources: Resources) -> None:
    if resources.sandbox is None:
        fragment(_keys, resources, every=None)


def _keys(resources: Resources) -> None:
    connection = resources.connection
    keys = resources.keys
    here = served().fingerprints  # of accounts that the settings tell apart
    others = [other for other in resources.other_accounts() if here.isdisjoint(other.keys)]
    if len(keys) == 1 and not others:
        return
    st.header("Keys", anchor=False)
    if nav.arrived():
        st.session_state.pop(_JOINED, None)  # not when it is drawn: that may be cut short
    for joined in st.session_state.get(_JOINED, ()):
        st.success(joined, icon=":material/check_circle:", width=760)
    if len(keys) > 1:
        older = ", ".join(f"`{md(key[:8])}`" for key in sorted(keys - {connection.fingerprint}))
        st.markdown(f"The key in use is `{md(connection.fingerprint[:8])}`. Also of this account: {older}.")
    asked = dialogs.opened("account")
    for other in others:
        _other(other)
        if asked is not None and asked.about == other.name:
            dialog("The same account?", width="medium", on_dismiss=dialogs.close)(_ask)(resources, other)


def _other(other: OtherAccount) -> None:
    now = datetime.now(UTC)
    with st.container(border=True, width=760):
        st.markdown(
            f"Another key of this address, `{md(other.name[:8])}`, made {count(other.runs, 'run')}, the newest "
            f"{ago(other.newest, now)}" + (f"; {number(other.live)} not ended." if other.live else "."),
            help=exact(other.newest),
        )
        st.caption("Its runs can be seen and cancelled here, no more. If it is an older key of this very account, say so.")
        if not may(Right.RUN):
            return
        st.button(
            "It is the same account…",
            icon=":material/link:",
            key=f"same_account_{other.name}",
            on_click=dialogs.open_dialog,
            args=("account", other.name),
        )


def _ask(resources: Resources, other: OtherAccount) -> None:
    """The dialog's content: what will be checked, and what it means."""
    try:
        asked = resources.proof_of(other)
    except ExpressOpsError as error:
        tell(error)
        return
    known = (
        (asked.checked.live, "its runs that have not ended"),
        (asked.checked.kept, "its kept list"),
        (asked.checked.ended, "its ended runs"),
    )
    where = " and ".join(f"{count(customers, 'customer')} of {place}" for customers, place in known if customers)
    st.markdown(
        f"To see whether `{md(other.name[:8])}` is an older key of this very account, {where} will be read with the key in "
        "use. Nothing is changed by that, and both keys stay apart unless every one of them is found."
    )
    st.markdown(
        "Then both are of one account: its runs go on and are undone under the key in use, and its lists are shown. "
        f"That is written into the log under {md(operator().name)} and **can't be taken back**."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        apart = clicked.button("Keep them apart", key="account_cancel")
        join = clicked.button("Read and join", type="primary", icon=":material/link:", key="account_go")
    if apart:  # also where both were clicked: then neither is left for the next time
        dialogs.close()
        st.rerun()
    if join:
        _join(resources, asked)


def _join(resources: Resources, asked: Proof) -> None:
    bar, total = st.progress(0.0, text="Looking for its customers…"), len(asked.expected)
    joined: list[str] = st.session_state.setdefault(_JOINED, [])
    try:
        resources.join(
            asked,
            who=operator(),
            tell=lambda read: bar.progress(read / total, text=f"{number(read)} of {count(total, 'customer')} found"),
        )
    except ExpressOpsError as error:
        bar.empty()
        tell(error)
        return
    joined[:] = [f"All {count(total, 'customer')} were found: both keys are of the same account now."]
    resources.live_runs.forget()
    dialogs.close()
    st.rerun()
