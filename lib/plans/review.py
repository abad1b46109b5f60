"""What a person should know about a set of picks before confirming: warnings, users affected, and whom it leaves out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from lib.avara.models import Customer
from lib.avara.times import known
from lib.plans.model import Action
from lib.plans.plan import PlannedCustomer
from lib.plans.policy import Caps, ProtectedCustomers, sizes_of_runs


class WarningKind(StrEnum):
    """What about a customer deserves a second look."""

    HAS_USERS = "has_users"
    CHANGED_RECENTLY = "changed_recently"
    NEVER_DATED = "never_dated"

    @property
    def those(self) -> str:
        """The customers that carry it, behind their number: "with users"."""
        return {
            "has_users": "with users",
            "changed_recently": "changed recently",
            "never_dated": "with an unknown last update",
        }[self]


@dataclass(frozen=True)
class ReviewWarning:
    """One thing to look at before confirming, in words."""

    kind: WarningKind
    words: str


@dataclass(frozen=True)
class ReviewItem:
    """One customer under review, as it would be planned, with what deserves a look."""

    planned: PlannedCustomer
    warnings: tuple[ReviewWarning, ...] = ()

    @property
    def customer(self) -> Customer:
        return self.planned.record


@dataclass(frozen=True)
class Review:
    """The customers to act on, in the order given, those set aside because they already are as asked, and those whom the
    settings protect, each with why.
    """

    action: Action
    in_order: tuple[ReviewItem, ...]
    set_aside: tuple[Customer, ...] = ()
    protected: tuple[tuple[Customer, str], ...] = ()

    @property
    def items(self) -> tuple[ReviewItem, ...]:
        """The customers to act on, those with most warnings first."""
        return tuple(sorted(self.in_order, key=lambda item: (-len(item.warnings), -item.customer.user_count)))

    @property
    def safest_first(self) -> tuple[PlannedCustomer, ...]:
        """The customers in the order to carry them out: those without warnings and with few users first, as the canary."""
        order = sorted(self.items, key=lambda item: (len(item.warnings), item.customer.user_count))
        return tuple(item.planned for item in order)

    @property
    def users_affected(self) -> int:
        return sum(item.customer.user_count for item in self.in_order)

    @property
    def warning_count(self) -> int:
        """How many customers have at least one warning."""
        return sum(bool(item.warnings) for item in self.in_order)

    def counted(self, kind: WarningKind) -> int:
        """How many customers carry a warning of this kind."""
        return sum(any(warning.kind is kind for warning in item.warnings) for item in self.in_order)

    def split(self, caps: Caps, active_total: int | None) -> tuple[Review, ...]:
        """Reviews of parts that follow one another, each within the caps of one run; see `sizes_of_runs`."""
        parts, rest = [], self.in_order
        for size in sizes_of_runs(caps, self.action, [item.customer.user_count for item in rest], active_total):
            parts.append(replace(self, in_order=rest[:size]))
            rest = rest[size:]
        return tuple(parts)


def review(
    customers: Iterable[PlannedCustomer],
    action: Action,
    now: datetime,
    *,
    recent_days: int = 30,
    protected: ProtectedCustomers | None = None,
) -> Review:
    """The review of doing `action` to `customers`, without those whom `protected` says.

    `now` is aware; "recently" means within `recent_days` before it.
    """
    items, set_aside, guarded = [], [], []
    for planned in customers:
        record = planned.record
        if protected is not None and (why := protected.why(record)):
            guarded.append((record, why.text))
        elif record.is_active == action.wants_active:
            set_aside.append(record)
        else:
            items.append(ReviewItem(planned, _warnings(record, action, now, timedelta(days=recent_days))))
    return Review(action, tuple(items), tuple(set_aside), tuple(guarded))


def _warnings(record: Customer, action: Action, now: datetime, recent: timedelta) -> tuple[ReviewWarning, ...]:
    found = []
    if record.user_count and action is Action.DEACTIVATE:
        users = "1 user" if record.user_count == 1 else f"{record.user_count:,} users"
        found.append(ReviewWarning(WarningKind.HAS_USERS, f"Has {users}"))
    updated_at = known(record.updated_at, now)
    if updated_at is None:
        found.append(ReviewWarning(WarningKind.NEVER_DATED, "When it last changed is unknown"))
    elif now - updated_at <= recent and action is Action.DEACTIVATE:
        days = max((now - updated_at).days, 0)
        when = "today" if days == 0 else "1 day ago" if days == 1 else f"{days} days ago"
        found.append(ReviewWarning(WarningKind.CHANGED_RECENTLY, f"Changed {when}"))
    return tuple(found)
