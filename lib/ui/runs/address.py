"""The address of Runs: the state and page on show; what somebody searched for stands in it under a token."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from lib.plans.model import RunState
from lib.ui.address import Address, Query, unreadable


class RunsView(BaseModel):
    """What narrows the list of runs, and which page of it is on show, from 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = ""
    state: RunState | None = None
    page: int = Field(default=1, ge=1, le=1_000_000)


def spelled(view: RunsView) -> dict[str, str] | None:
    """The parameters that say a view, or None where somebody's words are in it."""
    if view.text:
        return None
    said = {"state": view.state or "", "page": "" if view.page == 1 else str(view.page)}
    return {name: str(value) for name, value in said.items() if value}


def read(query: Query) -> RunsView:
    """The view that such parameters say. Raises ViewUnreadable for all that `spelled` would not have written."""
    said = {name: ", ".join(values) for name, values in query.items()}
    try:
        view = RunsView.model_validate(said)
    except ValueError:
        view = RunsView()
    if spelled(view) != said:
        raise unreadable(" and ".join(f"{name}={value}" for name, value in said.items()))
    return view


ADDRESS = Address("runs", RunsView, spelled, read)
