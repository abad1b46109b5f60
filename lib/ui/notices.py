"""Errors in words, with what a page can do about them; also where no page script stands by to say them: in a button's callback,
and in a part that redraws itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec

import streamlit as st
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from lib import errors
from lib.errors import ExpressOpsError, JournalUnavailable
from lib.people import NotAllowed, Right
from lib.ui.resources import get_resources, may, operator
from lib.ui.signed_in.sessions import SomebodyElse
from lib.ui.text import md
from lib.ui.widgets import dialogs

_P = ParamSpec("_P")
_KEY, _FAILED = "notice", "downloads_failed"
#: Seconds in which a notice is on every drawing of the page, unless something else is attempted: one that comes by itself,
#: or that the browser's next message ends, must not take it away.
_STAYS = 30.0
#: Seconds between two looks whether the journal is back.
_LOOK_AGAIN = 2.0
#: What to do next, where that is something to press or another page.
_NEXT: dict[type, str] = {
    errors.NotFound: "Reload the customers.",
    errors.ListTooOld: "If that stopped, press Reload.",
    errors.ListOlderThanRun: "If that stopped, press Reload.",
    errors.EmptyPlan: "Pick at least one on the Customers page.",
    errors.OtherKey: "If it is, say so on the Connection page.",
    errors.AlreadyStarted: "Open its run on the Runs page.",
    errors.RunNotFound: "Open the Runs page and choose one from the list.",
    errors.IllegalTransition: "Reload the page to see its state.",
}


def told(error: ExpressOpsError) -> str:
    """What happened, and what to do about it here."""
    return " ".join(filter(None, (error.message, _NEXT.get(type(error)))))


def tell(error: ExpressOpsError, *, icon: str = "error") -> None:
    """The error in its place on the page."""
    _tell(told(error), icon)


def _tell(words: str, icon: str = "error") -> None:
    st.error(md(words, limit=600), icon=f":material/{icon}:")


def attempt(act: Callable[..., object], *args: object, **kwargs: object) -> None:
    """Use as a callback: calls `act`; an error of ours becomes a notice instead of a broken page."""
    attempting()(act, *args, **kwargs)


def attempting(place: str = _KEY) -> Callable[..., None]:
    """`attempt`, which from here on asks the session state for nothing: there the browser's next message would end it, with
    what is to follow not done, or what went wrong not told. A dialog has a `place` of its own: see `words`.
    """
    said = _said(place)
    said.clear()

    def attempted(act: Callable[..., object], *args: object, **kwargs: object) -> None:
        try:
            act(*args, **kwargs)
        except ExpressOpsError as error:
            said.append((told(error), time.monotonic()))

    return attempted


def words(place: str) -> str:
    """What went wrong there last, until something else is attempted. It stays when it is drawn: that may be cut short."""
    said = _said(place)
    return said[-1][0] if said else ""


def _said(place: str) -> list[tuple[str, float]]:
    """The notice, as the last of these, and when it was made."""
    said: list[tuple[str, float]] = st.session_state.setdefault(place, [])
    return said


def fragment(draw: Callable[..., None], *args: object, every: float | None) -> None:
    """Draws now and, with `every`, again each so many seconds.

    Raises an error of ours at first, as any part of the page does. Where there is one later, or no more, the whole page is
    drawn again: what stands around this part is no longer certain either.
    """
    drawn, failed = False, list[ExpressOpsError]()

    def part() -> None:
        nonlocal drawn
        first, drawn = not drawn, True
        _still_allowed()
        try:
            draw(*args)
        except ExpressOpsError as error:
            if first:
                failed.append(error)  # Streamlit shows whatever leaves a fragment with its traceback
            elif not failed:
                dialogs.redraw_page()
                tell(error)  # a dialog is open
        else:
            if failed:
                dialogs.redraw_page()

    part.__qualname__ = draw.__qualname__  # Streamlit knows a fragment by it
    st.fragment(part, run_every=every)()
    if failed:
        raise failed[0]


def dialog(title: str, **options: Any) -> Callable[[Callable[_P, None]], Callable[_P, None]]:  # noqa: ANN401
    """Streamlit's, whose content asks each time it is drawn whether it may still be seen."""

    def decorated(draw: Callable[_P, None]) -> Callable[_P, None]:
        @wraps(draw)
        def content(*args: _P.args, **kwargs: _P.kwargs) -> None:
            _still_allowed()
            draw(*args, **kwargs)

        return st.dialog(title, **options)(content)

    return decorated


def _still_allowed() -> None:
    """For what is drawn by itself: where nobody may see it any more, or nobody can tell, the page is drawn anew, dialog or not,
    and says why.
    """
    try:
        get_resources().ask(Right.READ)
    except (NotAllowed, errors.ConfigError):
        dialogs.close()
        st.rerun()


def tell_for_the_page(error: ExpressOpsError) -> None:
    """Tells why the page is not whole; of a journal that is out of reach the page goes on by itself once it is back."""
    tell(error)
    if isinstance(error, JournalUnavailable):
        st.caption("This page goes on by itself once the journal answers.")
        again = False

        def look_again() -> None:
            nonlocal again
            if again:
                with suppress(JournalUnavailable):
                    get_resources().live_runs.get()
                    dialogs.redraw_page()
            again = True

        st.fragment(look_again, run_every=_LOOK_AGAIN)()


def download_button(label: str, data: Callable[[], bytes | str] | bytes | str, **options: Any) -> bool:  # noqa: ANN401
    """Streamlit's, for whoever may take data out; nothing for others.

    A file that is still to be made is made when it is asked for, on another thread, for whoever is at work then: the right is
    asked for once more, and they must be the one whom the button was drawn for. What goes wrong there the page tells.
    """
    if not may(Right.EXPORT):
        return False
    clicked: bool = st.download_button(label, _download(data) if callable(data) else data, **options)
    return clicked


def _download(make: Callable[[], bytes | str]) -> Callable[[], bytes | str]:
    resources, drawn_for, tab = get_resources(), operator(), get_script_run_ctx()
    failed: list[str] = st.session_state.setdefault(_FAILED, [])

    def asked() -> bytes | str:
        who = resources.operator
        if (who.name, who.known) != (drawn_for.name, drawn_for.known):
            raise SomebodyElse
        resources.ask(Right.EXPORT, who)
        return make()

    def made() -> bytes | str:
        try:
            # Streamlit's thread does not know of the tab, and so not who has it now.
            with ThreadPoolExecutor(1, initializer=add_script_run_ctx, initargs=(None, tab)) as thread:
                return thread.submit(asked).result()
        except ExpressOpsError as error:
            failed.append(told(error))
            raise
        except Exception:
            failed.append("The file could not be made. The server's log says why.")
            raise

    return made


def download_failed() -> bool:
    """Whether a file could not be made, which nobody was told yet."""
    return bool(st.session_state.get(_FAILED))


def show() -> None:
    failed: list[str] = st.session_state.get(_FAILED, [])
    said = _said(_KEY)
    if failed:
        said.append((failed[-1], time.monotonic()))
        failed.clear()
    if said and time.monotonic() - said[-1][1] < _STAYS:
        _tell(said[-1][0])
