"""Two pairs of eyes on a run's page: what a second person has to see, their yes or no, and what they said."""

from __future__ import annotations

import secrets
from datetime import datetime
from urllib.parse import urlencode, urljoin

import streamlit as st

from lib.people import Right
from lib.plans.approval import LONGEST, WITHOUT_WORDS, approved_by, refused_by, why_not, why_not_by
from lib.plans.drift import drift
from lib.plans.model import Run, RunState
from lib.plans.plan import Plan
from lib.plans.terms import terms
from lib.spelling import visible
from lib.ui import account, notices
from lib.ui.customers import drawer
from lib.ui.customers.table import metadata_columns
from lib.ui.deactivate import confirm
from lib.ui.deactivate.notes import show_notes
from lib.ui.deactivate.review import show_items
from lib.ui.notices import attempt
from lib.ui.resources import Resources, operator
from lib.ui.text import ago, count, md, number
from lib.ui.widgets import dialogs, id_table, typed
from lib.ui.widgets.id_table import MOST_ROWS, Column


def in_the_way(resources: Resources, run: Run, now: datetime) -> bool:
    """Whether whoever is at work can't take the run up, for want of a second person's word or because they gave it."""
    if run.approval is None:
        return False
    return bool(why_not(run.approval, now, alone=resources.alone_by_name, who=operator()))


def show(resources: Resources, run: Run, now: datetime) -> None:
    """What was said of it; while it waits, what the one who is to approve it must see, and what they can do."""
    standing = run.approval
    if standing is None:
        return
    if standing.refused is not None:
        st.error(md(refused_by(standing.refused), limit=LONGEST + 200), icon=":material/block:")
    elif standing.given is not None:
        st.caption(f":material/approval: {md(approved_by(standing.given), limit=LONGEST + 200)}.")
    waits, starts = run.awaits_approval(now), run.state is RunState.PLANNED and not standing.is_open(now)
    if not (waits or starts) or standing.refused is not None or run.damage:
        return
    plan = resources.reads.plan(run.id)
    if starts:
        _tell_who_starts(resources, run, now)
    may_decide = resources.may(Right.APPROVE) and not why_not_by(standing, operator())
    decides = waits and (resources.alone_by_name or may_decide)
    with st.container(border=True, key="approval"):
        if waits and not decides:
            _ask(resources, run)
        _review(resources, run, plan, now)
        if decides:  # below what they have to look at first
            _ask(resources, run)
    if decides and (opened := dialogs.opened("approve")) is not None and opened.about.startswith(run.id):
        title = f"Approve: {plan.action.value} {count(len(plan.customers), 'customer')}?"
        notices.dialog(title, width="medium", on_dismiss=dialogs.close)(_confirm_yes)(resources, run, plan, opened.about)


def _tell_who_starts(resources: Resources, run: Run, now: datetime) -> None:
    """Who acts next, once it is approved, and by which link where that is not whoever is here."""
    if resources.may(Right.RUN) and not in_the_way(resources, run, now):
        st.info("It is approved and can be started.", icon=":material/approval:")
        return
    st.info("It is approved. Somebody else, with the role operator, starts it by this link:", icon=":material/approval:")
    st.code(_link(resources, run.id), language=None, wrap_lines=True)


def _ask(resources: Resources, run: Run) -> None:
    """The act of whoever is here: a yes or no; the account's name, where one person is alone; else the link to send."""
    if run.approval is None:
        return
    who = operator()
    if resources.alone_by_name:
        own = resources.connection.label
        right = typed.field(f"alone_typed-{run.id}", "Type the account's name to confirm it alone", own)
        args = (resources, run.id, own if right else "")
        st.button("Confirm it alone", disabled=not right, on_click=_confirm, args=args, key="approval_alone")
    elif why := why_not_by(run.approval, who):
        st.markdown(f"{md(why, limit=400)} Send them this link:")
        st.code(_link(resources, run.id), language=None, wrap_lines=True)
    elif not resources.may(Right.APPROVE):
        st.markdown("It waits for somebody with the role approver. They open it by this link:")
        st.code(_link(resources, run.id), language=None, wrap_lines=True)
    else:
        st.markdown("**Yes or no?** A yes is for exactly this plan, and somebody else starts it. A no ends the run for good.")
        key = _words_key(run.id)
        words = st.text_area("Your words (needed for a no)", key=key, max_chars=LONGEST, height=68, persist_state="session")
        if st.session_state.get(f"{key}-missing") and not visible(words or ""):
            st.error(WITHOUT_WORDS, icon=":material/error:")
        with st.container(horizontal=True):
            # A field of its own each time: what was typed into a dialog that was closed approves nothing.
            opens = ("approve", f"{run.id}-{secrets.token_hex(4)}")
            st.button("Approve…", type="primary", on_click=dialogs.open_dialog, args=opens, key="approve")
            st.button("Refuse", on_click=_refuse, args=(resources, run.id, key), key="refuse")


def _confirm_yes(resources: Resources, run: Run, plan: Plan, opening: str) -> None:
    """The confirmation of a yes, in the words of the one that asked for it."""
    confirm.tell(resources, plan)
    right = confirm.typed_for(plan, f"approve_typed-{opening}", "approve")
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Not yet", on_click=dialogs.act, args=(dialogs.close,), key="approve_cancel")
        args = (_approve, resources, run.id, plan.hash if right else "")
        st.button("Approve", type="primary", disabled=not right, on_click=dialogs.act, args=args, key="approve_go")


def _review(resources: Resources, run: Run, plan: Plan, now: datetime) -> None:
    """The whole of it: terms, what deserves a look, what is no longer as planned by the list on show, and everybody."""
    told = {"takes back": "", "planned": f"{ago(plan.created_at, now)} by {plan.operator}", **terms(plan, resources.policy)}
    st.caption("\n".join(f"- {name.capitalize()}: {md(words, limit=400)}" for name, words in told.items() if words))
    subject = resources.review_waiting(run.id)
    show_notes(subject)
    _drifted(resources, plan, now)
    frame = resources.loads.frame()
    show_items(subject.reviewed.items, metadata_columns(frame), opens=True)
    if record := dialogs.opened("record"):
        drawer.show(resources, frame, record.about)


def _drifted(resources: Resources, plan: Plan, now: datetime) -> None:
    """Whose record on the list on show is no longer as planned. The run skips them, should they still be so right before."""
    view = resources.loads.view()
    if not view.complete:
        st.caption("What changed since it was planned can't be told yet: the list of customers is not complete.")
        return
    rows = []
    for planned in plan.customers:
        record = view.frame.record(planned.record.id)
        changes = () if record is None else drift(planned.record, record, resources.policy.drift)
        what = "It is gone from the list." if record is None else "; ".join(map(str, changes))
        if what:
            rows.append((planned.record.id, planned.record.name, what, planned.record.id))
    by = f"by the list read {ago(view.read_at, now)}"
    if not rows:
        st.caption(f"Nothing of these customers changed since it was planned, {by}.")
        return
    st.warning(f"{count(len(rows), 'customer')} changed since it was planned, {by}. The run skips whoever still differs then.")
    columns = [Column("Customer", 240, "long"), Column("What changed", 420, "long"), Column("Id", 300, "id")]
    id_table.show("drifted", columns, rows[:MOST_ROWS], label="Customers that changed since the plan was made", most=8)
    if len(rows) > MOST_ROWS:
        st.caption(f"The first {number(MOST_ROWS)} of them.")


def _link(resources: Resources, run_id: str) -> str:
    """The address of the run's page, for somebody else."""
    own = resources.policy.approval.link
    here = f"{own.rstrip('/')}/" if own else str(st.context.url or "")
    return urljoin(here, f"runs?{urlencode({'run': run_id} | account.said())}")


def _approve(resources: Resources, run_id: str, plan_hash: str) -> None:
    """`plan_hash`: of the plan whose count was typed; without one nothing is approved."""
    words = str(st.session_state.get(_words_key(run_id)) or "")
    if plan_hash:
        attempt(resources.approve, run_id, plan_hash, words)
    dialogs.close()
    resources.live_runs.forget()


def _words_key(run_id: str) -> str:
    return f"approval_words-{run_id}"


def _refuse(resources: Resources, run_id: str, key: str) -> None:
    words = str(st.session_state.get(key) or "")
    if not visible(words):
        st.session_state[f"{key}-missing"] = True  # told where it is to be mended, far down the page
        return
    attempt(resources.refuse, run_id, words)
    resources.live_runs.forget()


def _confirm(resources: Resources, run_id: str, typed_name: str) -> None:
    attempt(resources.confirm_alone, run_id, typed_name)
    resources.live_runs.forget()
