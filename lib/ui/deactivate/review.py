"""The review of what is about to be done: who, why each, what deserves a look; it ends in a plan and its confirmation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.customers.reading.view import View
from lib.errors import CapExceeded, ExpressOpsError, PlanError, ReasonMissing
from lib.people import Right
from lib.plans.model import Action
from lib.plans.plan import PlannedCustomer
from lib.plans.policy import Policy, check_amount
from lib.plans.review import ReviewItem
from lib.plans.subject import Subject
from lib.spelling import visible
from lib.ui import kept, nav, notices, picks
from lib.ui.accounts import armed
from lib.ui.customers import drawer
from lib.ui.customers.table import metadata_columns
from lib.ui.deactivate import confirm, draft, parts, rehearse, second, take_along
from lib.ui.deactivate.draft import Why
from lib.ui.deactivate.notes import nothing_left, show_notes
from lib.ui.resources import Resources, operator
from lib.ui.text import ago, count, exact, md, number
from lib.ui.widgets import anew, announce, clicked, dialogs, head, id_table
from lib.ui.widgets.id_table import MOST_ROWS, Column

#: What is above and below the table takes the rest of the window.
_HEIGHT = "max(15rem, calc(100dvh - 29.5rem - var(--second-line, 0rem)))"


def show_picks(resources: Resources) -> None:
    """The review of deactivating the picks, or the first part of them. All of it comes from one view of the list."""
    resources.ask(Right.PLAN)
    view, picked, how = resources.loads.view(), picks.get(), picks.how()
    if not picked:
        _nothing_picked(resources)
        return
    subject = _titled("Deactivate", lambda: resources.review(how, view, without=_taken_out()))
    reviewed, which = parts.first(subject.reviewed, resources.policy, view)
    _show(resources, view, replace(subject, reviewed=reviewed), which)


def show_undo(resources: Resources, run_id: str) -> None:
    """The review of taking a run back: the same path, with the opposite action."""
    view = resources.loads.view()
    subject = _titled("Undo", lambda: resources.review_undo(run_id, view, without=_taken_out(run_id)))
    run = resources.reads.run(run_id)
    which = (
        f"Takes back {run.id}: {run.action} {count(run.totals.total, 'customer')}, recorded {exact(run.created_at)} by "
        f"{run.operator}. Reason: {run.reason}"
    )
    _show(resources, view, subject, which)


def _titled(title: str, reviewed: Callable[[], Subject]) -> Subject:
    """What is reviewed; where something is in the way of it, the page says under this title which one it is."""
    try:
        return reviewed()
    except ExpressOpsError:
        head.show(title)
        raise


def _show(resources: Resources, view: View, subject: Subject, which: str) -> None:
    reviewed, keys = subject.reviewed, metadata_columns(view.frame)
    title = head.show(subject.title)
    if which:
        st.caption(md(which, limit=600))
    show_notes(subject)
    if not reviewed.in_order:
        nothing_left(subject)
        return
    show_items(reviewed.items, keys, ticks=_ticks(subject), opens=subject.undo is None)
    _remove(subject)
    why, reason = _why(subject.about)
    with title:
        take_along.show(resources, subject, why, keys, view.read_at)
    goes_on = _canary(resources.policy, len(reviewed.in_order), undo_of=subject.about)
    within = _within_caps(resources, view, subject)
    records = [item.customer for item in reviewed.in_order]
    takes = second.show(resources, reviewed.action, records, view.active_total) if within else None
    with st.container(horizontal=True, vertical_alignment="center"):
        go = armed.may_change(resources, takes or Right.RUN) and clicked.button(
            f"{subject.title}…", type="primary", key="to_confirm", icon=":material/arrow_forward:", disabled=takes is None
        )
        if subject.undo is None:
            rehearse.button(disabled=not within)
    if go:
        _freeze(resources, subject, why, reason, goes_on=goes_on)
    if subject.undo is None and within:
        said = why if visible(why.reason) else replace(why, reason="Rehearsal")
        freeze = partial(resources.freeze, subject, reason=said.reason, ticket=said.ticket, goes_on=goes_on)
        rehearse.show(resources, [one.id for one in records], lambda: freeze(who=operator()))
    if dialogs.opened("confirm"):
        confirm.show(resources, [one.id for one in records], subject.about)
    elif record := dialogs.opened("record"):
        drawer.show(resources, view.frame, record.about)


def _nothing_picked(resources: Resources) -> None:
    head.show("Deactivate")
    none = "Nothing is picked yet. Pick customers first"
    first = "Nothing is picked in this tab. Take up what was picked before" if kept.offered(resources) else none
    st.markdown(f"{first}; here you review them, say why and confirm.")
    kept.offer(resources, most=5)
    if clicked.button("Go to Customers", type="primary", icon=":material/table_rows:", key="to_customers"):
        nav.go_to("customers")


def _ticks(subject: Subject) -> str:
    """The table's key. What is ticked in it is for this one plan."""
    return draft.key("review", subject.about)


def show_items(items: Sequence[ReviewItem], keys: Sequence[str], *, ticks: str = "", opens: bool = False) -> None:
    """The table of a review, a page at a time; with a key for `ticks`, rows can be ticked, and where it `opens`, a click on a
    name asks for the record.
    """
    pages = -(-len(items) // MOST_ROWS)
    page = min(int(st.session_state.get("review_page") or 1), pages)
    columns, rows = review_table(items[(page - 1) * MOST_ROWS : page * MOST_ROWS], keys, datetime.now(UTC))
    opened = id_table.show(
        ticks or "plan",
        columns,
        rows,
        picked=id_table.ticked(ticks) if ticks else None,
        tick="Remove",
        label="Customers under review, those that need a look first",
        height=_HEIGHT,
        view=str(page),
        opens=opens,
    )
    if opened:
        dialogs.open_dialog("record", opened)
    if pages > 1:
        st.pagination(pages, key="review_page")


def review_table(items: Sequence[ReviewItem], keys: Sequence[str], now: datetime) -> tuple[list[Column], list[tuple[str, ...]]]:
    """The columns and, an item each in their order, the rows. What is empty for all is left out, so that nothing empty stands
    in front of why each was picked.
    """
    records = [item.customer for item in items]
    table = {
        Column("Customer", 280, "long"): [record.name for record in records],
        Column("Look at", 160, "long"): ["; ".join(warning.words for warning in item.warnings) for item in items],
        Column("Users", 60, "number"): [number(record.user_count) for record in records],
        Column("Newest study", 115, "long"): [_newest_study(item.planned, now) for item in items],
        Column("Updated", 115, "long"): [ago(record.updated_at, now) if record.updated_at else "" for record in records],
        **{Column(key, 110, name=f"metadata:{key}"): [record.metadata.get(key, "") for record in records] for key in keys},
        Column("Updated, UTC", 170, "time"): [exact(record.updated_at) for record in records],
        Column("Id", 300, "id"): [record.id for record in records],
        Column("Evidence", kind="below"): ["\n".join(_first_and_rest(item.planned)) for item in items],
    }
    told = {column: cells for column, cells in table.items() if any(cells)}
    return list(told), list(zip((record.id for record in records), *told.values(), strict=True))


def _first_and_rest(planned: PlannedCustomer) -> tuple[str, ...]:
    """Why it was picked, then all else in a second line."""
    return tuple(filter(None, (*planned.told[:1], "; ".join(planned.told[1:]))))


def _newest_study(planned: PlannedCustomer, now: datetime) -> str:
    """How long ago, as known when it was picked; empty where its studies were not asked for."""
    activity = planned.judgement.activity if planned.judgement else None
    if activity is None:
        return ""
    return "none" if activity.ever is False else ago(activity.newest, now)


def _remove(subject: Subject) -> None:
    """Takes the ticked customers out of the picks, or out of this one undo."""
    ticked = set(id_table.ticked(_ticks(subject)))
    ids = [item.customer.id for item in subject.reviewed.items if item.customer.id in ticked]
    undo = subject.undo
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Remove {count(len(ids), 'customer')}" if ids else "Remove"
        args = (subject.about, ids)
        st.button(label, disabled=not ids, on_click=_take_out, args=args, key="review_remove", icon=":material/remove:")
        if undo is None:
            st.caption("Tick rows to take them out of the picks.")
            return
        if out := _taken_out(undo.undo_of):
            back = f"Put {count(len(out), 'customer')} back"
            st.button(back, on_click=_put_back, args=(undo.undo_of,), key="review_back", icon=":material/add:")
        st.caption("Tick rows to leave them out of this undo; another one can take them back later.")


def _taken_out(undo_of: str = "") -> tuple[str, ...]:
    out: tuple[str, ...] = st.session_state.get(draft.key("taken_out", undo_of), ())
    return out


def _take_out(undo_of: str, ids: list[str]) -> None:
    """Of this undo, or of the picks, which are then without them."""
    st.session_state[draft.key("taken_out", undo_of)] = (*_taken_out(undo_of), *ids)
    if not undo_of:
        picks.remove(ids)


def _put_back(undo_of: str) -> None:
    said = draft.why(undo_of)
    draft.over(undo_of)
    draft.say_why(said, undo_of)


def _why(about: str) -> tuple[Why, DeltaGenerator]:
    """Reason and ticket as typed, empty for each new plan; an undo has its own, since it is done for another reason. And the
    place of the reason's field, for what is wrong about it.
    """
    why, last = draft.why(about), draft.last_why()
    left, right = st.columns([3, 1])
    reason = _says("reason", why.reason, about)
    left.text_input("Reason", **reason, max_chars=500, placeholder="Why is this done? It goes into the receipt.")
    right.text_input("Ticket (optional)", **_says("ticket", why.ticket, about), max_chars=100, placeholder="OPS-1841")
    if last and not why:
        told = " · ".join([md(text, limit=60) for text in (last.reason, last.ticket) if text])
        st.button(f"Use the last: {told}", type="tertiary", key="why_last", on_click=draft.say_why, args=(last, about))
    return why, left


def _says(field: str, value: str, about: str) -> dict[str, Any]:
    def take(said: str) -> None:
        draft.say_why(replace(draft.why(about), **{field: said}), about)

    return anew.says(draft.key(field, about), value, take)


def _canary(policy: Policy, size: int, *, undo_of: str) -> bool:
    """Where the run will hold after its first steps: says so, and takes the choice of going on by itself."""
    steps = policy.canary.of(size)
    if steps is None:
        return False
    place = st.container(key="canary")
    place.caption(
        f"The run begins with those without warnings and with the fewest users, and holds after the first {number(steps)} "
        "until you have seen their records."
    )
    return place.toggle(
        f"Go on by itself if the first {number(steps)} are all verified",
        value=policy.canary.goes_on,
        key=draft.key("goes_on", undo_of),
        persist_state="session",
        help="Otherwise the run holds there, shows their records and waits for you.",
    )


def _within_caps(resources: Resources, view: View, subject: Subject) -> bool:
    """Tell the caps and, where they are exceeded, by how much and the way to go on."""
    policy, reviewed = resources.policy, subject.reviewed
    caps = policy.caps
    share = f", {caps.max_percent:g} % of the active ones" if reviewed.action is Action.DEACTIVATE else ""
    st.caption(
        f"One run may have at most {count(caps.max_customers, 'customer')}{share} and {count(caps.max_users, 'user')} affected."
    )
    try:
        check_amount(caps, reviewed.action, len(reviewed.in_order), reviewed.users_affected, view.active_total)
    except CapExceeded as error:
        notices.tell(error, icon="block")
        if len(reviewed.in_order) > 1:
            _offer_split(policy, view, subject)
        return False
    return True


def _offer_split(policy: Policy, view: View, subject: Subject) -> None:
    """The way on from what is too much: picks in parts; an undo of the first ones, which leaves the others to the next undo."""
    reviewed = subject.reviewed
    button = partial(parts.split_button, policy, view, reviewed.action, [one.customer.user_count for one in reviewed.in_order])
    if subject.undo is None:
        button(parts.split, key="review_split")
        return
    now = len(reviewed.split(policy.caps, view.active_total)[0].in_order)
    rest = [item.customer.id for item in reviewed.in_order[now:]]
    button(_take_out, subject.about, rest, key="review_split")
    st.caption(f"This one then takes back the first {number(now)}. Open *Undo* on that run again for the next ones.")


def _freeze(resources: Resources, subject: Subject, why: Why, at: DeltaGenerator, *, goes_on: bool) -> None:
    """Make the plan of exactly what is on the page, keep it in the session, and open the confirmation."""
    try:
        plan = resources.freeze(subject, reason=why.reason, ticket=why.ticket, goes_on=goes_on, who=operator())
    except ReasonMissing as error:
        with at:
            notices.tell(error)
        announce.point_at("reason", error.message)
        return
    except PlanError as error:
        notices.tell(error)
        return
    confirm.ask(plan)
