"""Search and sort see text as people mean it."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.customers.text import fold, fold_all, natural_keys, words
from tests.customers.records import texts


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("GDAŃSK", "gdansk"),
        ("Łódź", "lodz"),
        ("Straße", "strasse"),
        ("Ørsted Ærø", "orsted aero"),
        ("ＡＢＣ１", "abc1"),
        ("ﬁ", "fi"),
        ("e\u0301", "e"),
        ("zero\u200bwidth", "zerowidth"),
        ("İzmir", "izmir"),
        ("ΆΣ", "ας"),
        ("مستشفى", "مستشفى"),
        ("病院", "病院"),
    ],
)
def test_case_accents_and_forms_do_not_count(written, meant):
    assert fold(written) == fold(meant)


def test_a_search_is_split_into_its_different_words():
    assert words("  Saint  SAINT\u3000gdańsk\n") == ("saint", "gdansk")


@given(st.lists(texts, max_size=8))
def test_a_column_is_folded_as_each_text_is(column):
    assert fold_all(pa.array(column, pa.large_string())).to_pylist() == [fold(text) for text in column]


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("ward 2", "ward 10"),
        ("ward 002", "ward 10"),
        ("a", "b"),
        ("a9z", "a10"),
        ("9" * 30, "1" + "0" * 30),
        ("ward", "ward 1"),
    ],
)
def test_numbers_in_text_sort_by_their_size(smaller, larger):
    first, second = natural_keys([smaller, larger])
    assert first < second
