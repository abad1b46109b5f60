"""What a company lets a run do: caps, protected customers, canary, breaker, and what counts as a change. Pure.

`lib.config` reads it from `settings.toml` in the data folder; every value has a default:

    preflight = true                  # read each record again right before its call
    concurrency = 64                  # calls at a time, at most; the limiter finds out how many are wise
    recent_days = 30                  # the review warns of customers that changed within so many days
    drift = ["active", "users", "name", "metadata", "activity"]   # changes since the review that skip a customer; activity:
                                      # a study came in, which is asked where a rule set picked by studies

    [caps]
    max_customers = 500               # in one run
    max_percent = 20                  # of the customers that are active, for a deactivation
    max_users = 1000                  # of the customers of one run

    [protected]
    ids = ["cus_..."]
    metadata = { tier = "gold*" }     # `*`, `?` and `[...]` as in file names; other spellings of one text are the same

    [protected.ask]                   # the same of those for whom a second person is asked; they may be in a plan
    metadata = { tier = "silver*" }

    [approval]                        # a run needs a second person's word ...
    from_customers = 100              # ... from so many customers on
    from_users = 200                  # ... from so many users on
    from_percent = 5                  # ... from such a share of the active customers on, for a deactivation
    hours = 24                        # which holds for so long
    alone = "refuse"                  # where nobody signs in; "type": whoever plans it types the account's name
    webhook = "https://..."           # hears of each run that waits for it
    secret = "env:NAME"               # signs that; or "file:/run/secrets/hook"
    link = "https://ops.example.com"  # the app's address, for the link in it

    [canary]
    steps = 5                         # the first steps, after which a run holds; 0: never
    from_size = 100                   # plans of fewer customers have no canary
    goes_on = false                   # whether the review proposes to go on by itself when all of them are verified

    [breaker]
    in_a_row = 5                      # steps in a row that trouble on the way to the API spoiled
    error_rate = 0.5                  # or such a share ...
    window = 40                       # ... of the last so many steps ...
    at_least = 20                     # ... once so many have been taken

    [load]
    max_customers = 5000000
    max_problems = 100000

    [snapshot]
    keep = true                       # keep the finished load in the data folder and show it at the next start
    max_age_minutes = 15              # a kept list older than this feeds no plan; 0: a kept list never does
    days = 30                         # lists kept by date, the last of each day, to compare; 0: none

    [activity]
    stands_for_hours = 24             # what was read of a customer's studies is used again for so long; kept as the list is

    [people]                          # who may do what, where people log in: lib.people
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from lib.avara.models import CUSTOMER_ID_PATTERN, Customer, id_key
from lib.errors import CapExceeded, ProtectedCustomer
from lib.people import People
from lib.plans.approval import ApprovalRules
from lib.plans.model import Action
from lib.plans.plan import Plan, canonical_json
from lib.plans.words import NOTHING, Words, said
from lib.spelling import folded

#: More than any account has, and more days than any record is old: every number has an end, so that it can be reckoned with.
_MANY, _DAYS = 1_000_000_000, 36_500
_FROM_A_LIST = Field(strict=False)

DriftField = Literal["active", "users", "name", "metadata", "activity"]


def _pairs(value: object) -> object:
    """A table as pairs, which can't be changed any more."""
    return tuple(value.items()) if isinstance(value, Mapping) else value


_Patterns = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)]
_Id = Annotated[str, Field(pattern=f"^{CUSTOMER_ID_PATTERN}$"), AfterValidator(id_key)]


class _Frozen(BaseModel):
    """Types are as TOML has them: true is no number, and 1 is not true."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Caps(_Frozen):
    """The most that one run may affect."""

    max_customers: int = Field(default=500, ge=1, le=_MANY)
    max_percent: float = Field(default=20.0, gt=0, le=100)
    max_users: int = Field(default=1000, ge=0, le=_MANY)


class Guarded(_Frozen):
    """Some customers: by id, or by a metadata value that matches the pattern of its key, however it is spelled."""

    ids: Annotated[frozenset[_Id], _FROM_A_LIST] = frozenset()
    metadata: _Patterns = ()

    @cached_property
    def _folded(self) -> tuple[tuple[str, str], ...]:
        return tuple((folded(key), folded(pattern)) for key, pattern in self.metadata)

    def why(self, record: Customer) -> Words:
        """Why this customer is protected, in words; empty if it is not."""
        if id_key(record.id) in self.ids:
            return said("its id is in the settings")
        for wanted_key, pattern in self._folded:
            for key, value in record.metadata.items():
                if fnmatchcase(folded(key), wanted_key) and fnmatchcase(folded(value), pattern):
                    told = f"its metadata has a value of {key} that the settings protect"
                    return Words(f"its metadata says {key} = “{value}”", told)
        return NOTHING


class ProtectedCustomers(Guarded):
    """Who is never touched, and for whom a second person is asked."""

    ask: Guarded = Guarded()


class Canary(_Frozen):
    """The first steps of a run, after which it holds until a person has seen them."""

    steps: int = Field(default=5, ge=0, le=_MANY)
    from_size: int = Field(default=100, ge=1, le=_MANY)
    goes_on: bool = False

    def of(self, size: int) -> int | None:
        """How many first steps a run of so many customers holds after; None where it does not."""
        return self.steps if 0 < self.steps < size and size >= self.from_size else None


class Thresholds(_Frozen):
    """How much trouble on the way to the API pauses a run; see `breaker`."""

    in_a_row: int = Field(default=5, ge=1, le=_MANY)
    error_rate: float = Field(default=0.5, gt=0, le=1)
    window: int = Field(default=40, ge=1, le=_MANY)
    at_least: int = Field(default=20, ge=1, le=_MANY)


class LoadRules(_Frozen):
    """What a list of customers may hold; what sends more may never end."""

    max_customers: int = Field(default=5_000_000, ge=1, le=_MANY)
    max_problems: int = Field(default=100_000, ge=0, le=_MANY)


class SnapshotRules(_Frozen):
    """Whether a finished load is kept in the data folder, how old it may be when a plan is made from it, and how many are kept
    by date.
    """

    keep: bool = True
    max_age_minutes: float = Field(default=15, ge=0, le=24 * 60)
    days: int = Field(default=30, ge=0, le=1000)


class ActivityRules(_Frozen):
    """For how long what was read of a customer's studies is used again."""

    stands_for_hours: float = Field(default=24, ge=1, le=24 * 365)


class Policy(_Frozen):
    """All of it. The defaults suit an account of some thousand customers."""

    preflight: bool = True
    concurrency: int = Field(default=64, ge=1, le=256)
    recent_days: int = Field(default=30, ge=0, le=_DAYS)
    drift: Annotated[frozenset[DriftField], _FROM_A_LIST] = frozenset(get_args(DriftField))
    caps: Caps = Caps()
    protected: ProtectedCustomers = ProtectedCustomers()
    approval: ApprovalRules = ApprovalRules()
    canary: Canary = Canary()
    breaker: Thresholds = Thresholds()
    load: LoadRules = LoadRules()
    snapshot: SnapshotRules = SnapshotRules()
    activity: ActivityRules = ActivityRules()
    people: People = People()  # checked at the start; `lib.gate` asks the file anew

    @cached_property
    def hash(self) -> str:
        """Tells settings apart: the same for those that say the same of runs, in whatever order they were written."""
        told = self.model_dump(mode="json", exclude={"people"})
        told["drift"] = sorted(self.drift)
        told["protected"] = [[sorted(one.ids), sorted(one.metadata)] for one in (self.protected, self.protected.ask)]
        return hashlib.sha256(canonical_json(told).encode()).hexdigest()[:12]

    def without_approvals(self) -> Policy:
        """The same where no second person is asked."""
        protected = self.protected.model_copy(update={"ask": Guarded()})
        return self.model_copy(update={"approval": ApprovalRules(), "protected": protected})

    @property
    def counts_active(self) -> bool:
        """Whether what a deactivation may do depends on how many customers are active."""
        return self.caps.max_percent < 100 or self.approval.from_percent is not None

    @property
    def snapshot_feeds_plans_for(self) -> timedelta:
        """How old a kept list may be to plan from. Never where records are not read again before their calls."""
        return timedelta(minutes=self.snapshot.max_age_minutes if self.preflight else 0)


def check_caps(plan: Plan, policy: Policy, active_total: int | None) -> None:
    """Raise CapExceeded or ProtectedCustomer when `plan` may not be carried out.

    `active_total` is how many customers are active now; None where that is not known: then the percentage can't be checked.
    """
    for planned in plan.customers:
        why = policy.protected.why(planned.record)
        if why:
            named = f"{planned.record.name} ({planned.record.id})"
            raise ProtectedCustomer(f"{named} is protected: {why.text}. Take it out of the plan.")
    check_amount(policy.caps, plan.action, len(plan.customers), plan.users_affected, active_total)


def most_customers(caps: Caps, action: Action, active_total: int | None) -> int:
    """How many customers one run of `action` may have at most, by number and by their share of those that are active."""
    if action is not Action.DEACTIVATE or active_total is None:
        return caps.max_customers
    return min(caps.max_customers, _share(caps, active_total))


def _share(caps: Caps, active_total: int) -> int:
    return int(caps.max_percent * active_total / 100)


def sizes_of_runs(caps: Caps, action: Action, users: Sequence[int], active_total: int | None) -> tuple[int, ...]:
    """How many customers each of the runs has that follow one another within the caps; `users` are those of each customer.

    Each deactivation leaves fewer that are active, so its share shrinks as well. Whoever is too much alone has a run alone,
    which the caps refuse.
    """
    begins, totals = [0], [0, *accumulate(users)]
    while (begun := begins[-1]) < len(users):
        most = most_customers(caps, action, None if active_total is None else active_total - begun)
        within = bisect_right(totals, totals[begun] + caps.max_users) - 1
        begins.append(max(min(within, begun + most, len(users)), begun + 1))
    return tuple(end - begun for begun, end in pairwise(begins))


def check_amount(caps: Caps, action: Action, customers: int, users: int, active_total: int | None) -> None:
    """Raise CapExceeded, which names each cap that is exceeded and by how much, when one run may not affect so many.

    An undo counts as any other run: it reaches real customers too. It is possible all the same where a cap is lower than when
    its run was made: rows can be taken out of its review, and another undo takes back those later.
    """
    has, affects = (
        f"has {customers:,} customers; one run may have at most",
        f"affects {users:,} users; one run may affect at most",
    )
    amounts = [
        (customers, caps.max_customers, f"{has} {caps.max_customers:,} (max_customers)"),
        (users, caps.max_users, f"{affects} {caps.max_users:,} (max_users)"),
    ]
    if action is Action.DEACTIVATE and active_total is not None:
        share = _share(caps, active_total)
        has = f"has {customers:,} of the {active_total:,} active customers; one run may have at most"
        amounts.append((customers, share, f"{has} {caps.max_percent:g} percent of them, which is {share:,} (max_percent)"))
    exceeded = [(asked, allowed, words) for asked, allowed, words in amounts if asked > allowed]
    if not exceeded:
        return
    told = ". It ".join(f"{words}: {asked - allowed:,} too many" for asked, allowed, words in exceeded)
    way = f"{'Make smaller plans, or raise' if customers > 1 else 'Raise'} the cap{'s' * (len(exceeded) > 1)} in settings.toml."
    asked, allowed, _ = exceeded[0]
    raise CapExceeded(f"This plan {told}. {way}", asked=asked, allowed=allowed)
