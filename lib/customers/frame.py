"""All customers of one load as columns: what filters, sorts, facets, exports and the table read.

`rows` has one row a customer, in the API's order, with a RangeIndex and exactly these columns:

| column                  | dtype                    | where the API gives none       |
|-------------------------|--------------------------|--------------------------------|
| `id`                    | str                      | never                          |
| `name`                  | str                      | never                          |
| `is_active`             | bool                     | never                          |
| `user_count`            | int64                    | never                          |
| `created_at`            | datetime64[us, UTC]      | NaT: unknown; see `times`      |
| `updated_at`            | datetime64[us, UTC]      | NaT: unknown; see `times`      |
| `created_by`            | category of `CREATED_BY` | "unknown"                      |
| `created_by_user_id`    | str                      | NaN                            |
| `created_by_api_key_id` | str                      | NaN                            |

`metadata` is a long table beside it (metadata.py). Every page and thread shares a frame: it is never changed in place, a
change makes a new one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.avara.batch import CustomerBatch
from lib.avara.models import Customer, id_key
from lib.avara.times import possible
from lib.customers.columns import Columns
from lib.customers.idindex import IdIndex, Positions
from lib.customers.metadata import MetadataIndex, replaced_pairs
from lib.customers.ours import Ours, OwnUpdate
from lib.customers.search import SearchText

#: Frames are numbered as they are made, so that a cache can tell an older one from a newer one.
_VERSIONS = itertools.count(1)


@dataclass(frozen=True, eq=False)
class CustomerFrame:
    """Every customer of a load. `pairs`, `index` and `text` look things up in it; what they prepare is kept and shared."""

    rows: pd.DataFrame
    pairs: MetadataIndex
    index: IdIndex
    text: SearchText
    #: Sort ranks by column, filled by sorting.py on first use.
    ranks: dict[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    #: All positions in order, by column and direction, filled by sorting.py likewise.
    orders: dict[tuple[str, bool], Positions] = field(default_factory=dict)
    #: Updates by runs of ours; whose record was updated since by somebody else may still be here (see `own_update`).
    ours: Ours = field(default_factory=dict)
    version: int = field(default_factory=lambda: next(_VERSIONS))
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, rows: pd.DataFrame, metadata: pd.DataFrame) -> CustomerFrame:
        """A frame of finished tables. Their columns must be as described above, the ids different."""
        pairs = MetadataIndex(metadata, len(rows))
        return cls(rows, pairs, IdIndex(rows["id"]), SearchText(rows["id"], rows["name"], pairs))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def metadata(self) -> pd.DataFrame:
        """The long table of all metadata: `row`, `key`, `value`."""
        return self.pairs.table

    @cached_property
    def times(self) -> pd.DataFrame:
        """`created_at` and `updated_at`, with NaT also where the time can't be a fact: what filters, sorts and words go by."""
        return pd.DataFrame({name: self._possible(self.rows[name]) for name in ("created_at", "updated_at")})

    def _possible(self, column: pd.Series[Any]) -> pd.Series[Any]:
        first, last = possible(self.made_at)
        return column.where((column >= first) & (column <= last))

    def known(self, ids: Iterable[str]) -> npt.NDArray[np.bool_]:
        """For each id: is it in the frame?"""
        return self.index.find(ids) >= 0

    def positions(self, ids: Iterable[str]) -> Positions:
        """The positions of these ids, in their order. Ids that the frame lacks are left out (`known` tells which)."""
        found = self.index.find(ids)
        return found[found >= 0]

    def ids(self, positions: npt.ArrayLike) -> tuple[str, ...]:
        """The ids at these positions, in their order."""
        return tuple(self.index.take(np.asarray(positions, dtype=np.int64)))

    def among(self, positions: Positions) -> npt.NDArray[np.bool_]:
        """For each row: is it at one of these positions?"""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[positions] = True
        return mask

    def record(self, customer_id: str) -> Customer | None:
        """The customer exactly as the API gave it, or None where the frame lacks the id."""
        return next(iter(self.records([customer_id])), None)

    def records(self, ids: Iterable[str]) -> list[Customer]:
        """The customers exactly as the API gave them, in the order of `ids`. Ids that the frame lacks are left out."""
        positions = self.positions(ids)
        columns = {str(name): _plain(column.take(positions)) for name, column in self.rows.items() if name != "created_by"}
        return [
            _customer(dict(zip(columns, cells, strict=True)), metadata)
            for cells, metadata in zip(zip(*columns.values(), strict=True), self.pairs.of_customers(positions), strict=True)
        ]

    def metadata_column(self, key: str) -> pd.Series[str]:
        """One metadata key as a str column aligned with `rows`; NaN where a customer lacks the key."""
        rows, codes = self.pairs.of_key(key)
        places = np.full(len(self), -1, dtype=np.int64)
        places[rows] = codes
        return pd.Series(self.pairs.values.array.take(places, allow_fill=True), name=f"metadata.{key}")

    def own_update(self, customer_id: str) -> OwnUpdate | None:
        """The last update of this customer, if a run of ours made it."""
        own = self.ours.get(id_key(customer_id))
        if own is None:
            return None
        at = self.positions([customer_id])
        return own if len(at) and _plain(self.rows["updated_at"].take(at)) == [own.at] else None

    def by_us(self, record: Customer) -> str:
        """Which run of ours made the last update of this record, in words; empty where none did."""
        own = self.ours.get(id_key(record.id))
        return own.words if own is not None and own.at == record.updated_at else ""

    @cached_property
    def updated_before_ours(self) -> pd.Series[Any]:
        """`times` of the last update; where runs of ours made it, that of the one before them. Aligned with `rows`."""
        updated, own = self.rows["updated_at"], list(self.ours.values())
        at = self.index.find(self.ours)
        left, before = (
            pd.Series(times, dtype=updated.dtype)[at >= 0].array
            for times in ([one.at for one in own], [one.before for one in own])
        )
        at = at[at >= 0]
        held = updated.array[at]
        theirs = (held == left) | (pd.isna(held) & pd.isna(left))
        times = updated.array.copy()
        times[at[theirs]] = before[theirs]
        return self._possible(pd.Series(times))

    def with_ours(self, ours: Ours) -> CustomerFrame:
        """The same customers, with these updates by runs of ours."""
        return self if ours is self.ours else replace(self, ours=ours, version=next(_VERSIONS))

    def with_records(self, records: Iterable[Customer]) -> CustomerFrame:
        """A new frame with these records in place of the ones with the same id, where it has one that is no newer.

        Columns that stay as they were, and what was prepared from them, are shared with this frame. Of two records with one
        id the last counts.
        """
        given = {id_key(record.id): record for record in records}
        held = {id_key(record.id): record for record in self.records(given)}
        fresh = [record for key, record in given.items() if key in held and not _is_older(record, held[key])]
        return self._replaced(fresh) if fresh else self

    def _replaced(self, records: list[Customer]) -> CustomerFrame:
        changed = build(records)
        at = self.positions(changed.rows["id"])
        rows = {str(name): column for name, column in self.rows.items()}
        kept = {name for name, column in rows.items() if column.take(at).reset_index(drop=True).equals(changed.rows[name])}
        for name in rows.keys() - kept:
            values = rows[name].array.copy()
            values[at] = changed.rows[name].array
            rows[name] = pd.Series(values)
        same = self.pairs.of_customers(at) == [record.metadata for record in records]
        pairs = self.pairs if same else MetadataIndex(replaced_pairs(self.metadata, changed.metadata, at), len(self))
        text = self.text if same and {"id", "name"} <= kept else SearchText(rows["id"], rows["name"], pairs)
        # Sort ranks and orders of columns that stayed as they were stay right.
        ranks = {by: rank for by, rank in dict(self.ranks).items() if by in kept or (same and by.startswith("metadata:"))}
        orders = {key: order for key, order in dict(self.orders).items() if key[0] in ranks}
        index = self.index if "id" in kept else IdIndex(rows["id"])
        return CustomerFrame(pd.DataFrame(rows, copy=False), pairs, index, text, ranks, orders, self.ours)


class FrameBuilder:
    """Takes records page by page and gives the frame of what has come so far. Not safe for several threads at once."""

    def __init__(self) -> None:
        self._columns = Columns()
        self._ids: set[str] = set()
        self._again: list[Customer] = []

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, records: Iterable[Customer]) -> None:
        """Add records; a CustomerBatch goes into the columns as it is. One whose id came before waits for `frame`."""
        batch = records if isinstance(records, CustomerBatch) else CustomerBatch.of(records)
        if not self._took_all([id_key(customer_id) for customer_id in batch.id]):
            batch = self._without_known(batch)
            self._ids.update(map(id_key, batch.id))
        self._columns.append(batch)

    def _took_all(self, ids: Sequence[str]) -> bool:
        """Note these ids, if all are new and none comes twice; else nothing is noted."""
        if self._ids.isdisjoint(ids):
            known = len(self._ids)
            self._ids.update(ids)
            if len(self._ids) == known + len(ids):
                return True
            self._ids.difference_update(ids)
        return False

    def _without_known(self, batch: CustomerBatch) -> CustomerBatch:
        """The records whose ids are new; the others are put aside."""
        fresh: dict[str, Customer] = {}
        for record in batch:
            key = id_key(record.id)
            if key in self._ids or key in fresh:
                self._again.append(record)
            else:
                fresh[key] = record
        return CustomerBatch.of(fresh.values())

    def frame(self) -> CustomerFrame:
        """The customers so far, one row an id at the place where it came first.

        A customer that changed between two pages can come twice: the record with the newer `updated_at` counts, a known time
        before an unknown one, and of equal ones the record that came last.
        """
        frame = CustomerFrame.of(*self._columns.tables())
        newest: dict[str, Customer] = {}
        for record in self._again:
            key = id_key(record.id)
            held = newest.get(key) or frame.record(key)
            if held is None or _is_as_new(record, held):
                newest[key] = record
        return frame.with_records(newest.values()) if newest else frame


def build(records: Iterable[Customer]) -> CustomerFrame:
    """The frame of these records; ids that come twice are settled as FrameBuilder.frame says."""
    builder = FrameBuilder()
    builder.add(records)
    return builder.frame()


def _is_older(record: Customer, held: Customer) -> bool:
    return record.updated_at is not None and held.updated_at is not None and record.updated_at < held.updated_at


def _is_as_new(record: Customer, held: Customer) -> bool:
    if record.updated_at is None:
        return held.updated_at is None
    return held.updated_at is None or record.updated_at >= held.updated_at


def _plain(column: pd.Series[Any]) -> list[Any]:
    """The column's cells as the standard library's types, None where missing."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return [None if at is pd.NaT else at.to_pydatetime() for at in column]
    if isinstance(column.dtype, pd.StringDtype):
        return column.astype(object).where(column.notna(), None).tolist()
    return column.tolist()


def _customer(cells: dict[str, Any], metadata: dict[str, str]) -> Customer:
    # The cells were checked when the record was read, so nothing is checked again here.
    if cells["created_by_api_key_id"] is not None:
        cells["created_by_api_key_id"] = UUID(cells["created_by_api_key_id"])
    return Customer.model_construct(**cells, metadata=metadata)
