"""What a person should know about a set of picks before confirming: warnings, users affected, and what to set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lib.avara.models import Customer
from lib.avara.times import known
from lib.runs.model import Action


class WarningKind(StrEnum):
    """What about a customer deserves a second look."""

    HAS_USERS = "has_users"
    CHANGED_RECENTLY = "changed_recently"
    NEVER_DATED = "never_dated"


@dataclass(frozen=True)
class ReviewWarning:
    """One thing to look at before confirming, in words."""

    kind: WarningKind
    words: str


@dataclass(frozen=True)
class ReviewItem:
    """One customer under review with what deserves a look."""

    customer: Customer
    warnings: tuple[ReviewWarning, ...] = ()


@dataclass(frozen=True)
class Review:
    """The customers to act on (those with most warnings first) and those set aside because they already are as asked."""

    items: tuple[ReviewItem, ...]
    set_aside: tuple[ReviewItem, ...]
    users_affected: int
    warning_count: int  # customers with at least one warning

    @property
    def safest_first(self) -> tuple[ReviewItem, ...]:
        """The items in the order to carry them out: without warnings and with few users first, so that they are the canary."""
        return tuple(sorted(self.items, key=lambda item: (len(item.warnings), item.customer.user_count)))

    def counted(self, kind: WarningKind) -> int:
        """How many customers carry a warning of this kind."""
        return sum(any(warning.kind is kind for warning in item.warnings) for item in self.items)


def review(records: Sequence[Customer], action: Action, now: datetime, *, recent_days: int = 30) -> Review:
    """The review of doing `action` to `records`. `now` is aware; "recently" means within `recent_days` before it."""
    to_act_on = [record for record in records if record.is_active != action.wants_active]
    items = [ReviewItem(record, _warnings(record, action, now, timedelta(days=recent_days))) for record in to_act_on]
    items.sort(key=lambda item: (-len(item.warnings), -item.customer.user_count))
    return Review(
        items=tuple(items),
        set_aside=tuple(ReviewItem(record) for record in records if record.is_active == action.wants_active),
        users_affected=sum(record.user_count for record in to_act_on),
        warning_count=sum(bool(item.warnings) for item in items),
    )


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
