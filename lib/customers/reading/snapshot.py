"""The snapshot: a finished load as one file, which `lib/customers/reading/shelf.py` keeps in the data folder.

Its first line is JSON (`_Manifest`); an Arrow stream with one row a customer follows, its metadata as a list in each row. It
holds what the API sent, never a key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, ValidationError

from lib.avara.models import CUSTOMER_ID_PATTERN, LARGEST_COUNT, RecordProblem, UtcDatetime
from lib.customers.columns import CREATED_BY
from lib.customers.frame import CustomerFrame
from lib.customers.text import arrow_strings
from lib.errors import SnapshotUnusable

VERSION: Final = 1
#: Arrow reads without copying where its data begins at a multiple of this.
_ALIGNED = 64

_STR: Final = pd.StringDtype("pyarrow", na_value=np.nan)
_WORD = pa.dictionary(pa.int32(), pa.large_string())
_ROWS = pa.schema(
    [
        pa.field("id", pa.large_string(), nullable=False),
        pa.field("name", pa.large_string(), nullable=False),
        pa.field("is_active", pa.bool_(), nullable=False),
        pa.field("user_count", pa.int64(), nullable=False),
        pa.field("created_at", pa.timestamp("us", "UTC")),
        pa.field("updated_at", pa.timestamp("us", "UTC")),
        pa.field("created_by", pa.dictionary(pa.int8(), pa.large_string()), nullable=False),
        pa.field("created_by_user_id", pa.large_string()),
        pa.field("created_by_api_key_id", pa.large_string()),
    ]
)
_PAIR = pa.struct([pa.field("key", _WORD, nullable=False), pa.field("value", _WORD, nullable=False)])
_METADATA = pa.field("metadata", pa.large_list(pa.field("item", _PAIR, nullable=False)), nullable=False)
_SCHEMA = _ROWS.append(_METADATA)
_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The customers of a finished load, the first of the records that were left out of it, and when it was read (UTC)."""

    frame: CustomerFrame
    problems: tuple[RecordProblem, ...]
    started_at: datetime
    finished_at: datetime
    #: How many records were left out, where that is more than those.
    problem_count: int = 0


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["express-ops customers"] = "express-ops customers"
    version: Literal[1] = VERSION
    fingerprint: str
    started_at: UtcDatetime
    finished_at: UtcDatetime
    customers: int
    pairs: int
    problems: tuple[RecordProblem, ...] = ()
    problem_count: int = 0
    #: SHA-256 of this manifest without this field, and of the data behind it.
    sha256: str = ""

    def digest(self, data: pa.Buffer | memoryview) -> str:
        found = hashlib.sha256(self.model_dump_json(exclude={"sha256"}).encode())
        found.update(data)
        return found.hexdigest()


def to_bytes(snapshot: Snapshot, fingerprint: str, *, packed: bool = False) -> tuple[bytes, memoryview]:
    """The two parts of its file under the key of this fingerprint. A `packed` one is smaller, and takes longer to open."""
    data = _data(snapshot.frame, packed=packed)
    manifest = _Manifest(
        fingerprint=fingerprint,
        started_at=snapshot.started_at,
        finished_at=snapshot.finished_at,
        customers=len(snapshot.frame),
        pairs=len(snapshot.frame.metadata),
        problems=tuple(_as_text(problem) for problem in snapshot.problems),
        problem_count=snapshot.problem_count,
    )
    return _first_line(manifest.model_copy(update={"sha256": manifest.digest(data)})), memoryview(data)


def from_bytes(content: bytes | bytearray, fingerprint: str) -> Snapshot:
    """The snapshot that `to_bytes` was given. Raises SnapshotUnusable with what is wrong: "its file is damaged"."""
    manifest, data = _opened(content, fingerprint)
    try:
        with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
            frame = _frame(reader.read_all(), manifest)
    except (pa.ArrowException, OSError, EOFError, ValueError, IndexError) as exc:
        raise SnapshotUnusable("its records break the rules") from exc
    return Snapshot(frame, manifest.problems, manifest.started_at, manifest.finished_at, manifest.problem_count)


def _as_text(problem: RecordProblem) -> RecordProblem:
    """The problem without half characters, which JSON may hold and a file can't."""
    return replace(problem, **{name: text.encode(errors="replace").decode() for name, text in vars(problem).items() if text})


def _first_line(manifest: _Manifest) -> bytes:
    text = manifest.model_dump_json().encode()
    return text + b" " * (-(len(text) + 1) % _ALIGNED) + b"\n"


def _opened(content: bytes | bytearray, fingerprint: str) -> tuple[_Manifest, memoryview]:
    """The manifest and the data behind it. Raises SnapshotUnusable unless they belong together and to this key."""
    end = max(content.find(b"\n"), 0)
    try:
        manifest = _Manifest.model_validate_json(content[:end])
    except ValidationError as exc:
        other = any(error["loc"] == ("version",) for error in exc.errors())
        why = "it was kept by another version of Express Ops" if other else "its file is damaged"
        raise SnapshotUnusable(why) from None
    if manifest.fingerprint != fingerprint:
        raise SnapshotUnusable("it belongs to another key")
    data = memoryview(content)[end + 1 :]
    if manifest.digest(data) != manifest.sha256:
        raise SnapshotUnusable("its file is damaged")
    return manifest, data


def _data(frame: CustomerFrame, *, packed: bool = False) -> pa.Buffer:
    """The frame as an Arrow stream of one batch."""
    pairs = frame.pairs
    words = [
        pa.DictionaryArray.from_arrays(np.asarray(codes, dtype=np.int32), arrow_strings(known))
        for codes, known in ((pairs.key_codes, pairs.keys), (pairs.value_codes, pairs.values))
    ]
    lists = pa.LargeListArray.from_arrays(
        pairs.offsets, pa.StructArray.from_arrays(words, fields=list(_PAIR)), type=_METADATA.type
    )
    rows = pa.Table.from_pandas(frame.rows, schema=_ROWS, preserve_index=False)
    table = rows.append_column(_METADATA, lists).combine_chunks()
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd" if packed else None)
    with pa.ipc.new_stream(sink, _SCHEMA, options=options) as writer:
        writer.write_table(table, max_chunksize=max(1, len(table)))
    return sink.getvalue()


def _frame(table: pa.Table, manifest: _Manifest) -> CustomerFrame:
    """The frame that `_data` was given. Raises ValueError or an Arrow error where the table can't be one."""
    if not table.schema.equals(_SCHEMA):
        raise ValueError("other columns")
    table.validate(full=True)
    table = table.combine_chunks()
    lists = table["metadata"].chunk(0) if len(table) else pa.array([], _METADATA.type)
    pairs = lists.flatten()
    if (len(table), len(pairs)) != (manifest.customers, manifest.pairs):
        raise ValueError("another number of customers or metadata")
    _check(table)
    counts = np.diff(lists.offsets.to_numpy())
    metadata = pd.DataFrame(
        {
            "row": np.repeat(np.arange(len(table), dtype=np.int32), counts),
            "key": _category(pairs.field("key")),
            "value": _category(pairs.field("value")),
        },
        copy=False,
    )
    return CustomerFrame.of(_rows(table.select(_ROWS.names)), metadata)


def _rows(table: pa.Table) -> pd.DataFrame:
    codes = _dictionary(table["created_by"]).indices.to_numpy()
    rows: pd.DataFrame = table.drop_columns("created_by").to_pandas(
        types_mapper={pa.large_string(): _STR}.get, split_blocks=True
    )
    maker = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(CREATED_BY)))
    rows.insert(_ROWS.get_field_index("created_by"), "created_by", pd.Series(maker))
    return rows


def _dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _category(words: pa.DictionaryArray) -> pd.Categorical:
    known = pd.Index(words.dictionary.to_pandas(types_mapper={pa.large_string(): _STR}.get))
    return pd.Categorical.from_codes(words.indices.to_numpy(zero_copy_only=False), categories=known)


def _check(table: pa.Table) -> None:
    """Raise ValueError unless every row is one that the rules of a record allow."""
    ids, users, keys = table["id"], table["user_count"], table["created_by_api_key_id"]
    makers = _dictionary(table["created_by"]).dictionary.to_pylist()
    sound = (
        all(table[field.name].null_count == 0 for field in _SCHEMA if not field.nullable)
        and (not len(table) or makers == list(CREATED_BY))
        and pc.all(pc.match_substring_regex(ids, CUSTOMER_ID_PATTERN), min_count=0).as_py()
        and len(pc.unique(ids)) == len(table)
        and pc.all(pc.and_(pc.greater_equal(users, 0), pc.less_equal(users, LARGEST_COUNT)), min_count=0).as_py()
        and pc.all(pc.match_substring_regex(keys, _UUID), min_count=0).as_py()
    )
    if not sound:
        raise ValueError("rows that no record may be")
