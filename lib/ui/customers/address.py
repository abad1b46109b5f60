"""The browser's address is the view of the Customers page, and the page keeps to it.

A view without names of anybody stands in the address in plain parameters; any other whole under a token that the journal keeps,
because addresses end up in histories and proxy logs. An address that says anything else is refused: nobody is shown then.
Each change of the view is an entry of the browser's history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import streamlit as st
from pydantic import ValidationError
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lib.customers.filters import Filter
from lib.customers.views import Sort, View
from lib.errors import JournalUnavailable, ViewUnreadable
from lib.journal.views import new_token
from lib.ui import nav, notices
from lib.ui.customers import ranges
from lib.ui.resources import Resources, operator
from lib.ui.widgets import head

#: What holds a token, and then stands alone.
PARAMETER = "view"
_VIEW, _OPENED, _TOKENS, _NOT_KEPT = "customers_view", "customers_view_opened", "view_tokens", "view_not_kept"


def shown() -> View:
    """The view of the Customers page in this session."""
    view: View = st.session_state.get(_VIEW, View())
    return view


def show(view: View) -> None:
    """Let the page show this view; a callback, since it must come before the page is drawn."""
    st.session_state[_VIEW] = view
    st.session_state.setdefault(nav.CUSTOMERS, {})  # an address that was refused counts no longer


def show_kept(token: str, view: View) -> None:
    """Let the page show what is kept under this token, and its address say so for as long as that is on show."""
    show(view)
    st.session_state[_OPENED] = view, token


def opened() -> str:
    """The token of what is on show, where it was opened by one; empty else."""
    view, token = st.session_state.get(_OPENED, (None, ""))
    return token if view == shown() else ""


def keep_to(resources: Resources) -> None:
    """Call it before the page is drawn: show what the address says where somebody went there, else let it say what is shown.

    Raises ViewUnreadable, and JournalUnavailable where it must tell what the address stands for.
    """
    state = st.session_state
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    if _went_to(query):
        state.pop(nav.CUSTOMERS, None)  # until it has been read
        _open(resources, query)
    spelled = state[nav.CUSTOMERS] = _said(resources, shown())
    if st.query_params.to_dict() != spelled:
        st.query_params.from_dict(spelled)


def refuse(error: ViewUnreadable) -> None:
    """In place of the page: nobody is shown, so that nobody is picked who was not meant."""
    head.show("Customers")
    notices.tell(error)
    st.button("Show all customers", icon=":material/table_rows:", key="view_all", on_click=show, args=(View(),))


def show_trouble() -> None:
    """A line where the address stands for what is not kept yet."""
    if _NOT_KEPT in st.session_state:
        st.caption(
            ":material/link_off: The journal does not answer, so the address of this page can't be opened elsewhere yet."
        )


def view_of(body: str) -> View:
    """The view that the journal keeps. Raises ViewUnreadable for one of another version of this program."""
    try:
        return View.model_validate_json(body)
    except ValidationError:
        raise ViewUnreadable(
            "This link's view was kept by another version of Express Ops and can't be read, so no customers are shown."
        ) from None


def body_of(view: View) -> str:
    """The view as the journal keeps it."""
    return view.model_dump_json(exclude_defaults=True)


def _went_to(query: Mapping[str, Sequence[str]]) -> bool:
    """Whether somebody went to this address: by a link, by typing it, or back and forward in the browser.

    Any other message may have been sent before the browser had got the last address set here. It counts for nothing then.
    Whoever comes from another page to the bare address finds Customers as it was left: where a button opens a page,
    Streamlit 1.67 leaves such an entry behind, and Back goes to that one.
    """
    before: dict[str, str] | None = st.session_state.get(nav.CUSTOMERS)
    if before is None:
        return True
    context = get_script_run_ctx()
    went = bool(query) if nav.arrived() else context is not None and context.is_history_navigation
    return went and query != {name: [value] for name, value in before.items()}


def _open(resources: Resources, query: Mapping[str, Sequence[str]]) -> None:
    if PARAMETER not in query:
        show(read(query))
        return
    token, *more = query[PARAMETER]
    if more or len(query) > 1:
        raise ViewUnreadable
    view = next((view for view, known in _tokens().items() if known == token), None)
    show_kept(token, view or view_of(resources.journal.views.find(token, resources.keys, datetime.now(UTC)).body))


def _said(resources: Resources, view: View) -> dict[str, str]:
    """What the address says for this view. What it stands for is kept, or tried again at the next drawing."""
    state = st.session_state
    known = opened() or (view.names_data and _tokens().get(view))
    if known or not view.names_data:
        state.pop(_NOT_KEPT, None)
        return {PARAMETER: known} if known else spelled(view)
    tried, token = state.get(_NOT_KEPT, (None, ""))
    if tried != view:
        token = new_token()
        state[_NOT_KEPT] = view, token
    with suppress(JournalUnavailable):
        own, now = resources.connection.fingerprint, datetime.now(UTC)
        resources.journal.views.keep(token, own, body_of(view), who=operator(), now=now)
        _tokens()[view] = token
        del state[_NOT_KEPT]
    return {PARAMETER: token}


def _tokens() -> dict[View, str]:
    """What this session has kept."""
    tokens: dict[View, str] = st.session_state.setdefault(_TOKENS, {})
    return tokens


# --- a view in plain parameters


def spelled(view: View) -> dict[str, str]:
    """The parameters that say a view which holds no names."""
    flt = view.filter
    said = {
        "status": "" if flt.status == "all" else flt.status,
        "users": "" if flt.users_min is flt.users_max is None else ranges.users_option(flt.users_min, flt.users_max),
        "days": str(flt.not_updated_days or ""),
        "ours": "ignored" if flt.ignore_our_runs else "",
        "from": str(flt.created_from or ""),
        "to": str(flt.created_to or ""),
        "dates": "unknown" if flt.time_unknown else "",
        "by": ",".join(flt.created_by),
        "sort": "" if view.sort == Sort() else f"{'-' * view.sort.descending}{view.sort.column}",
    }
    return {name: value for name, value in said.items() if value}


def read(query: Mapping[str, Sequence[str]]) -> View:
    """The view that such parameters say. Raises ViewUnreadable for all that `spelled` would not have written."""
    view = View()
    for name, values in query.items():
        try:
            (value,) = values
            fields = _READERS[name](value)
            sort = fields.pop("sort", view.sort)
            flt = Filter.model_validate(view.filter.model_dump() | fields)
        except (KeyError, ValueError):
            raise _unreadable(f"{name}={', '.join(values)}") from None
        view = View(filter=flt, sort=sort)
    said = spelled(view)
    strange = [name for name, values in query.items() if said.get(name) != values[0] or (view.names_data and name == "sort")]
    if strange:
        raise _unreadable(" and ".join(f"{name}={query[name][0]}" for name in strange))
    return view


def _unreadable(said: str) -> ViewUnreadable:
    return ViewUnreadable(
        f"This address says {said}, which can't be read, so no customers are shown: they could be others than were meant."
    )


_READERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "status": lambda value: {"status": value},
    "users": lambda value: dict(zip(("users_min", "users_max"), ranges.users(value), strict=True)),
    "days": lambda value: {"not_updated_days": ranges.days(value)},
    "ours": lambda value: {"ignore_our_runs": {"ignored": True}[value]},
    "from": lambda value: {"created_from": date.fromisoformat(value)},
    "to": lambda value: {"created_to": date.fromisoformat(value)},
    "dates": lambda value: {"time_unknown": {"unknown": True}[value]},
    "by": lambda value: {"created_by": tuple(value.split(","))},
    "sort": lambda value: {"sort": Sort(column=value.removeprefix("-"), descending=value.startswith("-"))},
}
