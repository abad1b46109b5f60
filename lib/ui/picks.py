"""The picks: ids chosen so far in this session, in the order they were chosen. Owns its session keys."""

from __future__ import annotations

from collections.abc import Iterable, KeysView

import streamlit as st

_KEY, _LISTED = "picks", "picks_listed"


def _held() -> dict[str, None]:
    """Never changed in place: other picks are another object, by which `get` knows them."""
    held: dict[str, None] = st.session_state.setdefault(_KEY, {})
    return held


def get() -> tuple[str, ...]:
    """The picks in their order; the same object until they change, so that what is made of them can be kept beside it."""
    held = _held()
    listed: tuple[dict[str, None], tuple[str, ...]] | None = st.session_state.get(_LISTED)
    if listed is None or listed[0] is not held:
        listed = st.session_state[_LISTED] = held, tuple(held)
    return listed[1]


def chosen() -> KeysView[str]:
    """The picks as a set in their order: to count them, to ask who is among them, to meet other sets."""
    return _held().keys()


def add(customer_ids: Iterable[str]) -> None:
    st.session_state[_KEY] = {**_held(), **dict.fromkeys(customer_ids)}


def remove(customer_ids: Iterable[str]) -> None:
    _change(gone=customer_ids, new=())


def clear() -> None:
    st.session_state[_KEY] = {}


def choose_among(shown: Iterable[str], chosen: Iterable[str]) -> None:
    """Of the ids `shown` exactly those `chosen` become picks; picks that are not on show stay as they are."""
    wanted = dict.fromkeys(chosen)
    _change(gone=set(shown) - wanted.keys(), new=wanted)


def _change(gone: Iterable[str], new: Iterable[str]) -> None:
    changed = dict(_held())
    for customer_id in gone:
        changed.pop(customer_id, None)
    changed.update(dict.fromkeys(new))
    st.session_state[_KEY] = changed
