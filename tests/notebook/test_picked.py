"""Whom a notebook plans: of whom nobody can tell is never planned silently."""

from __future__ import annotations

import pandas as pd
import pytest

from lib.errors import PlanError
from lib.evidence.judgement import Judgement
from lib.notebook.picked import each_picked
from lib.plans.evidence import Picked, Way

HOW = Picked(Way.RULES, "dormant")
TABLE = pd.DataFrame({"id": ["a", "b"], "candidate": ["yes", "unknown"]})


def said(**answers: str) -> dict[str, Judgement]:
    return {key: Judgement(rules="dormant", hash="0" * 64, answer=answer, words="w") for key, answer in answers.items()}


@pytest.mark.parametrize(
    ("customers", "judgements"),
    [
        (TABLE, said(a="yes", b="unknown")),
        (TABLE["id"], said(a="yes", b="unknown")),
        (["a", "B"], said(a="yes", b="unknown")),
        (TABLE, {}),  # joined with another table, nothing says any more by which rules it was made
    ],
)
def test_of_whom_nobody_can_tell_is_not_planned_and_how_many_is_said_with_what_to_do(customers, judgements):
    with pytest.raises(PlanError) as refused:
        each_picked(customers, HOW, judgements)
    assert refused.value.message == (
        "Of 1 of these customers nobody can tell whether the rules mean it. Plan the others: "
        'candidates[candidates["candidate"] == "yes"], or ask a rule set with unknown_counts=True.'
    )


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_whoever_else_is_planned_carries_what_the_rules_said(answer):
    picked = each_picked(TABLE, HOW, said(a="yes", b=answer))
    assert [one.judgement.answer for one in picked.values()] == ["yes", answer]
    assert each_picked(["c"], HOW, {})["c"].judgement is None
