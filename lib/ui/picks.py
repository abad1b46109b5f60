"""The picks: ids chosen so far in this session, in the order they were chosen, each with how. Owns its session keys."""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Mapping
from datetime import datetime

import streamlit as st

from lib.plans.evidence import Picked, Way

_KEY, _LISTED, _ON_SHOW = "picks", "picks_listed", "picks_on_show"


def how() -> Mapping[str, Picked]:
    """Each pick with how it came to be one: what its evidence begins with. Never changed: other picks are another object."""
    held: dict[str, Picked] = st.session_state.setdefault(_KEY, {})
    return held


def get() -> tuple[str, ...]:
    """The picks in their order; the same object until they change, so that what is made of them can be kept beside it."""
    held = how()
    listed: tuple[Mapping[str, Picked], tuple[str, ...]] | None = st.session_state.get(_LISTED)
    if listed is None or listed[0] is not held:
        listed = st.session_state[_LISTED] = held, tuple(held)
    return listed[1]


def chosen() -> KeysView[str]:
    """The picks as a set in their order: to count them, to ask who is among them, to meet other sets."""
    return how().keys()


def look_at(filter_text: str, read_at: datetime | None) -> None:
    """What is on show from now on: whoever picks sees it through this filter, as read then (None: not all of it yet)."""
    st.session_state[_ON_SHOW] = filter_text, read_at


def add(customer_ids: Iterable[str], way: Way, source: str = "") -> None:
    """Pick these; `source` is the list that told them, if one did."""
    filter_text, read_at = st.session_state.get(_ON_SHOW, ("", None))
    own = way in (Way.LISTED, Way.CHOSEN, Way.RUN)  # whoever was picked so was picked by no filter
    take(dict.fromkeys(customer_ids, Picked(way, source if own else filter_text, read_at)))


def take(picked: Mapping[str, Picked]) -> None:
    """Pick these, as they were picked elsewhere. Those that are picks already stay as they were picked."""
    held = how()
    st.session_state[_KEY] = {**held, **{id_: one for id_, one in picked.items() if id_ not in held}}


def remove(customer_ids: Iterable[str]) -> None:
    gone = set(customer_ids)
    st.session_state[_KEY] = {id_: one for id_, one in how().items() if id_ not in gone}


def clear() -> None:
    st.session_state[_KEY] = {}
