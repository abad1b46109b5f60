"""The connection as a person needs it: which account, key present or not, a test that changes nothing, the limits."""

from __future__ import annotations

import time

import streamlit as st

from lib.config import VERSION
from lib.errors import ExpressOpsError
from lib.files import shown
from lib.plans.approval import ApprovalRules
from lib.plans.policy import Policy
from lib.ui import notices
from lib.ui.accounts import other_keys
from lib.ui.resources import Resources, operator
from lib.ui.text import count, duration, number
from lib.ui.widgets import clicked, id_table
from lib.ui.widgets.id_table import Column


def show(resources: Resources) -> None:
    connection = resources.connection
    if resources.sandbox is not None:
        st.markdown(
            "No API key is set, so the app works with made-up customers on this machine. "
            "To work with your account, stop the app, set `AVARA_API_KEY` and start it again."
        )
    _table(
        "Facts about the connection",
        {
            "Account": resources.account.label,
            "Base URL": connection.base_url,
            "API key": "none set: embedded sandbox" if resources.sandbox is not None else "set (never shown)",
            "Fingerprint": connection.fingerprint,
            "Operator": operator().name,
            "Known": operator().known,
            "Roles": _roles(resources),
            "Read-only": f"yes: {why.message}" if (why := resources.gate.unchanging) is not None else "no",
            "Stays armed": f"for {duration(resources.arming.stays.total_seconds())}",
            "Data folder": shown(resources.settings.home),
            "Journal": "PostgreSQL" if isinstance(journal := resources.settings.journal, str) else f"SQLite, {shown(journal)}",
            "Settings": f"{resources.policy.hash}: alike on servers that have the same",
            "Version": VERSION,
        },
    )
    if clicked.button(
        "Test the connection",
        icon=":material/network_check:",
        key="test_connection",
        help="Reads one customer; changes nothing.",
    ):
        _test(resources)
    other_keys.show(resources)
    st.header("Limits of a run", anchor=False)
    _table("Limits of a run", limits(resources.policy))
    st.caption("Set in settings.toml in the data folder; the command line obeys them too.")
    st.header("Limits of the API", anchor=False)
    _table(
        "Limits of the API",
        {
            "Customers on a page": "1 to 100; pages come one after the other",
            "Metadata of a customer": "at most 50 pairs; keys to 100, values to 1,000 characters",
            "Requests": "not documented; the app slows down when the API asks for it",
        },
    )


def _roles(resources: Resources) -> str:
    """Those of whoever is at work."""
    sign_in = operator().sign_in
    if sign_in is None:
        return "all: nobody signs in here"
    return ", ".join(sorted(resources.gate.people.roles(sign_in)))


def _asks(rules: ApprovalRules) -> str:
    """From which sizes on a run needs a second person."""
    sizes = (
        count(rules.from_customers, "customer") if rules.from_customers else "",
        count(rules.from_users, "user") if rules.from_users else "",
        f"{rules.from_percent:g} % of the active customers" if rules.from_percent else "",
    )
    told = ", ".join(filter(None, sizes))
    return f"asked from {told} on" if told else "asked for no size"


def limits(policy: Policy) -> dict[str, str]:
    """What the settings let a run do, in words."""
    caps, canary, protected = policy.caps, policy.canary, policy.protected
    patterns = [f"{key} = {pattern}" for key, pattern in protected.metadata]
    return {
        "Customers": f"at most {number(caps.max_customers)}, and {caps.max_percent:g} % of the active ones",
        "Users affected": f"at most {number(caps.max_users)}",
        "A second person": _asks(policy.approval),
        "Protected": ", ".join([count(len(protected.ids), "id"), *patterns]) if protected.ids or patterns else "nobody",
        "First steps": (
            f"holds after {number(canary.steps)} in runs of {number(canary.from_size)} or more" if canary.steps else "no hold"
        ),
        "Read again before a call": "yes" if policy.preflight else "no",
        "Changes that skip a customer": ", ".join(sorted(policy.drift)),
        "A kept list": _kept(policy),
        "What was read of studies": f"is used again for {policy.activity.stands_for_hours:g} hours",
        "Calls at a time": f"at most {number(policy.concurrency)}",
    }


def _kept(policy: Policy) -> str:
    if not policy.snapshot.keep:
        return "customers are not kept on this machine"
    minutes = policy.snapshot_feeds_plans_for.total_seconds() / 60
    feeds = f"may be planned from for {minutes:g} minutes" if minutes else "is never planned from"
    return f"{feeds}; {count(policy.snapshot.days, 'list')} kept by date"


def _test(resources: Resources) -> None:
    started = time.monotonic()
    try:
        readable = resources.probe()
    except ExpressOpsError as error:
        notices.tell(error)
        return
    took = time.monotonic() - started
    st.success(
        f"The API answered in {took * 1000:,.0f} ms and let the key read {count(readable, 'customer')}.",
        icon=":material/check_circle:",
    )


def _table(label: str, values: dict[str, str]) -> None:
    columns = [Column("What", 220), Column("Value", 480, "long")]
    with st.container(width=760):
        id_table.show(label, columns, [(what, what, value) for what, value in values.items()], label=label)
