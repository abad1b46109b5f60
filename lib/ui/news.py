"""What there is to say about the list itself: what changed since the one before it, which picks that concerns, and what went
wrong with the kept one. Each is said until the session dismisses it; a session that begins an hour later hears no more of it.
"""

from __future__ import annotations

from collections.abc import KeysView
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from itertools import islice

import streamlit as st

from lib.customers.changes import Changes
from lib.customers.frame import CustomerFrame
from lib.customers.reading.comparison import Comparison
from lib.customers.reading.loads import Loads
from lib.ui import notices, picks
from lib.ui.text import ago, count, md, number
from lib.ui.widgets import dialogs, id_table
from lib.ui.widgets.id_table import MOST_ROWS, Changed, Column

_HEARD = "news_heard"
_NEWS_FOR = timedelta(hours=1)
_NAMED = 3
_COLUMNS = (
    Column("Customer", 240, "long"),
    Column("Picked", 70),
    Column("What", 140),
    Column("Value", 240, "long"),
    Column("Id", 300, "id"),
)


def show(loads: Loads) -> None:
    """For the sidebar, below all else: on every page, and nothing moves when there is something to say."""
    now = datetime.now(UTC)
    word = loads.word
    if word is not None and _is_news(f"word {word.at}", word.at, now):
        with st.container(border=True, key="news_word"):
            st.markdown(f":material/info: {md(word.text, limit=300)}")
            _dismiss_button(f"word {word.at}", "word_dismiss")
    compared = loads.compared
    if compared is not None and compared.at is not None and _is_news(f"changes {compared.at}", compared.at, now):
        _show_changes(compared, f"changes {compared.at}", now)


def show_dialog(loads: Loads) -> None:
    """Each change of the last comparison, while somebody looks at them. A dialog belongs to no part of the page."""
    compared = loads.compared
    if compared is not None and dialogs.opened("changes"):
        _show_table(compared.changes, picks.chosen())


def _is_news(key: str, at: datetime, now: datetime) -> bool:
    """Has this session not dismissed it, and did it begin to tell it in time?"""
    heard: dict[str, bool] = st.session_state.setdefault(_HEARD, {})
    return not heard.setdefault(key, now - at > _NEWS_FOR)


def _dismiss(key: str) -> None:
    st.session_state[_HEARD][key] = True


def _dismiss_button(news: str, key: str) -> None:
    st.button("Dismiss", type="tertiary", icon=":material/close:", on_click=_dismiss, args=(news,), key=key)


def _show_changes(compared: Comparison, key: str, now: datetime) -> None:
    changes, picked = compared.changes, picks.chosen()
    if not changes:
        # No toast: it would take the place of an open dialog, which then begins anew: its parts are closed, a click is lost.
        but = ", but by runs of ours" if changes.after.ours else ""
        st.caption(f":material/update: Nothing changed since the list read {ago(compared.since, now)}{but}.")
        return
    with st.container(border=True, key="news_changes"):
        st.markdown(f"**Since the list read {ago(compared.since, now)}:** {md(changes.words, limit=200)}.")
        if picked:
            st.markdown(_about_picks(changes, picked))
        with st.container(horizontal=True, gap="small"):
            st.button("Show", on_click=dialogs.open_dialog, args=("changes",), key="news_look", icon=":material/difference:")
            _dismiss_button(key, "news_dismiss")


def _about_picks(changes: Changes, picked: KeysView[str]) -> str:
    """Which picks are gone, inactive or otherwise not as before, by name in their order; Markdown."""
    changed = picked & changes.changed
    inactive = _inactive(changes.after, picked & changes.fields.get("status", frozenset()))
    found = {
        "gone": (changes.before, picked & frozenset(changes.gone)),
        "inactive now": (changes.after, inactive),
        "changed": (changes.after, changed - inactive),
    }
    told = [f"{number(len(ids))} {what} ({_named(frame, ids, picked)})" for what, (frame, ids) in found.items() if ids]
    if not told:
        return f"Nothing changed for your {count(len(picked), 'pick')}."
    return f"Of your {count(len(picked), 'pick')}: {', '.join(told)}."


def _inactive(frame: CustomerFrame, ids: AbstractSet[str]) -> AbstractSet[str]:
    positions = frame.positions(ids)
    return set(frame.ids(positions[~frame.rows["is_active"].to_numpy()[positions]]))


def _named(frame: CustomerFrame, ids: AbstractSet[str], picked: KeysView[str]) -> str:
    """The first few of the ids in the order of the picks, by name; few, because picks can be all customers there are."""
    first = islice((customer_id for customer_id in picked if customer_id in ids), min(_NAMED, len(ids)))
    names = frame.rows["name"].take(frame.positions(first))
    more = [f"{number(len(ids) - _NAMED)} more"] if len(ids) > _NAMED else []
    return ", ".join([*(f"“{md(name, limit=60)}”" for name in names), *more])


@notices.dialog("What changed", width="large", icon=":material/difference:", on_dismiss=dialogs.close)
def _show_table(changes: Changes, picked: KeysView[str]) -> None:
    """Each change, those of picks first."""
    ids = sorted(changes.ids(), key=lambda id_: id_ not in picked)
    rows = [
        (
            f"{one.id} {one.what}",
            one.name,
            "picked" if one.id in picked else "",
            one.what,
            Changed(one.before or None, one.now or None),
            one.id,
        )
        for one in changes.told(ids[:MOST_ROWS])
    ]
    id_table.show("changes", _COLUMNS, rows[:MOST_ROWS], label="What changed, one row a change")
    if len(ids) > MOST_ROWS or len(rows) > MOST_ROWS:
        st.caption(f"The first {number(MOST_ROWS)} changes of {count(len(ids), 'customer')}, picks first.")
