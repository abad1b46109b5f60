"""Picks kept as a draft in the journal, and those of this person's other tabs, offered. No page waits for the journal here."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import streamlit as st

from lib.errors import JournalError, PlanError
from lib.journal.drafts import MOST_DRAFTS, MOST_PICKS, DraftHead
from lib.people import Right
from lib.plans.evidence import Picked
from lib.ui import notices, picks
from lib.ui.deactivate import draft, parts
from lib.ui.deactivate.draft import Why
from lib.ui.resources import Resources, may, operator
from lib.ui.text import count, exact, md, number

_ID, _SAVED, _TAKEN, _DONE = "draft_id", "draft_saved", "drafts_taken", "drafts_done"
_OPENED, _DRAWN, _KEPT = "drafts_opened", "drafts_drawn", "drafts_kept"
#: Seconds in which a new tab looks by itself for what was picked before: the journal may be slow to take it and to tell it.
_LOOKS = 60.0
#: Seconds after which what a tab has kept is in the list of drafts, as old as that may be.
_THERE_AFTER = 15.0


def keep(resources: Resources) -> None:
    """Have the picks, and why they are to be acted on, written as they are now. Call it at the end of each run of a page."""
    state, now = st.session_state, (picks.how(), draft.why())
    before = state.get(_SAVED, ({}, Why()))
    if not now[0] and before[0]:
        draft.over()
        parts.over()
    picked, why = now
    changed = picked is not before[0] or why != before[1]
    if changed and (picked or before[0]) and may(Right.PLAN):
        _write(resources, *now)
    state[_SAVED] = now  # last: the browser's next message may end this run anywhere above


def hold(resources: Resources) -> None:
    """A tab in use keeps its picks: where another one took, or discarded, what is kept of them, that is written again. So each
    of the two has a copy, and a tab that is no more, which can't say so, gave its own away.
    """
    state = st.session_state
    picked, why = state.get(_SAVED, ({}, Why()))
    if not picked or time.monotonic() - state.get(_KEPT, 0.0) < _THERE_AFTER or not may(Right.PLAN):
        return
    with suppress(JournalError):
        mine = _mine(resources)
        if len(mine) < MOST_DRAFTS and _own() not in {head.id for head in mine}:
            _write(resources, picked, why)


def _write(resources: Resources, picked: Mapping[str, Picked], why: Why) -> None:
    state = st.session_state
    taken = state.get(_TAKEN, frozenset())
    resources.workspace.keep_draft(_own(), picked, why.reason, why.ticket, who=operator(), taken=taken)
    state.pop(_TAKEN, None)
    state[_KEPT] = time.monotonic()


def offered(resources: Resources) -> tuple[DraftHead, ...]:
    """What this person has picked elsewhere or before, and not started, the newest first; nothing while nobody can tell."""
    if not may(Right.PLAN):
        return ()
    done: frozenset[str] = st.session_state.setdefault(_DONE, frozenset())
    if _OPENED not in st.session_state:
        st.session_state[_OPENED] = time.monotonic()
        resources.drafts.forget()  # this tab has just been opened: what the one before it picked was saved a moment ago
    try:
        return tuple(head for head in _mine(resources) if head.id not in {_own(), *done})
    except JournalError:
        return ()


def _mine(resources: Resources) -> tuple[DraftHead, ...]:
    """The drafts of whoever is at work."""
    me = operator().name
    return tuple(head for head in resources.drafts.get() if head.person == me)


def begin() -> None:
    """A run of the whole page begins; whether it draws an offer will be seen."""
    st.session_state.pop(_DRAWN, None)


def is_drawn(resources: Resources) -> bool:
    """Whether a new tab still offers all there is."""
    drawn, opened = st.session_state.get(_DRAWN), st.session_state.get(_OPENED, 0.0)
    return drawn is None or time.monotonic() - opened > _LOOKS or drawn == [head.id for head in offered(resources)]


def offer(resources: Resources, *, most: int) -> None:
    """A line for each draft that can be taken over."""
    heads, today = offered(resources), datetime.now(UTC).date()
    st.session_state[_DRAWN] = [head.id for head in heads]
    for at, head in enumerate(heads[:most], start=1):
        first = f"The first {number(MOST_PICKS)} of " if head.size > MOST_PICKS else ""
        when = md(f"at {head.saved_at:%H:%M} UTC" if head.saved_at.date() == today else f"on {exact(head.saved_at)}")
        why = f": “{md(head.reason, limit=60)}”" if head.reason else ""
        more = f" ({number(len(heads) - most)} more on *Deactivate*)" if len(heads) > at == most else ""
        with st.container(horizontal=True, vertical_alignment="center", key=f"draft-{head.id}"):
            st.markdown(
                f":material/history: {first}**{count(head.size, 'customer')}** picked {when} in another tab or before a reload"
                f"{why}{more}",
                width="stretch",
            )
            take = (_take, resources, head)
            with st.container(horizontal=True, width="content"):  # side by side, also where they don't fit behind the words
                st.button("Take them", key=f"draft_take-{head.id}", on_click=notices.attempt, args=take)
                st.button("Discard", type="tertiary", key=f"draft_discard-{head.id}", on_click=_discard, args=(resources, head))


def _take(resources: Resources, head: DraftHead) -> None:
    """Callback: they are this tab's from now on; a tab in use that had them keeps them, too. Raises JournalError, or PlanError:
    gone.
    """
    found = resources.workspace.read_draft(head.id)
    if found is None:
        resources.drafts.forget()  # what the tab that has them keeps is offered in the very next drawing
        _be_done_with(head)
        raise PlanError(
            "Another tab has taken, discarded or started these picks meanwhile. What a tab still has of them is offered here."
        )
    picks.take(found.picked)
    st.session_state[_TAKEN] = st.session_state.get(_TAKEN, frozenset()) | {head.id}
    if not draft.why():
        draft.say_why(Why(found.reason, found.ticket))
    _be_done_with(head)  # last: the browser's next message may end this anywhere above, and then it is offered again


def _discard(resources: Resources, head: DraftHead) -> None:
    resources.workspace.keep_draft(head.id, {}, "", "", who=operator())
    _be_done_with(head)


def _be_done_with(head: DraftHead) -> None:
    st.session_state[_DONE] = st.session_state.get(_DONE, frozenset()) | {head.id}


def _own() -> str:
    """The id of this session's own draft."""
    own: str = st.session_state.setdefault(_ID, secrets.token_hex(8))
    return own
