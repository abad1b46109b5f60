"""From records to columns: the two tables of a customer frame (their columns are described in frame.py)."""

from __future__ import annotations

import itertools
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from lib.avara.batch import CustomerBatch

CREATED_BY: Final = ("user", "api_key", "unknown")

# Arrow's own allocator takes memory in pieces of megabytes: a load took a little longer, and a tenth more at its peak.
pa.set_memory_pool(pa.system_memory_pool())

_TIME = pa.timestamp("us", "UTC")
_SCHEMA = pa.schema(
    {
        "id": pa.large_string(),
        "name": pa.large_string(),
        "is_active": pa.bool_(),
        "user_count": pa.int64(),
        "created_at": _TIME,
        "updated_at": _TIME,
        "created_by_user_id": pa.large_string(),
        "created_by_api_key_id": pa.large_string(),
    }
)
_WORD = pa.dictionary(pa.int32(), pa.large_string())
_PAIRS = pa.schema({"row": pa.int32(), "key": pa.int32(), "value": _WORD})
_STR: Final = pd.StringDtype("pyarrow", na_value=np.nan)
_CREATED_BY: Final = pd.CategoricalDtype(list(CREATED_BY))
#: Customers that wait until they become columns together: page by page Arrow takes twice as long.
_TOGETHER: Final = 500


class Columns:
    """Records appended page by page, kept as Arrow batches; `tables` may be asked for at any time between two pages."""

    def __init__(self) -> None:
        self._rows = _SCHEMA.empty_table()
        self._batches: list[pa.RecordBatch] = []
        self._waiting: list[CustomerBatch] = []
        self._count = 0
        # One entry a pair: the customer's position, the key's number, the value. Keys are few, and the same ones come again and
        # again; values may be many, so each batch has a dictionary of its own until `tables`.
        self._keys = _Numbers()
        self._pairs = _PAIRS.empty_table()
        self._pair_batches: list[pa.RecordBatch] = []

    def __len__(self) -> int:
        return self._count

    def append(self, records: CustomerBatch) -> None:
        """Add records behind those that are there. Ids are not compared (FrameBuilder does that)."""
        if not records:
            return
        self._waiting.append(records)
        self._count += len(records)
        if sum(map(len, self._waiting)) >= _TOGETHER:
            self._convert()

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows and the metadata of everything appended so far. Later appends don't change what was returned."""
        self._convert()
        # Joining the batches once and keeping the result makes repeated calls during a load cheap.
        self._rows = pa.concat_tables([self._rows, pa.Table.from_batches(self._batches, _SCHEMA)]).combine_chunks()
        self._pairs = pa.concat_tables([self._pairs, pa.Table.from_batches(self._pair_batches, _PAIRS)]).combine_chunks()
        self._batches, self._pair_batches = [], []
        return _rows(self._rows), _metadata(self._pairs, list(self._keys))

    def _convert(self) -> None:
        if not self._waiting:
            return
        arrays = [pa.array(self._column(field.name), field.type) for field in _SCHEMA]
        self._batches.append(pa.record_batch(arrays, schema=_SCHEMA))
        metadata = list(itertools.chain.from_iterable(batch.metadata for batch in self._waiting))
        first = self._count - len(metadata)
        positions = np.arange(first, self._count, dtype=np.int32).repeat([len(pairs) for pairs in metadata])
        keys = np.fromiter(map(self._keys.__getitem__, itertools.chain.from_iterable(metadata)), np.int32, len(positions))
        values = pa.array(list(itertools.chain.from_iterable(map(dict.values, metadata))), _WORD)
        self._pair_batches.append(pa.record_batch([pa.array(positions), pa.array(keys), values], schema=_PAIRS))
        self._waiting = []

    def _column(self, name: str) -> list[Any] | np.ndarray[Any, Any]:
        parts = [getattr(batch, name) for batch in self._waiting]
        return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else list(itertools.chain.from_iterable(parts))


class _Numbers(dict[str, int]):
    """Numbers texts in the order in which they are first asked for."""

    def __missing__(self, text: str) -> int:
        return self.setdefault(text, len(self))


def _rows(table: pa.Table) -> pd.DataFrame:
    rows: pd.DataFrame = table.to_pandas(types_mapper={pa.large_string(): _STR}.get, split_blocks=True)
    by_user, by_key = rows["created_by_user_id"].notna(), rows["created_by_api_key_id"].notna()
    # Both can be there: then a dashboard user made it, since the API leaves the user empty where a key did.
    codes = np.where(by_user, 0, np.where(by_key, 1, 2)).astype(np.int8)
    rows.insert(6, "created_by", pd.Series(pd.Categorical.from_codes(codes, dtype=_CREATED_BY)))
    return rows


def _metadata(pairs: pa.Table, keys: list[str]) -> pd.DataFrame:
    key = pd.Categorical.from_codes(pairs["key"].to_numpy(), categories=pd.Index(keys, dtype=_STR))
    return pd.DataFrame({"row": pairs["row"].to_numpy(), "key": key, "value": _category(pairs["value"])}, copy=False)


def _category(column: pa.ChunkedArray) -> pd.Categorical:
    """Categories in the order in which they came first."""
    words = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    known = pd.Index(words.dictionary.to_pandas(types_mapper={pa.large_string(): _STR}.get))
    return pd.Categorical.from_codes(words.indices.to_numpy(), categories=known)
