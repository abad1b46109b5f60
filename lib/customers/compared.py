"""What changed between two lists as a table, one row a change, and which run of ours did it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from lib.avara.models import Customer, id_key
from lib.customers.changes import Changes
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import id_keys

#: What a row tells, in the order of the table. `last update` stands only where nothing else of the customer changed.
KINDS: Final = ("new", "gone", "activated", "deactivated", "users", "name", "metadata", "created", "last update")
#: The table's columns → what files call them.
COLUMNS: Final = {
    "id": "customer id",
    "name": "name",
    "what": "what",
    "key": "metadata key",
    "before": "before",
    "after": "after",
    "updated_at": "updated (UTC)",
    "run": "run",
    "by": "run by",
}
_NOT_SET: Final = "not set"
_Texts: TypeAlias = "pd.Series[str]"


@dataclass(frozen=True)
class Done:
    """What a run of ours left of a customer that it changed for certain, and who carried that run."""

    run_id: str
    by: str
    at: datetime
    record: Customer


@dataclass(frozen=True, eq=False)
class Compared:
    """Two lists side by side: `since` and `until` say when each had been read (UTC)."""

    since: datetime
    until: datetime
    changes: Changes
    done: Sequence[Done] = ()

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a change in the order of KINDS, with the columns of COLUMNS: texts, but for `updated_at`.

        `key` is empty but for metadata. `run` and `by` name the run of ours that made this very change; they are empty where
        somebody else did, or nobody can tell.
        """
        return _with_runs(_rows(self.changes), self.changes, self.done)


class Row(NamedTuple):
    """A row of the table as plain values."""

    id: str
    name: str
    what: str
    key: str
    before: str
    after: str
    updated_at: datetime | None
    run: str
    by: str


def rows_of(table: pd.DataFrame) -> Iterator[Row]:
    """The rows of a table of changes, or of a part of it."""
    times = [None if at is pd.NaT else at.to_pydatetime() for at in table["updated_at"]]
    columns = [times if name == "updated_at" else table[name].tolist() for name in COLUMNS]
    return map(Row._make, zip(*columns, strict=True))


def _rows(changes: Changes) -> pd.DataFrame:
    before, after = _by_key(changes.before), _by_key(changes.after)
    others = changes.fields.keys() - {"last update"}
    busy = frozenset[str]().union(*(changes.fields[name] for name in others))
    new, gone = after.loc[_keys(changes.new)], before.loc[_keys(changes.gone)]
    parts = [_part(new, "new", "", _short(new)), _part(gone, "gone", _short(gone), "")]
    for name, ids in changes.fields.items():
        if name == "metadata":
            parts.append(_metadata(changes, after))
            continue
        keys = _keys(ids - busy if name == "last update" else ids)
        was, now = before.loc[keys], after.loc[keys]
        what = np.where(now["is_active"], "activated", "deactivated") if name == "status" else name
        parts.append(_part(now, what, _WORDS[name](was), _WORDS[name](now)))
    table = pd.concat([part for part in parts if len(part)] or parts[:1])
    table["what"] = pd.Categorical(table["what"], categories=list(KINDS), ordered=True)
    return table.sort_values(["what", "name", "id"], kind="stable")


def _by_key(frame: CustomerFrame) -> pd.DataFrame:
    return frame.rows.set_index(pd.Index(id_keys(frame.rows["id"]), name="of"))


def _status(rows: pd.DataFrame) -> _Texts:
    return rows["is_active"].map({True: "active", False: "inactive"}).astype("str")


def _users(rows: pd.DataFrame) -> _Texts:
    return rows["user_count"].map("{:,}".format).astype("str")


def _short(rows: pd.DataFrame) -> _Texts:
    return _status(rows) + ", " + _users(rows) + " users"


def _time(column: pd.Series[Any]) -> _Texts:
    """Exact where a time has parts of a second: two times that differ never look alike."""
    texts = np.datetime_as_string(column.dt.tz_localize(None).to_numpy(), unit="us")
    whole = pd.Series(texts, index=column.index, dtype="str").str.replace("T", " ").str.replace(".000000", "")
    return (whole + " UTC").mask(column.isna(), "unknown")


def _created(rows: pd.DataFrame) -> _Texts:
    makers = (rows["created_by_user_id"].fillna("") + " " + rows["created_by_api_key_id"].fillna("")).str.strip()
    return _time(rows["created_at"]) + (" by " + makers).mask(makers == "", "")


_WORDS: Final[dict[str, Callable[[pd.DataFrame], _Texts]]] = {
    "status": _status,
    "users": _users,
    "name": lambda rows: rows["name"],
    "created": _created,
    "last update": lambda rows: _time(rows["updated_at"]),
}


def _part(some: pd.DataFrame, what: object, before: object, after: object, key: object = "") -> pd.DataFrame:
    """Rows of the table for these customers; each of the others is one text for all, or a text for each."""
    told = {"what": what, "key": key, "before": before, "after": after}
    return some[["id", "name", "updated_at"]].assign(**told)  # type: ignore[arg-type]  # a dict of what `assign` takes


def _metadata(changes: Changes, after: pd.DataFrame) -> pd.DataFrame:
    """A row for each key whose value came, went or changed."""
    ids = _keys(changes.fields["metadata"])
    sides = []
    for frame in (changes.before, changes.after):
        pairs = frame.metadata
        of = pd.Index(id_keys(frame.rows["id"])).take(pairs["row"].to_numpy())
        side = pd.DataFrame({"of": of, "key": pairs["key"].astype("str"), "value": pairs["value"].astype("str")})
        sides.append(side[side["of"].isin(ids)])
    found = sides[0].merge(sides[1], on=["of", "key"], how="outer", suffixes=("_before", "_after"))
    found = found[~(found["value_before"] == found["value_after"])]
    some = after.loc[found["of"]]
    was, now = (found[name].fillna(_NOT_SET).to_numpy() for name in ("value_before", "value_after"))
    return _part(some, "metadata", was, now, found["key"].to_numpy())


def _keys(ids: Iterable[str]) -> list[str]:
    return [id_key(id_) for id_ in ids]


def _with_runs(table: pd.DataFrame, changes: Changes, done: Sequence[Done]) -> pd.DataFrame:
    """A run changes whether a customer is active and when it was updated last: nothing else is ever its doing.

    It did so if its record after the call is the one of the newer list, or, where that was touched again since, says the same.
    """
    now = {id_key(record.id): record for record in changes.after.records(one.record.id for one in done)}
    made: dict[tuple[str, str], Done] = {}
    for one in sorted(done, key=lambda one: one.at):
        left, found = one.record, now.get(key := id_key(one.record.id))
        if found is not None and found.is_active == left.is_active:
            made[key, "activated" if left.is_active else "deactivated"] = one
        if found is not None and found.updated_at == left.updated_at is not None:
            made[key, "last update"] = one
    run, by = [""] * len(table), [""] * len(table)
    for at in np.flatnonzero(table.index.isin({key for key, _ in made})).tolist():
        if (mine := made.get((str(table.index[at]), str(table["what"].iat[at])))) is not None:
            run[at], by[at] = mine.run_id, mine.by
    return table.assign(run=run, by=by)[list(COLUMNS)].reset_index(drop=True)
