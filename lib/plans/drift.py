"""Which fields of a customer differ from what was reviewed, or from what a run left, both sides in words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from lib.avara.models import Customer
from lib.plans.policy import DriftField


@dataclass(frozen=True)
class Change:
    """One field that differs between the review and now, both sides in words. A metadata field is `metadata: <key>`."""

    field: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.field} was {self.before}, is now {self.after}"


def drift(
    planned: Customer,
    now_read: Customer,
    matters: Collection[DriftField] = ("active", "users", "name", "metadata"),
    *,
    exact: bool = False,
) -> tuple[Change, ...]:
    """What changed in a way that matters; `exact`: whatever differs does, be it only the time of the last update.

    Two times that are both unknown say nothing, and equal ones excuse no other difference.
    """
    return tuple(
        Change(field, before, after)
        for kind, field, before, after in _fields(planned, now_read)
        if before != after and (exact or kind in matters)
    )


def _fields(planned: Customer, now_read: Customer) -> Iterator[tuple[str, str, str, str]]:
    """Each field: its kind in the settings (empty where it is none), its name, and both sides in words."""
    yield "", "last update", _time(planned.updated_at), _time(now_read.updated_at)
    yield "active", "status", activity(planned), activity(now_read)
    yield "users", "users", f"{planned.user_count:,}", f"{now_read.user_count:,}"
    yield "name", "name", _quoted(planned.name), _quoted(now_read.name)
    for key in sorted(planned.metadata.keys() | now_read.metadata.keys()):
        yield "metadata", f"metadata: {key}", _quoted(planned.metadata.get(key)), _quoted(now_read.metadata.get(key))
    yield "", "created", _time(planned.created_at), _time(now_read.created_at)
    yield "", "created by key", _id(planned.created_by_api_key_id), _id(now_read.created_by_api_key_id)
    yield "", "created by user", _id(planned.created_by_user_id), _id(now_read.created_by_user_id)


def _quoted(text: str | None) -> str:
    return "not set" if text is None else f"“{text}”"


def _time(at: datetime | None) -> str:
    return "unknown" if at is None else f"{at.isoformat(' ').removesuffix('+00:00')} UTC"


def _id(value: object) -> str:
    return "not set" if value is None else str(value).lower()


def activity(record: Customer) -> str:
    """Whether it is active, in one word."""
    return "active" if record.is_active else "inactive"
