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
    codes = pairs.key_codes if positions is None else pairs.key_codes[_among(frame, positions)[pairs.rows]]
    return _counted(codes, pairs.keys, pairs.key_ranks, None)


def facet_values(frame: CustomerFrame, key: str, positions: Positions | None = None, *, limit: int | None = None) -> Counts:
    """Each value of a metadata key with how many of the customers at `positions` (all, if None) have it; the first `limit`."""
    pairs = frame.pairs
    rows, codes = pairs.of_key(key)
    return _counted(
        codes if positions is None else codes[_among(frame, positions)[rows]], pairs.values, pairs.value_ranks, limit
    )


def _among(frame: CustomerFrame, positions: Positions) -> npt.NDArray[np.bool_]:
    mask = np.zeros(len(frame), dtype=np.bool_)
    mask[positions] = True
    return mask


def _counted(codes: Codes, names: pd.Index[str], ranks: Codes, limit: int | None) -> Counts:
    counts = np.bincount(codes, minlength=len(names))
    there = np.flatnonzero(counts)
    first = there[np.lexsort((ranks[there], -counts[there]))][:limit]
    return list(zip(names[first].tolist(), counts[first].tolist(), strict=True))
