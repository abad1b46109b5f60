"""What is on show of the loads of one connection, and what is to be told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lib.customers.frame import CustomerFrame
from lib.errors import LoadIncomplete


@dataclass(frozen=True)
class Word:
    """Something to tell everyone about the kept list, and since when."""

    text: str
    at: datetime


@dataclass(frozen=True, eq=False)
class View:
    """The customers on show at one moment, all or, while they are first read, what has come; and what they are good for.

    Whoever plans asks one view for all of it: the list on show may be another one a moment later.
    """

    frame: CustomerFrame
    complete: bool
    #: When a list that was kept from an earlier start was read; None for one read since this start.
    kept_at: datetime | None
    #: When the whole list had been read; None where it is not whole.
    read_at: datetime | None
    #: Why no plan can be made from it, in words of what to wait for; None where one can.
    obstacle: LoadIncomplete | None

    @property
    def active_total(self) -> int | None:
        """How many customers are active, by a list that may feed a plan; None where this one may not."""
        return int(self.frame.rows["is_active"].sum()) if self.obstacle is None else None
