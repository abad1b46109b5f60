"""The picks: ids chosen so far in this session, in the order they were chosen, each with how. Owns its session keys."""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Mapping
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from lib.runs.evidence import Picked, Way

_KEY, _LISTED, _ON_SHOW, _CHANGED = "picks", "picks_listed", "picks_on_show", "picks_changed"


@dataclass(frozen=True, eq=False)
class Change:
    """What became of the picks `before` (the very object that `get` gave): `gone` were taken out, `new` were added."""

    before: tuple[str, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    outcome: Mapping[str, Picked]


def _held() -> dict[str, Picked]:
    """Never changed in place: other picks are another object, by which `get` knows them."""
    held: dict[str, Picked] = st.session_state.setdefault(_KEY, {})
    return held


def get() -> tuple[str, ...]:
    """The picks in their order; the same object until they change, so that what is made of them can be kept beside it."""
    held = _held()
    listed: tuple[dict[str, Picked], tuple[str, ...]] | None = st.session_state.get(_LISTED)
    if listed is None or listed[0] is not held:
        listed = st.session_state[_LISTED] = held, tuple(held)
    return listed[1]


def how() -> Mapping[str, Picked]:
    """Each pick with how it came to be one: what its evidence begins with."""
    return _held()


def chosen() -> KeysView[str]:
    """The picks as a set in their order: to count them, to ask who is among them, to meet other sets."""
    return _held().keys()


def look_at(filter_text: str, read_at: datetime | None) -> None:
    """What is on show from now on: whoever picks sees it through this filter, as read then (None: not all of it yet)."""
    st.session_state[_ON_SHOW] = filter_text, read_at


def add(customer_ids: Iterable[str], way: Way, source: str = "") -> None:
    """Pick these; `source` is the list that told them, if one did. Those that are picks already stay as they were picked."""
    _change(gone=(), new=_picked(customer_ids, way, source))


def remove(customer_ids: Iterable[str]) -> None:
    _change(gone=customer_ids, new={})


def clear() -> None:
    st.session_state[_KEY] = {}


def last_change() -> Change | None:
    """How the picks of now came to be, if it is known: what was found out of those before needn't be found out again."""
    change: Change | None = st.session_state.get(_CHANGED)
    return change if change and change.outcome is _held() else None


def _picked(customer_ids: Iterable[str], way: Way, source: str) -> dict[str, Picked]:
    filter_text, read_at = st.session_state.get(_ON_SHOW, ("", None))
    return dict.fromkeys(customer_ids, Picked(way, source or filter_text, read_at))


def _change(gone: Iterable[str], new: Mapping[str, Picked]) -> None:
    """What is a pick already stays as it was picked."""
    before, changed = get(), dict(_held())
    out = tuple(customer_id for customer_id in gone if changed.pop(customer_id, None))
    already = changed.keys() & new.keys()
    added = {customer_id: how for customer_id, how in new.items() if customer_id not in already} if already else new
    changed.update(added)
    st.session_state[_KEY] = changed
    st.session_state[_CHANGED] = Change(before, out, tuple(added), changed)
