"""`apply PLAN --rehearse`: real HTTP, a real journal, and neither of them hears of it."""

from __future__ import annotations

import json

import pytest

from lib.cli.exits import Exit
from lib.cli.main import main
from lib.config import load_settings
from lib.plans.evidence import Picked, Way
from lib.session import Session
from tests.pages.world import World, records_of


@pytest.fixture
def world(tmp_path):
    with World(tmp_path / "home") as world:
        yield world


@pytest.fixture
def real(world):
    return world.sandbox(60)


@pytest.fixture
def plan_file(real, tmp_path):
    ids = [one["expressCustomerId"] for one in records_of(real) if one["isActive"] and one["userCount"] < 50][:6]
    with Session(load_settings(), known="as the user of a test") as session:
        view = session.loads.wait()
        plan = session.freeze(session.review(dict.fromkeys(ids, Picked(Way.NOTEBOOK)), view), reason="Contract ended")
    path = tmp_path / "plan.json"
    path.write_text(plan.to_json())
    return path


def runs(capsys):
    capsys.readouterr()
    assert main(["list", "--json"]) == 0
    return capsys.readouterr().out


def test_it_is_told_what_would_come_of_the_plan_and_nobody_is_called(real, plan_file, capsys):
    asked = len(real.calls())
    code = main(["apply", str(plan_file), "--rehearse", "--fault", "reset-after=0.5"])
    told = capsys.readouterr()
    assert code == Exit.FINISHED
    assert "Rehearsal: deactivate 6 customers" in told.out
    assert "6 verified" in told.out
    assert "reset-after, the change is applied; the connection is cut" in told.out
    assert "As seen so far: of 1 reading none went wrong." in told.err
    assert "nothing is sent to the API" in told.err
    assert {call.operation for call in real.calls()[asked:]} <= {"list"}
    assert not runs(capsys)


def test_programs_are_told_the_same(real, plan_file, capsys):
    code = main(
        ["apply", str(plan_file), "--rehearse", "--rate-limit", "100", "--latency-ms", "1", "--fault", "drift", "--json"]
    )
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (row,) = [one for one in rows if one["kind"] == "rehearsal"]
    assert code == Exit.PARTLY
    assert (row["state"], row["totals"]["skipped"], row["conditions"][0]) == ("finished", 6, "100 requests a second")
    assert [one["customers"] for one in row["met"]] == [{"skipped": 6}]
    assert len([one for one in rows if one["kind"] == "rehearsed" and "Changed since the review" in one["words"]]) == 6


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--fault", "drift"], "for --rehearse alone"),
        (["--latency-ms", "0", "--confirm", "6"], "for --rehearse alone"),
        (["--rehearse", "--fault", "nonsense"], "There is no fault 'nonsense'"),
        (["--rehearse", "--rate-limit", "often"], "no rate limit"),
    ],
)
def test_what_can_not_be_is_refused_in_words(real, plan_file, capsys, options, says):
    assert main(["apply", str(plan_file), *options]) == Exit.REFUSED
    assert says in capsys.readouterr().err
    assert not runs(capsys)
