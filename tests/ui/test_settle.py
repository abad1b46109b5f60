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
    made = [[number] for number in range(1_000)]
    before = gc.get_freeze_count()
    settle.settle("customers")
    assert gc.get_freeze_count() >= before + len(made)
    assert not any(found is made for found in gc.get_objects())


def test_what_later_runs_make_is_collected_as_ever() -> None:
    for _ in range(2):
        settle.settle("customers")
    later: list[object] = []
    later.append(later)
    for _ in range(3):
        settle.settle("customers")
    assert any(found is later for found in gc.get_objects())


def test_another_page_brings_imports_of_its_own_and_has_its_own_turn() -> None:
    for _ in range(3):
        settle.settle("customers")
    before = gc.get_freeze_count()
    imported = [[number] for number in range(1_000)]
    settle.settle("runs")
    assert gc.get_freeze_count() >= before + len(imported)
