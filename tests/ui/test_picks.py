from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
import streamlit as st

from lib.runs.evidence import Picked, Way
from lib.ui import picks
from tests.runs.fakes import NOW


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """A session state of the test's own."""
    state: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", state)
    return iter([state])


def test_picks_are_kept_once_each_in_the_order_they_were_chosen() -> None:
    picks.add(["c", "a"], Way.TICKED)
    picks.add(["b", "a"], Way.TICKED)
    assert picks.get() == ("c", "a", "b")
    assert "b" in picks.chosen()
    assert "d" not in picks.chosen()


def test_removing_what_is_not_picked_changes_nothing() -> None:
    picks.add(["a", "b"], Way.TICKED)
    picks.remove(iter(["b", "x"]))
    assert picks.get() == ("a",)
    picks.clear()
    assert picks.get() == ()


def test_the_picks_are_the_same_object_until_they_change() -> None:
    picks.add(["a", "b"], Way.TICKED)
    before = picks.get()
    assert picks.get() is before
    picks.choose_among(["a", "b"], ["b"])
    assert picks.get() == tuple(picks.chosen()) == ("b",)
    picks.clear()
    assert picks.get() == ()


@pytest.mark.parametrize(
    ("picked", "shown", "chosen", "left"),
    [
        (["x"], ["a", "b"], ["b"], {"x", "b"}),
        (["a", "x"], ["a", "b"], [], {"x"}),
        (["a", "b"], ["a", "b"], ["a", "b"], {"a", "b"}),
        ([], [], [], set()),
        (["x", "y"], [], [], {"x", "y"}),
    ],
)
def test_ticks_decide_only_about_the_rows_on_show(
    picked: Iterable[str], shown: list[str], chosen: list[str], left: set[str]
) -> None:
    picks.add(picked, Way.TICKED)
    picks.choose_among(shown, chosen)
    assert set(picks.get()) == left


def test_what_stays_picked_keeps_its_place() -> None:
    picks.add(["a", "b", "c"], Way.TICKED)
    picks.choose_among(["a", "b"], ["b", "a"])
    assert picks.get()[:2] == ("a", "b")


def test_a_pick_keeps_the_filter_that_was_on_show_when_it_was_picked() -> None:
    picks.look_at("no users", NOW)
    picks.add(["a", "b"], Way.ALL)
    picks.look_at("inactive", None)
    picks.choose_among(["a", "c"], ["a", "c"])
    picks.add(["d"], Way.LISTED)
    assert picks.how() == {
        "a": Picked(Way.ALL, "no users", NOW),
        "b": Picked(Way.ALL, "no users", NOW),
        "c": Picked(Way.TICKED, "inactive"),
        "d": Picked(Way.LISTED),
    }
    assert picks.how()["a"] is picks.how()["b"]  # one value a batch, however many it has
