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


def test_while_a_page_is_drawn_first_the_collector_still_looks_at_everything() -> None:
    settle.settle("customers")
    assert gc.get_freeze_count() == 0


def test_at_a_pages_second_run_what_is_there_is_set_aside() -> None:
    settle.settle("customers")
    there = len(gc.get_objects())
    settle.settle("customers")
    assert gc.get_freeze_count() >= there
    assert len(gc.get_objects()) < there / 10


def test_what_later_runs_make_is_collected_as_ever() -> None:
    for _ in range(2):
        settle.settle("customers")
    later: list[object] = []
    later.append(later)
    for _ in range(3):
        settle.settle("customers")
    assert any(found is later for found in gc.get_objects())


def test_another_page_brings_imports_of_its_own_and_has_its_own_turn() -> None:
    for _ in range(2):
        settle.settle("customers")
    before = gc.get_freeze_count()
    settle.settle("runs")
    imported = [[number] for number in range(1_000)]
    settle.settle("runs")
    assert gc.get_freeze_count() >= before + len(imported)
