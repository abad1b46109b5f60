"""Customers field by field: what a page becomes on its way into columns, without an object for each customer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Self, overload
from uuid import UUID

import numpy as np
import numpy.typing as npt

from lib.avara.models import Customer


@dataclass(frozen=True, eq=False)
class CustomerBatch(Sequence[Customer]):
    """Sound records, one list or array a field, all as long as each other. A Customer is made when somebody looks at one.

    Times are datetime64[us] in UTC, NaT where unknown. API keys' ids are as `str` of a UUID writes them.
    It is equal to any sequence of the same customers.
    """

    id: list[str]
    name: list[str]
    is_active: list[bool]
    user_count: list[int]
    created_at: npt.NDArray[np.datetime64]
    updated_at: npt.NDArray[np.datetime64]
    created_by_api_key_id: list[str | None]
    created_by_user_id: list[str | None]
    metadata: list[dict[str, str]]

    @classmethod
    def of(cls, records: Iterable[Customer]) -> Self:
        """These records, taken apart."""
        given = list(records)
        return cls(
            id=[record.id for record in given],
            name=[record.name for record in given],
            is_active=[record.is_active for record in given],
            user_count=[record.user_count for record in given],
            created_at=_moments(record.created_at for record in given),
            updated_at=_moments(record.updated_at for record in given),
            created_by_api_key_id=[_text(record.created_by_api_key_id) for record in given],
            created_by_user_id=[record.created_by_user_id for record in given],
            metadata=[record.metadata for record in given],
        )

    def __len__(self) -> int:
        return len(self.id)

    @overload
    def __getitem__(self, at: int) -> Customer: ...

    @overload
    def __getitem__(self, at: slice) -> Self: ...

    def __getitem__(self, at: int | slice) -> Customer | Self:
        cells = {field.name: getattr(self, field.name)[at] for field in fields(self)}
        if isinstance(at, slice):
            return type(self)(**cells)
        key_id = cells["created_by_api_key_id"]
        cells["created_by_api_key_id"] = None if key_id is None else UUID(key_id)
        cells["created_at"], cells["updated_at"] = _moment(cells["created_at"]), _moment(cells["updated_at"])
        # Every cell was checked when the record was read, so nothing is checked again here.
        return Customer.model_construct(**cells)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list: it holds some


def _text(key_id: UUID | None) -> str | None:
    return None if key_id is None else str(key_id)


def _moments(times: Iterable[datetime | None]) -> npt.NDArray[np.datetime64]:
    return np.array([None if at is None else at.replace(tzinfo=None) for at in times], dtype="datetime64[us]")


def _moment(at: np.datetime64) -> datetime | None:
    naive = at.astype(object)  # of microseconds: a datetime, or None for NaT
    return None if naive is None else naive.replace(tzinfo=UTC)
