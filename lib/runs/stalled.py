"""Running runs of which no call is made: the journal can't be written, or nobody carries them any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from lib.journal.journal import Journal
from lib.runs.heartbeat import is_lost


def stalled(journal: Journal, owner: str) -> Mapping[str, str]:
    """Why no call of a running run is made, and since when, in words by the run's id; a run that is carried is not in it.

    `owner` is the worker of this process: of its runs it is known at once. The lease tells of all others. Raises
    JournalUnavailable.
    """
    refusal, told = journal.refusal, {}
    for lease in journal.reads.leases():
        if refusal is not None and lease.owner == owner:
            told[lease.run_id] = f"No call is made since {_at(refusal.since)}: the journal can't be written ({refusal.cause})."
        elif is_lost(lease):
            until = min(datetime.fromtimestamp(lease.until, UTC), datetime.now(UTC))
            told[lease.run_id] = (
                f"No call is made since {_at(until)}: the process that carried it is gone, or can't reach the journal."
            )
    return told


def _at(moment: datetime) -> str:
    return f"{moment:%H:%M} UTC" if moment.date() == datetime.now(UTC).date() else f"{moment:%Y-%m-%d %H:%M} UTC"
