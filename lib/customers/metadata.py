"""The metadata of all customers as one long table, and where each customer's pairs and each key's customers are in it.

Table: `row` int32 (position of the customer, ascending), `key` category, `value` category; a customer's pairs are in the
API's order.
"""

from __future__ import annotations

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

    @property
    def keys(self) -> pd.Index[str]:
        """The different keys. A key that no customer has any more may still be among them."""
        keys: pd.Index[str] = self.table["key"].cat.categories
        return keys

    @property
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

    def of_customer(self, position: int) -> dict[str, str]:
        """One customer's metadata."""
        part = slice(self.offsets[position], self.offsets[position + 1])
        keys, values = self.keys[self.key_codes[part]], self.values[self.value_codes[part]]
        return dict(zip(keys.tolist(), values.tolist(), strict=True))

    def of_key(self, key: str) -> tuple[npt.NDArray[np.int32], Codes]:
        """The positions of the customers that have `key`, ascending, and the codes of its values there."""
        code = self.keys.get_indexer(pd.Index([key]))[0]
        if code < 0:
            return self.rows[:0], self.value_codes[:0]
        order, starts = self._by_key
        pairs = order[starts[code] : starts[code + 1]]
        return self.rows[pairs], self.value_codes[pairs]

    @cached_property
    def _by_key(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        order = np.argsort(self.key_codes, kind="stable").astype(np.int32)
        counts = np.bincount(self.key_codes, minlength=len(self.keys))
        return order, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
