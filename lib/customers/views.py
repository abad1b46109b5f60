"""A view: filters, columns and sort, as a value that a link, a saved view and a page share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from lib.customers.filters import Filter
from lib.customers.sorting import DEFAULT, METADATA

#: The columns of the table that order it; so does each metadata key, as "metadata:<key>".
SORTABLE = ("name", "status", "user_count", "updated_at", "created_at", "created_by", "id")


def sortable(column: str) -> bool:
    return column in SORTABLE or column.startswith(METADATA)


def _checked(column: str) -> str:
    if not sortable(column):
        raise ValueError(column)
    return column


class Sort(BaseModel):
    """What orders the table, and which way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: Annotated[str, AfterValidator(_checked)] = DEFAULT
    descending: bool = False


class View(BaseModel):
    """What narrows the table, which metadata keys are its columns (None: the most common ones), its order, rows on a page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: Filter = Filter()
    columns: tuple[str, ...] | None = None
    sort: Sort = Sort()
    rows: Literal[50, 100, 250] = 100

    @property
    def names_data(self) -> bool:
        """Whether it holds text of people or of records, which must not stand in an address."""
        flt = self.filter
        by_key = self.sort.column.startswith(METADATA)
        return bool(flt.text or flt.metadata or flt.metadata_absent or self.columns is not None or by_key)
