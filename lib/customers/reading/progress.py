"""How far a load has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lib.customers.reading.shared import Elsewhere


class LoadState(StrEnum):
    LOADING = "loading"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class LoadProgress:
    """How far a load has come. `elapsed` is the seconds spent reading, pauses left out; `rate` is customers a second."""

    state: LoadState
    pages: int
    customers: int
    problems: int
    elapsed: float
    rate: float
    cursor: str | None
    error: str | None
    started_at: datetime | None
    finished_at: datetime | None
    #: Who is reading instead, while this load waits for that.
    elsewhere: Elsewhere | None = None
