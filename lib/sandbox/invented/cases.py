"""Customers to try evidence on: studies that contradict the record, names that look like another's, accounts for trying out.

Both are pure functions of what a customer was made of, and take nothing from its draws: all else about it stays as it was.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lib.sandbox.invented import names

#: One customer in so many, from which position on: nearly another's name; for trying out; thousands of studies.
_TWIN, _TEST, _HEAVY = (89, 41), (307, 150), (1009, 71)
_TESTS = ("TEST Clinic", "demo", "Demo Hospital (sales)", "zz_TEST do not bill", "Dummy Imaging Centre", "Sample Account")
#: Of the dormant, one position in so many has new studies. Share of the busy whose studies ended; of the quiet, were cancelled.
_ALIVE, _ENDED, _CANCELLED = 5, 0.02, 0.1


@dataclass(frozen=True)
class Activity:
    """The studies of one customer in outline: when the first and the last were made, and how many there are.

    Those made after `cancelled_from` were all cancelled.
    """

    first: datetime
    last: datetime
    count: int
    cancelled_from: datetime | None = None


def name_at(position: int, own: str, name_of: Callable[[int], str]) -> str:
    """The name of the customer at `position`: `own`, or one of the cases. `name_of` makes the name at an earlier position."""
    if own in names.ODDITIES:
        return own
    if position % _TEST[0] == _TEST[1]:
        return _TESTS[position // _TEST[0] % len(_TESTS)]
    if position % _TWIN[0] != _TWIN[1]:
        return own
    misspell = _MISSPELT[position // _TWIN[0] % len(_MISSPELT)]
    others = (name_of(earlier) for earlier in range(position - 1, max(position - _TWIN[0], 0), -1))
    return next((misspell(other) for other in others if other not in names.ODDITIES and misspell(other) != other), own)


def studies_of(rng: random.Random, position: int, kind: str, outline: Activity | None, now: datetime) -> Activity | None:
    """The studies of a customer of this kind: `outline`, which is as its record would have it, or against that."""
    draw = rng.random()
    if kind == "dormant" and outline and position % _ALIVE == 0:  # the record is old, the studies are new
        outline = replace(outline, last=now - timedelta(days=20 * rng.random()), count=20 + int(60 * rng.random()))
    elif kind in ("busy", "steady") and outline and draw < _ENDED:  # the record is new, the studies are old, or there are none
        last = outline.first + timedelta(days=30 * rng.random())
        outline = replace(outline, last=last) if now - outline.first > timedelta(days=500) else None
    elif kind == "quiet" and outline and draw < _CANCELLED:
        outline = replace(outline, last=now - timedelta(days=20 * rng.random()), cancelled_from=outline.last)
    if outline and position % _HEAVY[0] == _HEAVY[1]:
        outline = replace(outline, count=2000 + int(4000 * rng.random()))
    return outline


def _swapped(name: str) -> str:
    """With two letters in the middle of its longest word the wrong way round."""
    word = max(name.split(), key=len)
    at = len(word) // 2
    return name.replace(word, word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :], 1)


_MISSPELT: tuple[Callable[[str], str], ...] = (
    _swapped,
    lambda name: name.replace("St. ", "Saint ").replace("Saint-", "St.-"),
    lambda name: f"{name} GmbH",
    str.upper,
    lambda name: name.replace(" - ", " ").replace("(", "").replace(")", ""),
)
