"""The picks: ids chosen so far in this session, in the order they were chosen, each with how. Owns its session keys."""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Mapping
from dataclasses import replace
from datetime import datetime

import streamlit as st

from lib.evidence.rule_set import RuleSet
from lib.people import Right
from lib.plans.evidence import Picked, Way
from lib.ui.resources import get_resources, may

_KEY, _ON_SHOW = "picks", "picks_on_show"


def how() -> Mapping[str, Picked]:
    """Each pick with how it came to be one: what its evidence begins with. Never changed: other picks are another object."""
    held: dict[str, Picked] = st.session_state.setdefault(_KEY, {})
    return held


def get() -> tuple[str, ...]:
    """The picks in their order."""
    return tuple(how())


def chosen() -> KeysView[str]:
    """The picks as a set in their order: to count them, to ask who is among them, to meet other sets."""
    return how().keys()


def look_at(filter_text: str, read_at: datetime | None, rules: RuleSet | None = None) -> None:
    """What is on show from now on: whoever picks sees it through this filter and rule set, as read then (None: not all of it
    yet).
    """
    st.session_state[_ON_SHOW] = filter_text, read_at, rules


def add(customer_ids: Iterable[str], way: Way, source: str = "") -> None:
    """Pick these; `source` is the list that told them, if one did. Active customers carry what the rule set on show says."""
    filter_text, read_at, rules = st.session_state.get(_ON_SHOW, ("", None, None))
    own = way in (Way.LISTED, Way.CHOSEN, Way.RUN)  # whoever was picked so was picked by no filter
    picked = dict.fromkeys(customer_ids, Picked(way, source if own else filter_text, read_at))
    if rules is not None and not own:
        resources = get_resources()
        said = resources.evidence.judgements(rules, resources.loads.frame(), tuple(picked))
        # How a person picked it stays so, whatever the rules say: no rule set has picked whom somebody ticked.
        picked |= {id_: replace(picked[id_], judgement=judgement) for id_, judgement in said.items()}
    take(picked)


def take(picked: Mapping[str, Picked]) -> None:
    """Pick these, as they were picked elsewhere. Those that are picks already stay as they were picked; what a rule set says of
    them is added where none had said anything. Nothing happens where nobody may plan: a page offers it to those alone who may.
    """
    if not may(Right.PLAN):
        return
    before = how()
    held = {**before, **picked, **before}
    for id_ in before.keys() & picked.keys():
        if before[id_].judgement is None and (judgement := picked[id_].judgement) is not None:
            held[id_] = replace(before[id_], judgement=judgement)
    st.session_state[_KEY] = held


def remove(customer_ids: Iterable[str]) -> None:
    gone = set(customer_ids)
    st.session_state[_KEY] = {id_: one for id_, one in how().items() if id_ not in gone}


def clear() -> None:
    st.session_state[_KEY] = {}
