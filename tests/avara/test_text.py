from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara.text import kind, one_line, shown, without_tags
from tests.avara.records import JSON


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines\r\n\tand\x00more", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("abc\u202egnp.exe", "abc gnp.exe"),  # would be shown backwards
        ("   ", ""),
        ("مستشفى 🏥", "مستشفى 🏥"),
        ("x" * 11, "x" * 9 + "…"),
    ],
)
def test_one_line_is_printable_and_short(text, line):
    assert one_line(text, 10 if text.startswith("x") else 40) == line


@given(st.text(), st.integers(1, 50))
def test_one_line_keeps_its_promise_for_any_text(text, limit):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.isprintable()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (15, "15"),
        (1.5, "1.5"),
        ("15", "'15'"),
        ("a\nb\u202ec\ud800", r"'a\nb\u202ec\ud800'"),
        ("n" * 100, f"'{'n' * 60}'… (100 characters)"),
        ({"a": 1}, "an object of 1"),
        ([1, 2], "an array of 2"),
        (10**100, f"1{'0' * 58}…"),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_a_json_value_is_shown_short_and_safe(value, words):
    assert shown(value) == words


@given(JSON)
def test_any_json_value_can_be_shown_and_named(value):
    assert shown(value).isprintable()
    assert kind(value) in {"null", "true or false", "text", "a number", "an object", "an array"}


def test_tags_scripts_and_entities_are_taken_out_of_a_page():
    page = "<html><head><title>502 Bad Gateway</title><style>a{}</style><script>alert(1)</script></head><p>Tom &amp; Co</html>"
    assert one_line(without_tags(page), 100) == "502 Bad Gateway Tom & Co"


@pytest.mark.parametrize("piece", ["<", "<script", "<script>", "&", "text "])
def test_only_the_beginning_of_a_page_is_looked_at(piece):
    assert without_tags(piece * 1_000_000) == without_tags(piece * 16_384)
