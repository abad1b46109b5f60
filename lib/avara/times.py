"""Times: which of a record's can be facts, and how they are written. The API's own are kept exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import humanize

#: Zero in the clocks of most computers (year 1, 1900, 1970-01-01) and whatever lies before it, read in any time zone.
_EARLIEST: Final = datetime(1970, 1, 2, 12, tzinfo=UTC)
#: So far two clocks may differ.
_SKEW: Final = timedelta(minutes=5)


def possible(now: datetime) -> tuple[datetime, datetime]:
    """The first and the last moment that a record read at `now` can tell of."""
    return _EARLIEST, now + _SKEW


def known(at: datetime | None, now: datetime) -> datetime | None:
    """The time of a record read at `now`, or None where it has none or one that can't be a fact."""
    first, last = possible(now)
    return at if at is not None and first <= at <= last else None


def is_after(at: datetime, other: datetime) -> bool:
    """Whether `at` is later by more than two clocks may differ; no time is too far off to be asked."""
    return at - other > _SKEW


def ago(age: timedelta) -> str:
    """So long ago, in words that are never longer than it is: what humanize would round up, as 2.7 years, is cut off."""
    year, month, days = 365, 30.5, age.days
    if days < 0:
        return humanize.naturaltime(age)
    if days < 1:
        unit = next((unit for unit in (3600, 60) if age.seconds >= unit), 1)
        return humanize.naturaltime(timedelta(seconds=age.seconds // unit * unit))
    if days >= 2 * year:
        return humanize.naturaltime(timedelta(days=days // year * year))
    whole = days // year * year
    months = min(int((days - whole) / month), 11)
    if not months:
        return humanize.naturaltime(timedelta(days=days), months=False)
    return humanize.naturaltime(timedelta(days=whole + months * month))


def to_second(at: datetime | None) -> str:
    """2026-11-23 14:20:05 UTC, or an empty text where there is no time."""
    return "" if at is None else f"{at.astimezone(UTC).isoformat(' ', 'seconds')[:19]} UTC"


def to_day(at: datetime | None) -> str:
    """2026-11-23, by UTC, or an empty text where there is no time."""
    return "" if at is None else at.astimezone(UTC).date().isoformat()


def to_minute(at: datetime | None) -> str:
    """2026-11-23 14:20 UTC, or an empty text where there is no time."""
    return "" if at is None else f"{at.astimezone(UTC).isoformat(' ', 'minutes')[:16]} UTC"
