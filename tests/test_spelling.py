"""Spellings that a reader can't tell apart, or takes for the same, are compared as the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.spelling import folded, visible, what_is_wrong

UNSEEN = "\u00ad\u034f\u061c\u115f\u180e\u200b\u200d\u200e\u202e\u2060\u2066\u3164\ufe0f\ufeff\U000e0020\U000e0100\0\x1b"
NOTHING_TO_SEE = ["", " ", "\u3000", "\u200b", "\u00ad\u2060", " \ufeff \u3164", "\u2800", "\x1b"]
BLANKS = " \t\n\u00a0\u2003\u3000"


@given(st.text(), st.data())
def test_invisible_characters_and_outer_blanks_make_no_difference(text, data):
    at = data.draw(st.integers(0, len(text)))
    unseen, around = data.draw(st.text(UNSEEN, min_size=1)), data.draw(st.text(BLANKS))
    spelled = f"{around}{text[:at]}{unseen}{text[at:]}{around}"
    assert folded(spelled) == folded(text)
    assert visible(spelled) == visible(text)


@given(st.text(), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_unicode_forms_make_no_difference_and_folding_twice_is_folding_once(text, form):
    assert folded(unicodedata.normalize(form, text)) == folded(folded(text)) == folded(text)


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd"])))
def test_capitals_make_no_difference(text):
    assert folded(text.casefold()) == folded(text)


@pytest.mark.parametrize(
    ("spelled", "plain"),
    [("ＧＯＬＤ", "gold"), ("Go\u200bld", "gold"), ("STRASSE", "straße"), ("\u202egold\u202c ", "gold"), ("ﬁrst", "FIRST")],
)
def test_what_reads_alike_is_alike(spelled, plain):
    assert folded(spelled) == folded(plain)


@pytest.mark.parametrize("text", ["", " ", UNSEEN, f"{BLANKS}{UNSEEN}{BLANKS}", "\u2800"])
def test_what_shows_nothing_is_empty(text):
    assert visible(text) == folded(text) == ""


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


@pytest.mark.parametrize(
    ("typed", "wanted", "told"),
    [
        ("", "12", ""),
        ("12", "12", ""),
        ("1", "12", "Right so far. Go on."),
        ("13", "12", "This does not match after “1”."),
        ("120", "12", "This does not match after “12”."),
        ("abc", "12", "This does not match."),
        ("city clinic", "City Clinic", "Capital and small letters are not the same."),
        (" \u200b", "12", "Nothing can be seen of what you typed."),
        (
            "The Imaging Centre of the Nort",
            "The Imaging Centre of the South",
            "This does not match after “…aging Centre of the ”.",
        ),
    ],
)
def test_it_is_said_what_is_wrong_about_what_was_typed(typed: str, wanted: str, told: str) -> None:
    assert what_is_wrong(typed, wanted) == told
