from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st

from lib.plans.evidence import Picked, Way
from lib.ui import picks
from tests.runs.fakes import NOW


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """A session state of the test's own."""
    state: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(picks, "may", lambda _right: True)
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
    before = picks.how()
    assert picks.how() is before
    picks.remove(["a"])
    assert picks.get() == tuple(picks.chosen()) == ("b",)
    picks.clear()
    assert picks.get() == ()


def test_what_is_picked_again_keeps_its_place() -> None:
    picks.add(["a", "b", "c"], Way.TICKED)
    picks.add(["d", "b", "a"], Way.TICKED)
    assert picks.get() == ("a", "b", "c", "d")


def test_a_pick_keeps_the_filter_that_was_on_show_when_it_was_picked() -> None:
    picks.look_at("no users", NOW)
    picks.add(["a", "b"], Way.ALL)
    picks.look_at("inactive", None)
    picks.add(["a", "c"], Way.TICKED)
    picks.add(["d"], Way.LISTED)
    assert picks.how() == {
        "a": Picked(Way.ALL, "no users", NOW),
        "b": Picked(Way.ALL, "no users", NOW),
        "c": Picked(Way.TICKED, "inactive"),
        "d": Picked(Way.LISTED),
    }
    assert picks.how()["a"] is picks.how()["b"]  # one value a batch, however many it has


def test_picks_taken_from_elsewhere_join_those_that_are_there_as_they_were_picked() -> None:
    picks.add(["b"], Way.TICKED)
    picks.take({"a": Picked(Way.ALL, "inactive", NOW), "b": Picked(Way.LISTED)})
    assert picks.how() == {"b": Picked(Way.TICKED), "a": Picked(Way.ALL, "inactive", NOW)}
    assert picks.get() == ("b", "a")
