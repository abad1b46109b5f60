"""The confirmation dialog: names the act, the count, the account and the way back, and starts the run once."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import streamlit as st

from lib.avara.connection import KINDS
from lib.errors import AlreadyStarted, ExpressOpsError
from lib.plans.model import Action
from lib.plans.plan import Plan
from lib.spelling import visible
from lib.ui import kept, nav, notices, picks
from lib.ui.deactivate import draft, second
from lib.ui.deactivate.draft import Why
from lib.ui.resources import Resources, operator
from lib.ui.text import count, md, number
from lib.ui.widgets import clicked, dialogs, typed

_PLAN = "plan_to_confirm"
_TYPED, _SAVED = "confirm_typed", "plan_saved"
_NAMED = 4

_CONSEQUENCE = {
    Action.DEACTIVATE: (
        "No new studies and no new users can be assigned to {them}. {Their} data and users stay, "
        "and you can reactivate {them} from *Runs*."
    ),
    Action.REACTIVATE: (
        "{They} can take new studies and users again. {Their} data is as it was; you can undo this from *Runs* too."
    ),
}
_ONE = {"them": "it", "Their": "Its", "They": "It"}
_MANY = {"them": "them", "Their": "Their", "They": "They"}
_CANCEL = {Action.DEACTIVATE: "Keep {them} active", Action.REACTIVATE: "Keep {them} inactive"}


def ask(plan: Plan) -> None:
    """Open the dialog for `plan` in this very run of the script."""
    st.session_state[_PLAN] = plan
    dialogs.open_dialog("confirm")


def show(resources: Resources, ids: Collection[str], undo_of: str) -> None:
    """Confirms no other plan than that of these customers, which are under review behind it."""
    plan: Plan | None = st.session_state.get(_PLAN)
    if plan is None or set(plan.ids) != set(ids) or (plan.undo_of or "") != undo_of:
        dialogs.close()
        return
    act = f"{plan.action.value.capitalize()} {count(len(plan.customers), 'customer')}"
    notices.dialog(f"{act}?", width="medium", on_dismiss=dialogs.close)(_body)(resources, plan, act)


def wanted_text(plan: Plan) -> str:
    """What has to be typed: the customer's name for one (its id where the name shows nothing), the count for many."""
    if len(plan.customers) > 1:
        return str(len(plan.customers))
    record = plan.customers[0].record
    return record.name if visible(record.name) else record.id


def tell(resources: Resources, plan: Plan) -> None:
    """What is about to be done to whom, where, what that means and why it is done."""
    words = _ONE if len(plan.customers) == 1 else _MANY
    environment = resources.connection.environment
    kind = f"production, {KINDS[environment]}" if environment == "production" else KINDS[environment]
    st.markdown(f"In **{md(resources.connection.label)}** ({kind}). {_CONSEQUENCE[plan.action].format(**words)}")
    if plan.users_affected and plan.action is Action.DEACTIVATE:
        works = "works" if plan.users_affected == 1 else "work"
        st.warning(f"{count(plan.users_affected, 'user')} {works} there.", icon=":material/group:")
    st.markdown("  \n".join(f"{name}: {words}" for name, words in _facts(plan).items() if words))


def typed_for(plan: Plan, key: str, end: str, *, account: str = "") -> bool:
    """Draw the field; whether it holds what confirms the plan, which is the name of the `account` where that is said."""
    wanted, asked = (account, "the account's name") if account else (wanted_text(plan), _asked(plan))
    if account or len(plan.customers) == 1:
        st.code(wanted, language=None, wrap_lines=True)
    return typed.field(key, f"Type {asked} to {end}", wanted)


def _body(resources: Resources, plan: Plan, act: str) -> None:
    tell(resources, plan)
    asks = resources.asks(plan.action, [planned.record for planned in plan.customers], resources.loads.active_total())
    alone = resources.connection.label if asks and resources.alone_by_name else ""
    second.tell(resources, asks)
    # A key for each plan: a field that was closed with text in it must not lend it to the next dialog.
    right = typed_for(plan, f"{_TYPED}-{plan.hash[:16]}", "confirm", account=alone)
    words = _ONE if len(plan.customers) == 1 else _MANY
    with st.container(horizontal=True, horizontal_alignment="right"):
        keep = clicked.button(_CANCEL[plan.action].format(**words), key="confirm_cancel")
        go = "Ask for approval" if asks and not alone else act
        go_on = clicked.button(go, key="confirm_go", type="primary", disabled=not right) and right
        if keep:  # also where both were clicked: then neither is left for the next time
            dialogs.close()
            st.rerun()
        if go_on:
            _start(resources, plan, alone)
    _save(plan)


def _facts(plan: Plan) -> dict[str, str]:
    """What the plan is about, once more, as Markdown."""
    most_used = sorted((planned.record for planned in plan.customers), key=lambda record: -record.user_count)
    named = len(most_used) if len(most_used) == _NAMED + 1 else _NAMED  # the last one's name is as short as "1 more"
    names = ", ".join(md(record.name, limit=60) for record in most_used[:named])
    more = len(most_used) - named
    return {
        "Customers": "" if len(plan.customers) == 1 else f"{names} and {number(more)} more" if more > 0 else names,
        "Reason": md(plan.reason, limit=300),
        "Ticket": md(plan.ticket),
    }


def _asked(plan: Plan) -> str:
    if len(plan.customers) > 1:
        return wanted_text(plan)
    return "the customer's name" if wanted_text(plan) == plan.customers[0].record.name else "the customer's id"


def _save(plan: Plan) -> None:
    """Apart from the act, behind it for the Tab key, and it says that it is done."""
    with st.container(horizontal=True, vertical_alignment="center", key="confirm_save"):
        notices.download_button(
            "Save the plan",
            plan.to_json(),  # stands ready: made on the click, it could be forgotten by the run that the same click starts
            file_name=f"plan-{plan.hash[:16]}.json",
            mime="application/json",
            icon=":material/save:",
            type="tertiary",
            on_click=partial(st.session_state.update, {_SAVED: plan.hash}),
            key="plan_save",
            help="To confirm it later, here or with python -m lib.runs apply. It names customers: keep it safe.",
        )
        if st.session_state.get(_SAVED) == plan.hash:
            st.caption(f"Saved as plan-{md(plan.hash[:16])}.json among your downloads. Nothing was sent.")


def _start(resources: Resources, plan: Plan, account: str) -> None:
    """Journal first, then hand over to the worker. The same plan confirmed twice shows the run that it already started.

    `account`: its name, where that stands for a second person's approval. Else a run that needs one waits for it.
    """
    who, attempt = operator(), notices.attempting()
    try:
        run = resources.record(plan, who=who)
        run_id = run.id
    except AlreadyStarted as error:
        run_id = error.run_id or ""
    except ExpressOpsError as error:
        notices.tell(error)
        return
    else:
        # Refused, it is told on the run's page, which offers to start or to cancel it: by now it holds its customers.
        if run.approval is not None and account:
            attempt(resources.confirm_alone, run_id, account, who=who)
        if run.approval is None or account:
            attempt(resources.resume, run_id, who=who)
    resources.live_runs.forget()
    picks.remove(plan.ids)
    draft.started(Why(plan.reason, plan.ticket), plan.undo_of or "")
    kept.keep(resources)
    st.session_state.pop(_PLAN, None)
    dialogs.close()
    nav.go_to("deactivate", run=run_id)
