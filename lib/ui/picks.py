"""The picks: ids chosen so far in this session, in the order they were chosen, each with how. Owns its session keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import streamlit as st

from lib.runs.evidence import Picked, Way

_KEY, _ON_SHOW = "picks", "picks_on_show"


def _held() -> dict[str, Picked]:
    held: dict[str, Picked] = st.session_state.setdefault(_KEY, {})
    return held


def get() -> tuple[str, ...]:
    return tuple(_held())


def how() -> Mapping[str, Picked]:
    """Each pick with how it came to be one: what its evidence begins with."""
    return _held()


def contains(customer_id: str) -> bool:
    return customer_id in _held()


def look_at(filter_text: str, read_at: datetime | None) -> None:
    """What is on show from now on: whoever picks sees it through this filter, as read then (None: not all of it yet)."""
    st.session_state[_ON_SHOW] = filter_text, read_at


def add(customer_ids: Iterable[str], way: Way) -> None:
    """Pick these. Those that are picks already stay as they were picked."""
    filter_text, read_at = st.session_state.get(_ON_SHOW, ("", None))
    picked = Picked(way, "" if way is Way.LISTED else filter_text, read_at)
    held = _held()
    st.session_state[_KEY] = held | {customer_id: picked for customer_id in customer_ids if customer_id not in held}


def remove(customer_ids: Iterable[str]) -> None:
    gone = set(customer_ids)
    st.session_state[_KEY] = {customer_id: picked for customer_id, picked in _held().items() if customer_id not in gone}


def clear() -> None:
    st.session_state[_KEY] = {}


def choose_among(shown: Iterable[str], chosen: Iterable[str]) -> None:
    """Of the ids `shown` exactly those `chosen`, by ticks, become picks; picks that are not on show stay as they are."""
    wanted = dict.fromkeys(chosen)
    remove(set(shown) - set(wanted))
    add(wanted, Way.TICKED)
