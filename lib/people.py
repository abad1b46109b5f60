"""Who is at work, and what they may do: roles by e-mail, domain, group or user name, and the one question about them. Pure.

[people]                                   # in settings.toml; whoever is not listed may see and do nothing
viewer = ["*@example.com"]                 # everybody with an e-mail address there
operator = ["robin@example.com", "group:operations"]
approver = ["group:leads", "user:kim"]     # user: as a proxy names people who have no e-mail address
groups = "groups"                          # the claim of a login that holds a person's groups
hours = 8                                  # how long a login lasts; without it, as long as the provider's token does

[people.proxy]                             # see lib/accounts/proxies.py
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import wraps
from typing import Annotated, Protocol, TypeVar

from pydantic import AfterValidator, Field

from lib.accounts.proxies import Proxy, SettingsTable
from lib.avara.text import one_line
from lib.errors import ExpressOpsError

#: Text of a browser, a provider or a proxy that stands for one person or group; more is nobody's.
LONGEST_NAME = 320

_T = TypeVar("_T", bound=type)
_R = TypeVar("_R")


class Role(StrEnum):
    """What somebody is to this installation; one may be several."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"


class Right(StrEnum):
    """What somebody may do; the value ends the sentence "may not ..."."""

    READ = "see anything here"
    EXPORT = "take data out"
    PLAN = "plan runs"
    RUN = "start, stop or change runs"
    ASK = "ask for approvals"
    STOP = "stop runs"
    APPROVE = "approve runs"


#: What each role may do.
RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.READ}),
    Role.OPERATOR: frozenset({Right.READ, Right.EXPORT, Right.PLAN, Right.ASK, Right.RUN, Right.STOP}),
    Role.APPROVER: frozenset({Right.READ, Right.APPROVE}),
}

#: What each verb takes, of a session, its worker or its workspace; a test fails for one that is not here.
VERBS: Mapping[str, Right] = {
    **dict.fromkeys(("read", "read_list", "find_run", "count_active", "verify", "probe", "other_accounts"), Right.READ),
    **dict.fromkeys(
        ("views", "find_view", "keep_view", "rule_sets", "find_rule_set", "meant_rules", "rules_of", "drafts"), Right.READ
    ),
    **dict.fromkeys(("receipt", "report"), Right.EXPORT),
    **dict.fromkeys(("open_plan", "review", "review_of", "review_plan", "review_undo", "freeze", "freeze_undo"), Right.PLAN),
    **dict.fromkeys(("check", "check_fresh", "proof_of", "read_draft", "keep_draft", "save_rule_set"), Right.PLAN),
    **dict.fromkeys(("save_view", "rename_view", "replace_view", "delete_view"), Right.PLAN),
    **dict.fromkeys(("record", "start"), Right.ASK),  # Right.RUN as well, unless the run then waits for an approval
    **dict.fromkeys(("submit", "resume", "retry", "join"), Right.RUN),
    **dict.fromkeys(("pause", "cancel"), Right.STOP),
    **dict.fromkeys(("approve", "refuse"), Right.APPROVE),
    "asks": Right.PLAN,
    "confirm_alone": Right.RUN,
    "review_waiting": Right.READ,
}


#: What nobody may do where Express Ops is read-only. Nobody is kept from stopping a run.
CHANGING = frozenset({Right.ASK, Right.RUN, Right.APPROVE})


class NotAllowed(ExpressOpsError):
    """You may not do that here. Nothing was changed."""


class NotSignedIn(NotAllowed):
    """Nobody is signed in here, or not any more. Log in."""


@dataclass(frozen=True)
class SignIn:
    """What a provider or a proxy vouches for, of somebody who came in from elsewhere.

    `until` (UTC) is when it ends by itself. `key` tells it from others, for as long as somebody may end it earlier; it is no
    token, but is shown nowhere either.
    """

    until: datetime
    email: str = ""
    user: str = ""
    groups: frozenset[str] = frozenset()
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Person:
    """Somebody's name as the log copies it, and how that name is known: by a login, say, or as the server's own user.

    Without a `sign_in` it is the user of this machine, who has the key and the journal and so may do everything. `mark` stands
    for whom a provider knows, whatever their address is: a short digest, empty where there is none.
    """

    name: str
    known: str
    sign_in: SignIn | None = None
    mark: str = ""


#: Who does what nobody asked for.
ITSELF = Person("Express Ops", "by itself")


def _listed(text: str) -> str:
    """An entry of a role as it is compared. Raises ValueError in words."""
    kind, colon, name = text.partition(":")
    if colon and kind in ("group", "user") and name == name.strip() and name:
        return text
    address = _address(text)
    if address is None or "*" in address.removeprefix("*@"):
        raise ValueError('an entry is "robin@example.com", "*@example.com", "group:NAME" or "user:NAME"')
    return address


def _address(text: str) -> str | None:
    """An e-mail address as it is compared; None where it is none, or has letters that could pass for others."""
    fits = (
        text.isascii()
        and len(text) <= LONGEST_NAME
        and re.fullmatch(r"[^\s@<>\",;:]+@[a-z0-9.-]*[a-z0-9-]", text, re.IGNORECASE)
    )
    return text.lower() if fits else None


def _entries(sign_in: SignIn) -> set[str]:
    """The entries of a role that would be of whoever came in so."""
    names = {f"group:{group}" for group in sign_in.groups} | ({f"user:{sign_in.user}"} if sign_in.user else set())
    if address := _address(sign_in.email):
        names |= {address, f"*@{address.rpartition('@')[2]}"}
    return names


_Listed = Annotated[tuple[Annotated[str, AfterValidator(_listed)], ...], Field(strict=False)]


class People(SettingsTable):
    """Who may do what, as the settings say."""

    viewer: _Listed = ()
    operator: _Listed = ()
    approver: _Listed = ()
    groups: str = "groups"
    hours: float | None = Field(default=None, gt=0, le=24 * 31)
    proxy: Proxy | None = None

    @property
    def named(self) -> bool:
        """Whether anybody is: then everybody who comes by a browser has to say who they are."""
        return bool(self.viewer or self.operator or self.approver or self.proxy)

    def roles(self, sign_in: SignIn) -> frozenset[Role]:
        """The roles of whoever came in so. E-mail addresses are the same in any case; groups and users are not."""
        names = _entries(sign_in)
        listed = {Role.VIEWER: self.viewer, Role.OPERATOR: self.operator, Role.APPROVER: self.approver}
        return frozenset(role for role, entries in listed.items() if not names.isdisjoint(entries))

    def approves_as(self, who: Person) -> tuple[str, ...]:
        """The entries of the role approver that are this person's; none for the user of this machine, who needs none."""
        return () if who.sign_in is None else tuple(sorted(_entries(who.sign_in).intersection(self.approver)))

    def rights(self, who: Person) -> frozenset[Right]:
        """What they may do, if their sign-in still stands."""
        if who.sign_in is None:
            return frozenset(Right)
        return frozenset().union(*(RIGHTS[role] for role in self.roles(who.sign_in)))

    def check(self, right: Right, who: Person, now: datetime) -> None:
        """Raise NotSignedIn or NotAllowed, in words, unless this person may do so now."""
        if who.sign_in is not None and who.sign_in.until <= now:
            raise NotSignedIn("Your login has run out, so nothing was changed. Log in again.")
        if right in self.rights(who):
            return
        if Right.READ not in self.rights(who):
            raise NotAllowed(
                f"{who.name} is known here ({who.known}) and has no role, so there is nothing to see or to do. Whoever keeps "
                "settings.toml gives roles ([people])."
            )
        wanted = " or ".join(role.value for role, rights in RIGHTS.items() if right in rights)
        raise NotAllowed(f"{who.name} may not {right.value}: that takes the role {wanted}. Nothing was changed.")


def by_login(claims: Mapping[str, object], people: People, key: str) -> Person:
    """Whom a provider vouches for by the claims of its token (OpenID Connect Core, 5.1).

    An e-mail address that the provider says it has not verified is nobody's: whoever has the account chose it.
    """
    email = _text(claims.get("email")) if str(claims.get("email_verified", True)).lower() == "true" else ""
    groups = claims.get(people.groups)
    listed = groups if isinstance(groups, list | tuple) else [groups]
    lasts = timedelta() if people.hours is None else timedelta(hours=people.hours)
    until = _moment(claims.get("exp" if people.hours is None else "iat")) + lasts
    sign_in = SignIn(until, email, groups=frozenset(filter(None, map(_text, listed))), key=key)
    issuer, subject = _text(claims.get("iss")), _text(claims.get("sub"))
    mark = hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:16] if subject else ""
    return Person(email or subject or "unknown", f"by login at {issuer}", sign_in, mark)


def by_proxy(name: str, groups: Iterable[str], known: str, until: datetime) -> Person:
    """Whom a proxy vouches for, by what it wrote into its headers; its word stands `until` then (UTC)."""
    said = _text(name)
    who = {"email": said} if "@" in said else {"user": said}
    return Person(said or "unknown", known, SignIn(until, groups=frozenset(groups), **who))


def _text(value: object) -> str:
    return one_line(value, LONGEST_NAME) if isinstance(value, str) else ""


def _moment(value: object) -> datetime:
    """A claim's time (seconds, UTC); long ago where it is none."""
    seconds = value if isinstance(value, int | float) and 0 < value < 2**40 else 0
    return datetime.fromtimestamp(min(seconds, 2**37), UTC)


class _Asks(Protocol):
    @property
    def ask(self) -> Callable[[Right, Person | None], object]: ...


def guarded(kind: _T) -> _T:
    """Let each verb of the class ask first (`self.ask`), for the `who` of the call or else for whoever is at work.

    Not those of its `unasked`, which only share a verb's name.
    """
    for name, right in VERBS.items():
        if name in vars(kind) and name not in vars(kind).get("unasked", ()):
            setattr(kind, name, _asking(vars(kind)[name], right))
    return kind


def _asking(verb: Callable[..., _R], right: Right) -> Callable[..., _R]:
    @wraps(verb)
    def asking(self: _Asks, *args: object, **kwargs: object) -> _R:
        who = kwargs.get("who")
        self.ask(right, who if isinstance(who, Person) else None)
        return verb(self, *args, **kwargs)

    return asking
