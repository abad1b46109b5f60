"""Customers counted by their newest study, for a chart. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from lib.avara.models import id_key
from lib.customers.counts import AGES, Counted, age_band, counted
from lib.customers.frame import CustomerFrame
from lib.evidence.activity import WINDOWS, Activity

_NEVER, _UNKNOWN, _NOT_READ = "never", "unknown", "not read"
_LABELS = (*AGES, _NEVER, _UNKNOWN, _NOT_READ)


def by_newest_study(frame: CustomerFrame, known: Mapping[str, Activity], now: datetime) -> Counted:
    """Customers by how long ago their newest study came in; `known` is by `id_key`.

    Unknown is who has studies that can't be read, or were read only until one proved enough: a newer one may be among the rest.
    """
    places = [_place(known.get(id_key(customer_id)), now) for customer_id in frame.rows["id"]]
    return counted(frame, "Newest study", _LABELS, places)


def _place(activity: Activity | None, now: datetime) -> int:
    if activity is None:
        return _LABELS.index(_NOT_READ)
    if activity.newest is None:
        return _LABELS.index(_NEVER if activity.ever is False else _UNKNOWN)
    days = max((now - activity.newest).days, 0)
    certain = days < WINDOWS[0] or (activity.whole and not activity.undated)
    return int(age_band(days)) if certain else _LABELS.index(_UNKNOWN)
