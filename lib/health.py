"""What keeps a process from its work on an account, for whoever asks whether people should be sent to it."""

from __future__ import annotations

from lib.customers.reading.load import Load
from lib.customers.reading.loads import Loads
from lib.errors import NotAuthorized
from lib.journal.journal import Journal


def trouble(journal: Journal, owner: str, loads: Loads) -> str:
    """In words; empty where nothing does. `owner` is the process's worker. Raises JournalUnavailable."""
    own = [lease for lease in journal.reads.leases() if lease.owner == owner]
    if own and (refusal := journal.refusal) is not None:  # while it carries a run, the process tries on to write
        return f"The journal can't be written ({refusal.cause})."
    failed = failed_load(loads)
    return failed.failure.message if failed is not None and failed.failure is not None else ""


def failed_load(loads: Loads) -> Load | None:
    """The last load, where it failed so that nobody can work: no whole list is on show, or the key is refused."""
    newest = loads.newest
    if newest is None or newest.failure is None:
        return None
    return newest if isinstance(newest.failure, NotAuthorized) or not loads.complete else None
