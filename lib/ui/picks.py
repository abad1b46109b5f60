"""The picks: ids chosen so far in this session, in the order they were chosen. Owns its session key."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

_KEY = "picks"


def _held() -> dict[str, None]:
    held: dict[str, None] = st.session_state.setdefault(_KEY, {})
    return held


def get() -> tuple[str, ...]:
    return tuple(_held())


def contains(customer_id: str) -> bool:
    return customer_id in _held()


def add(customer_ids: Iterable[str]) -> None:
    st.session_state[_KEY] = {**_held(), **dict.fromkeys(customer_ids)}


def remove(customer_ids: Iterable[str]) -> None:
    gone = set(customer_ids)
    st.session_state[_KEY] = {customer_id: None for customer_id in _held() if customer_id not in gone}


def clear() -> None:
    st.session_state[_KEY] = {}


def choose_among(shown: Iterable[str], chosen: Iterable[str]) -> None:
    """Of the ids `shown` exactly those `chosen` become picks; picks that are not on show stay as they are."""
    wanted = dict.fromkeys(chosen)
    remove(set(shown) - set(wanted))
    add(wanted)
