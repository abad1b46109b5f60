"""What is to be read of whom, and who waits for it. Whoever has a reading's lock may change them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from lib.errors import ExpressOpsError


@dataclass(eq=False, slots=True)
class Waiting:
    """Somebody who waits for so many jobs, or for the first of them that fails."""

    left: int = 0
    failure: ExpressOpsError | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def heard(self, failure: ExpressOpsError | None) -> None:
        self.left -= 1
        self.failure = self.failure or failure
        if self.failure is not None or not self.left:
            self.over.set()


@dataclass(eq=False, slots=True)
class Job:
    """A customer whose studies are to be read, as far as `within` says (see `read_studies`); unwanted once it has ended."""

    customer_id: str
    within: int | None
    has_ended: bool = False
    waiting: tuple[Waiting, ...] = ()

    def is_wanted(self) -> bool:
        return not self.has_ended

    def wait_for(self, waiting: Waiting | None) -> None:
        if waiting is not None:
            waiting.left += 1
            self.waiting += (waiting,)

    def end(self, failure: ExpressOpsError | None = None) -> None:
        if not self.has_ended:
            self.has_ended = True
            for each in self.waiting:
                each.heard(failure)

    def reach(self, within: int | None) -> None:
        """Read so far, too: the less days, the further; None is to the end."""
        self.within = further(self.within, within)


def further(one: int | None, other: int | None) -> int | None:
    """How far to read for both."""
    return None if one is None or other is None else min(one, other)
