"""Two pairs of eyes: which runs need a second person's word, who may give it, and whether one stands. Pure.

What was said is in the log alone (see `lib.journal.proof.approvals`), so that nothing but the chained log can be believed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from lib.avara.connection import is_loopback
from lib.avara.text import count
from lib.avara.times import to_minute
from lib.errors import ExpressOpsError, PlanError
from lib.people import Person
from lib.plans.model import Action
from lib.spelling import folded

#: The clocks of two servers may differ by so much.
_SKEW = timedelta(minutes=5)
_MANY = 1_000_000_000
#: Characters of what an approver says.
LONGEST = 500
WITHOUT_WORDS = "Say why you refuse it: whoever planned it reads that."


class ApprovalNeeded(PlanError):
    """This run needs the approval of a second person. Nothing was sent."""

    def __init__(self, message: str | None = None, *, why: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.why = tuple(why)


class MayNotApprove(ExpressOpsError):
    """You can't approve or refuse this run. Somebody else has to."""


def _address(url: str) -> str:
    """An address of the web, which must be https unless it is on this machine."""
    parts = urlsplit(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if url and not (secure and parts.hostname and not parts.username and not parts.fragment):
        raise ValueError("it must be an address that begins with https:// (http:// on this machine alone)")
    return url


class ApprovalRules(BaseModel):
    """From which size on a run needs a second person's word, for how long that holds, and who hears that it is waited for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    from_customers: int | None = Field(default=None, ge=1, le=_MANY)
    from_users: int | None = Field(default=None, ge=1, le=_MANY)
    from_percent: float | None = Field(default=None, gt=0, le=100)
    hours: float = Field(default=24, gt=0, le=24 * 31)
    alone: Literal["refuse", "type"] = "refuse"
    webhook: Annotated[str, AfterValidator(_address)] = ""
    secret: str = Field(default="", pattern=r"^((env:\w+|file:/.+))?$")
    link: Annotated[str, AfterValidator(_address)] = ""

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.webhook and not self.secret:
            raise ValueError("a webhook is signed: say where its secret is, env:NAME or file:/PATH")
        return self


class Said(StrEnum):
    """What can be said of a run's approval, as the log's entries are called. ("approved" is what they call a start.)"""

    ASKED = "approval asked"
    GIVEN = "approval"
    REFUSED = "refusal"


@dataclass(frozen=True)
class Word:
    """What somebody said. `alone`: whoever planned it typed the account's name where no second person can sign in."""

    said: Said
    by: Person
    at: datetime
    why: tuple[str, ...] = ()  # it was asked for
    words: str = ""
    plan_hash: str = ""
    until: datetime | None = None
    alone: bool = False
    role: tuple[str, ...] = ()  # the entries of the role approver that gave the right; none of a word of this machine's user
    asked_since: bool = False  # for another one


@dataclass(frozen=True)
class Standing:
    """What the log says of a run's approval: the last word of each kind, and who had a hand in the run itself."""

    plan_hash: str
    authors: tuple[str, ...] = ()  # planned it, recorded it, asked for the approval, took it up
    asked: Word | None = None
    given: Word | None = None
    refused: Word | None = None
    marks: frozenset[str] = frozenset()  # of the authors who have one

    def after(self, word: Word) -> Standing:
        """The same once this was said."""
        match word.said:
            case Said.ASKED:
                given = self.given and replace(self.given, asked_since=True)
                return replace(self.with_author(word.by), asked=word, given=given)
            case Said.GIVEN:
                return replace(self, given=word)
        return replace(self, refused=word)

    def with_author(self, who: Person) -> Standing:
        """The same once this person had a hand in the run."""
        return replace(self, authors=(*self.authors, who.name), marks=self.marks | ({who.mark} - {""}))

    def is_author(self, who: Person) -> bool:
        """Whether this person had a hand in the run, however the name is spelled, and under whatever name they signed in."""
        return who.mark in self.marks or any(_same_name(who.name, author) for author in self.authors)

    def is_open(self, now: datetime) -> bool:
        """Whether it waits for somebody's word."""
        return self.refused is None and (self.given is None or self.given.asked_since or _is_over(self.given, now))

    def to_ask(self, now: datetime, approvers: Collection[str] | None = None) -> bool:
        """Whether it should be asked for once more: what was given is over, or by somebody who is none of these `approvers`."""
        if self.refused is not None or self.given is None or self.given.asked_since:
            return False
        return _is_over(self.given, now) or _has_no_role(self.given, approvers)

    def told(self, now: datetime, *, is_over: bool = False) -> str:
        """How it stands, in a sentence or two for people; where the run is over, who approved it."""
        if self.given is not None and self.refused is None and is_over:
            return f"{approved_by(self.given)}."
        if self.refused is not None or self.given is None or self.is_open(now):
            return why_not(self, now, alone=True)
        return f"{approved_by(self.given)}. It can be started."


@dataclass(frozen=True)
class Amount:
    """How much a run is about to do. `guarded` is how many of its customers the settings say to ask for; `active_total` how
    many customers are active before it, None where nobody has counted them.
    """

    action: Action
    customers: int
    users: int
    guarded: int
    active_total: int | None


def needs_approval(rules: ApprovalRules, amount: Amount) -> tuple[str, ...]:
    """Why a run needs a second person's word, in words that hold numbers alone; empty where it needs none."""
    customers, users, active, why = amount.customers, amount.users, amount.active_total, []
    if rules.from_customers is not None and customers >= rules.from_customers:
        why.append(f"it has {count(customers, 'customer')} (that is asked from {rules.from_customers:,} on)")
    if rules.from_users is not None and users >= rules.from_users:
        why.append(f"it affects {count(users, 'user')} (that is asked from {rules.from_users:,} on)")
    share = rules.from_percent
    if share is not None and amount.action is Action.DEACTIVATE and active and customers * 100 >= share * active:
        why.append(f"it has {customers:,} of the {active:,} active customers (that is asked from {share:g} percent on)")
    if amount.guarded:
        why.append(f"the settings say to ask for {amount.guarded:,} of its customers")
    return tuple(why)


def nobody_else(why: Sequence[str]) -> str:
    """What is said where such a run is refused, because no second person can sign in."""
    return (
        f"This run needs the approval of a second person, and nobody signs in here: {'; '.join(why)}. Make smaller plans, let "
        "people sign in, or choose in settings.toml what is to happen ([approval] alone)."
    )


def same_person(one: Person, other: Person) -> bool:
    """Whether two are one: the same to a provider, or by names that are spellings of one."""
    return (one.mark == other.mark != "") or _same_name(one.name, other.name)


def _same_name(one: str, other: str) -> bool:
    """Also where one has blanks inside, as stand in the place of what can't be seen, or the dot that may end a domain."""
    return _bare(one) == _bare(other)


def _bare(name: str) -> str:
    return folded(name).replace(" ", "").rstrip(".")


def why_not_by(standing: Standing, who: Person, *, alone: bool = False) -> str:
    """Why this person may not say yes or no to it, in words; empty where they may. `alone`: it may be their own."""
    if standing.refused is not None:
        return f"{refused_by(standing.refused)} That can't be taken back: what is to be done all the same needs a new plan."
    if not alone and standing.is_author(who):
        return f"{who.name} planned, recorded or carried this run, so somebody else has to approve it."
    return ""


def why_not(
    standing: Standing, now: datetime, *, alone: bool, who: Person | None = None, approvers: Collection[str] | None = None
) -> str:
    """What keeps the run from being taken up, in words; empty where an approval stands. By the clock: `now`.

    `alone`: whether the typed name of the account does here. `who` would take it up. `approvers`: the entries of that role now,
    where that is known.
    """
    if standing.refused is not None:
        return f"{refused_by(standing.refused)} It can only be cancelled."
    if standing.given is None:
        reasons = "; ".join(standing.asked.why) if standing.asked else ""
        return f"It waits for the approval of a second person{': ' if reasons else ''}{reasons}. Nothing is sent before that."
    return next(_objections(standing, standing.given, now, who=who, alone=alone, approvers=approvers), "")


def _objections(
    standing: Standing, word: Word, now: datetime, *, who: Person | None, alone: bool, approvers: Collection[str] | None
) -> Iterator[str]:
    """Why the last approval does not count."""
    by = word.by.name
    if word.plan_hash != standing.plan_hash:
        yield f"What {by} approved is another plan. This one needs an approval of its own."
    if word.alone and not alone:
        yield "It was confirmed by typing the account's name, which does not do here: a second person has to approve it."
    if not word.alone and standing.is_author(word.by):
        yield f"{by} approved it, but also planned, recorded or carried it. Somebody else has to approve it."
    if not word.alone and who is not None and same_person(word.by, who):
        yield f"{who.name} approved it, so somebody else has to start it."
    if _is_over(word, now):
        yield f"{approved_by(word)}, which is over. It waits for another approval."
    if _has_no_role(word, approvers):
        yield f"{by} approved it as {', '.join(word.role)}, which is no approver any more. Somebody else has to approve it."
    if word.asked_since:
        yield f"{approved_by(word)}. Another approval was asked for since, and it waits for that."


def approved_by(word: Word) -> str:
    """Who approved it, when and until when, with what words."""
    how = "confirmed it alone, by the account's name," if word.alone else "approved it"
    words = f" (“{word.words}”)" if word.words else ""
    return f"{word.by.name} {how} at {to_minute(word.at)}{words}, until {to_minute(word.until)}"


def refused_by(word: Word) -> str:
    """Who refused it, when and with what words."""
    return f"{word.by.name} refused it at {to_minute(word.at)}: “{word.words}”."


def _has_no_role(word: Word, approvers: Collection[str] | None) -> bool:
    """Whether what gave the right to say it is in the settings no more. Words that older versions wrote don't tell."""
    return approvers is not None and bool(word.role) and set(word.role).isdisjoint(approvers)


def _is_over(word: Word, now: datetime) -> bool:
    """Also where it is of a time to come: nobody has said that yet."""
    return word.until is None or not word.at - _SKEW <= now < word.until
