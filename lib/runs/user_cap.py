"""The cap on the users that one run affects, counted by the freshest records while it is carried out."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from lib.avara.models import Customer, id_key
from lib.plans.model import Step, StepState
from lib.plans.words import NOTHING, Words

#: Steps whose users are affected, or may be. Those that are to be called again are counted when they are.
COUNTED = frozenset({StepState.VERIFIED, StepState.IN_FLIGHT, StepState.UNKNOWN})


class UserCap:
    """Counts the users of the customers that a run calls, by the freshest records: what was planned may have grown since."""

    def __init__(self, most: int) -> None:
        self._most, self._users = most, 0
        self._lock = threading.Lock()
        self._in_hand: dict[str, int] = {}

    def count_what_was_called(self, steps: Iterable[Step]) -> None:
        """Take over what was changed, or may have been, before the run was taken up: steps in one of `COUNTED`."""
        self._users = sum((step.after or step.before).user_count for step in steps)

    def admit(self, record: Customer) -> Words:
        """Count this customer, about to be called; or why the run must hold instead, in words with both numbers."""
        with self._lock:
            users = self._users + record.user_count
            if users > self._most:
                told = f"{users:,} users would be affected; one run may affect at most {self._most:,}."
                return Words(f"With {record.name}, {told}", told)
            self._users = users
            self._in_hand[id_key(record.id)] = record.user_count
            return NOTHING

    def keep_or_give_back(self, step: Step, *, called: bool) -> None:
        """The step is over: its customer stays counted only if it was called."""
        with self._lock:
            users = self._in_hand.pop(id_key(step.customer_id), 0)
            if not called:
                self._users -= users
