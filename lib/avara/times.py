"""Which of a record's times can be facts. The API's own are kept exact; whoever reasons about them asks here first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

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
