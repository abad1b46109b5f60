"""Production is changed only while a person has armed it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from lib.accounts.tables import Account
from lib.errors import ExpressOpsError
from lib.people import Person
from lib.spelling import what_is_wrong


class NotArmed(ExpressOpsError):
    """This account is production and not armed, so nothing was changed. Arm it by its label."""

    def __init__(self, message: str | None = None, *, label: str = "") -> None:
        super().__init__(message)
        self.label = label


class Arming:
    """Of one account: armed by a person, for that person's sign-in alone and for a while. What runs goes on when that is over.

    Kept in memory: after a restart nobody has armed it. `elapsed` gives seconds that no setting of the clock moves. Any thread
    may ask.
    """

    def __init__(
        self, account: Account, minutes: float, now: Callable[[], datetime], elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self.account, self.stays = account, timedelta(minutes=minutes)
        self._now, self._elapsed, self._lock = now, elapsed, threading.Lock()
        self._armed: dict[tuple[str, str, str], tuple[datetime, float]] = {}

    def arm(self, typed: str, who: Person) -> datetime:
        """Arm it, if `typed` is its label; until when (UTC). Raises NotArmed."""
        if not typed or what_is_wrong(typed, self.account.label):
            own = self.account.label
            raise NotArmed(f"That is not the label of this account, so it is not armed. It is “{own}”.", label=own)
        until = self._now() + self.stays
        with self._lock:
            self._armed[_whose(who)] = until, self._elapsed() + self.stays.total_seconds()
        return until

    def disarm(self, who: Person) -> None:
        with self._lock:
            self._armed.pop(_whose(who), None)

    def until(self, who: Person) -> datetime | None:
        """When it disarms itself (UTC); None where it is not armed. A clock that is set back does not prolong it."""
        now = self._now()
        with self._lock:
            until, over = self._armed.get(_whose(who), (now, 0.0))
        return until if now < until <= now + self.stays and self._elapsed() < over else None

    def check(self, who: Person) -> None:
        """Raise NotArmed where this person may not change customers now."""
        own = self.account.label
        if self.account.production and self.until(who) is None:
            raise NotArmed(
                f"“{own}” is production and not armed, so nothing was changed. Arm it by its label, then try again.",
                label=own,
            )


def _whose(who: Person) -> tuple[str, str, str]:
    """Of this sign-in, not of the person's next one: logging out disarms."""
    return who.name, who.known, who.sign_in.key if who.sign_in else ""
