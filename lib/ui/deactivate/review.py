"""The review of what is about to be done: who, what deserves a look, why; it ends in a frozen plan and the confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from lib.customers.frame import CustomerFrame
from lib.errors import CapExceeded, ListOlderThanRun, LoadIncomplete, OtherConnection, PlanError
from lib.runs.evidence import filters_of, seen_in
from lib.runs.model import Action
from lib.runs.plan import Plan, PlannedCustomer, make_plan
from lib.runs.policy import Policy, check_amount
from lib.runs.review import Review, ReviewItem, review
from lib.runs.undo import Undo, is_behind, undo_plan
from lib.ui import dialogs, nav, notices, picks
from lib.ui.deactivate import confirm, draft
from lib.ui.deactivate.notes import Subject, show_metrics, show_notes
from lib.ui.grids import ROW_HEIGHT, grid_height
from lib.ui.resources import Resources, operator
from lib.ui.text import ago, count, number

_REASON, _TICKET, _GRID = "reason", "ticket", "review_grid"


def show_picks(resources: Resources) -> None:
    """The review of deactivating the picks."""
    frame = resources.loads.frame()
    picked = picks.get()
    if not picked:
        draft.over()
        _nothing_picked()
        return
    _plannable("Deactivate", resources.loads.plan_obstacle())
    read_at, how = _read_at(resources), picks.how()
    planned = {
        record.id: PlannedCustomer(record=record, evidence=(how[record.id].words, *seen_in(record, read_at)), read_at=read_at)
        for record in frame.records(picked)
    }
    subject = _unprotected(resources, Subject(Action.DEACTIVATE, planned, filters_of(how[id_] for id_ in planned)))
    _show(resources, subject, missing=_missing(frame, picked))


def show_undo(resources: Resources, run_id: str) -> None:
    """The review of taking a run back: the same path, with the opposite action."""
    frame = resources.loads.frame()
    _plannable("Undo", resources.loads.plan_obstacle())
    run = resources.journal.reads.run(run_id)
    try:
        resources.check_ours(run)
    except OtherConnection as error:
        st.title("Undo", anchor=False)
        raise error from None
    steps = list(resources.journal.reads.every_step(run_id))
    current = {record.id: record for record in frame.records(step.customer_id for step in steps)}
    _plannable("Undo", ListOlderThanRun() if is_behind(steps, current) else None)
    undo = undo_plan(run, steps, current, _read_at(resources)).without(_taken_out(run_id), "A person left it out of this undo.")
    planned = {customer.record.id: customer for customer in undo.customers}
    subject = _unprotected(resources, Subject(undo.action, planned, f"undo of run {run_id}", undo=undo))
    _show(resources, subject, missing=())


def _plannable(title: str, obstacle: LoadIncomplete | None) -> None:
    """Raises what is in the way of a plan, under a title, so that the page says which one it is."""
    if obstacle is not None:
        st.title(title, anchor=False)
        raise obstacle


def _unprotected(resources: Resources, subject: Subject) -> Subject:
    """The subject with the customers set apart that the settings protect."""
    whys = {id_: resources.policy.protected.why(planned.record) for id_, planned in subject.planned.items()}
    return replace(
        subject,
        planned={id_: planned for id_, planned in subject.planned.items() if not whys[id_]},
        protected=tuple((subject.planned[id_].record, why.text) for id_, why in whys.items() if why),
    )


def _show(resources: Resources, subject: Subject, missing: tuple[str, ...]) -> None:
    now = datetime.now(UTC)
    policy = resources.policy
    records = [planned.record for planned in subject.planned.values()]
    reviewed = review(records, subject.action, now, recent_days=policy.recent_days)
    verb = subject.action.value.capitalize()
    st.title(f"{verb} {count(len(reviewed.items), 'customer')}", anchor=False)
    show_metrics(reviewed)
    show_notes(subject, reviewed, missing)
    if not reviewed.items:
        st.info("Nothing is left to do here.", icon=":material/info:")
        return
    _items(reviewed, subject, now)
    why = _why(subject.undo.undo_of if subject.undo else "")
    goes_on = _canary(policy, len(reviewed.items), undo_of=subject.undo.undo_of if subject.undo else "")
    within = _within_caps(resources, subject.action, reviewed)
    if st.button(
        f"{verb} {count(len(reviewed.items), 'customer')}…",
        type="primary",
        key="to_confirm",
        icon=":material/arrow_forward:",
        disabled=not within,
    ):
        _freeze(resources, subject, reviewed, why, goes_on=goes_on)
    if dialogs.opened("confirm"):
        confirm.show(resources)


def _nothing_picked() -> None:
    st.title("Deactivate", anchor=False)
    st.markdown("Nothing is picked yet. Pick customers first; here you review them, say why and confirm.")
    if st.button("Go to Customers", type="primary", icon=":material/table_rows:"):
        nav.go_to("customers")


def _items(reviewed: Review, subject: Subject, now: datetime) -> None:
    items = reviewed.items
    ids = [item.customer.id for item in items]
    chosen = st.dataframe(
        review_table(items, subject.planned, now),
        key=f"{_GRID}-{hash(tuple(ids))}",
        hide_index=True,
        height=grid_height(len(items), 9),
        row_height=ROW_HEIGHT,
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "Customer": st.column_config.TextColumn(width=300),
            "Look at": st.column_config.TextColumn(width=260),
            "Users": st.column_config.NumberColumn(width=75),
            "Updated, UTC": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone="UTC", width=140),
            "Evidence": st.column_config.TextColumn(width=300),
            "Id": st.column_config.TextColumn(width=300),
        },
        placeholder="",
        alt="Customers under review, those that need a look first",
    )
    _remove(subject.undo, [ids[row] for row in chosen["selection"]["rows"] if 0 <= row < len(ids)])


def _remove(undo: Undo | None, ids: list[str]) -> None:
    """Takes the ticked customers out of the picks, or out of this one undo."""
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Remove {count(len(ids), 'customer')}" if ids else "Remove"
        act, args = (picks.remove, (ids,)) if undo is None else (_take_out, (undo.undo_of, ids))
        st.button(label, disabled=not ids, on_click=act, args=args, key="review_remove", icon=":material/remove:")
        if undo is None:
            st.caption("Tick rows to take them out of the picks.")
            return
        if out := _taken_out(undo.undo_of):
            back = f"Put {count(len(out), 'customer')} back"
            st.button(back, on_click=draft.over, args=(undo.undo_of,), key="review_back", icon=":material/add:")
        st.caption("Tick rows to leave them out of this undo; another one can take them back later.")


def _taken_out(undo_of: str) -> tuple[str, ...]:
    out: tuple[str, ...] = st.session_state.get(draft.key("taken_out", undo_of), ())
    return out


def _take_out(undo_of: str, ids: list[str]) -> None:
    st.session_state[draft.key("taken_out", undo_of)] = (*_taken_out(undo_of), *ids)


def review_table(items: tuple[ReviewItem, ...], planned: Mapping[str, PlannedCustomer], now: datetime) -> pd.DataFrame:
    """One row an item, in the review's order: Customer, Look at, Users, Updated, Updated UTC, Evidence, Metadata, Id."""
    records = [item.customer for item in items]
    return pd.DataFrame(
        {
            "Customer": [record.name for record in records],
            "Look at": ["; ".join(warning.words for warning in item.warnings) for item in items],
            "Users": [record.user_count for record in records],
            "Updated": [ago(record.updated_at, now) for record in records],
            "Updated, UTC": pd.to_datetime(pd.Series([record.updated_at for record in records]), utc=True),
            "Evidence": ["; ".join(planned[record.id].evidence) for record in records],
            "Metadata": [
                ", ".join(f"{key}: {value}" for key, value in list(record.metadata.items())[:4]) for record in records
            ],
            "Id": [record.id for record in records],
        }
    )


def _why(undo_of: str) -> tuple[str, str]:
    """Reason and ticket as typed; an undo has its own, since it is done for another reason."""
    left, right = st.columns([3, 1])
    reason = left.text_input(
        "Reason",
        key=_REASON + undo_of,
        max_chars=500,
        persist_state="session",
        placeholder="Why is this done? It goes into the receipt.",
    )
    ticket = right.text_input(
        "Ticket (optional)", key=_TICKET + undo_of, max_chars=100, persist_state="session", placeholder="OPS-1841"
    )
    return reason or "", ticket or ""


def _canary(policy: Policy, size: int, *, undo_of: str) -> bool:
    """Where the run will hold after its first steps: says so, and takes the choice of going on by itself."""
    steps = policy.canary.of(size)
    if steps is None:
        return False
    st.caption(
        f"The run begins with those without warnings and with the fewest users, and holds after the first {number(steps)} "
        "until you have seen their records."
    )
    return st.toggle(
        f"Go on by itself if the first {number(steps)} are all verified",
        value=policy.canary.goes_on,
        key=draft.key("goes_on", undo_of),
        persist_state="session",
        help="Otherwise the run holds there, shows their records and waits for you.",
    )


def _within_caps(resources: Resources, action: Action, reviewed: Review) -> bool:
    """Tell the caps, and where they are exceeded, by how much."""
    caps, active = resources.policy.caps, resources.loads.active_total()
    share = f", {caps.max_percent:g} % of the active ones" if action is Action.DEACTIVATE else ""
    st.caption(
        f"One run may have at most {count(caps.max_customers, 'customer')}{share} and {count(caps.max_users, 'user')} affected."
    )
    try:
        check_amount(caps, action, len(reviewed.items), reviewed.users_affected, active)
    except CapExceeded as error:
        notices.tell(error, icon="block")
        return False
    return True


def _freeze(resources: Resources, subject: Subject, reviewed: Review, why: tuple[str, str], *, goes_on: bool) -> None:
    """Make the plan of exactly what is on the page, keep it in the session, and open the confirmation."""
    connection = resources.connection
    try:
        plan: Plan = make_plan(
            [subject.planned[item.customer.id] for item in reviewed.safest_first],
            action=subject.action,
            reason=why[0],
            ticket=why[1],
            goes_on=goes_on,
            operator=operator().name,
            fingerprint=connection.fingerprint,
            connection_label=connection.label,
            base_url=connection.base_url,
            filter_text=subject.filter_text,
            undo_of=subject.undo.undo_of if subject.undo else None,
            left_alone=subject.untouched,
            now=datetime.now(UTC),
        )
    except PlanError as error:
        notices.tell(error)
        return
    confirm.ask(plan)


def _read_at(resources: Resources) -> datetime:
    return resources.loads.read_at or datetime.now(UTC)


def _missing(frame: CustomerFrame, picked: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(customer_id for customer_id, known in zip(picked, frame.known(picked).tolist(), strict=True) if not known)
