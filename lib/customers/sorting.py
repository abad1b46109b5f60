"""Sorting and paging of positions. The frame is put in order once a column; after that a sort only picks from that order."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.text import arrow_strings, fold_all, natural_keys

#: What `by` is for a metadata key, before the key.
METADATA = "metadata:"
#: What a table is sorted by until somebody chooses: the longest untouched first.
DEFAULT = "updated_at"


def sort_positions(frame: CustomerFrame, positions: Positions, by: str, *, descending: bool = False) -> Positions:
    """These positions, each once, ordered by a column of `frame.rows`, or by "metadata:<key>".

    Equal customers stand in the frame's order. Unknown values come last in both directions. Names and metadata are compared
    without case and accents, their digits as numbers. Raises ValueError for a column that does not exist.
    """
    order = _order(frame, by, descending=descending)
    return order[frame.among(positions)[order]]


def warm(frame: CustomerFrame) -> None:
    """Ranks the names and puts the default sort in order now, so that the first to ask does not wait for it."""
    _ranks(frame, "name")
    _order(frame, DEFAULT, descending=False)


def page_count(total: int, size: int) -> int:
    """How many pages of `size` rows there are; at least one, so that an empty table has a page too."""
    return max(1, math.ceil(total / size))


def page_slice(positions: Positions, page: int, size: int) -> Positions:
    """The positions on a page, counted from 1. A page beyond the last gives the last, one before the first the first."""
    start = (min(max(page, 1), page_count(len(positions), size)) - 1) * size
    return positions[start : start + size]


def _order(frame: CustomerFrame, by: str, *, descending: bool) -> Positions:
    """All positions in order."""
    known = frame.orders.get((by, descending))
    if known is None:
        ranks = _ranks(frame, by)
        keys = np.where(ranks < 0, len(frame), -ranks if descending else ranks)
        known = frame.orders[by, descending] = np.argsort(keys, kind="stable")
    return known


def _ranks(frame: CustomerFrame, by: str) -> npt.NDArray[np.int32]:
    """For each row its place in ascending order, equal values sharing one; -1 where the value is unknown."""
    if by not in frame.ranks:
        frame.ranks[by] = _rank(_comparable(frame, by))
    return frame.ranks[by]


def _comparable(frame: CustomerFrame, by: str) -> pa.Array:
    """The column with values that Arrow orders as people expect, null where unknown."""
    if by.startswith(METADATA):
        return _text(frame.metadata_column(by.removeprefix(METADATA)))
    if by not in frame.rows:
        raise ValueError(f"There is no column {by!r} to sort by.")
    column = (frame.times if by in frame.times else frame.rows)[by]
    if by == "created_by":
        return _text(column.astype("str").where(column != "unknown"))
    return _text(column) if by == "name" else pa.array(column)


def _text(column: pd.Series[str]) -> pa.Array:
    # Few customers differ in metadata, so each different text is prepared once.
    texts = arrow_strings(column).dictionary_encode()
    keys = pa.array(natural_keys(fold_all(texts.dictionary).to_pylist()), pa.large_string())
    return keys.take(texts.indices)


def _rank(values: pa.Array) -> npt.NDArray[np.int32]:
    ranks: npt.NDArray[np.int32] = pc.rank(values, tiebreaker="dense").to_numpy().astype(np.int32)
    ranks[values.is_null().to_numpy(zero_copy_only=False)] = -1
    return ranks
