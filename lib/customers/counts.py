"""Customers counted by age and year, for charts. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions

#: The two series of a count.
STATUS, FOUND = ("Active", "Inactive"), ("Found", "Others")
_BANDS = ((30, "< 1 month"), (90, "1–3 months"), (180, "3–6 months"), (365, "6–12 months"), (730, "1–2 years"))
_LONGEST, _UNKNOWN = "> 2 years", "unknown"


def by_age(frame: CustomerFrame, now: datetime, found: Positions | None = None) -> pd.DataFrame:
    """Customers by time since their last update: columns Since update (in order), Status, Customers.

    With `found` the two series are those at these positions and the others, in the place of the active and the inactive.
    """
    updated = frame.times["updated_at"].dt.tz_localize(None).to_numpy()
    unknown = np.isnat(updated)
    days = (np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us") - updated[~unknown]) // np.timedelta64(1, "D")
    bands = np.full(len(frame), len(_BANDS) + 1)
    bands[~unknown] = np.searchsorted([limit for limit, _ in _BANDS], days, side="right")
    return _counted(frame, bands, [*(label for _, label in _BANDS), _LONGEST, _UNKNOWN], "Since update", found)


def by_year(frame: CustomerFrame) -> pd.DataFrame:
    """Customers by the year (UTC) of their creation: columns Year, Status, Customers."""
    years, places = np.unique(frame.times["created_at"].dt.year.fillna(0).to_numpy(dtype=np.int64), return_inverse=True)
    # The unknown come last, as their bar does.
    labels = [*(str(year) for year in years if year), *([_UNKNOWN] if 0 in years else [])]
    return _counted(frame, np.where(years[places] == 0, len(labels) - 1, places - (0 in years)), labels, "Year")


def _counted(
    frame: CustomerFrame, groups: npt.NDArray[np.int64], labels: list[str], name: str, found: Positions | None = None
) -> pd.DataFrame:
    """How many customers of either series are in each group, which is a place in `labels`."""
    first = frame.rows["is_active"].to_numpy() if found is None else frame.among(found)
    counts = np.bincount(2 * groups + ~first, minlength=2 * len(labels))
    return pd.DataFrame(
        {
            name: pd.Categorical(np.repeat(labels, 2), categories=labels, ordered=True),
            "Status": [*(STATUS if found is None else FOUND)] * len(labels),
            "Customers": counts,
        }
    )
