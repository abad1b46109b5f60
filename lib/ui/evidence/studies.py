"""Reading the studies of many customers from a page: how many are to be read, how far it is, and how to stop it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import streamlit as st

from lib.avara.models import id_key
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.evidence.reading import ActivityReading
from lib.session import Session
from lib.ui import notices, picks
from lib.ui.text import ago, asked_to_wait, count, duration, md, number
from lib.ui.widgets import dialogs

_POLL_SECONDS = 0.5
#: Of whom this tab had studies read last, and what was on show when that had ended.
_ASKED, _SHOWN = "studies_asked", "studies_shown"
#: A study within so many days is proof enough, where nobody wants all of them counted: what the presets ask for.
_YEAR = 365


def show_button(session: Session, frame: CustomerFrame, matching: Positions, *, busy: bool) -> None:
    """A popover that has the studies read of those who match, of the picks, or of all that are active. `busy` as below."""
    offer = st.popover("Studies", icon=":material/monitoring:", width="content", key="studies", on_change="rerun")
    if not offer.open:
        return
    active = frame.rows["is_active"].to_numpy()
    whose: dict[str, Callable[[], Sequence[str]]] = {
        "matching": lambda: frame.index.take(matching[active[matching]]),
        "picked": picks.get,
        "all active": lambda: list(frame.rows.loc[active, "id"]),
    }
    with offer:
        said = st.segmented_control("Of whom", list(whose), default="matching", required=True, key="studies_of")
        every = st.toggle(
            "Count every study",
            key="studies_every",
            help="Else reading ends at the first study within a year, which takes far fewer requests.",
        )
        draw_reading(session, whose[said or "matching"](), within=None if every else _YEAR, key="studies_read", busy=busy)


def draw_reading(session: Session, ids: Sequence[str], *, within: int | None, key: str, busy: bool) -> None:
    """A button that has the studies of these customers read, as far as one within so many days (None: all of them), and what
    is known of them; while any are read, how far that is, and *Stop*. The page is drawn again when it has ended.

    `busy`: whether any were being read before the page asked what it shows. It may have ended since, and knows more by now.
    """
    reading = session.evidence.reading
    if busy:
        notices.fragment(_progress, reading, key, every=_POLL_SECONDS)
        return
    unread = reading.unread(ids, within)
    st.caption(md(known_words(reading, ids, len(ids) - len(unread), datetime.now(UTC)), limit=400))
    for trouble in filter(None, (reading.failure and reading.failure.message, reading.word)):
        st.caption(f":material/warning: {md(trouble, limit=400)}")
    st.button(
        f"Read the studies of {count(len(unread), 'customer')}" if unread else "All are read",
        icon=":material/search:",
        type="primary" if unread else "secondary",
        disabled=not unread,
        on_click=_begin,
        args=(reading, unread, within),
        key=key,
        help="In the background, after all other requests. What was read stays when it is stopped.",
    )


def _begin(reading: ActivityReading, ids: Sequence[str], within: int | None) -> None:
    st.session_state[_ASKED], st.session_state[_SHOWN] = tuple(ids), None
    notices.attempt(reading.begin, ids, within)


def just_read(reading: ActivityReading, shown: object, *, busy: bool) -> tuple[str, ...]:
    """Of whom studies were read from this tab, once that has ended, for as long as the same is `shown` as then.

    While they are being read it draws how far that is, and has the page drawn again at the end. `busy` as above.
    """
    state = st.session_state
    asked: tuple[str, ...] = state.get(_ASKED, ())
    if asked and busy:
        notices.fragment(_until_read, reading, every=_POLL_SECONDS)
        return ()
    state[_SHOWN] = state.get(_SHOWN) or shown
    if state[_SHOWN] != shown:
        state.pop(_ASKED, None)
        return ()
    return asked


def came_of_it(reading: ActivityReading, ids: Sequence[str]) -> str:
    """What came of reading these: "Read: 214 customers, 3 could not be read", or how far it came."""
    seen = [one for customer_id in ids if (one := reading.known.get(id_key(customer_id))) is not None]
    failed = sum(bool(one.why) for one in seen)
    told = f"Read: {count(len(seen), 'customer')}"
    if len(seen) < len(ids):
        told = f"Stopped after {number(len(seen))} of {count(len(ids), 'customer')}"
    return told + (f", {number(failed)} could not be read" if failed else "")


def _until_read(reading: ActivityReading) -> None:
    if (seen := reading.under_way) is None:
        dialogs.redraw_page()
    else:
        st.caption(f"Reading studies: {number(seen.done)} of {number(seen.total)}", width="content")


def known_words(reading: ActivityReading, ids: Sequence[str], answered: int, now: datetime) -> str:
    """In one line: of how many enough is known, when that was read, how long it is used again, and who could not be read."""
    seen = [one for customer_id in ids if (one := reading.known.get(id_key(customer_id))) is not None]
    told = [f"Known of {number(answered)} of {count(len(ids), 'customer')}"]
    if seen:
        first, last = ago(min(one.read_at for one in seen), now), ago(max(one.read_at for one in seen), now)
        told.append(f"read {first}" if first == last else f"read {first} to {last}")
    if unknown := sum(bool(one.why) for one in seen):
        told.append(f"{number(unknown)} could not be read")
    return f"{', '.join(told)}. What was read is used again for {duration(reading.stands.total_seconds())}."


def _progress(reading: ActivityReading, key: str) -> None:
    seen = reading.under_way
    if seen is None:
        dialogs.redraw_page()
        return
    text = f"{number(seen.done)} of {count(seen.total, 'customer')}"
    if waits := asked_to_wait(seen.waiting):
        text += f" · {waits}"
    elif seen.seconds_left is not None:
        text += f" · {duration(seen.seconds_left)} left"
    st.progress(seen.done / seen.total, text=text)
    st.button("Stop", icon=":material/stop:", on_click=reading.cancel, key=f"{key}_stop", help="Keeps what was read.")
