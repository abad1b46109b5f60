"""Customers counted in groups, for charts: how many there are of each, and who they are. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.customers.facets import facet_values
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions

#: The two series of a count.
STATUS, FOUND = ("Active", "Inactive"), ("Found", "Others")
_BANDS = ((30, "< 1 month"), (90, "1–3 months"), (180, "3–6 months"), (365, "6–12 months"), (730, "1–2 years"))
_USERS = ((1, "none"), (2, "1"), (6, "2–5"), (21, "6–20"), (101, "21–100"))
_MOST_USERS, _UNKNOWN = "> 100", "unknown"
#: So many values of a metadata key have a bar of their own.
_VALUES = 8

#: Bands of an age in days, in order; the last one has no end.
AGES = (*(label for _, label in _BANDS), "> 2 years")


@dataclass(frozen=True, eq=False)
class Counted:
    """Every customer of a frame in one group of `labels` and in one of two series.

    `places` has for each row of the frame the place of its group in `labels`; `first` says who is of the first series.
    """

    by: str
    labels: tuple[str, ...]
    places: npt.NDArray[np.int64]
    first: npt.NDArray[np.bool_]
    series: tuple[str, str] = STATUS

    @cached_property
    def table(self) -> pd.DataFrame:
        """Columns: what it is `by` (in order), Status, Customers."""
        return pd.DataFrame(
            {
                self.by: pd.Categorical(np.repeat(self.labels, 2), categories=self.labels, ordered=True),
                "Status": [*self.series] * len(self.labels),
                "Customers": np.bincount(2 * self.places + ~self.first, minlength=2 * len(self.labels)),
            }
        )

    def positions(self, label: str, series: str = "") -> Positions:
        """Who is in this group; without a series of either."""
        of_series = self.first == (series == self.series[0]) if series else True
        return np.flatnonzero((self.places == self.labels.index(label)) & of_series)

    def against(self, frame: CustomerFrame, found: Positions) -> Counted:
        """The same, with those at these positions and the others in the place of the active and the inactive."""
        return replace(self, first=frame.among(found), series=FOUND)


def by_age(frame: CustomerFrame, now: datetime) -> Counted:
    """Customers by time since their last update."""
    updated = frame.times["updated_at"].dt.tz_localize(None).to_numpy()
    unknown = np.isnat(updated)
    days = (np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us") - updated[~unknown]) // np.timedelta64(1, "D")
    bands = np.full(len(frame), len(AGES))
    bands[~unknown] = age_band(days)
    return _counted(frame, "Since update", (*AGES, _UNKNOWN), bands)


def age_band(days: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The place in AGES of ages in whole days."""
    return np.searchsorted([limit for limit, _ in _BANDS], days, side="right")


def by_year(frame: CustomerFrame) -> Counted:
    """Customers by the year (UTC) of their creation."""
    years, places = np.unique(frame.times["created_at"].dt.year.fillna(0).to_numpy(dtype=np.int64), return_inverse=True)
    # The unknown come last, as their bar does.
    labels = [*(str(year) for year in years if year), *([_UNKNOWN] if 0 in years else [])]
    return _counted(frame, "Year", labels, np.where(years[places] == 0, len(labels) - 1, places - (0 in years)))


def by_users(frame: CustomerFrame) -> Counted:
    """Customers by how many users they have."""
    bands = np.searchsorted([limit for limit, _ in _USERS], frame.rows["user_count"].to_numpy(), side="right")
    return _counted(frame, "Users", (*(label for _, label in _USERS), _MOST_USERS), bands)


def by_metadata(frame: CustomerFrame, key: str) -> Counted:
    """Customers by their value of a metadata key: the most common values, all others in one bar, then those without the key."""
    common = [value for value, _ in facet_values(frame, key, limit=_VALUES)]
    column = frame.metadata_column(key)
    places = pd.Index(common, dtype="str").get_indexer(pd.Index(column))
    places = np.where(column.isna(), len(common) + 1, np.where(places < 0, len(common), places))
    # A value may be spelled as these are.
    blank, other, none = (_distinct(label, common) for label in ("(blank)", "(other)", "(without)"))
    return _counted(frame, "Value", (*(value or blank for value in common), other, none), places)


def counted(frame: CustomerFrame, by: str, labels: Sequence[str], places: Sequence[int]) -> Counted:
    """Of places that were found elsewhere."""
    return _counted(frame, by, labels, np.asarray(places, dtype=np.int64))


def _counted(frame: CustomerFrame, by: str, labels: Sequence[str], places: npt.NDArray[np.int64]) -> Counted:
    return Counted(by, tuple(labels), places, frame.rows["is_active"].to_numpy())


def _distinct(label: str, others: Sequence[str]) -> str:
    while label in others:
        label = f"({label})"
    return label
