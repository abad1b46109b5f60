"""*Rehearse* on the review of picks and of a plan file."""

from __future__ import annotations

import re

import pytest

from lib.plans.evidence import Picked, Way
from lib.plans.plan import Plan
from tests.pages.world import World, records_of


@pytest.fixture
def real(world: World):
    return world.sandbox(60)


def ids_of(real, count):
    return [one["expressCustomerId"] for one in records_of(real) if one["isActive"] and one["userCount"] < 50][:count]


def test_the_picks_are_rehearsed_without_a_reason_and_nobody_is_called(world, real):
    ids = ids_of(real, 4)
    page = world.open(loaded=True).pick(ids).go("deactivate").press("rehearse")
    assert "Nothing is sent to the API" in page.plain
    assert page.at.multiselect(key="rehearse_faults").value == ["As seen so far"]
    assert re.search(r"As seen so far: of \d+ readings? none went wrong", page.plain)
    calls = len(real.calls())
    page.at.multiselect(key="rehearse_faults").set_value(["drift"])
    page.run().at.selectbox(key="rehearse_often").set_value("Every one")
    page.press("rehearse_start").until(lambda page: "Download the report" in page.words)
    assert "4 requests of 4 customers; in the end 4 skipped" in page.plain
    assert [metric.value for metric in page.at.metric if metric.label == "Skipped"] == ["4"]
    assert len(real.calls()) == calls
    assert not world.resources.reads.runs(10)
    page.pick(ids[:2]).go("deactivate")  # what was rehearsed is not what is on the page any more
    assert "Download the report" not in page.words
    assert page.offers("rehearse_start")


def test_it_can_be_stopped_and_tells_what_was_seen(world, real):
    page = world.open(loaded=True).pick(ids_of(real, 6)).go("deactivate").press("rehearse")
    page.at.number_input(key="rehearse_rate").set_value(1.0)
    page.press("rehearse_start").until(lambda page: "Rehearsing: 1 of 6 customers" in page.plain)
    page.press("rehearse_stop").until(lambda page: "Download the report" in page.words)
    assert "Ended: stopped by you" in page.plain
    assert "all of them: about" in page.plain


def test_what_is_too_much_for_a_run_is_not_rehearsed(world, real):
    world.home.mkdir(exist_ok=True)
    (world.home / "settings.toml").write_text("[caps]\nmax_customers = 1\n")
    page = world.open(loaded=True).pick(ids_of(real, 2)).go("deactivate")
    assert not page.offers("rehearse")


def test_the_very_plan_of_a_file_is_rehearsed(world, real):
    world.open(loaded=True)
    resources, ids = world.resources, ids_of(real, 2)
    view = resources.loads.view()
    plan = resources.freeze(resources.review(dict.fromkeys(ids, Picked(Way.TICKED)), view), reason="Contract ended")
    page = world.open()
    page.at.session_state["opened_plan"] = Plan.from_json(plan.to_json())
    page.go("deactivate").press("rehearse").press("rehearse_start").until(lambda page: "Download the report" in page.words)
    assert plan.hash in page.plain
