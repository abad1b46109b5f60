"""The collector of garbage stops looking at what a page needed to be drawn at all."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from lib.ui import settle


@pytest.fixture(autouse=True)
def nothing_set_aside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settle, "_begun", type(settle._begun)())
    gc.unfreeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("run", [1, 2])
def test_at_a_pages_first_two_runs_what_is_there_is_set_aside(run: int) -> None:
    for _ in range(run - 1):
        settle.settle("customers")
    made = [object()]
    assert _is_looked_at(made)
    settle.settle("customers")
    assert not _is_looked_at(made)


def test_what_later_runs_make_is_collected_as_ever() -> None:
    for _ in range(2):
        settle.settle("customers")
    later: list[object] = []
    later.append(later)
    for _ in range(3):
        settle.settle("customers")
    assert _is_looked_at(later)


def test_another_page_brings_imports_of_its_own_and_has_its_own_turn() -> None:
    for _ in range(3):
        settle.settle("customers")
    imported = [object()]
    assert _is_looked_at(imported)
    settle.settle("runs")
    assert not _is_looked_at(imported)


def _is_looked_at(thing: object) -> bool:
    """Whether the collector has it before it; to count what is frozen says less, since other threads free some of it."""
    return any(found is thing for found in gc.get_objects())
