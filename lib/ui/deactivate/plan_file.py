"""A plan that was saved as a file, opened again by anybody on the same account: reviewed as any other, never changed."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from lib.errors import AlreadyStarted, ExpressOpsError, PlanError
from lib.people import Right
from lib.plans.plan import Plan
from lib.plans.terms import terms
from lib.ui import nav, notices
from lib.ui.accounts import armed
from lib.ui.customers.table import metadata_columns
from lib.ui.deactivate import confirm, rehearse, second, take_along
from lib.ui.deactivate.draft import Why
from lib.ui.deactivate.notes import show_notes
from lib.ui.deactivate.review import show_items
from lib.ui.resources import Resources, may
from lib.ui.text import ago, exact, md
from lib.ui.widgets import clicked, dialogs, head

_OPENED, _FILE = "opened_plan", "plan_file"
#: As `server.maxUploadSize`, above which the server refuses it. A plan of 500 customers is some hundred kB.
_LARGEST_MB = 50


def opened() -> Plan | None:
    """The plan that this session has opened from a file, until it is closed or started."""
    plan: Plan | None = st.session_state.get(_OPENED)
    return plan


def offer() -> None:
    """A popover that opens a plan file and leads to its review."""
    if not may(Right.PLAN):
        return
    with st.popover("Open a plan file", icon=":material/folder_open:", width="content"):
        upload = st.file_uploader(
            "A plan saved here or by the command line (JSON)", type=["json"], key=_FILE, max_upload_size=_LARGEST_MB
        )
        if upload is None:
            return
        try:
            st.session_state[_OPENED] = Plan.from_json(upload.getvalue(), datetime.now(UTC))
        except PlanError as error:
            notices.tell(error)
            return
        nav.go_to("deactivate")


def show(resources: Resources, plan: Plan) -> None:
    """The review of an opened plan: as any other, but nothing in it can be changed."""
    now = datetime.now(UTC)
    subject, keys = resources.review_plan(plan), metadata_columns(resources.loads.frame())
    with head.show(subject.title):
        take_along.show(resources, subject, Why(plan.reason, plan.ticket), keys, None)
        st.button("Close the file", icon=":material/close:", on_click=close, key="plan_close")
    st.markdown(
        f"Planned {ago(plan.created_at, now)} by {md(plan.operator)} for {md(plan.connection_label)}. Each record is read "
        "again right before its call; what has changed since is skipped.",
        help=exact(plan.created_at),
    )
    st.caption(" · ".join(part for part in (f"Reason: {md(plan.reason, limit=500)}", md(plan.ticket)) if part))
    _terms(resources, plan)
    show_notes(subject)
    show_items(subject.reviewed.items, keys)
    takes = _takes(resources, plan)
    with st.container(horizontal=True, vertical_alignment="center"):
        go = armed.may_change(resources, takes or Right.RUN) and clicked.button(
            f"{subject.title}…", type="primary", key="to_confirm", icon=":material/arrow_forward:", disabled=takes is None
        )
        if plan.undo_of is None:
            rehearse.button(disabled=takes is None)
    if go and _still_as_reviewed(resources, plan):
        confirm.ask(plan)
    if plan.undo_of is None and takes is not None:
        rehearse.show(resources, plan.ids, lambda: plan)
    if dialogs.opened("confirm"):
        confirm.show(resources, plan.ids, plan.undo_of or "")


def _terms(resources: Resources, plan: Plan) -> None:
    """What the plan will do and where it comes from, so that nothing of it is a surprise."""
    told = terms(plan, resources.policy)
    st.caption("\n".join(f"- {name.capitalize()}: {md(words, limit=400)}" for name, words in told.items()))
    if plan.undo_of:
        nav.link("runs", label="See the run that it takes back", icon=":material/undo:", run=plan.undo_of)


def close() -> None:
    st.session_state.pop(_OPENED, None)


def close_started(run_id: str) -> None:
    """Close the file whose plan has become this run."""
    plan = opened()
    if plan is not None and run_id == f"run_{plan.hash[:16]}":
        close()


def _takes(resources: Resources, plan: Plan) -> Right | None:
    """What starting the plan takes; None where it can't be started here and now, and says why."""
    try:
        listed = resources.loads.view()
        resources.check(plan, listed.active_total)
        if listed.obstacle is not None:  # the share of the active customers could not be told
            raise listed.obstacle
    except AlreadyStarted as error:
        notices.tell(error)
        nav.link("runs", label="See that run", run=error.run_id or "")
    except ExpressOpsError as error:
        notices.tell(error, icon="block")
    else:
        return second.show(resources, plan.action, [one.record for one in plan.customers], listed.active_total)
    return None


def _still_as_reviewed(resources: Resources, plan: Plan) -> bool:
    """Where no call of the run reads its customer: whether all, read now, are as the plan has them; if not, says who is not."""
    try:
        with st.spinner("Reading each customer again…"):
            resources.check_fresh(plan)
    except ExpressOpsError as error:
        st.error(md(error.message, limit=400), icon=":material/block:")
        return False
    return True
