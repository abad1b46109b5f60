"""Which metadata keys and values some customers have, counted: most common first, then by name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.metadata import Codes

Counts = list[tuple[str, int]]


def facet_keys(frame: CustomerFrame, positions: Positions | None = None) -> Counts:
    """Each metadata key with how many of the customers at `positions` (all, if None) have it."""
    pairs = frame.pairs
    counts = pairs.key_counts
    if positions is not None:
        counts = np.bincount(pairs.key_codes[frame.among(positions)[pairs.rows]], minlength=len(pairs.keys))
    return _named(counts, pairs.keys, pairs.key_ranks, None)


def facet_values(frame: CustomerFrame, key: str, *, limit: int | None = None) -> Counts:
    """Each value of a metadata key with how many customers have it; the first `limit`."""
    pairs = frame.pairs
    _, codes = pairs.of_key(key)
    return _named(np.bincount(codes, minlength=len(pairs.values)), pairs.values, pairs.value_ranks, limit)


def _named(counts: npt.NDArray[np.int64], names: pd.Index[str], ranks: Codes, limit: int | None) -> Counts:
    there = np.flatnonzero(counts)
    first = there[np.lexsort((ranks[there], -counts[there]))][:limit]
    return list(zip(names[first].tolist(), counts[first].tolist(), strict=True))
