"""Whom the rule sets mean: how many customers, how many users, how much of all, and the way to them."""

from __future__ import annotations

import streamlit as st

from lib.customers.filters import users_of
from lib.customers.frame import CustomerFrame
from lib.evidence.activity import WINDOWS
from lib.evidence.evidence import Judged
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import Answer
from lib.evidence.what_if import days_of
from lib.ui.customers.opening import look_at_answer
from lib.ui.evidence import editor
from lib.ui.evidence.choose import newest
from lib.ui.evidence.studies import came_of_it, draw_reading, just_read
from lib.ui.evidence.what_if import draw_what_if
from lib.ui.resources import Resources
from lib.ui.text import count, md, number
from lib.ui.widgets import clicked

_NARROWEST = 230
_UNTOLD = "Nobody can tell yet who they are: have the studies read, above"
#: Rule sets that have a card: presets, then those that were saved.
_MOST = 12
#: So far studies are read: what-if and the chart of the newest study then know every number of days from here on.
_WITHIN = WINDOWS[0]


def show(resources: Resources, frame: CustomerFrame, *, complete: bool) -> None:
    """A card each rule set. Nothing is read for it: of whom studies would have to be read, nobody can tell until they are."""
    st.header("What to look at first", anchor=False)
    if not complete:
        st.caption("Candidates are counted once all customers have been read.")
        return
    busy = resources.evidence.reading.under_way is not None
    asked = [*PRESETS, *newest(editor.saved(resources))][:_MOST]
    with st.spinner("Asking the rules of each active customer…"):
        judged = resources.evidence.judged_all(asked, frame)
    _offer_reading(resources, frame, judged, busy=busy)
    with st.grid(4, min_column_width=_NARROWEST, gap="xsmall"):
        for one in judged:
            _card(resources, frame, one)
    _what_if(resources, frame, [one.rules for one in judged])


def _card(resources: Resources, frame: CustomerFrame, judged: Judged) -> None:
    rules = judged.rules
    yes, unknown = (frame.positions(judged.having(answer)) for answer in (Answer.YES, Answer.UNKNOWN))
    active = int(frame.rows["is_active"].sum())
    untold = len(yes) == 0 and len(unknown) > 0
    with st.container(border=True, height="stretch", key=f"candidates-{rules.hash[:16]}"):
        st.metric(md(_title(rules)), "–" if untold else number(len(yes)))
        share = f"{len(yes) / active:.1%} of the active" if active else "nobody is active"
        st.markdown("not known yet" if untold else md(f"{count(users_of(frame, yes), 'user')} · {share}"))
        with st.container(horizontal=True):
            look = f"look-{rules.hash[:16]}"
            opens = f"Opens the {rules.name} on Customers" if len(yes) else _UNTOLD if untold else "There are none"
            if clicked.button("Look at them", key=look, disabled=len(yes) == 0, help=md(opens)):
                look_at_answer(resources, rules, Answer.YES)
            why = "Nobody can tell yet whether they are: opens them on Customers"
            words = f"{number(len(unknown))} unknown"
            if len(unknown) and clicked.button(words, key=f"{look}-unknown", icon=":material/help:", help=why):
                look_at_answer(resources, rules, Answer.UNKNOWN)
        st.caption(md(rules.about or rules.asks, limit=300))


def _offer_reading(resources: Resources, frame: CustomerFrame, judged: list[Judged], *, busy: bool) -> None:
    """Says of whom nobody can tell yet, and has their studies read: of whom nothing else decides."""
    reading = resources.evidence.reading
    unknown = {key for one in judged for key in one.having(Answer.UNKNOWN)}
    ids = frame.ids(frame.positions(unknown))
    if unread := unknown - reading.known.keys():
        st.markdown(
            f":material/help: Of **{count(len(unread), 'customer')}** it is unknown until the studies are read: a record that "
            "nobody changes may be of a hospital that works every day."
        )
    elif unknown:
        st.caption(f"Of {count(len(unknown), 'customer')} it stays unknown: its studies can't be read, or a date is unknown.")
    if not busy and (read := just_read(reading, "overview", busy=busy)):
        st.markdown(f":material/check: {md(came_of_it(reading, read))}")
    if busy or reading.unread(ids, _WITHIN):
        draw_reading(resources, ids, within=_WITHIN, key="overview_read", busy=busy)


def _what_if(resources: Resources, frame: CustomerFrame, offered: list[RuleSet]) -> None:
    part = st.expander("What if the days were others?", icon=":material/ssid_chart:", key="what_if", on_change="rerun")
    if not part.open:
        return
    by_hash = {rules.hash: rules for rules in offered if days_of(rules)}
    with part:
        asked = st.segmented_control(
            "Rule set",
            list(by_hash),
            default=next(iter(by_hash)),
            format_func=lambda one: md(_title(by_hash[one])),
            required=True,
            key="what_if_rules",
        )
        draw_what_if(resources, by_hash[asked], frame, "overview")


def _title(rules: RuleSet) -> str:
    return rules.name[:1].upper() + rules.name[1:]
