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
_DTYPES: Final = {pa.large_string(): _STR, _TIME: pd.DatetimeTZDtype("us", "UTC")}
_CREATED_BY: Final = pd.CategoricalDtype(list(CREATED_BY))
#: Customers that wait until they become columns together: page by page Arrow takes twice as long.
_TOGETHER: Final = 500


class Columns:
    """Records appended page by page, kept as Arrow arrays; `tables` may be asked for at any time between two pages."""

    def __init__(self) -> None:
        self._chunks: dict[str, list[pa.Array]] = {field.name: [] for field in (*_SCHEMA, *_PAIRS)}
        self._waiting: list[CustomerBatch] = []
        self._count = 0
        # Metadata has one entry a pair: the customer's position, the key's number, the value. Keys are few, and the same ones
        # come again and again; values may be many, so each chunk has a dictionary of its own until `tables`.
        self._keys = _Numbers()

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
        rows = pa.table([self._joined(field) for field in _SCHEMA], schema=_SCHEMA)
        return _rows(rows), _metadata(*(self._joined(field) for field in _PAIRS), keys=list(self._keys))

    def _joined(self, field: pa.Field) -> pa.Array:
        """The column in one piece, which stands for its chunks from now on: they are let go before the next one is joined."""
        chunks = self._chunks[field.name]
        joined = pa.concat_arrays(chunks) if chunks else pa.array([], field.type)
        self._chunks[field.name] = [joined]
        return joined

    def _convert(self) -> None:
        if not self._waiting:
            return
        for field in _SCHEMA:
            self._chunks[field.name].append(pa.array(self._column(field.name), field.type))
        metadata = list(itertools.chain.from_iterable(batch.metadata for batch in self._waiting))
        first = self._count - len(metadata)
        positions = np.arange(first, self._count, dtype=np.int32).repeat([len(pairs) for pairs in metadata])
        keys = np.fromiter(map(self._keys.__getitem__, itertools.chain.from_iterable(metadata)), np.int32, len(positions))
        values = pa.array(list(itertools.chain.from_iterable(map(dict.values, metadata))), _WORD)
        for name, column in zip(_PAIRS.names, (pa.array(positions), pa.array(keys), values), strict=True):
            self._chunks[name].append(column)
        self._waiting = []

    def _column(self, name: str) -> list[Any] | np.ndarray[Any, Any]:
        parts = [getattr(batch, name) for batch in self._waiting]
        return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else list(itertools.chain.from_iterable(parts))


class _Numbers(dict[str, int]):
    """Numbers texts in the order in which they are first asked for."""

    def __missing__(self, text: str) -> int:
        return self.setdefault(text, len(self))


def _rows(table: pa.Table) -> pd.DataFrame:
    by_user, by_key = (table[name].is_valid().to_numpy() for name in ("created_by_user_id", "created_by_api_key_id"))
    # Both can be there: then a dashboard user made it, since the API leaves the user empty where a key did.
    codes = np.where(by_user, 0, np.where(by_key, 1, 2)).astype(np.int8)
    rows: pd.DataFrame = table.to_pandas(types_mapper=_DTYPES.get, split_blocks=True)
    rows.insert(6, "created_by", pd.Series(pd.Categorical.from_codes(codes, dtype=_CREATED_BY, validate=False)))
    return rows


def _metadata(row: pa.Array, key: pa.Array, value: pa.DictionaryArray, *, keys: list[str]) -> pd.DataFrame:
    """The categories are in the order in which they came first."""
    key_names, values = pd.Index(keys, dtype=_STR), pd.Index(value.dictionary.to_pandas(types_mapper=_DTYPES.get))
    columns = {
        "row": row.to_numpy(),
        "key": pd.Categorical.from_codes(key.to_numpy(), categories=key_names, validate=False),
        "value": pd.Categorical.from_codes(value.indices.to_numpy(), categories=values, validate=False),
    }
    return pd.DataFrame(columns, copy=False)
