"""When a run holds: tables of what its steps met."""

import pytest

from lib.plans.policy import Thresholds
from lib.plans.words import said
from lib.runs.breaker import Breaker
from lib.runs.judge import Trouble

LIMITS = Thresholds(in_a_row=3, error_rate=0.5, window=8, at_least=4)
MET = {
    ".": None,
    "x": Trouble(said("No network.")),
    "?": Trouble(said("Gone."), doubtful=True),
    "!": Trouble(said("The key was refused."), at_once=True),
}


def after(steps, **fields):
    breaker = Breaker(LIMITS, **fields)
    for met in steps:
        breaker = breaker.after(MET[met])
    return breaker


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ("", ""),
        ("........", ""),
        ("x", ""),
        ("xx.xx", "3 of the last 4 steps met trouble. No network."),
        ("xxx", "3 steps in a row met trouble. No network."),
        ("!", "The key was refused."),
        (".....!", "The key was refused."),
        ("x.x", ""),  # too few to tell a rate
        ("x.x.", ""),  # half, but the newest was fine
        ("x.x.x", "3 of the last 5 steps met trouble. No network."),
        ("........x.x.x.x", "4 of the last 8 steps met trouble. No network."),
        ("x" + "........" + "x.x", ""),  # what is long ago does not count
        ("xxx.....", "3 steps in a row met trouble. No network."),  # a reason once found stays
        ("???", "3 steps in a row met trouble. Gone."),
        ("xxx!", "3 steps in a row met trouble. No network."),
    ],
)
def test_what_opens_it(steps, why):
    assert after(steps).why.text == why


def test_after_a_pause_the_first_step_decides():
    assert after("x", probing=True).why.text == "The first step after resuming met trouble again. No network."
    assert after(".xx", probing=True).why.text == ""
    assert after("?.x", probing=True).why.text == ""  # a customer that is gone decides nothing: the next step does
    assert after("?x", probing=True).why.text == "The first step after resuming met trouble again. No network."
    assert after(".xxx", probing=True).why.text.startswith("3 steps in a row")


def test_it_remembers_no_more_than_its_window():
    assert len(after("." * 1000).recent) == LIMITS.window
