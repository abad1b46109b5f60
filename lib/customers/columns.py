"""From records to columns: the two tables of a customer frame (their columns are described in frame.py)."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from lib.avara.models import Customer

CREATED_BY: Final = ("user", "api_key", "unknown")

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
_STR: Final = pd.StringDtype("pyarrow", na_value=np.nan)
_CREATED_BY: Final = pd.CategoricalDtype(list(CREATED_BY))


class Columns:
    """Records appended page by page, kept as Arrow batches; `tables` may be asked for at any time between two pages."""

    def __init__(self) -> None:
        self._rows = _SCHEMA.empty_table()
        self._batches: list[pa.RecordBatch] = []
        self._count = 0
        # One entry a pair: the customer's position, and the places of key and value in the dictionaries below.
        self._pair_rows, self._pair_keys, self._pair_values = array("i"), array("i"), array("i")
        self._keys: dict[str, int] = {}
        self._values: dict[str, int] = {}

    def __len__(self) -> int:
        return self._count

    def append(self, records: Sequence[Customer]) -> None:
        """Add records behind those that are there. Ids are not compared (FrameBuilder does that)."""
        fields = [
            (
                record.id,
                record.name,
                record.is_active,
                record.user_count,
                record.created_at,
                record.updated_at,
                record.created_by_user_id,
                None if record.created_by_api_key_id is None else str(record.created_by_api_key_id),
            )
            for record in records
        ]
        if not fields:
            return
        arrays = [pa.array(column, kind.type) for column, kind in zip(zip(*fields, strict=True), _SCHEMA, strict=True)]
        self._batches.append(pa.record_batch(arrays, schema=_SCHEMA))
        for position, record in enumerate(records, start=self._count):
            for key, value in record.metadata.items():
                self._pair_rows.append(position)
                self._pair_keys.append(self._keys.setdefault(key, len(self._keys)))
                self._pair_values.append(self._values.setdefault(value, len(self._values)))
        self._count += len(records)

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows and the metadata of everything appended so far. Later appends don't change what was returned."""
        # Joining the batches once and keeping the result makes repeated calls during a load cheap.
        self._rows = pa.concat_tables([self._rows, pa.Table.from_batches(self._batches, _SCHEMA)]).combine_chunks()
        self._batches = []
        return _rows(self._rows), self._metadata()

    def _metadata(self) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "row": np.array(self._pair_rows, dtype=np.int32),
                "key": _category(np.array(self._pair_keys, dtype=np.int32), list(self._keys)),
                "value": _category(np.array(self._pair_values, dtype=np.int32), list(self._values)),
            },
            copy=False,
        )


def _rows(table: pa.Table) -> pd.DataFrame:
    rows: pd.DataFrame = table.to_pandas(types_mapper={pa.large_string(): _STR}.get, split_blocks=True)
    by_user, by_key = rows["created_by_user_id"].notna(), rows["created_by_api_key_id"].notna()
    # Both can be there: then a dashboard user made it, since the API leaves the user empty where a key did.
    codes = np.where(by_user, 0, np.where(by_key, 1, 2)).astype(np.int8)
    rows.insert(6, "created_by", pd.Series(pd.Categorical.from_codes(codes, dtype=_CREATED_BY)))
    return rows


def _category(codes: np.ndarray[tuple[int], np.dtype[np.int32]], categories: list[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, categories=pd.Index(categories, dtype=_STR))
