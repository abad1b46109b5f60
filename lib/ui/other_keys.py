"""Which keys are of this account, and a person's word that another key of its address is. Nothing where there is one key."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from lib.customers.snapshot import kept_customers
from lib.errors import ExpressOpsError
from lib.journal.accounts import OtherAccount
from lib.runs.same_account import SAMPLE, join, proof
from lib.ui.notices import fragment, tell
from lib.ui.resources import Resources, operator
from lib.ui.text import ago, count, exact, md, number

_JOINED = "joined_account"


def show(resources: Resources) -> None:
    if resources.sandbox is None:
        fragment(_keys, resources, every=None)


def _keys(resources: Resources) -> None:
    connection = resources.connection
    keys = resources.keys()
    others = resources.journal.accounts.others(connection.fingerprint, connection.base_url)
    if len(keys) == 1 and not others:
        return
    st.subheader("Keys", anchor=False)
    if joined := st.session_state.pop(_JOINED, None):
        st.success(joined, icon=":material/check_circle:", width=760)
    if len(keys) > 1:
        older = ", ".join(f"`{md(key[:8])}`" for key in sorted(keys - {connection.fingerprint}))
        st.markdown(f"The key in use is `{md(connection.fingerprint[:8])}`. Also of this account: {older}.")
    for other in others:
        _other(resources, other)


def _other(resources: Resources, other: OtherAccount) -> None:
    now = datetime.now(UTC)
    with st.container(border=True, width=760):
        st.markdown(
            f"Another key of this address, `{md(other.name[:8])}`, made {count(other.runs, 'run')}, the newest "
            f"{ago(other.newest, now)}" + (f"; {number(other.live)} not ended." if other.live else "."),
            help=exact(other.newest),
        )
        st.caption(
            "Its runs can be seen and cancelled here, no more. If it is an older key of this very account, say so: every "
            "customer of its live runs and some of its kept list are read with the key in use; nothing is changed. If all are "
            "there, its runs go on and are undone under the key in use. That is written into the log for good."
        )
        if st.button("It is the same account", icon=":material/link:", key=f"same_account_{other.name}"):
            _join(resources, other)


def _join(resources: Resources, other: OtherAccount) -> None:
    connection = resources.connection
    bar = st.progress(0.0, text="Looking for its customers…")
    try:
        asked = proof(resources.journal, other, kept_customers(resources.settings.snapshots, other.keys, SAMPLE))
        total = len(asked.expected)
        join(
            resources.journal,
            resources.client,
            connection,
            asked,
            now=lambda: datetime.now(UTC),
            who=operator(),
            on_read=lambda read: bar.progress(read / total, text=f"{number(read)} of {count(total, 'customer')} found"),
        )
    except ExpressOpsError as error:
        bar.empty()
        tell(error)
        return
    resources.live_runs.forget()
    st.session_state[_JOINED] = f"All {count(total, 'customer')} were found: both keys are of the same account now."
    st.rerun()
