"""What the journal holds for the list on show and comparisons: what runs left of customers, and the list that servers share."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from lib.customers.compared import Done
from lib.customers.ours import Left
from lib.customers.reading.shared import SharedList
from lib.journal.journal import Journal
from lib.journal.reads import Reads
from lib.plans.model import StepState
from lib.runs.owner import carrier, new_owner


def left_since(reads: Reads, keys: Collection[str], entry: int) -> tuple[int, list[Left]]:
    """What runs of these keys left of customers since the log's entry of this number (see Reads.left_since)."""
    until, steps = reads.left_since(entry, keys)
    return until, [
        Left(step.run_id, step.after, step.settled_at, step.state is StepState.VERIFIED, step.before.updated_at)
        for step in steps
        if step.after is not None and step.settled_at is not None
    ]


def changed_between(reads: Reads, keys: Collection[str], since: datetime, until: datetime) -> list[Done]:
    """What runs of these keys changed of customers between two moments."""
    return [
        Done(step.run_id, operator, step.settled_at, step.after)
        for operator, step in reads.changed_between(since, until, keys)
        if step.after is not None and step.settled_at is not None
    ]


def shared_list(journal: Journal, fingerprint: str) -> SharedList | None:
    """The list of this key that servers share, for this process as one of them; None where one server has the journal."""
    place = journal.lists.of(fingerprint, new_owner())
    return None if place is None else SharedList(place, fingerprint, carrier)
