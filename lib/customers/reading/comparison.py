"""What changed between two lists that were read one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lib.customers.changes import Changes, changes
from lib.customers.reading.kept import Kept
from lib.customers.reading.load import Load


@dataclass(frozen=True, eq=False)
class Comparison:
    """What changed from the list of `since` to the one of `at` that took its place."""

    since: datetime | None
    at: datetime | None
    changes: Changes

    @classmethod
    def of(cls, old: Load | Kept, new: Load) -> Comparison:
        since, at = old.progress().finished_at, new.progress().finished_at
        return cls(since, at, changes(old.frame(), new.frame()))
