"""Spellings that a reader can't tell apart, or takes for the same, are compared as the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.runs.spelling import folded, visible

UNSEEN = "\u00ad\u034f\u061c\u115f\u180e\u200b\u200d\u200e\u202e\u2060\u2066\u3164\ufe0f\ufeff\U000e0020\U000e0100\0\x1b"
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
