"""Running runs of which no call is made: the journal can't be written, or nobody carries them any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil

from lib.avara.times import to_minute
from lib.journal.journal import LEASE_SECONDS, Journal
from lib.journal.reads import Lease
from lib.runs.heartbeat import is_lost
from lib.runs.owner import carrier

#: Seconds that are left of a lease which should have been renewed twice by now.
_SILENT = LEASE_SECONDS / 3


def stalled(journal: Journal, owner: str) -> Mapping[str, str]:
    """Why no call of a running run is made, and since when, in words by the run's id; a run that is carried is not in it.

    `owner` is the worker of this process: of its runs it is known at once. The lease tells of all others, with how long it
    still holds where it was not renewed for most of its span. Raises JournalUnavailable.
    """
    refusal, told = journal.refusal, {}
    for lease in journal.reads.leases():
        if refusal is not None and lease.owner == owner:
            told[lease.run_id] = f"No call is made since {_at(refusal.since)}: the journal can't be written ({refusal.cause})."
        elif is_lost(lease):
            told[lease.run_id] = (
                f"No call is made since {_at(_ended(lease))}: the process that carried it is gone, or can't reach the journal."
            )
        elif lease.owner != owner and lease.left < _SILENT:
            told[lease.run_id] = (
                f"Nothing is heard any more of the process that carries it ({carrier(lease.owner)}). If that stays so, the run "
                f"can be taken over in {ceil(lease.left)} s."
            )
    return told


def _ended(lease: Lease) -> datetime:
    """When the lease ended; now, where it says what can't be."""
    now = datetime.now(UTC)
    try:
        return min(datetime.fromtimestamp(lease.until, UTC), now)
    except (TypeError, ValueError, OverflowError, OSError):
        return now


def _at(moment: datetime) -> str:
    return f"{moment:%H:%M} UTC" if moment.date() == datetime.now(UTC).date() else to_minute(moment)
