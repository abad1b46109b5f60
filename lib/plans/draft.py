"""A draft: picks of which no run has started yet, each with how it was picked, and the reason and ticket typed so far. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from lib.errors import JournalDamaged
from lib.plans.evidence import Picked


class Draft(BaseModel):
    """What a session is about to do. The picks are kept in their order, as many at a time as were picked in one way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    picks: tuple[tuple[Picked, tuple[str, ...]], ...]
    reason: str = ""
    ticket: str = ""

    @classmethod
    def of(cls, picked: Mapping[str, Picked], reason: str = "", ticket: str = "") -> Self:
        together = groupby(picked.items(), key=lambda pick: pick[1])
        return cls(picks=tuple((how, tuple(id_ for id_, _ in ids)) for how, ids in together), reason=reason, ticket=ticket)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises JournalDamaged where this is no draft."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            raise JournalDamaged("What the journal has of these picks can't be read. Discard them, and pick again.") from None

    @property
    def picked(self) -> dict[str, Picked]:
        """Each pick with how it came to be one, in the order picked."""
        return {customer_id: how for how, ids in self.picks for customer_id in ids}
