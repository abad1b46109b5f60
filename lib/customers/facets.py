"""Which metadata keys and values some customers have, counted: most common first, then by name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.metadata import Codes
from lib.customers.once import once_a_frame

Counts = list[tuple[str, int]]


def facet_keys(frame: CustomerFrame, positions: Positions | None = None) -> Counts:
    """Each metadata key with how many of the customers at `positions` (all, if None) have it."""
    if positions is None:
        return list(_all_keys(frame))
    pairs = frame.pairs
    return _counted(pairs.key_codes[frame.among(positions)[pairs.rows]], pairs.keys, pairs.key_ranks, None)


def facet_values(frame: CustomerFrame, key: str, positions: Positions | None = None, *, limit: int | None = None) -> Counts:
    """Each value of a metadata key with how many of the customers at `positions` (all, if None) have it; the first `limit`."""
    pairs = frame.pairs
    rows, codes = pairs.of_key(key)
    return _counted(codes if positions is None else codes[frame.among(positions)[rows]], pairs.values, pairs.value_ranks, limit)


@once_a_frame
def _all_keys(frame: CustomerFrame) -> Counts:
    return _counted(frame.pairs.key_codes, frame.pairs.keys, frame.pairs.key_ranks, None)


def _counted(codes: Codes, names: pd.Index[str], ranks: Codes, limit: int | None) -> Counts:
    counts = np.bincount(codes, minlength=len(names))
    there = np.flatnonzero(counts)
    first = there[np.lexsort((ranks[there], -counts[there]))][:limit]
    return list(zip(names[first].tolist(), counts[first].tolist(), strict=True))
