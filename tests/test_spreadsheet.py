"""A CSV opened in a spreadsheet program runs nothing and loses nothing."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.spreadsheet import csv_bytes, guard, unguard


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"])
def test_text_that_begins_like_a_formula_gets_one_apostrophe(first):
    assert guard(f"{first}1+1") == f"'{first}1+1"


@pytest.mark.parametrize("text", [" =1", "\u200b+1", "'=1", "''@x", "﹦1", "−1", "\x1b[0m"])
def test_blanks_and_apostrophes_in_front_of_a_formula_do_not_hide_it(text):
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "plain", "a=1", "'s-Hertogenbosch", "'", " a", "مستشفى", "🏥 clinic"])
def test_other_text_is_left_as_it_is(text):
    assert guard(text) == text


@given(st.text(st.sampled_from("'=-a \t＝"), max_size=6) | st.text())
def test_what_was_guarded_comes_back_by_taking_one_apostrophe_away(text):
    assert unguard(guard(text)) == text
    assert guard(text) in (text, f"'{text}")


def test_a_file_reads_back_as_written_with_its_text_cells_guarded():
    rows = [['=HYPERLINK("http://x")', -3, None], ['quote " comma , line\r\nbreak', 2.5, "@x"]]
    written = csv_bytes(["=name", "n", "note"], rows)
    assert written.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in written
    back = list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline="")))
    assert back == [
        ["'=name", "n", "note"],
        ['\'=HYPERLINK("http://x")', "-3", ""],
        ['quote " comma , line\r\nbreak', "2.5", "'@x"],
    ]
