"""`plan.rehearse()` in a notebook."""

from __future__ import annotations

import pytest

from lib.config import load_settings
from lib.errors import PlanError
from lib.notebook.session import NotebookSession
from lib.session import Session
from tests.pages.world import World


@pytest.fixture
def world(tmp_path):
    with World(tmp_path / "home") as world:
        yield world


@pytest.fixture
def ops(world):
    world.sandbox(60)
    ops = NotebookSession(Session(load_settings(), known="as the user of a notebook").open())
    yield ops
    ops.close()


@pytest.fixture
def plan(ops):
    return ops.plan(ops.find(status="active", users_max=20)["id"].head(4), reason="Contract ended")


def test_a_plan_is_rehearsed_and_can_be_run_afterwards(ops, plan):
    report = plan.rehearse(rate_limit="50", latency_ms=0, faults="reset-after")
    assert "4 verified" in repr(report)
    assert "reset-after" in repr(report)
    assert ops.runs().empty
    assert ops.run(plan, confirm=4).state == "finished"


@pytest.mark.parametrize("typed", [{"latency_ms": "soon"}, {"faults": 5}, {"faults": ["nonsense"]}, {"rate_limit": 0}])
def test_what_can_not_be_is_said_in_words(plan, typed):
    with pytest.raises(PlanError):
        plan.rehearse(**typed)
