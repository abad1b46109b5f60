"""The bar of picks at the bottom of the Customers page, and the list of what is picked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from lib.avara.models import Customer
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import IdIndex, Positions
from lib.customers.reading.view import View
from lib.errors import CapExceeded
from lib.journal.drafts import MOST_PICKS
from lib.people import Right
from lib.plans.evidence import Way
from lib.plans.model import Action
from lib.plans.policy import Caps, check_amount
from lib.ui import kept, nav, notices, picks
from lib.ui.deactivate import parts
from lib.ui.resources import Resources
from lib.ui.text import count, md, number
from lib.ui.widgets import clicked, dialogs, id_table
from lib.ui.widgets.id_table import MOST_ROWS, Column

#: So many ids stand there to be copied; all of them can be downloaded.
_COPIED = 1_000
_COLUMNS = (
    Column("Customer", 240, "long"),
    Column("Status", 130, "state"),
    Column("Users", 70, "number"),
    Column("Shown", 130),
    Column("Id", 300, "id"),
)


@dataclass(frozen=True, eq=False)
class _Amount:
    """Where the picks that are listed stand, their users, and those of each active one, which a run would change."""

    positions: Positions
    users: int
    active_users: list[int]

    @classmethod
    def of(cls, frame: CustomerFrame, picked: tuple[str, ...]) -> _Amount:
        positions = frame.positions(picked)
        users, active = (frame.rows[name].to_numpy()[positions] for name in ("user_count", "is_active"))
        return cls(positions, int(users.sum()), users[active].tolist())


def show_bar(resources: Resources, view: View, matching: Positions) -> None:
    """`matching` are the positions that the filters let through, of all pages. Nothing for those who may not plan."""
    if not resources.may(Right.PLAN):
        st.caption("Picking customers takes the role operator, so there are no ticks here.")
        return
    picked, frame, obstacle = picks.get(), view.frame, view.obstacle
    amount = _Amount.of(frame, picked)
    excess = _excess(resources.policy.caps, view, amount) if picked else ""
    with st.bottom, st.container(border=True, key="picks_bar"):
        if not picked:
            kept.offer(resources, most=1)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(_summary(frame, picked, amount, matching), width="stretch")
            if picked:
                st.button("Clear", type="tertiary", key="picks_clear", on_click=picks.clear)
                st.button(
                    "Show picks", icon=":material/checklist:", on_click=dialogs.open_dialog, args=("picks",), key="picks_show"
                )
            st.button(
                f"Pick all {number(len(matching))}",
                key="pick_all",
                icon=":material/done_all:",
                on_click=_pick_all,
                # The button is remembered as long as the tab is: it must not hold the whole frame, which may be an old one.
                args=(frame.index, matching),
                disabled=len(matching) == 0,
                help="Every customer that matches the filters, on all pages.",
            )
            st.button(
                "Pick from a list", icon=":material/list_alt:", on_click=dialogs.open_dialog, args=("list",), key="picks_list"
            )
            if clicked.button(
                f"Review {count(len(picked), 'customer')} (Alt+Enter)" if picked else "Review",
                type="secondary" if excess else "primary",
                icon=":material/arrow_forward:",
                disabled=not picked or obstacle is not None,
                help=None if obstacle is None else md(notices.told(obstacle), limit=300),
                key="review",
            ):
                nav.go_to("deactivate")
        if excess:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(f":material/call_split: {md(excess, limit=600)}", width="stretch")
                if len(amount.active_users) > 1 and parts.split_button(
                    resources.policy,
                    view,
                    Action.DEACTIVATE,
                    amount.active_users,
                    parts.split,
                    key="tray_split",
                    kind="primary",
                ):
                    nav.go_to("deactivate")
        if len(picked) > MOST_PICKS:
            st.caption(f"After a reload of this page, only the first {number(MOST_PICKS)} of these picks are offered again.")


def _pick_all(index: IdIndex, matching: Positions) -> None:
    picks.add(index.take(matching), Way.ALL)


def _excess(caps: Caps, view: View, amount: _Amount) -> str:
    """What is too much for one run, in words; empty where nothing is."""
    users = amount.active_users
    try:
        check_amount(caps, Action.DEACTIVATE, len(users), sum(users), view.active_total)
    except CapExceeded as error:
        return error.message
    return ""


def _summary(frame: CustomerFrame, picked: tuple[str, ...], amount: _Amount, matching: Positions) -> str:
    if not picked:
        return "Nothing picked yet. Tick rows, pick all that match, or pick from a list."
    listed = len(amount.positions)
    told = [f"**{number(len(picked))} picked**"]
    hidden = listed - int(np.count_nonzero(frame.among(matching)[amount.positions]))
    if hidden:
        told.append(f"{number(hidden)} hidden by filters")
    if listed < len(picked):
        told.append(f"{number(len(picked) - listed)} no longer listed")
    return " · ".join([*told, f"{count(amount.users, 'user')} affected"])


@notices.dialog("Picked customers", width=720, position="right", icon=":material/checklist:", on_dismiss=dialogs.close)
def show_picks(frame: CustomerFrame, matching: Positions) -> None:
    """The picks, also those that the filters hide; tick some to unpick them."""
    picked = picks.get()
    if not picked:
        st.caption("Nothing is picked.")
        return
    st.markdown(_summary(frame, picked, _Amount.of(frame, picked), matching))
    shown = picked[:MOST_ROWS]
    ticked = id_table.ticked("picked")
    labels, told = [column.label for column in _COLUMNS], picks_table(frame, shown, matching)
    columns, rows = id_table.filled(_COLUMNS, [(id_, dict(zip(labels, cells, strict=True))) for id_, *cells in told])
    id_table.show("picked", columns, rows, label="Picked customers", picked=ticked, tick="Unpick", most=13)
    if len(picked) > len(shown):
        st.caption(f"The first {number(len(shown))} of {count(len(picked), 'pick')}.")
    ids = [customer_id for customer_id in shown if customer_id in ticked]
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Unpick {count(len(ids), 'customer')}" if ids else "Unpick"
        # Never disabled: a button that its own click disables loses the focus, and with it Escape, which closes the dialog.
        st.button(label, key="unpick", on_click=dialogs.act, args=(_unpick, ids))
        st.button("Unpick all", type="tertiary", key="unpick_all", on_click=dialogs.act, args=(_unpick_all,))
        if not ids:
            st.caption("Tick customers above to unpick them.")
    _offer_ids(picked)


def _unpick(ids: Sequence[str]) -> None:
    picks.remove(ids)
    if not picks.get():
        dialogs.close()


def _unpick_all() -> None:
    picks.clear()
    dialogs.close()


def _offer_ids(picked: tuple[str, ...]) -> None:
    with st.expander("Ids to copy", icon=":material/content_copy:"):
        if len(picked) <= _COPIED:
            st.code("\n".join(picked), language=None, height=200)
        notices.download_button(
            f"Download {count(len(picked), 'id')}",
            lambda: "\n".join([*picked, ""]),
            file_name="picks.txt",
            mime="text/plain",
            icon=":material/download:",
            on_click="ignore",
            key="picks_download",
        )


def picks_table(frame: CustomerFrame, picked: Sequence[str], matching: Positions) -> list[tuple[str, ...]]:
    """One row a pick in the order picked: its id, name, status, users, whether filters hide it, its id."""
    shown = frame.among(matching)[frame.positions(picked)].tolist()
    known = {record.id: (record, on_show) for record, on_show in zip(frame.records(picked), shown, strict=True)}
    return [(customer_id, *_told(*known.get(customer_id, (None, True))), customer_id) for customer_id in picked]


def _told(record: Customer | None, on_show: bool) -> tuple[str, str, str, str]:  # noqa: FBT001  # an item of a table
    if record is None:
        return "", "no longer listed", "", ""
    status = "● Active" if record.is_active else "○ Inactive"
    return record.name, status, number(record.user_count), "" if on_show else "hidden by filters"
