"""What our own runs made of customers: the records that they left, and which last updates are theirs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lib.avara.models import Customer, id_key


@dataclass(frozen=True)
class Left:
    """A customer as a run left it: `record` as read at `read_at`, after or instead of the call.

    `changed`: by this run for certain. `before` is the last update of the record that its plan had frozen.
    """

    run_id: str
    record: Customer
    read_at: datetime
    changed: bool
    before: datetime | None


@dataclass(frozen=True)
class OwnUpdate:
    """The update at `at` was made by a run of ours; the one before all of ours was at `before`. None: unknown."""

    run_id: str
    at: datetime | None
    before: datetime | None

    @property
    def words(self) -> str:
        """ "by run_1, before that 2025-01-25"."""
        return f"by {self.run_id}, before that {f'{self.before:%Y-%m-%d}' if self.before else 'unknown'}"


#: `id_key` of a customer → the last update that a run of ours made.
Ours = Mapping[str, OwnUpdate]


def note(ours: dict[str, OwnUpdate], left: Left) -> None:
    """Add what a run has left. Runs that follow one another with nobody's update between them have one time before them."""
    key, at = id_key(left.record.id), left.record.updated_at
    known = ours.get(key)
    if left.changed and (known is None or known.at != at):  # the same again says nothing new
        before = known.before if known is not None and known.at == left.before else left.before
        ours[key] = OwnUpdate(left.run_id, at, before)
