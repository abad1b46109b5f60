"""What narrows the table: a filter as a value, which customers match it, and the filter in words and in the URL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lib.avara.text import count, one_line
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.customers.text import words

Maker = Literal["user", "api_key", "unknown"]
Mask = npt.NDArray[np.bool_]

_MAKERS = {"user": "a dashboard user", "api_key": "an API key", "unknown": "someone unknown"}
_LONGEST_CHIP, _LONGEST_DESCRIPTION = 60, 2_000


class Filter(BaseModel):
    """Every condition must hold; `Filter()` matches all customers. Days are UTC days and count with both ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Each word must occur in the name, the id or the metadata (keys and values), without case and accents.
    text: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
    status: Literal["all", "active", "inactive"] = "all"
    users_min: Annotated[int, Field(ge=0)] | None = None
    users_max: Annotated[int, Field(ge=0)] | None = None
    #: Last update at least so many days ago. A customer whose last update is unknown never matches (see `Matching`).
    not_updated_days: Annotated[int, Field(ge=1, le=100_000)] | None = None
    #: For that an update by a run of ours counts as none: what counts is the one before.
    ignore_our_runs: bool = False
    created_from: date | None = None
    created_to: date | None = None
    #: Instead of those who match: whoever is left out only because a time is unknown. Where nothing asks for a time: whose is.
    time_unknown: bool = False
    #: Any of these; empty: whoever made it.
    created_by: tuple[Maker, ...] = ()
    #: The customer has the key with any of the values; without values: has the key at all.
    metadata: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: The customer has none of these keys.
    metadata_absent: tuple[str, ...] = ()
    #: These alone, by id, as a bar of a chart or a rule set had them, and what they are in a few words; None: anybody.
    among: tuple[str, ...] | None = None
    among_is: str = ""


@dataclass(frozen=True, eq=False)
class Matching:
    """Who matches a filter: `positions` in the frame's order. `unknown_times` counts the customers that are left out only
    because the time that a condition asks for is unknown.
    """

    positions: Positions
    unknown_times: int


@dataclass(frozen=True)
class Chip:
    """One active condition in words (text from outside: escape it), and the filter without it."""

    field: str
    label: str
    without: Filter


def matching(frame: CustomerFrame, flt: Filter, now: datetime) -> Matching:
    """Who matches. `now` is what days are counted back from."""
    may_match = _match_certain(frame, flt)
    in_doubt = np.zeros(len(frame), dtype=np.bool_)
    for passes, unknown in _match_times(frame, flt, now):
        # An unknown time passes no condition, so those in doubt are exactly the ones that may match and don't.
        may_match &= passes | unknown
        in_doubt |= unknown
    doubtful = may_match & in_doubt
    if flt.time_unknown:
        return Matching(np.flatnonzero(doubtful), 0)
    return Matching(np.flatnonzero(may_match & ~in_doubt), int(np.count_nonzero(doubtful)))


def apply(frame: CustomerFrame, flt: Filter, now: datetime) -> Positions:
    """The positions of the customers that match, in the frame's order."""
    return matching(frame, flt, now).positions


def users_of(frame: CustomerFrame, positions: Positions) -> int:
    """How many users the customers at these positions have together."""
    return int(frame.rows["user_count"].to_numpy()[positions].sum())


def chips(flt: Filter) -> tuple[Chip, ...]:
    """The active conditions, in the order of the fields. Bounds of one range are one chip, each metadata key has its own."""
    return tuple(
        Chip(field, one_line(label, _LONGEST_CHIP), flt.model_copy(update=cleared))
        for field, label, cleared in _conditions(flt)
    )


def describe(flt: Filter) -> str:
    """The filter in one line, for a plan and its receipt: "active · no users · not updated for 365 days"."""
    return one_line(" · ".join(label for _, label, _ in _conditions(flt)), _LONGEST_DESCRIPTION) or "all customers"


def _match_certain(frame: CustomerFrame, flt: Filter) -> Mask:
    """Every condition but those on times."""
    rows = frame.rows
    matches = np.ones(len(frame), dtype=np.bool_)
    if flt.status != "all":
        matches &= rows["is_active"].to_numpy() == (flt.status == "active")
    if flt.users_min is not None:
        matches &= rows["user_count"].to_numpy() >= flt.users_min
    if flt.users_max is not None:
        matches &= rows["user_count"].to_numpy() <= flt.users_max
    if flt.created_by:
        matches &= rows["created_by"].isin(flt.created_by).to_numpy()
    for key, values in flt.metadata:
        matches &= _has(frame, key, values)
    for key in flt.metadata_absent:
        matches &= ~_has(frame, key, ())
    for word in words(flt.text):
        matches &= frame.text.mask(word)
    if flt.among is not None:
        matches &= frame.among(frame.positions(flt.among))
    return matches


def _match_times(frame: CustomerFrame, flt: Filter, now: datetime) -> list[tuple[Mask, Mask]]:
    """For each condition on a time: who passes, and whose time is unknown."""
    created = frame.times["created_at"]
    updated = frame.updated_before_ours if flt.ignore_our_runs else frame.times["updated_at"]
    found = []
    if flt.not_updated_days is not None:
        found.append((updated <= now - timedelta(days=flt.not_updated_days), updated.isna()))
    if flt.created_from is not None:
        found.append((created >= datetime.combine(flt.created_from, time.min, UTC), created.isna()))
    if flt.created_to is not None:
        found.append((created <= datetime.combine(flt.created_to, time.max, UTC), created.isna()))
    if flt.time_unknown and not found:
        unknown = created.isna() | updated.isna()
        found.append((~unknown, unknown))
    return [(passes.to_numpy(), unknown.to_numpy()) for passes, unknown in found]


def _has(frame: CustomerFrame, key: str, values: tuple[str, ...]) -> Mask:
    rows, codes = frame.pairs.of_key(key)
    if values:
        rows = rows[np.isin(codes, frame.pairs.values.get_indexer(pd.Index(values)))]
    matches = np.zeros(len(frame), dtype=np.bool_)
    matches[rows] = True
    return matches


def _conditions(flt: Filter) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Field, words, and the fields that switch the condition off."""
    if flt.among is not None:
        told = f"{flt.among_is}: " if flt.among_is else "among "
        yield "among", f"{told}{count(len(flt.among), 'customer')}", {"among": None, "among_is": ""}
    if flt.text:
        yield "text", f"text “{flt.text}”", {"text": ""}
    if flt.status != "all":
        yield "status", flt.status, {"status": "all"}
    if flt.users_min is not None or flt.users_max is not None:
        yield "users", _users_in_words(flt.users_min, flt.users_max), {"users_min": None, "users_max": None}
    yield from _conditions_on_times(flt)
    if flt.created_by:
        makers = " or ".join(_MAKERS[maker] for maker in flt.created_by)
        yield "created_by", f"created by {makers}", {"created_by": ()}
    for entry in flt.metadata:
        key, values = entry
        label = f"{key} is {' or '.join(values)}" if values else f"has {key}"
        yield f"metadata:{key}", label, {"metadata": tuple(other for other in flt.metadata if other != entry)}
    for key in flt.metadata_absent:
        without = tuple(other for other in flt.metadata_absent if other != key)
        yield f"metadata_absent:{key}", f"has no {key}", {"metadata_absent": without}


def _conditions_on_times(flt: Filter) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if flt.not_updated_days is not None:
        but = ", our own runs aside" if flt.ignore_our_runs else ""
        cleared = {"not_updated_days": None, "ignore_our_runs": False}
        yield "not_updated_days", f"not updated for {count(flt.not_updated_days, 'day')}{but}", cleared
    if flt.created_from is not None or flt.created_to is not None:
        yield "created", _created_in_words(flt.created_from, flt.created_to), {"created_from": None, "created_to": None}
    if flt.time_unknown:
        yield "time_unknown", "a date is unknown", {"time_unknown": False}


def _users_in_words(low: int | None, high: int | None) -> str:
    if high == 0:
        return "no users"
    if high is None:
        return f"{count(low or 0, 'user')} or more"
    if not low:
        return f"at most {count(high, 'user')}"
    return count(low, "user") if low == high else f"{low:,} to {count(high, 'user')}"


def _created_in_words(first: date | None, last: date | None) -> str:
    if last is None:
        return f"created from {first}"
    if first is None:
        return f"created until {last}"
    return f"created on {first}" if first == last else f"created {first} to {last}"
