"""Saved views: what is on show under a name, for everybody who works with this account's customers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from lib.errors import JournalError
from lib.evidence.views import View
from lib.journal.views import LONGEST_NAME, KeptView
from lib.people import Right
from lib.ui import notices
from lib.ui.customers import address
from lib.ui.resources import Resources, operator
from lib.ui.text import ago, exact, md
from lib.ui.widgets import dialogs

_NAME, _FAILED = "view_name", "view_failed"


def show_button() -> None:
    st.button(
        "Saved views",
        icon=":material/bookmarks:",
        key="views",
        help="Filters, columns and sort under a name, for everybody who works with this account.",
        on_click=_open_dialog,
    )


def _open_dialog() -> None:
    st.session_state.pop(_FAILED, None)
    dialogs.open_dialog("views")


@notices.dialog("Saved views", width=620, position="right", icon=":material/bookmarks:", on_dismiss=dialogs.close)
def show(resources: Resources, now: datetime) -> None:
    """Open one, save what is on show, and rename, replace or delete one."""
    if failed := notices.words(_FAILED):
        st.error(md(failed, limit=300), icon=":material/error:")
    try:
        saved = resources.workspace.views()
    except JournalError as error:
        notices.tell(error)
        return
    if not saved:
        st.caption("None yet. Set filters, columns and the sort as you want to find them again, and give that a name.")
    for one in saved:
        _show_one(resources, one, now)
    if not resources.may(Right.PLAN):
        return
    with st.form("view_form", clear_on_submit=True, border=False):
        st.text_input("Name for what is on show now", max_chars=LONGEST_NAME, key=_NAME)
        st.form_submit_button(
            "Save this view",
            key="save_view",
            type="primary",
            icon=":material/bookmark_add:",
            on_click=dialogs.act,
            args=(_attempt, _save, resources),
        )
    st.caption("An open view's link is this page's address. Everybody of this account can rename, replace and delete views.")


def _show_one(resources: Resources, one: KeptView, now: datetime) -> None:
    is_open = one.id == address.opened()
    with st.container(border=True, key=f"saved_view_{one.id}"), st.container(horizontal=True, vertical_alignment="center"):
        _button("open", one, md(one.name), _open, resources, one, about="Show it")
        told = f"saved by {md(one.saved_by)}, {ago(one.saved_at, now)}" + (" · on show" if is_open else "")
        st.caption(told, help=exact(one.saved_at), width="stretch")
        if not resources.may(Right.PLAN):
            return
        with st.popover("Change", key=f"change_{one.id}"):
            st.text_input("Name", one.name, max_chars=LONGEST_NAME, key=f"name_{one.id}")
            _button("rename", one, "Rename", _rename, resources, one)
            _button("replace", one, "Replace with what is on show", _replace, resources, one, disabled=is_open)
            _button("delete", one, "Delete", _delete, resources, one, about="Its links show nobody any more.")


def _button(
    what: str,
    one: KeptView,
    label: str,
    act: Callable[..., None],
    *args: object,
    disabled: bool = False,
    about: str | None = None,
) -> None:
    st.button(label, key=f"{what}_{one.id}", help=about, disabled=disabled, on_click=dialogs.act, args=(_attempt, act, *args))


def _attempt(act: Callable[..., None], *args: object) -> None:
    """Do it, or let the dialog say why it was not done."""
    notices.attempting(_FAILED)(act, *args)


def _open(resources: Resources, one: KeptView) -> None:
    _show_saved(resources, one.id, address.ADDRESS.view_of(one.body))
    dialogs.close()


def _save(resources: Resources) -> None:
    view = _from_its_first_page()
    token = resources.workspace.save_view(st.session_state[_NAME], address.ADDRESS.body_of(view), who=operator())
    _show_saved(resources, token, view)


def _show_saved(resources: Resources, token: str, view: View) -> None:
    resources.saved_views.forget()  # this one may be newer
    address.show_kept(token, view)


def _from_its_first_page() -> View:
    return address.shown().model_copy(update={"page": 1})


def _rename(resources: Resources, one: KeptView) -> None:
    resources.workspace.rename_view(one.id, st.session_state[f"name_{one.id}"])


def _replace(resources: Resources, one: KeptView) -> None:
    view = _from_its_first_page()
    resources.workspace.replace_view(one.id, address.ADDRESS.body_of(view), who=operator())
    _show_saved(resources, one.id, view)


def _delete(resources: Resources, one: KeptView) -> None:
    resources.workspace.delete_view(one.id)
    if one.id == address.opened():
        address.show_kept("", address.shown())
