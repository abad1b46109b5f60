"""What changed between two lists of customers: who is new, who is gone, and which fields of the others differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from lib.avara.models import Customer, id_key
from lib.avara.times import to_second
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions, id_keys
from lib.customers.metadata import MetadataIndex, runs
from lib.customers.text import arrow_strings

#: What the fields are called → the frame's columns. A changed record always has a new `updated_at` too: see `Changes.words`.
FIELDS: Final = {
    "status": ("is_active",),
    "users": ("user_count",),
    "name": ("name",),
    "metadata": (),
    "created": ("created_at", "created_by_user_id", "created_by_api_key_id"),
    "last update": ("updated_at",),
}
_TOUCHED = "last update"

Mask = npt.NDArray[np.bool_]


class Change(NamedTuple):
    """A change of one customer in words. `what` is "gone", "new", a field or "metadata: <key>"."""

    id: str
    name: str
    what: str
    before: str
    now: str


@dataclass(frozen=True, eq=False)
class Changes:
    """What is different in a newer list. `fields` has a name of FIELDS → the ids whose field changed, only where some did.

    `before` holds the gone and the changed as they were, `after` the new and the changed as they are; nobody else.
    """

    new: tuple[str, ...]
    gone: tuple[str, ...]
    fields: dict[str, frozenset[str]]
    before: CustomerFrame
    after: CustomerFrame

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.fields)

    @cached_property
    def changed(self) -> frozenset[str]:
        """Who is in both lists and not as before."""
        return frozenset().union(*self.fields.values())

    @cached_property
    def words(self) -> str:
        """For instance "2 new, 1 gone, 14 changed (users 9, metadata 4, only last update 1)"; empty where nothing changed.

        A time of update that is new beside another change says nothing of its own, so it counts only where it stands alone.
        """
        told = {field: ids for field, ids in self.fields.items() if field != _TOUCHED}
        counted = [f"{field} {len(ids):,}" for field, ids in told.items()]
        alone = len(self.changed) - len(frozenset().union(*told.values()))
        if alone:
            counted.append(f"only {_TOUCHED} {alone:,}")
        parts = [f"{len(self.new):,} new"] if self.new else []
        parts += [f"{len(self.gone):,} gone"] if self.gone else []
        parts += [f"{len(self.changed):,} changed ({', '.join(counted)})"] if self.fields else []
        return ", ".join(parts)

    def ids(self) -> tuple[str, ...]:
        """Everyone concerned: the gone, the new, the changed, each in its list's order."""
        changed = self.changed
        return (*self.gone, *self.new, *(id_ for id_ in self.after.rows["id"] if id_ in changed))

    def told(self, ids: Iterable[str]) -> Iterator[Change]:
        """Each change of these customers, in their order; who did not change is left out."""
        wanted = list(ids)
        before = {id_key(record.id): record for record in self.before.records(wanted)}
        after = {id_key(record.id): record for record in self.after.records(wanted)}
        for id_ in wanted:
            old, new = before.get(id_key(id_)), after.get(id_key(id_))
            if record := new or old:
                yield from (Change(id_, record.name, *told) for told in _told(old, new))


def changes(old: CustomerFrame, new: CustomerFrame) -> Changes:
    """What is different in `new`. Customers are told apart by their ids; the order of customers or metadata is no change."""
    places = _places(old, new)
    old_at: Positions = np.flatnonzero(places >= 0)
    new_at = places[old_at]
    fresh = np.ones(len(new), dtype=np.bool_)
    fresh[new_at] = False
    masks = {field: _differs(old, new, old_at, new_at, columns) for field, columns in FIELDS.items()}
    masks["metadata"] = _metadata_differs(old.pairs, new.pairs, old_at, new_at)
    changed = np.logical_or.reduce(list(masks.values()))
    gone, added = np.flatnonzero(places < 0), np.flatnonzero(fresh)
    return Changes(
        new=new.ids(added),
        gone=old.ids(gone),
        fields={field: frozenset(new.ids(new_at[mask])) for field, mask in masks.items() if mask.any()},
        before=_part(old, np.sort(np.concatenate([gone, old_at[changed]]))),
        after=_part(new, np.sort(np.concatenate([added, new_at[changed]]))),
    )


def _places(old: CustomerFrame, new: CustomerFrame) -> Positions:
    """For each customer of `old` its position in `new`, -1 where it is not there."""
    found = pc.index_in(arrow_strings(id_keys(old.rows["id"])), arrow_strings(id_keys(new.rows["id"])))
    places: Positions = found.fill_null(-1).to_numpy().astype(np.int64)
    return places


def _differs(old: CustomerFrame, new: CustomerFrame, old_at: Positions, new_at: Positions, columns: tuple[str, ...]) -> Mask:
    """For each pair of positions: is one of these columns different? Unknown and unknown are the same."""
    found = np.zeros(len(old_at), dtype=np.bool_)
    for column in columns:
        was = old.rows[column].take(old_at).reset_index(drop=True)
        now = new.rows[column].take(new_at).reset_index(drop=True)
        found |= ((was != now) & ~(was.isna() & now.isna())).to_numpy(dtype=np.bool_)
    return found


def _metadata_differs(old: MetadataIndex, new: MetadataIndex, old_at: Positions, new_at: Positions) -> Mask:
    """For each pair of positions: is the metadata different, whatever its order?"""
    was, now = np.diff(old.offsets)[old_at], np.diff(new.offsets)[new_at]
    found: Mask = was != now
    same = np.flatnonzero(~found)
    counts = now[same]
    owner = np.repeat(same, counts)
    left = runs(old.offsets[old_at[same]], counts)
    right = runs(new.offsets[new_at[same]], counts)
    # The older list's words as the newer one numbers them: -1, which is no number there, for a word that it lacks.
    keys, values = (
        new.keys.get_indexer(old.keys)[old.key_codes[left]],
        new.values.get_indexer(old.values)[old.value_codes[left]],
    )
    new_keys, new_values = new.key_codes[right], new.value_codes[right]
    moved = np.zeros(len(old_at), dtype=np.bool_)
    moved[owner[(keys != new_keys) | (values != new_values)]] = True
    # Those few are compared once more, sorted: a pair that only stands elsewhere is no change.
    among = moved[owner]
    owner, keys, values = owner[among], keys[among], values[among]
    new_keys, new_values = new_keys[among], new_values[among]
    ours, theirs = np.lexsort((values, keys, owner)), np.lexsort((new_values, new_keys, owner))
    found[owner[(keys[ours] != new_keys[theirs]) | (values[ours] != new_values[theirs])]] = True
    return found


def _part(frame: CustomerFrame, positions: Positions) -> CustomerFrame:
    """A frame of only these customers, so that the whole older list need not be held."""
    pairs, counts = frame.pairs, np.diff(frame.pairs.offsets)[positions]
    table = frame.metadata.take(runs(pairs.offsets[positions], counts))
    words: dict[str, Any] = {name: pd.Series(table[name].array.remove_unused_categories()) for name in ("key", "value")}
    metadata = pd.DataFrame({"row": np.repeat(np.arange(len(positions), dtype=np.int32), counts), **words}, copy=False)
    return CustomerFrame.of(frame.rows.take(positions).reset_index(drop=True), metadata)


def _told(old: Customer | None, new: Customer | None) -> Iterator[tuple[str, str, str]]:
    """What, before, now: one for each field that differs, in the order of FIELDS."""
    if old is None or new is None:
        yield ("gone", _short(old), "") if new is None else ("new", "", _short(new))
        return
    was, now = _values(old), _values(new)
    missing = _Value(None, "not set", "not set")
    for what in dict.fromkeys([*was, *now]):
        before, after = was.get(what, missing), now.get(what, missing)
        if before.is_ != after.is_:
            alike = before.text == after.text
            yield what, before.exact if alike else before.text, after.exact if alike else after.text


class _Value(NamedTuple):
    """What a field is, how it is told, and how where the two would be told alike: by parts of a second, say."""

    is_: object
    text: str
    exact: str


def _values(record: Customer) -> dict[str, _Value]:
    user, api_key = record.created_by_user_id, record.created_by_api_key_id
    makers = {"user": user, "API key": api_key}
    return {
        "status": _same(_status(record)),
        "users": _same(f"{record.user_count:,}"),
        "name": _same(record.name),
        **{f"metadata: {key}": _same(value) for key, value in record.metadata.items()},
        "created": _time(record.created_at),
        "created by": _Value(
            (user, api_key),
            ", ".join(str(maker) for maker in makers.values() if maker) or "unknown",
            ", ".join(f"{kind} {maker}" for kind, maker in makers.items() if maker is not None) or "unknown",
        ),
        _TOUCHED: _time(record.updated_at),
    }


def _same(text: str) -> _Value:
    return _Value(text, text, text)


def _short(record: Customer | None) -> str:
    return f"{_status(record)}, {record.user_count:,} users" if record else ""


def _status(record: Customer) -> str:
    return "active" if record.is_active else "inactive"


def _time(at: datetime | None) -> _Value:
    if at is None:
        return _Value(None, "unknown", "unknown")
    utc = at.astimezone(UTC)
    return _Value(at, to_second(at), utc.strftime("%Y-%m-%d %H:%M:%S.%f UTC"))
