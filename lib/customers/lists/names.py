"""Finds customers by name: exactly one's, several's, or only nearly. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from rapidfuzz import fuzz, process

from lib.customers.frame import CustomerFrame
from lib.customers.lists.table import name_key
from lib.customers.text import fold
from lib.spreadsheet import unguard

#: A name that is less like another (of 100) is none of its spellings; of those that are more, so many are shown.
_LIKE, _SHOWN = 80, 5
#: Names compared with every customer's at a time, and pairs of names compared in all: some seconds.
_AT_ONCE, _MOST_PAIRS = 32, 50_000_000

#: A customer's id, and how like its name is: 100 where only order, accents and marks differ.
Near = tuple[str, float]


class Names:
    """The names of a frame's customers."""

    def __init__(self, frame: CustomerFrame) -> None:
        self._names: list[str] = frame.rows["name"].tolist()
        self._ids: list[str] = frame.rows["id"].tolist()
        of = defaultdict[str, list[str]](list)
        for name, customer_id in zip(self._names, self._ids, strict=True):
            of[name_key(name)].append(customer_id)
        self._of = {key: tuple(ids) for key, ids in of.items()}

    def exact(self, text: str) -> tuple[str, ...]:
        """The ids of all customers of this name, but for case, blanks and NFKC; also as a CSV file of ours guards it."""
        return self._of.get(name_key(text)) or self._of.get(name_key(unguard(text)), ())

    def near(self, texts: Sequence[str], tell: Callable[[int], object] = lambda _done: None) -> dict[str, list[Near]]:
        """For each text the customers whose names are most like it, best first. Those that the bound leaves out are missing.

        `tell` hears how many have been compared.
        """
        names = [_sorted_words(name) for name in self._names]
        found: dict[str, list[Near]] = {}
        asked = list(dict.fromkeys(texts))[: _MOST_PAIRS // max(len(names), 1)]
        for start in range(0, len(asked), _AT_ONCE):
            part = asked[start : start + _AT_ONCE]
            scores = process.cdist(
                [_sorted_words(text) for text in part], names, scorer=fuzz.ratio, score_cutoff=_LIKE, dtype=np.float32
            )
            for text, row in zip(part, scores, strict=True):
                like = np.flatnonzero(row)
                best = like[np.argsort(-row[like], kind="stable")][:_SHOWN]
                found[text] = [(self._ids[place], float(row[place])) for place in best.tolist()]
            tell(start + len(part))
        return found


def _sorted_words(name: str) -> str:
    """The name without case, accents and marks, its words in order: "Hospital, St. Mary" is like "St Mary Hospital"."""
    letters = "".join(char if char.isalnum() else " " for char in fold(name))
    return " ".join(sorted(letters.split()))
