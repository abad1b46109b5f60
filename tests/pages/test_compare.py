"""Compare: what changed since a kept list, whose change it was, and words where there is nothing to compare yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lib.customers.frame import CustomerFrame, build
from lib.customers.reading.shelf import Shelf
from lib.plans.model import RunState
from tests.pages.test_runs import a_plan
from tests.pages.world import Session, World

TODAY = datetime.now(UTC)
DAY = timedelta(days=1)


def shelf_of(world: World) -> Shelf:
    return Shelf(world.resources.settings.snapshots, world.resources.connection.fingerprint, days=30)


def keep_of_yesterday(world: World, *, age: timedelta = DAY) -> CustomerFrame:
    """Let the app load and keep all customers, and give its shelf another list of `age` ago; the list of today."""
    world.open()
    shelf = shelf_of(world)
    Session().until(lambda _: shelf.days())
    kept = shelf.read()
    assert kept is not None
    _first, second, third, *others = kept.frame.records(kept.frame.rows["id"])
    changed = [second.model_copy(update={"user_count": 77}), third.model_copy(update={"metadata": {"region": "*old*"}})]
    shelf.write(replace(kept, frame=build([*changed, *others]), started_at=TODAY - age, finished_at=TODAY - age))
    return kept.frame


def a_run(world: World, size: int) -> str:
    """A run of ours that deactivates so many customers, carried to its end."""
    plan = a_plan(world, 20, size)
    run_id = world.resources.start(plan).id
    Session().until(lambda _: world.resources.reads.run(run_id).state is RunState.FINISHED)
    world.resources.loads.catch_up()
    return run_id


def select(session: Session, label: str) -> Any:
    return next(box for box in session.at.selectbox if box.label == label)


def told(session: Session) -> list[tuple[str, str]]:
    rows = session.rows_of("What changed")
    return list(zip(rows["What"], rows["Value"], strict=True))


def test_on_the_first_day_the_page_says_when_to_come_back(world: World) -> None:
    world.sandbox(customers=60)
    world.open()
    Session().until(lambda _: shelf_of(world).days())
    session = world.open("compare")
    assert "One list is kept so far, that of today. Come back tomorrow" in session.words
    assert not session.at.error


@pytest.mark.parametrize("toml", ["keep = false", "days = 0"])
def test_where_the_settings_keep_no_list_by_date_that_is_said(world: World, toml: str) -> None:
    world.home.mkdir(parents=True)
    (world.home / "settings.toml").write_text(f"[snapshot]\n{toml}\n")
    world.sandbox(customers=60)
    session = world.open("compare")
    assert "Lists are not kept by date: settings.toml" in session.words
    assert not session.at.error


def test_what_changed_since_yesterday_is_told_with_the_run_that_did_it(world: World) -> None:
    world.sandbox(customers=60)
    frame = keep_of_yesterday(world)
    run_id = a_run(world, 2)
    session = world.open("compare")
    assert session.at.query_params == {"before": f"{TODAY - DAY:%Y-%m-%d}"}
    assert "1 new, 4 changed (status 2, users 1, metadata 1)" in session.plain
    rows = session.rows_of("What changed")
    assert rows["What"].tolist()[:4] == ["new", "deactivated", "deactivated", "users"]
    assert rows["Value"].tolist()[1:4] == ["active → inactive", "active → inactive", f"77 → {frame.rows['user_count'][1]:,}"]
    assert [run for run in rows["Run"] if run] == [run_id, run_id]
    assert {rows["Run by"][1], rows["Run by"][3]} == {"Robin", ""}
    assert f"2 changes by {run_id}, planned by Robin" in session.plain
    assert "region" in rows["Metadata key"].tolist()
    assert [button.proto.disabled for button in session.at.get("download_button")] == [False, False]


def test_the_changes_are_narrowed_by_kind_key_and_whose_they_are_and_the_address_says_so(world: World) -> None:
    world.sandbox(customers=60)
    keep_of_yesterday(world)
    a_run(world, 2)
    day = f"{TODAY - DAY:%Y-%m-%d}"
    session = world.open("compare", before=day, what="deactivated,users")
    assert {what for what, _ in told(session)} == {"deactivated", "users"}
    assert "3 of " in session.plain
    session.widget("compare_by").set_value("others")
    session.run()
    assert [what for what, _ in told(session)] == ["users"]
    assert session.at.query_params == {"before": day, "what": "deactivated,users", "by": "others"}
    session = world.open("compare", before=day)
    select(session, "Metadata key").set_value("region")
    session.run()
    (changed,) = told(session)
    assert changed[1].startswith("*old* → ")
    assert set(session.at.query_params) == {"view"}  # a key is a record's word, and stands in no address


def test_a_row_opens_its_record_as_it_is_now(world: World) -> None:
    world.sandbox(customers=60)
    frame = keep_of_yesterday(world)
    session = world.open("compare", before=f"{TODAY - DAY:%Y-%m-%d}", what="new")
    session.act("open", 0, label="What changed")
    assert frame.rows["id"][0] in session.words
    assert session.offers("drawer_pick")


def test_a_damaged_list_is_said_and_another_day_can_be_chosen(world: World) -> None:
    world.sandbox(customers=60)
    keep_of_yesterday(world, age=2 * DAY)
    keep_of_yesterday(world)
    yesterday, before = (TODAY - DAY).date(), (TODAY - 2 * DAY).date()
    (shelf_of(world).file.parent / f"{yesterday}.snapshot").write_bytes(b"half")
    session = world.open("compare")
    assert f"The list kept of {yesterday} can't be used: its file is damaged. Choose another day." in session.plain
    select(session, "From the list of").set_value(before)
    session.run()
    assert not session.at.error
    assert "users" in {what for what, _ in told(session)}


@pytest.mark.parametrize("query", [{"before": "yesterday"}, {"what": "renamed"}, {"by": "me"}, {"page": "1"}, {"more": "1"}])
def test_an_address_that_can_not_be_read_shows_nothing(world: World, query: dict[str, str]) -> None:
    world.sandbox(customers=60)
    session = world.open("compare", **query)
    assert "which can't be read, so nothing is shown" in session.plain
    assert "What changed" not in session.everything.decode(errors="replace")
    assert session.press("view_all").offers("view_all") is False
