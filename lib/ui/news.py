"""What there is to say about the list itself: what changed since the one before it, which picks that concerns, and what went
wrong with the kept one. Each is said until the session dismisses it; a session that begins an hour later hears no more of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from lib.customers.changes import Changes
from lib.customers.loads import Comparison, Loads
from lib.ui import dialogs, picks
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.text import ago, count, md, number

_HEARD = "news_heard"
_NEWS_FOR = timedelta(hours=1)
_NAMED = 3
_LISTED = 500


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
    opened, compared = dialogs.opened(), loads.compared
    if opened is not None and opened.name == "changes" and compared is not None:
        _show_table(compared.changes, picks.get())


def _is_news(key: str, at: datetime, now: datetime) -> bool:
    """Has this session not dismissed it, and did it begin to tell it in time?"""
    heard: dict[str, bool] = st.session_state.setdefault(_HEARD, {})
    return not heard.setdefault(key, now - at > _NEWS_FOR)


def _dismiss(key: str) -> None:
    st.session_state[_HEARD][key] = True


def _dismiss_button(news: str, key: str) -> None:
    st.button("Dismiss", type="tertiary", icon=":material/close:", on_click=_dismiss, args=(news,), key=key)


def _show_changes(compared: Comparison, key: str, now: datetime) -> None:
    changes, picked = compared.changes, picks.get()
    if not changes:
        st.toast(f"Nothing changed since the list read {ago(compared.since, now)}.", icon=":material/update:")
        _dismiss(key)
        return
    with st.container(border=True, key="news_changes"):
        st.markdown(f"**Since the list read {ago(compared.since, now)}:** {md(changes.words, limit=200)}.")
        if picked:
            st.markdown(_about_picks(changes, picked))
        with st.container(horizontal=True, gap="small"):
            st.button("Show", on_click=dialogs.open_dialog, args=("changes",), key="news_look", icon=":material/difference:")
            _dismiss_button(key, "news_dismiss")


def _about_picks(changes: Changes, picked: Sequence[str]) -> str:
    """Which picks are gone, inactive or otherwise not as before, by name; Markdown."""
    gone, changed = frozenset(changes.gone), changes.changed
    records = {record.id: record for record in changes.after.records(id_ for id_ in picked if id_ in changed)}
    inactive = [record for record in records.values() if record.id in changes.fields.get("status", ()) and not record.is_active]
    found = {
        "gone": [record.name for record in changes.before.records(id_ for id_ in picked if id_ in gone)],
        "inactive now": [record.name for record in inactive],
        "changed": [record.name for record in records.values() if record not in inactive],
    }
    told = [f"{number(len(names))} {what} ({_named(names)})" for what, names in found.items() if names]
    if not told:
        return f"Nothing changed for your {count(len(picked), 'pick')}."
    return f"Of your {count(len(picked), 'pick')}: {', '.join(told)}."


def _named(names: Sequence[str]) -> str:
    more = [f"{number(len(names) - _NAMED)} more"] if len(names) > _NAMED else []
    return ", ".join([*(f"“{md(name, limit=60)}”" for name in names[:_NAMED]), *more])


@st.dialog("What changed", width="large", icon=":material/difference:", on_dismiss=dialogs.close)
def _show_table(changes: Changes, picked: Sequence[str]) -> None:
    """Each change, those of picks first."""
    chosen = frozenset(picked)
    ids = sorted(changes.ids(), key=lambda id_: id_ not in chosen)
    table = changes.table(ids[:_LISTED])
    table.insert(1, "Picked", ["picked" if id_ in chosen else "" for id_ in table["Id"]])
    st.dataframe(
        table,
        hide_index=True,
        height=grid_height(len(table), 13),
        row_height=ROW_HEIGHT,
        column_config={
            "Customer": st.column_config.TextColumn(width=240),
            "Picked": st.column_config.TextColumn(width=70),
            "What": st.column_config.TextColumn(width=140),
            "Before": st.column_config.TextColumn(width=150),
            "Now": st.column_config.TextColumn(width=150),
        },
        placeholder="",
        alt="What changed, one row a change",
    )
    if len(ids) > _LISTED:
        st.caption(f"The first {number(_LISTED)} of {count(len(ids), 'customer')}, picks first.")
