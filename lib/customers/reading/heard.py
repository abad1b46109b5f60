"""What has been heard of runs: the records that they left, for lists that were read before or meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from lib.avara.models import Customer, id_key
from lib.customers.ours import Left, Ours, note

#: How far the clocks of servers that share a journal may be apart. A record that was read sooner only is as new as the listed.
CLOCKS_APART = timedelta(minutes=1)
#: Gives what runs have left of customers behind an entry of the journal's log, and the number of the last entry looked at;
#: it is asked on until that stays the same.
RunsLeft = Callable[[int], tuple[int, Sequence[Left]]]


class Heard:
    """What runs have left so far. One thread at a time makes it listen; any may ask."""

    def __init__(self, runs_left: RunsLeft) -> None:
        self._runs_left, self._known = runs_left, 0
        self.ours: Ours = {}
        self._left: dict[str, Left] = {}

    def listen(self, learn: Callable[[Sequence[Left]], object]) -> bool:
        """Hear the next of it; False where there is no more. What was not learned is heard again. Raises what asking raises."""
        known, left = self._runs_left(self._known)
        if known == self._known:
            return False
        if left:
            ours = dict(self.ours)
            for one in left:
                note(ours, one)
            self.ours = ours
            self._left = self._left | {id_key(one.record.id): one for one in left}
            learn(left)
        self._known = known
        return True

    def since(self, started_at: datetime) -> list[Customer]:
        """The records that a list may lack which began to be read then."""
        return read_since(started_at, self._left.values())

    def forget_before(self, started_at: datetime) -> None:
        """No list will be asked about that began to be read sooner."""
        self._left = {key: one for key, one in self._left.items() if one.read_at >= started_at - CLOCKS_APART}


def read_since(started_at: datetime, left: Iterable[Left]) -> list[Customer]:
    """The records that a list may lack which began to be read then."""
    return [one.record for one in left if one.read_at >= started_at - CLOCKS_APART]
