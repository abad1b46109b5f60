"""Finds customers by id. Python strings of all ids are made only when somebody takes or asks for many of them at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from lib.avara.models import id_key

Positions = npt.NDArray[np.int64]
#: From so many ids on the work is done with Python strings that everybody shares: picks of all customers would otherwise
#: take 8 MB a session, and as long to look up as to read the ids anew.
MANY = 2_000


def id_keys(ids: pd.Series[str]) -> pd.Series[str]:
    """`id_key` of a whole column."""
    return ids.str.lower()


class IdIndex:
    """The ids of a frame, sorted on first use: some 44 bytes a customer, microseconds for a lookup."""

    def __init__(self, ids: pd.Series[str]) -> None:
        self._ids = ids

    def find(self, ids: Iterable[str]) -> Positions:
        """The position of each id, -1 where the frame lacks it."""
        ids = list(ids)
        found = self._as_written(ids)
        lacking = np.flatnonzero(found < 0)
        if len(lacking):  # nearly always all are there as they are written, and nothing more is to be prepared
            found[lacking] = self._keys._as_written([id_key(ids[place]) for place in lacking])
        return found

    def _as_written(self, ids: list[str]) -> Positions:
        if len(ids) >= MANY:
            return np.fromiter(map(self._places.get, ids, itertools.repeat(-1)), np.int64, len(ids))
        sorted_ids, order = self._sorted
        asked = np.array([customer_id.encode() for customer_id in ids], dtype=np.bytes_)
        found = np.full(len(asked), -1, dtype=np.int64)
        if len(asked) and len(sorted_ids):
            places = np.minimum(np.searchsorted(sorted_ids, asked), len(sorted_ids) - 1)
            hits = sorted_ids[places] == asked
            found[hits] = order[places[hits]]
        return found

    def take(self, positions: Positions) -> list[str]:
        """The ids at these positions, in their order."""
        ids: list[str] = (self._strings[positions] if len(positions) >= MANY else self._ids.array.take(positions)).tolist()
        return ids

    def warm(self) -> None:
        """Sorts the ids now, so that the first lookup does not wait for it."""
        _ = self._sorted

    @cached_property
    def _strings(self) -> npt.NDArray[np.object_]:
        return self._ids.to_numpy(dtype=object)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {customer_id: place for place, customer_id in enumerate(self._strings.tolist())}

    @cached_property
    def _keys(self) -> IdIndex:
        keys = id_keys(self._ids)
        return self if keys.equals(self._ids) else IdIndex(keys)

    @cached_property
    def _sorted(self) -> tuple[npt.NDArray[np.bytes_], npt.NDArray[np.int32]]:
        ids = np.asarray(pa.array(self._ids, pa.large_binary()).to_numpy(zero_copy_only=False), dtype=np.bytes_)
        order = np.argsort(ids).astype(np.int32)
        return ids[order], order
