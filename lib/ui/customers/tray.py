"""The bar of picks at the bottom of the Customers page, the list of what is picked, and picking by pasted ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import streamlit as st

from lib.avara.models import Customer
from lib.customers.filters import users_of
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import IdIndex, Positions
from lib.customers.idlist import UPLOAD_LIMIT, IdReport, check
from lib.customers.loads import Loads
from lib.errors import LoadIncomplete, UploadUnreadable
from lib.runs.evidence import Way
from lib.ui import dialogs, id_table, nav, notices, picks
from lib.ui.id_table import MOST_ROWS, Column
from lib.ui.text import count, md, number

_LISTED = 200
#: So many ids stand there to be copied; all of them can be downloaded.
_COPIED = 1_000
_COLUMNS = (
    Column("Customer", 240),
    Column("Status", 130, "state"),
    Column("Users", 70, "number"),
    Column("Shown", 130),
    Column("Id", 300, "id"),
)
_KNOWN, _PLACES = "picks_known", "picks_places"


@dataclass(frozen=True, eq=False)
class _Known:
    """Where the picks are in the frame of this version, and how many users they have. Kept until either is another one."""

    version: int
    picked: tuple[str, ...]
    positions: Positions
    users: int


def show_bar(frame: CustomerFrame, matching: Positions, *, obstacle: LoadIncomplete | None) -> None:
    """`matching` are the positions that the filters let through, of all pages; `obstacle` says why no plan can be made now."""
    picked = picks.get()
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", border=True, key="picks_bar"):
        st.markdown(_summary(frame, picked, matching), width="stretch")
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
            # The button is remembered as long as the tab is: it must not hold the whole frame, which may be an old one then.
            args=(frame.index, matching),
            disabled=len(matching) == 0,
            help="Every customer that matches the filters, on all pages.",
        )
        st.button(
            "Paste ids", icon=":material/content_paste:", on_click=dialogs.open_dialog, args=("paste",), key="picks_paste"
        )
        if st.button(
            f"Review {count(len(picked), 'customer')} (Alt+Enter)" if picked else "Review",
            type="primary",
            icon=":material/arrow_forward:",
            disabled=not picked or obstacle is not None,
            help=None if obstacle is None else md(notices.told(obstacle), limit=300),
            key="review",
        ):
            nav.go_to("deactivate")


def _pick_all(index: IdIndex, matching: Positions) -> None:
    only_these = not picks.chosen()
    picks.add(index.take(matching), Way.ALL)
    if only_these:  # then it is known where they are: to look up 100,000 takes longer than to draw the page
        st.session_state[_PLACES] = index, picks.get(), matching


def _known(frame: CustomerFrame, picked: tuple[str, ...]) -> _Known:
    known: _Known | None = st.session_state.get(_KNOWN)
    if known is None or known.version != frame.version or known.picked is not picked:
        positions = _places(frame, picked, known)
        users = users_of(frame, positions)
        known = st.session_state[_KNOWN] = _Known(frame.version, picked, positions, users)
    return known


def _places(frame: CustomerFrame, picked: tuple[str, ...], known: _Known | None) -> Positions:
    """Where the picks are, in any order. To look up 100,000 takes as long as to draw the page, so only where it must be."""
    index, placed, handed = st.session_state.pop(_PLACES, (None, (), ()))
    if index is frame.index and placed is picked:
        return cast("Positions", handed)
    change = picks.last_change()
    if known and change and known.version == frame.version and known.picked is change.before:
        left = known.positions[~np.isin(known.positions, frame.positions(change.gone))] if change.gone else known.positions
        return cast("Positions", np.concatenate([left, frame.positions(change.new)]))
    return frame.positions(picked)


def _summary(frame: CustomerFrame, picked: tuple[str, ...], matching: Positions) -> str:
    if not picked:
        return "Nothing picked yet. Tick rows, pick all that match, or paste ids."
    known = _known(frame, picked)
    listed = len(known.positions)
    parts = [f"**{number(len(picked))} picked**"]
    hidden = listed - int(np.count_nonzero(frame.among(matching)[known.positions]))
    if hidden:
        parts.append(f"{number(hidden)} hidden by filters")
    if listed < len(picked):
        parts.append(f"{number(len(picked) - listed)} no longer listed")
    return " · ".join([*parts, f"{count(known.users, 'user')} affected"])


@st.dialog("Picked customers", width=720, position="right", icon=":material/checklist:", on_dismiss=dialogs.close)
def show_picks(frame: CustomerFrame, matching: Positions) -> None:
    """The picks, also those that the filters hide; tick some to unpick them."""
    picked = picks.get()
    if not picked:
        st.caption("Nothing is picked.")
        return
    st.markdown(_summary(frame, picked, matching))
    shown = picked[:MOST_ROWS]
    ticked = id_table.ticked("picked")
    id_table.show("picked", _COLUMNS, picks_table(frame, shown, matching), label="Picked customers", picked=ticked, most=13)
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
        st.download_button(
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


@st.dialog("Pick by ids", width="large", icon=":material/content_paste:", on_dismiss=dialogs.close)
def show_paste(loads: Loads) -> None:
    """Paste or upload ids; what can't be picked is named before anything is. They are looked up in the list as it is then."""
    text = st.text_area(
        "Customer ids",
        height=140,
        key="pasted",
        placeholder="cus_1234567890abcdef1234567890abcdef, one a line or separated by commas",
    )
    upload = st.file_uploader(
        "Or a file with ids (text, CSV, JSON lines)",
        type=["txt", "csv", "tsv", "jsonl"],
        key="pasted_file",
        max_upload_size=UPLOAD_LIMIT // 2**20,
    )
    try:
        report = check(loads.view().frame, text or "", upload.getvalue() if upload is not None else "")
    except UploadUnreadable as error:
        notices.tell(error)
        return
    _show_report(report)
    usable = [customer_id for customer_id in report.found if customer_id not in set(report.inactive)]
    st.button(
        f"Pick {count(len(usable), 'customer')}" if usable else "Pick",
        type="primary",
        disabled=not usable,
        key="paste_pick",
        on_click=dialogs.act,
        args=(_pick_listed, usable),
    )


def _pick_listed(ids: Sequence[str]) -> None:
    picks.add(ids, Way.LISTED)
    dialogs.close()


def _show_report(report: IdReport) -> None:
    findings: list[tuple[str, Sequence[str]]] = [
        ("not known here", report.unknown),
        ("ill-formed", report.ill_formed),
        ("already inactive, set aside", report.inactive),
        ("repeated, counted once", report.repeated),
    ]
    st.markdown(
        f"**{number(len(report.found))} found** · " + " · ".join(f"{number(len(ids))} {what}" for what, ids in findings)
    )
    for what, ids in findings:
        if ids:
            with st.expander(f"{number(len(ids))} {what}"):
                st.code("\n".join(ids[:_LISTED]) + ("\n…" if len(ids) > _LISTED else ""), language=None)
