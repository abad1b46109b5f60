"""The metadata of all customers as one long table, and where each customer's pairs and each key's customers are in it.

Table: `row` int32 (position of the customer, ascending), `key` category, `value` category; a customer's pairs are in the
API's order.
"""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import union_categoricals

#: Codes or positions of one kind of integer or another; numpy picks the narrowest that fits.
Codes = npt.NDArray[np.signedinteger[Any]]


def replaced_pairs(table: pd.DataFrame, new: pd.DataFrame, at: npt.NDArray[np.int64]) -> pd.DataFrame:
    """The long table with the customers at the positions `at` having the pairs of `new`, whose row i is position `at[i]`."""
    kept = table[~np.isin(table["row"], at)]
    rows = np.concatenate([kept["row"].to_numpy(), at[new["row"]].astype(np.int32)])
    keys = union_categoricals([kept["key"], new["key"]])
    values = union_categoricals([kept["value"], new["value"]])
    joined = pd.DataFrame({"row": rows, "key": keys, "value": values}, copy=False)
    return joined.sort_values("row", kind="stable", ignore_index=True)


def runs(starts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """start, start + 1, ... for each start, as many as its count, one after the other."""
    ends = np.cumsum(counts)
    every: npt.NDArray[np.int64] = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts)
    return every


class MetadataIndex:
    """Looks up the long table by customer and by key. Each part is computed on first use and kept."""

    def __init__(self, table: pd.DataFrame, customers: int) -> None:
        self.table = table
        self._customers = customers

    @cached_property
    def rows(self) -> npt.NDArray[np.int32]:
        """The customer's position, for each pair."""
        return self.table["row"].to_numpy()

    @cached_property
    def key_codes(self) -> Codes:
        """The place in `keys`, for each pair."""
        return np.asarray(self.table["key"].cat.codes)

    @cached_property
    def value_codes(self) -> Codes:
        """The place in `values`, for each pair."""
        return np.asarray(self.table["value"].cat.codes)

    @cached_property
    def keys(self) -> pd.Index[str]:
        """The different keys. A key that no customer has any more may still be among them."""
        keys: pd.Index[str] = self.table["key"].cat.categories
        return keys

    @cached_property
    def values(self) -> pd.Index[str]:
        """The different values of all keys together."""
        values: pd.Index[str] = self.table["value"].cat.categories
        return values

    @cached_property
    def key_ranks(self) -> Codes:
        """Each key's place in alphabetical order."""
        return np.argsort(np.argsort(self.keys))

    @cached_property
    def value_ranks(self) -> Codes:
        """Each value's place in alphabetical order."""
        return np.argsort(np.argsort(self.values))

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Where each customer's pairs start; one entry more than customers."""
        counts = np.bincount(self.rows, minlength=self._customers)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def of_customers(self, positions: npt.NDArray[np.int64]) -> list[dict[str, str]]:
        """The metadata of the customers at these positions, in their order."""
        counts = self.offsets[positions + 1] - self.offsets[positions]
        places = runs(self.offsets[positions], counts)
        keys, values = self.keys[self.key_codes[places]].tolist(), self.values[self.value_codes[places]].tolist()
        pairs = zip(keys, values, strict=True)
        return [dict(itertools.islice(pairs, count)) for count in counts.tolist()]

    def of_key(self, key: str) -> tuple[npt.NDArray[np.int32], Codes]:
        """The positions of the customers that have `key`, ascending, and the codes of its values there."""
        code = self.keys.get_indexer(pd.Index([key]))[0]
        if code < 0:
            return self.rows[:0], self.value_codes[:0]
        order, starts = self._by_key
        pairs = order[starts[code] : starts[code + 1]]
        return self.rows[pairs], self.value_codes[pairs]

    @cached_property
    def key_counts(self) -> npt.NDArray[np.int64]:
        """How many customers have each key."""
        return np.bincount(self.key_codes, minlength=len(self.keys))

    @cached_property
    def _by_key(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        order = np.argsort(self.key_codes, kind="stable").astype(np.int32)
        return order, np.concatenate([[0], np.cumsum(self.key_counts)]).astype(np.int64)

    def warm(self) -> None:
        """Sorts the pairs by key and the words by name now, so that the first facet and record do not wait for it."""
        _ = self._by_key, self.key_ranks, self.value_ranks, self.offsets
