"""Which of several accounts to work with: asked where nothing says so, and chosen in the sidebar."""

from __future__ import annotations

from typing import NoReturn

import streamlit as st

from lib.accounts.tables import Account
from lib.ui import account, nav, sign_in
from lib.ui.resources import Served
from lib.ui.text import md
from lib.ui.widgets import clicked


def ask(served: Served) -> None:
    """In place of every page, where several accounts are here and neither the address nor this session says which."""
    if not served.several:
        return
    sign_in.ask(served.gate)
    if account.chosen():
        return
    st.title("Which account?", anchor=False)
    st.markdown("Everything here belongs to one: the list, picks, views, drafts and runs.")
    for one in served.accounts:
        with st.container(border=True, horizontal=True, vertical_alignment="center", width=560, key=f"account_{one.name}"):
            st.badge("Production" if one.production else "Test", color=one.color)
            st.markdown(f"**{md(one.label)}**  \n{md(one.base_url)}", width="stretch")
            if clicked.button("Open", key=f"open_account-{one.name}"):
                account.choose(one.name)
                st.rerun()
    st.stop()


def show(served: Served, shown: st.Page) -> None:
    """For the top of the sidebar; nothing where there is one account."""
    if not served.several:
        return
    accounts = {one.name: one for one in served.accounts}
    now = account.chosen()
    wanted = st.selectbox(
        "Account",
        list(accounts),
        index=list(accounts).index(now) if now in accounts else None,
        format_func=lambda name: _told(accounts[name]),
        key=account.own("account_choice"),
    )
    if wanted is not None and wanted != now:
        _go(wanted, shown)


def _told(one: Account) -> str:
    return f"{one.label} · {'production' if one.production else 'test'}"


def _go(wanted: str, shown: st.Page) -> NoReturn:
    """The same page of the other account; what was open of this one is not its."""
    account.choose(wanted)
    nav.again(shown)
