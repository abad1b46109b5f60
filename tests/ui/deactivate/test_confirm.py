from __future__ import annotations

import pytest

from lib.ui.deactivate.confirm import wanted_text
from lib.ui.deactivate.typed import what_is_wrong
from tests.runs.fakes import customer, plan_of

NOTHING_TO_SEE = ["", " ", "\u3000", "\u200b", "\u00ad\u2060", " \ufeff \u3164", "\u2800", "\x1b"]


@pytest.mark.parametrize(
    ("typed", "wanted", "same"),
    [
        ("City Clinic", "City Clinic", True),
        ("  City Clinic ", "City Clinic", True),
        ("City  Clinic", "City Clinic", True),
        ("Two Lines Imaging", "Two\nLines Imaging", True),
        ("Tabbed Imaging", "\tTabbed Imaging", True),
        ("Cafe\u0301 Imaging", "Caf\u00e9 Imaging", True),  # the accent of its own, and as one character
        ("City clinic", "City Clinic", False),
        ("City Clini", "City Clinic", False),
        ("City Clinic 2", "City Clinic", False),
        ("CityClinic", "City Clinic", False),
        ("Сity Clinic", "City Clinic", False),  # the first letter is Cyrillic
        ("", "City Clinic", False),
        ("12", "12", True),
        (" 12 ", "12", True),
        ("1 2", "12", False),
        ("012", "12", False),
        ("1,200", "1200", False),
        ("１２", "12", False),
        ("", "12", False),
        ("مركز الأشعة", "مركز الأشعة", True),
        ("City Clinic", "City\u200b Clinic\u00ad", True),
        *((typed, wanted, False) for typed in NOTHING_TO_SEE for wanted in (*NOTHING_TO_SEE, "City Clinic", "12")),
    ],
)
def test_the_typed_text_must_be_the_same_but_for_spaces_and_unicode_form(typed: str, wanted: str, *, same: bool) -> None:
    assert (bool(typed) and not what_is_wrong(typed, wanted)) is same


def test_for_one_customer_its_name_is_typed_for_many_their_count() -> None:
    assert wanted_text(plan_of([customer(1, name="City Clinic")])) == "City Clinic"
    assert wanted_text(plan_of([customer(number) for number in range(1, 13)])) == "12"


@pytest.mark.parametrize("name", [name for name in NOTHING_TO_SEE if name])
def test_where_a_name_shows_nothing_the_id_is_typed(name: str) -> None:
    assert wanted_text(plan_of([customer(1, name=name)])) == customer(1).id


@pytest.mark.parametrize(
    ("typed", "wanted", "told"),
    [
        ("", "12", ""),
        ("12", "12", ""),
        ("1", "12", "That is its beginning. Go on."),
        ("13", "12", "That is something else after “1”."),
        ("120", "12", "That is something else after “12”."),
        ("abc", "12", "That is something else."),
        ("city clinic", "City Clinic", "Capital and small letters are not the same."),
        (" \u200b", "12", "Nothing can be seen of what you typed."),
        (
            "The Imaging Centre of the Nort",
            "The Imaging Centre of the South",
            "That is something else after “…aging Centre of the ”.",
        ),
    ],
)
def test_it_is_said_what_is_wrong_about_what_was_typed(typed: str, wanted: str, told: str) -> None:
    assert what_is_wrong(typed, wanted) == told
