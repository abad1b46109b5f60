"""The address of Compare: which two lists, and which changes; a metadata key stands in it under a token."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lib.customers.compared import KINDS
from lib.ui.address import Address, Query, unreadable


class CompareView(BaseModel):
    """The list of the day `before` beside that of `after` (None: the list on show), and what narrows its changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: date | None = None
    after: date | None = None
    what: tuple[str, ...] = ()
    key: str = ""
    by: Literal["", "runs", "others"] = ""
    page: int = Field(default=1, ge=1, le=1_000_000)

    @field_validator("what")
    @classmethod
    def _known(cls, what: tuple[str, ...]) -> tuple[str, ...]:
        if not set(what) <= set(KINDS):
            raise ValueError("no such change")
        return what


def spelled(view: CompareView) -> dict[str, str] | None:
    """The parameters that say a view, or None where a record's words are in it."""
    if view.key:
        return None
    page = "" if view.page == 1 else str(view.page)
    said = {"before": view.before, "after": view.after, "what": ",".join(view.what), "by": view.by, "page": page}
    return {name: str(value) for name, value in said.items() if value}


def read(query: Query) -> CompareView:
    """The view that such parameters say. Raises ViewUnreadable for all that `spelled` would not have written."""
    said = {name: ", ".join(values) for name, values in query.items()}
    try:
        what = {"what": tuple(said["what"].split(","))} if "what" in said else {}
        view = CompareView.model_validate(said | what)
    except ValueError:
        view = CompareView()
    if spelled(view) != said:
        raise unreadable(" and ".join(f"{name}={value}" for name, value in said.items()))
    return view


ADDRESS = Address("compare", CompareView, spelled, read, "Compare with the newest list")
