"""Finds customers by id."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

Positions = npt.NDArray[np.int64]


def id_keys(ids: pd.Series[str]) -> pd.Series[str]:
    """`id_key` (lib/avara/models.py) of a whole column."""
    keys = ids.str.lower()
    return ids if keys.equals(ids) else keys


class IdIndex:
    """The ids of a frame. pandas prepares its index for lookups at the first one."""

    def __init__(self, ids: pd.Series[str]) -> None:
        self._ids = ids
        self._keys = pd.Index(id_keys(ids))

    def find(self, ids: Iterable[str]) -> Positions:
        """The position of each id, -1 where the frame lacks it."""
        found: Positions = self._keys.get_indexer(pd.Index(id_keys(pd.Series(list(ids), dtype="str"))))
        return found

    def take(self, positions: Positions) -> list[str]:
        """The ids at these positions, in their order."""
        ids: list[str] = self._ids.array.take(positions).tolist()
        return ids

    def warm(self) -> None:
        """Prepares the index now, so that the first lookup does not wait for it."""
        self.find([""])
