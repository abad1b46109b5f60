"""The pages and their addresses, in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NoReturn
from urllib.parse import urlencode

import streamlit as st

from lib.config import APP_NAME
from lib.ui import account

_ADDRESS, _ARRIVED, _PAGES = "address", "arrived", "pages"
_FOLDER = Path(__file__).parents[2] / "pages"

PageName = Literal["overview", "customers", "deactivate", "runs", "compare", "connection"]
_TITLES: dict[PageName, tuple[str, str]] = {
    "overview": ("Overview", ":material/monitoring:"),
    "customers": ("Customers", ":material/table_rows:"),
    "deactivate": ("Deactivate", ":material/domain_disabled:"),
    "runs": ("Runs", ":material/history:"),
    "compare": ("Compare", ":material/difference:"),
    "connection": ("Connection", ":material/key:"),
}


def page(name: PageName) -> st.Page:
    """The page as `st.navigation`, `st.page_link` and `st.switch_page` want it. Customers is the one that opens first."""
    return _pages()[name]


def all_pages() -> list[st.Page]:
    return list(_pages().values())


def _pages() -> dict[PageName, st.Page]:
    """Made once a session: Streamlit looks each file up on the disk, and every rerun needs every page twice."""
    if _PAGES not in st.session_state:
        st.session_state[_PAGES] = {
            name: st.Page(_FOLDER / f"{name}.py", title=title, icon=icon, default=name == "customers")
            for name, (title, icon) in _TITLES.items()
        }
    pages: dict[PageName, st.Page] = st.session_state[_PAGES]
    return pages


def go_to(name: PageName, **query: str) -> NoReturn:
    """Open a page with exactly these URL parameters; without any, as it was left."""
    st.switch_page(page(name), query_params=(query or _as_left(name)) | account.said())


def again(shown: st.Page) -> NoReturn:
    """Open this very page, bare, of the account that was chosen just now."""
    st.switch_page(shown, query_params=account.said())


def link(name: PageName, *, label: str | None = None, icon: str | None = None, **query: str) -> None:
    """Draw a link to a page with exactly these URL parameters; without any, as it was left."""
    st.page_link(page(name), label=label, icon=icon, query_params=(query or _as_left(name)) | account.said())


def _as_left(name: PageName) -> dict[str, str]:
    as_left: dict[str, str] = st.session_state.get(left(name), {})
    return as_left


def left(name: PageName) -> str:
    """The session key of what the page's address says for the view that it shows (lib/ui/address.py)."""
    return f"{name}_address"


def arrived() -> bool:
    """Does this run show another page than the one before it?"""
    return bool(st.session_state.get(_ARRIVED))


def name_tab(title: str) -> None:
    """Name the browser's tab after what is shown."""
    st.set_page_config(page_title=f"{title} · {APP_NAME}")


def show_way_back(shown: st.Page) -> None:
    """Where a run, or the review of an undo, was opened from."""
    if shown == page("deactivate") and "run" in st.query_params:
        link("customers", label="Pick more customers", icon=":material/arrow_back:")
    elif undone := st.query_params.get("undo"):
        link("runs", label="Back to the run", icon=":material/arrow_back:", run=undone)
    elif "run" in st.query_params:
        link("runs", label="All runs", icon=":material/arrow_back:")


def address(name: PageName, **query: str) -> str:
    """The page's address with these URL parameters, for a link on any page."""
    return f"{page(name).url_path or '.'}?{urlencode(query | account.said())}"


def hold_address(shown: st.Page) -> None:
    """Make the browser's address say what is shown: call it before the page draws.

    A link to the very page it stands on brings its parameters to the script, but Streamlit 1.67 leaves the address as it was,
    and the next rerun would be back at the old ones. (Customers and Runs keep theirs themselves.)
    """
    query = st.query_params.to_dict()
    path, before = st.session_state.get(_ADDRESS, ("", query))
    st.session_state[_ARRIVED] = path != shown.url_path
    if path and path == shown.url_path and before != query:
        st.query_params.from_dict(query)
    st.session_state[_ADDRESS] = (shown.url_path, query)
