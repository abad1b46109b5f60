"""Files of the filtered table, in its order: CSV and Excel for people, JSON lines and Parquet for machines.

CSV and Excel have the API's field names as columns, then one column "metadata.<key>" for each metadata key asked for: those on
show, and at the end what else is known of each customer. No text in them is run as a formula. JSON lines and Parquet hold the
records exactly as the API gave them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.metadata import runs
from lib.customers.workbook import xlsx_bytes
from lib.spreadsheet import Cell, csv_bytes, timestamp

#: Our column -> the API's field, in the order of the files.
_FIELDS = {
    "id": "expressCustomerId",
    "name": "expressCustomerName",
    "is_active": "isActive",
    "user_count": "userCount",
    "created_at": "createdAt",
    "updated_at": "updatedAt",
    "created_by_user_id": "createdByUserId",
    "created_by_api_key_id": "createdByApiKeyId",
}
#: Rows turned into Python values at a time, so that a large export needs little memory beside its result.
_CHUNK = 5_000


@dataclass(frozen=True)
class More:
    """Columns besides the record's: their names, and what gives their cells for ids in their order."""

    names: Sequence[str] = ()
    cells: Callable[[Sequence[str]], Sequence[Sequence[Cell]]] = lambda ids: [()] * len(ids)


def to_csv(frame: CustomerFrame, positions: Positions, keys: Sequence[str], more: More = More()) -> bytes:
    """A CSV file of these customers in this order (see lib/spreadsheet.py for its form)."""
    return csv_bytes(_header(keys, more), _sheet_rows(frame, positions, keys, more))


def to_xlsx(frame: CustomerFrame, positions: Positions, keys: Sequence[str], more: More = More()) -> bytes:
    """An Excel workbook of these customers. Raises ExportTooLarge where a sheet can't hold them."""
    return xlsx_bytes(_header(keys, more), _sheet_rows(frame, positions, keys, more))


def to_jsonl(frame: CustomerFrame, positions: Positions) -> bytes:
    """One JSON object a line, with the API's field names and all fields; null where the API gave none."""
    out = io.StringIO()
    for cells, metadata in _records(frame, positions):
        record = {field: _json_value(cell) for field, cell in zip(_FIELDS.values(), cells, strict=True)}
        out.write(json.dumps({**record, "metadata": metadata}, ensure_ascii=False) + "\n")
    return out.getvalue().encode()


def to_parquet(frame: CustomerFrame, positions: Positions) -> bytes:
    """A Parquet file with the API's field names; times are timestamp[us, UTC], metadata is map<string, string>."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - few sessions make such a file, and each start would wait for it

    columns = {field: _arrow(frame.rows[name].take(positions)) for name, field in _FIELDS.items()}
    out = io.BytesIO()
    pq.write_table(pa.table({**columns, "metadata": _metadata_maps(frame, positions)}), out, compression="zstd")
    return out.getvalue()


def _header(keys: Sequence[str], more: More) -> list[str]:
    return [*_FIELDS.values(), "createdBy", *(f"metadata.{key}" for key in keys), *more.names]


def _sheet_rows(frame: CustomerFrame, positions: Positions, keys: Sequence[str], more: More) -> Iterator[list[Cell]]:
    makers, besides = frame.rows["created_by"].take(positions).tolist(), more.cells(frame.ids(positions))
    for (cells, metadata), maker, known in zip(_records(frame, positions), makers, besides, strict=True):
        yield [*cells, maker, *(metadata.get(key) for key in keys), *known]


def _records(frame: CustomerFrame, positions: Positions) -> Iterator[tuple[tuple[Any, ...], dict[str, str]]]:
    """For each customer its cells in the order of _FIELDS, None where there is none, and its metadata."""
    for start in range(0, len(positions), _CHUNK):
        part = positions[start : start + _CHUNK]
        columns = [_arrow(frame.rows[name].take(part)).to_pylist() for name in _FIELDS]
        maps = _metadata_maps(frame, part).to_pylist(maps_as_pydicts="strict")
        yield from zip(zip(*columns, strict=True), maps, strict=True)


def _json_value(cell: object) -> object:
    return timestamp(cell) if isinstance(cell, datetime) else cell


def _arrow(column: pd.Series[Any] | pd.Index[str]) -> pa.Array:
    values = pa.array(column)
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _metadata_maps(frame: CustomerFrame, positions: Positions) -> pa.MapArray:
    pairs = frame.pairs
    sizes = pairs.offsets[positions + 1] - pairs.offsets[positions]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    places = runs(pairs.offsets[positions], sizes)
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()),
        _arrow(pairs.keys[pairs.key_codes[places]]).cast(pa.string()),
        _arrow(pairs.values[pairs.value_codes[places]]).cast(pa.string()),
    )
