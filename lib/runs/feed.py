"""What the hands of a crew share: the feed of steps, the count of users, and the telling of those who show customers."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from lib.avara.models import Customer
from lib.errors import JournalError
from lib.runs.engine import Tools
from lib.runs.model import Run, RunState, Step, StepState
from lib.runs.words import NOTHING, Words

#: Seconds for which orders read from the journal count. The journal itself refuses a call once they have changed.
ORDERS_COUNT = 0.2
_BATCH = 200
#: Steps whose users are affected, or may be. Those that are to be called again are counted when they are.
COUNTED = frozenset({StepState.VERIFIED, StepState.IN_FLIGHT, StepState.UNKNOWN})
#: Records to tell others of at once, and seconds after which fewer are told.
_TELL_AT_ONCE, _TELL_AFTER = 200, 0.5

logger = logging.getLogger(__name__)


class Feed:
    """Gives each step of a pass to one thread, a few hundred in memory at a time, for as long as the run may go on."""

    def __init__(self, run: Run, tools: Tools, may_go_on: Callable[[], bool]) -> None:
        self._run, self._tools, self._may_go_on = run, tools, may_go_on
        self._lock = threading.Lock()
        self._batch: deque[Step] = deque()
        self._states: frozenset[StepState] = frozenset()
        self._obey = True
        self._most: int | None = None
        self._until: int | None = None
        self._last = -1  # the last position given in this pass
        self._ordered, self._looked_at = True, float("-inf")
        self._empty = False  # nothing more came in this pass

    @property
    def over(self) -> bool:
        """Whether nothing more is to be given in this pass."""
        return self._empty or not self._may_go_on()

    def ordered(self) -> bool:
        """Whether nobody has asked for a stop, by the orders as they were read a moment ago at most."""
        try:
            with self._lock:
                return self._orders_stand()
        except JournalError:
            return False

    def begin(self, states: frozenset[StepState], *, most: int | None = None, until: int | None = None) -> bool:
        """Begin a pass over the steps in `states`, at most `most`, below position `until`. False when there is none to take."""
        with self._lock:
            self._batch.clear()
            self._empty = False
            self._states, self._most, self._until, self._last = states, most, until, -1
            # A request to pause or cancel does not stop the reading back of open steps: that is how they get settled.
            self._obey = StepState.PLANNED in states
            self._looked_at = float("-inf")
            return self._orders_allow() and self._fill()

    def next(self) -> Step | None:
        """The next step, or None when there is none or nothing more may be taken up."""
        with self._lock:
            if self._most == 0 or not self._orders_allow() or not self._fill():
                self._empty = True
                return None
            step = self._batch.popleft()
            self._last = step.position
            if self._most is not None:
                self._most -= 1
            return step

    def look_again(self) -> bool:
        """Read the orders anew, whatever was read before; whether the run may go on."""
        with self._lock:
            self._looked_at = float("-inf")
            return self._orders_allow()

    def _fill(self) -> bool:
        if not self._batch:
            self._batch.extend(self._tools.journal.reads.steps(self._run.id, self._states, after=self._last, limit=_BATCH))
        return bool(self._batch) and (self._until is None or self._batch[0].position < self._until)

    def _orders_allow(self) -> bool:
        return self._may_go_on() and self._orders_stand()

    def _orders_stand(self) -> bool:
        now = time.monotonic()
        if now - self._looked_at >= ORDERS_COUNT:
            orders = self._tools.journal.reads.orders(self._run.id)
            ours = orders.state is RunState.RUNNING and orders.owner == self._tools.owner
            self._ordered = ours and not (self._obey and orders.requested)
            self._looked_at = now
        return self._ordered


class UserCap:
    """Counts the users of the customers that a run calls, by the freshest records: what was planned may have grown since."""

    def __init__(self, most: int) -> None:
        self._most, self._users = most, 0
        self._lock = threading.Lock()
        self._in_hand: dict[str, int] = {}

    def count_what_was_called(self, steps: Iterable[Step]) -> None:
        """Take over what an earlier crew of the run has changed, or may have changed: steps in one of `COUNTED`."""
        self._users = sum((step.after or step.before).user_count for step in steps)

    def admit(self, record: Customer) -> Words:
        """Count this customer, about to be called; or why the run must hold instead, in words with both numbers."""
        with self._lock:
            users = self._users + record.user_count
            if users > self._most:
                told = f"{users:,} users would be affected; one run may affect at most {self._most:,}."
                return Words(f"With {record.name}, {told}", told)
            self._users = users
            self._in_hand[record.id.lower()] = record.user_count
            return NOTHING

    def keep_or_give_back(self, step: Step, *, called: bool) -> None:
        """The step is over: its customer stays counted only if it was called."""
        with self._lock:
            users = self._in_hand.pop(step.customer_id.lower(), 0)
            if not called:
                self._users -= users


class Telling:
    """Tells of settled records, some at a time: whoever shows customers puts them into a large table."""

    def __init__(self, run_id: str, notice: Callable[[Sequence[Customer]], object]) -> None:
        self._run_id, self._notice = run_id, notice
        self._lock = threading.Lock()
        self._records: list[Customer] = []
        self._told_at = time.monotonic()

    def add(self, record: Customer) -> None:
        """Tell of this record, now or soon."""
        with self._lock:
            self._records.append(record)
            if len(self._records) < _TELL_AT_ONCE and time.monotonic() - self._told_at < _TELL_AFTER:
                return
        self.now()

    def now(self) -> None:
        """Tell of all that is left. A listener that fails does no harm."""
        with self._lock:
            records, self._records, self._told_at = self._records, [], time.monotonic()
        if not records:
            return
        try:
            self._notice(records)
        except Exception:  # whoever shows customers is not part of the run: it goes on whatever they make of the news
            logger.exception("Nobody could be told of settled steps of %s", self._run_id)
