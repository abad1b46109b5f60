"""The browser's address is the view of a page that lists something, and the page keeps to it.

A view without names of anybody stands in the address in plain parameters; any other whole under a token that the journal keeps,
because addresses end up in histories and proxy logs. An address that says anything else is refused: nothing is shown then.
Each change of the view is an entry of the browser's history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Generic, NoReturn, TypeVar

import streamlit as st
from pydantic import BaseModel, ValidationError
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lib.avara.text import one_line
from lib.errors import JournalError, JournalUnavailable, ViewUnreadable
from lib.journal.views import new_token
from lib.ui import account, nav, notices
from lib.ui.resources import Resources, operator
from lib.ui.widgets import head

#: What holds a token, and then stands alone.
PARAMETER = "view"
Query = Mapping[str, Sequence[str]]
_View = TypeVar("_View", bound=BaseModel)


class Address(Generic[_View]):
    """The address of a page, and the view that it shows in this session.

    `model` makes the view of the bare address; `spelled` says a view in plain parameters, or None where it holds what must not
    stand in an address; `read` takes such parameters back. Raises ViewUnreadable for others. `anew` offers the bare address.
    """

    def __init__(
        self,
        page: nav.PageName,
        model: type[_View],
        spelled: Callable[[_View], dict[str, str] | None],
        read: Callable[[Query], _View],
        anew: str = "",
    ) -> None:
        self._page, self._model, self._spelled, self._read = page, model, spelled, read
        self._anew = anew or f"Show all {page}"
        self._view, self._opened, self._kept, self._not_kept = (
            f"{page}_{name}" for name in ("view", "view_opened", "view_tokens", "view_not_kept")
        )
        self._left = nav.left(page)

    def shown(self) -> _View:
        """The view of the page in this session."""
        view: _View = st.session_state.get(self._view) or self._model()
        return view

    def show(self, view: _View) -> None:
        """Let the page show this view; a callback, since it must come before the page is drawn."""
        st.session_state.setdefault(self._left, {})  # an address that was refused counts no longer
        st.session_state[self._view] = view

    def show_kept(self, token: str, view: _View, *, named: bool = True) -> None:
        """Let the page show what is kept under this token, and its address say so while it is on show, and what is kept."""
        self.show(view)
        st.session_state[self._opened] = view, token, named

    def go(self, resources: Resources, view: _View) -> NoReturn:
        """Open the page with this view, from any other page."""
        self.show(view)
        said = st.session_state[self._left] = self._said(resources, view)
        nav.go_to(self._page, **said)

    def opened(self) -> str:
        """The token of what is on show, where it was opened by one; empty else."""
        view, token, _ = st.session_state.get(self._opened, (None, "", False))
        return token if view == self.shown() else ""

    def keep_to(self, resources: Resources) -> None:
        """Call it before the page is drawn: show what the address says where somebody went there, else let it say what is on.

        Raises ViewUnreadable, and JournalUnavailable where it must tell what the address stands for.
        """
        query = account.without({name: st.query_params.get_all(name) for name in st.query_params})
        if self._went_to(query):
            st.session_state.pop(self._left, None)  # until it has been read
            self._open(resources, query)
        self.say(resources)

    def say(self, resources: Resources) -> None:
        """Let the address say what is shown; for a choice after which only a part of the page is drawn."""
        said = st.session_state[self._left] = self._said(resources, self.shown())
        if account.without(st.query_params.to_dict()) != said:
            st.query_params.from_dict(said | account.said())

    def refuse(self, error: ViewUnreadable) -> None:
        """In place of the page: nothing is shown, so that nobody is picked who was not meant."""
        head.show(self._page.capitalize())
        notices.tell(error)
        icon = ":material/table_rows:"
        st.button(self._anew, icon=icon, key="view_all", on_click=self.show, args=(self._model(),))

    def show_trouble(self) -> None:
        """A line where the address stands for what is not kept yet."""
        if self._not_kept in st.session_state:
            st.caption(
                ":material/link_off: The journal does not answer, so the address of this page can't be opened elsewhere yet."
            )

    def view_of(self, body: str) -> _View:
        """The view that the journal keeps. Raises ViewUnreadable for one of another page or version of this program."""
        try:
            return self._model.model_validate_json(body)
        except ValidationError:
            raise ViewUnreadable(
                "This link's view was kept by another page or version of Express Ops and can't be read, so nothing is shown."
            ) from None

    @staticmethod
    def body_of(view: _View) -> str:
        """The view as the journal keeps it."""
        return view.model_dump_json(exclude_defaults=True)

    def _went_to(self, query: Query) -> bool:
        """Whether somebody went to this address: by a link, by typing it, or back and forward in the browser.

        Any other message may have been sent before the browser had got the last address set here. It counts for nothing then.
        Whoever comes from another page to the bare address finds the page as it was left: where a button opens a page,
        Streamlit 1.67 leaves such an entry behind, and Back goes to that one.
        """
        before: dict[str, str] | None = st.session_state.get(self._left)
        if before is None:
            return True
        context = get_script_run_ctx()
        went = bool(query) if nav.arrived() else context is not None and context.is_history_navigation
        return went and query != {name: [value] for name, value in before.items()}

    def _open(self, resources: Resources, query: Query) -> None:
        if PARAMETER not in query:
            self.show(self._read(query))
            return
        token, *more = query[PARAMETER]
        if more or len(query) > 1:
            raise ViewUnreadable
        if own := next((view for view, known in self._tokens().items() if known == token), None):
            self.show_kept(token, own, named=False)
            return
        kept = resources.workspace.find_view(token)
        resources.saved_views.forget()  # this one may be newer
        self.show_kept(token, self.view_of(kept.body), named=bool(kept.name))

    def _said(self, resources: Resources, view: _View) -> dict[str, str]:
        """What the address says for this view. What it stands for is kept, or tried again at the next drawing."""
        state, plain = st.session_state, self._spelled(view)
        if not self._stands(resources):
            self.show_kept("", view)
        known = self.opened() or (plain is None and self._tokens().get(view))
        if known or plain is not None:
            state.pop(self._not_kept, None)
            return {PARAMETER: known} if known else plain or {}
        tried, token = state.get(self._not_kept, (None, ""))
        if tried != view:
            token = new_token()
            state[self._not_kept] = view, token
        with suppress(JournalUnavailable):
            resources.workspace.keep_view(token, self.body_of(view), who=operator())
            self._tokens()[view] = token
            del state[self._not_kept]
        return {PARAMETER: token}

    def _stands(self, resources: Resources) -> bool:
        """Whether the saved view that was opened is still what its link shows, as far as anybody can tell."""
        token, body = self.opened(), self.body_of(self.shown())
        with suppress(JournalError):
            if token and st.session_state[self._opened][2]:
                return (token, body) in ((one.id, one.body) for one in resources.saved_views.get())
        return True

    def _tokens(self) -> dict[_View, str]:
        """What this session has kept."""
        tokens: dict[_View, str] = st.session_state.setdefault(self._kept, {})
        return tokens


def unreadable(said: str) -> ViewUnreadable:
    told = one_line(said, 200)
    return ViewUnreadable(
        f"This address says {told}, which can't be read, so nothing is shown: it could be something else than was meant."
    )
