"""The confirmation dialog: names the act, the count, the account and the way back, and starts the run once."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from lib.errors import AlreadyStarted, ExpressOpsError
from lib.runs.model import Action
from lib.runs.plan import Plan
from lib.runs.spelling import visible
from lib.ui import dialogs, nav, notices, picks
from lib.ui.deactivate import draft
from lib.ui.resources import Resources, operator
from lib.ui.text import count, md, number

_PLAN = "plan_to_confirm"
_TYPED = "confirm_typed"

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


def show(resources: Resources) -> None:
    plan: Plan | None = st.session_state.get(_PLAN)
    if plan is None:
        dialogs.close()
        return
    act = f"{plan.action.value.capitalize()} {count(len(plan.customers), 'customer')}"
    st.dialog(f"{act}?", width="medium", on_dismiss=dialogs.close)(_body)(resources, plan, act)


def wanted_text(plan: Plan) -> str:
    """What has to be typed: the customer's name for one (its id where the name shows nothing), the count for many."""
    if len(plan.customers) > 1:
        return str(len(plan.customers))
    record = plan.customers[0].record
    return record.name if visible(record.name) else record.id


def matches(typed: str, wanted: str) -> bool:
    """Exact, but for what nobody sees: outer and repeated spaces, invisible characters, the Unicode form.

    Nothing typed is never right.
    """
    return visible(typed) == visible(wanted) != ""


def _body(resources: Resources, plan: Plan, act: str) -> None:
    words = _ONE if len(plan.customers) == 1 else _MANY
    environment = "made-up customers" if resources.connection.environment == "sandbox" else "production, real customers"
    st.markdown(f"In **{md(plan.connection_label)}** ({environment}). {_CONSEQUENCE[plan.action].format(**words)}")
    users = plan.users_affected
    if users and plan.action is Action.DEACTIVATE:
        st.warning(f"{count(users, 'user')} {'works' if users == 1 else 'work'} there.", icon=":material/group:")
    wanted = wanted_text(plan)
    if len(plan.customers) == 1:
        st.code(wanted, language=None, wrap_lines=True)
        what = "name" if wanted == plan.customers[0].record.name else "id"
        label = f"Type the customer's {what} to confirm"
    else:
        label = f"Type {number(len(plan.customers)).replace(',', '')} to confirm"
    # A key for each plan: a field that was closed with text in it must not lend it to the next dialog.
    typed = st.text_input(label, key=f"{_TYPED}-{plan.hash[:16]}", live="200ms", autocomplete="off")
    right = matches(typed or "", wanted)
    # Always one line, so that the buttons below never move under the mouse.
    st.caption(_told(typed or "", right=right))
    with st.container(horizontal=True, horizontal_alignment="right"):
        _save(plan)
        if st.button(_CANCEL[plan.action].format(**words), key="confirm_cancel"):
            dialogs.close()
            st.rerun()
        if st.button(act, key="confirm_go", type="primary", disabled=not right) and right:
            _start(resources, plan)


def _told(typed: str, *, right: bool) -> str:
    if right:
        return ":material/check: That is the same."
    return ":material/error: That is not the same yet." if typed else "Nothing is sent before that."


def _save(plan: Plan) -> None:
    st.download_button(
        "Save the plan",
        plan.to_json,
        file_name=f"plan-{plan.hash[:16]}.json",
        mime="application/json",
        icon=":material/save:",
        on_click="ignore",
        key="plan_save",
        help="To confirm it later, here or with python -m lib.runs apply. It names customers: keep it safe.",
    )


def _start(resources: Resources, plan: Plan) -> None:
    """Journal first, then hand over to the worker. The same plan confirmed twice shows the run that it already started."""
    who = operator()
    try:
        run_id = resources.journal.record(plan, datetime.now(UTC), who=who).id
    except AlreadyStarted as error:
        run_id = error.run_id or ""
    except ExpressOpsError as error:
        notices.tell(error)
        return
    else:
        # Refused, it is told on the run's page, which offers to start or to cancel it: by now it holds its customers.
        notices.attempt(resources.worker.submit, run_id, who=who)
    resources.live_runs.forget()
    picks.remove(plan.ids)
    draft.over(plan.undo_of or "")
    st.session_state.pop(_PLAN, None)
    dialogs.close()
    nav.go_to("deactivate", run=run_id)
