"""What orders a table of customers."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from lib.customers.sorting import DEFAULT, METADATA

#: The columns that order it by what is known of a customer besides its record.
BY_EVIDENCE = ("candidate", "newest_study", "studies_in_90")
#: The columns of the table that order it; so does each metadata key, as "metadata:<key>".
SORTABLE = ("name", "status", "user_count", "updated_at", "created_at", "created_by", "id", *BY_EVIDENCE)


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
