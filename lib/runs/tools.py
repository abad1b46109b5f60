"""What a run works with: the API client as it needs it, the clocks, and what the worker wires once. No logic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from lib.avara.limiter import Wanted, always
from lib.avara.models import Customer, StudyPage
from lib.journal.journal import Journal
from lib.people import ITSELF, People, Person, Right
from lib.plans.policy import Policy

#: Seconds to wait before each reading of a record whose call left its outcome open.
READ_BACK_WAITS = (0.2, 0.8, 2.0)


class Answer(Protocol):
    """What the client returns for a call that changes something."""

    @property
    def customer(self) -> Customer: ...
    @property
    def status(self) -> int: ...
    @property
    def request_id(self) -> str | None: ...
    @property
    def sent(self) -> int: ...
    @property
    def seconds(self) -> float: ...


class Client(Protocol):
    """The part of the API client that a run needs. Every method raises ApiError, whose `sent` counts the requests that left.

    A request may have to wait until it can go out. `wanted` is asked meanwhile; `ready` each time that its turn has come, what
    it raises comes through; and `wanted` once more right before the first byte, for the connection may have to be dialled, or
    the machine slept. Once one says no, nothing is sent any more (Withdrawn).
    """

    def get_customer(self, customer_id: str, /, wanted: Wanted = always, ready: Wanted = always) -> Customer: ...
    def peek_studies(self, customer_id: str, /, wanted: Wanted = always) -> Iterator[StudyPage]: ...
    def deactivate(self, customer_id: str, /, wanted: Wanted = always, ready: Wanted = always) -> Answer: ...
    def reactivate(self, customer_id: str, /, wanted: Wanted = always, ready: Wanted = always) -> Answer: ...


class Site(Protocol):
    """What the settings say at this moment; see `lib.gate`."""

    @property
    def people(self) -> People: ...
    @property
    def signs_in(self) -> bool: ...
    def check(self, right: Right, who: Person) -> None: ...


@dataclass(frozen=True)
class Unasked:
    """Where there are no settings to ask, as in a rehearsal: nobody signs in, and nothing is read-only."""

    people: People = field(default_factory=People)
    signs_in: bool = False

    def check(self, right: Right, who: Person) -> None:
        """Refuse nothing."""


def clocks() -> tuple[float, float]:
    """Seconds by two clocks: one never jumps but stands still while the machine sleeps; the other is the other way round."""
    return time.monotonic(), time.time()


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Tools:
    """What the engine works with, wired once by the worker."""

    journal: Journal
    owner: str
    who: Person = ITSELF  # for whom it works, as the log names them
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], object] = time.sleep
    read_back_waits: Sequence[float] = READ_BACK_WAITS
    policy: Policy = field(default_factory=Policy)  # as it was at the start
    site: Site = field(default_factory=Unasked)  # as it is now
    held: Callable[[], bool] = always  # whether the run's lease can't have run out; see lib/runs/heartbeat.py
    clocks: Callable[[], Sequence[float]] = clocks  # seconds; the longest of the times that they show counts
