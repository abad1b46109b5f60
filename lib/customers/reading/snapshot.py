"""The snapshot: a finished load kept in the data folder, so that the next start has customers to show at once.

One file a key, `<home>/snapshots/<fingerprint>/customers.snapshot`, readable by its owner only. Its first line is JSON
(`_Manifest`); an Arrow stream with one row a customer follows, its metadata as a list in each row. Being one file, it is
replaced as a whole: of several processes that write at once the last one wins, and nobody ever reads a mix. It holds what the
API sent, never a key. It is not written again when a run changes customers: the journal has their records.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
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
from lib.errors import SnapshotNotKept, SnapshotUnusable

VERSION: Final = 1
_FILE = "customers.snapshot"
_PART = ".part"
#: Seconds after which a temporary file belongs to no writer any more.
_ABANDONED = 3600
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
    """The customers of a finished load, the records that were left out of it, and when it was read (UTC)."""

    frame: CustomerFrame
    problems: tuple[RecordProblem, ...]
    started_at: datetime
    finished_at: datetime


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
    #: SHA-256 of this manifest without this field, and of the data behind it.
    sha256: str = ""

    def digest(self, data: pa.Buffer | memoryview) -> str:
        found = hashlib.sha256(self.model_dump_json(exclude={"sha256"}).encode())
        found.update(data)
        return found.hexdigest()


class Shelf:
    """Where the snapshot of one account is kept. May be used from any thread, and by several processes at once.

    Each key writes its own; the newest is read that was kept under this key or under `others`, the account's other keys.
    """

    def __init__(self, folder: Path, fingerprint: str, *others: str) -> None:
        self._folder, self._fingerprint = folder / fingerprint, fingerprint
        self._readable = (self.file, *(folder / other / _FILE for other in others))

    @property
    def file(self) -> Path:
        return self._folder / _FILE

    def read(self) -> Snapshot | None:
        """The snapshot, or None where none is kept. Raises SnapshotUnusable, which says in words what is wrong with it."""
        try:
            kept = [file for file in self._readable if file.exists()]
            if not kept:
                return None
            newest = max(kept, key=lambda file: file.stat().st_mtime_ns)
            content = newest.read_bytes()
        except OSError as exc:
            raise SnapshotUnusable(_ignored(f"its file can't be read ({exc.strerror})")) from exc
        manifest, data = _opened(content, newest.parent.name)
        try:
            with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
                frame = _frame(reader.read_all(), manifest)
        except (pa.ArrowException, OSError, EOFError, ValueError, IndexError) as exc:
            raise SnapshotUnusable(_ignored("its records break the rules")) from exc
        return Snapshot(frame, manifest.problems, manifest.started_at, manifest.finished_at)

    def write(self, snapshot: Snapshot) -> None:
        """Keep `snapshot` in the place of the older one. Raises SnapshotNotKept; the older one is whole then."""
        data = _data(snapshot.frame)
        manifest = _Manifest(
            fingerprint=self._fingerprint,
            started_at=snapshot.started_at,
            finished_at=snapshot.finished_at,
            customers=len(snapshot.frame),
            pairs=len(snapshot.frame.metadata),
            problems=tuple(_as_text(problem) for problem in snapshot.problems),
        )
        manifest = manifest.model_copy(update={"sha256": manifest.digest(data)})
        try:
            self._replace(_first_line(manifest), data)
        except OSError as exc:
            raise SnapshotNotKept(
                f"The list could not be kept for the next start ({exc.strerror}). Check the data folder's disk and permissions."
            ) from exc

    def _replace(self, line: bytes, data: pa.Buffer) -> None:
        for folder in (self._folder.parent, self._folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tidy()
        handle, name = tempfile.mkstemp(suffix=_PART, dir=self._folder)  # for its owner only
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(line)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.file)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise

    def _tidy(self) -> None:
        """Remove what writers left that died; a file that another process is writing now is younger."""
        for part in self._folder.glob(f"*{_PART}"):
            with suppress(OSError):
                if part.stat().st_mtime < time.time() - _ABANDONED:
                    part.unlink()


def kept_customers(folder: Path, keys: Collection[str], most: int) -> tuple[tuple[str, str], ...]:
    """Id and name of up to `most` customers, from all over the newest list kept under these keys; none where none is usable."""
    with suppress(SnapshotUnusable):
        if found := Shelf(folder, *keys).read():
            rows = found.frame.rows
            some = rows.iloc[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
            return tuple(zip(some["id"], some["name"], strict=True))
    return ()


def forget(folder: Path, *, unused_for: timedelta | None = None, but: str = "") -> None:
    """Remove the lists kept under any key, as far as the disk allows.

    With `unused_for` only those that nobody has kept anew for so long; never that of the key `but` (a fingerprint).
    """
    since = math.inf if unused_for is None else time.time() - unused_for.total_seconds()
    for file in [*folder.glob(f"*/{_FILE}"), *folder.glob(f"*/*{_PART}")]:
        with suppress(OSError):
            if file.parent.name != but and file.stat().st_mtime < since:
                file.unlink()
                file.parent.rmdir()


def _ignored(why: str) -> str:
    return f"The kept list could not be used: {why}. All customers are read anew."


def _as_text(problem: RecordProblem) -> RecordProblem:
    """The problem without half characters, which JSON may hold and a file can't."""
    return replace(problem, **{name: text.encode(errors="replace").decode() for name, text in vars(problem).items() if text})


def _first_line(manifest: _Manifest) -> bytes:
    text = manifest.model_dump_json().encode()
    return text + b" " * (-(len(text) + 1) % _ALIGNED) + b"\n"


def _opened(content: bytes, fingerprint: str) -> tuple[_Manifest, memoryview]:
    """The manifest and the data behind it. Raises SnapshotUnusable unless they belong together and to this key."""
    end = max(content.find(b"\n"), 0)
    try:
        manifest = _Manifest.model_validate_json(content[:end])
    except ValidationError as exc:
        other = any(error["loc"] == ("version",) for error in exc.errors())
        why = "it was kept by another version of Express Ops" if other else "its file is damaged"
        raise SnapshotUnusable(_ignored(why)) from None
    if manifest.fingerprint != fingerprint:
        raise SnapshotUnusable(_ignored("it belongs to another key"))
    data = memoryview(content)[end + 1 :]
    if manifest.digest(data) != manifest.sha256:
        raise SnapshotUnusable(_ignored("its file is damaged"))
    return manifest, data


def _data(frame: CustomerFrame) -> pa.Buffer:
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
    with pa.ipc.new_stream(sink, _SCHEMA) as writer:
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
