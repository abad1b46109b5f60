"""Who has come in, by which way, and the page for those who have not: it shows nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache

import streamlit as st
from pydantic import ValidationError
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lib.config import APP_NAME, load_settings
from lib.errors import ConfigError, ExpressOpsError
from lib.gate import Gate
from lib.people import NotAllowed, NotSignedIn, People, Person, Right, by_login
from lib.ui.signed_in.logins import LOGINS
from lib.ui.signed_in.proxy import vouched_for
from lib.ui.signed_in.sessions import HOLDERS
from lib.ui.startup import AGAIN_AFTER
from lib.ui.text import md
from lib.ui.widgets import clicked


def at_work(gate: Gate, server: Person) -> Person:
    """Whoever's browser runs this script; the user of the `server` where nobody has to say who they are, or no browser is at
    work. Raises NotSignedIn, SomebodyElse where the page was drawn for another person, and ConfigError as `Gate.people`.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return server
    claims = context.user_info  # `st.user` looks for the file of secrets each time
    logged_in = bool(claims.get("is_logged_in"))
    headers = {} if logged_in or gate.people.proxy is None else st.context.headers
    who = signed_in(gate, claims, headers, context.session_id)
    if who is None and asked_for(gate):
        raise NotSignedIn("Log in to see anything here.")
    # Where nobody says who they are, everybody is the server's own user, under whatever name.
    HOLDERS.check(context.session_id, who or Person("", ""), by_proxy=who is not None and not logged_in)
    return who or server


def begin() -> None:
    """Before a page is drawn from the start: it is for whoever is at work now."""
    if (context := get_script_run_ctx(suppress_warning=True)) is not None:
        HOLDERS.begin(context.session_id)
        LOGINS.came(st.context.cookies.to_dict(), context.user_info)


def signed_in(gate: Gate, claims: Mapping[str, object], headers: Mapping[str, str], session: str = "") -> Person | None:
    """Whom a login's claims are of, or else whom the proxy vouches for. Raises ConfigError as `Gate.people`."""
    people = gate.people
    return by_login(claims, people, key_of(claims)) if claims.get("is_logged_in") else vouched_for(headers, people, session)


def show(gate: Gate, error: NotAllowed) -> None:
    """The page instead of every other: why, and the way in or out. It ends the run."""
    st.title(APP_NAME, anchor=False)
    (st.info if isinstance(error, NotSignedIn) else st.error)(md(error.message, limit=600), icon=":material/lock:")
    if not isinstance(error, NotSignedIn):
        out(gate)
        st.stop()
    for provider, label in _providers().items():
        if clicked.button(label, type="primary", icon=":material/login:", key=f"login_{provider}"):
            st.login(provider)
    if gate.people.proxy is not None:
        st.markdown(
            "The proxy before this app signs people in, and has not said within the last minute that you are. Reload this page "
            "to be asked again; once you are in, it also goes on by itself."
        )
        _until_in(gate)
    elif not _providers():
        st.markdown("settings.toml names people, and there is no way for them to log in: see docs/team.md.")
    st.stop()


@st.fragment(run_every=AGAIN_AFTER)
def _until_in(gate: Gate) -> None:
    with suppress(ExpressOpsError):
        gate.check(Right.READ, at_work(gate, Person("unknown", "not at all")))
        st.rerun()


def ask(gate: Gate) -> None:
    """Before anything is shown where there are no resources yet: whoever may see nothing sees why, and the run ends."""
    try:
        gate.check(Right.READ, at_work(gate, Person("unknown", "not at all")))
    except NotAllowed as error:
        show(gate, error)


def out(gate: Gate) -> None:
    """Who it is, and a button that ends the login in all tabs. Nothing where nobody logged in here."""
    if not st.user.get("is_logged_in"):
        return
    claims = st.user.to_dict()
    person = by_login(claims, gate.people, key_of(claims))
    st.caption(f":material/person: {md(person.name)}")
    if clicked.button("Log out", key="logout", type="tertiary", icon=":material/logout:"):
        if person.sign_in is not None:
            gate.end(person.sign_in)
        st.logout()


def people_now() -> People:
    """Who may do what, for the door: it is asked before anything was opened. Nobody is named where that can't be read."""
    try:
        return gate_of_the_door().people
    except (ConfigError, ValidationError):
        return People()


def login_configured() -> bool:
    """Whether there is a way to log in, and somebody who may do something then."""
    people = people_now()
    return people.named and (people.proxy is not None or bool(_providers()))


@cache
def gate_of_the_door() -> Gate:
    return Gate(load_settings().home, lambda: datetime.now(UTC))


def asked_for(gate: Gate) -> bool:
    """Whether people have to say who they are."""
    return gate.named or bool(_providers())


@cache
def _providers() -> Mapping[str, str]:
    """The providers of Streamlit's secrets at the start, each with its button's label; none where there are none."""
    if not st.secrets.load_if_toml_exists() or "auth" not in st.secrets:
        return {}
    auth = st.secrets["auth"]
    named = [name for name, value in auth.items() if isinstance(value, Mapping) and "client_id" in value]
    return {name: f"Log in with {name}" for name in named} or {"default": "Log in"}


def key_of(claims: Mapping[str, object]) -> str:
    """Tells one login from another without being a token: a digest of what its provider vouched for."""
    told = json.dumps([claims.get(name) for name in ("iss", "sub", "iat", "exp")], default=str)
    return hashlib.sha256(told.encode()).hexdigest()
