from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lib.ui.text import ago, count, duration, exact, md, number

NOW = datetime(2026, 11, 23, 14, 20, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("Porto Imaging", "Porto Imaging"),
        ("![x](http://evil/p.png)", "\\!\\[x\\]\\(h\u2060ttp\\:\\/\\/evil\\/p\\.png\\)"),
        ("**bold**", "\\*\\*bold\\*\\*"),
        ("<b>x</b>", "\\<b\\>x\\<\\/b\\>"),
        ("$x^2$", "\\$x\\^2\\$"),
        (":red[x]", "\\:red\\[x\\]"),
        ("www.evil.example", "w\u2060ww\\.evil\\.example"),
        ("a@b.example", "a\u2060\\@\u2060b\\.example"),
        ("# head\nnext", "\\# head next"),
        ("=1+1", "\\=1\\+1"),
        ("مستشفى", "مستشفى"),
        ("\u202egnp.x\u202c", "gnp\\.x"),
        (":streamlit:", "\\:\u2060streamlit\\:"),
        ("a -- b", "a \\-\u2060\\- b"),
        ("a <-> b", "a \\<\u2060\\-\u2060\\> b"),
    ],
)
def test_data_is_never_markup(data: str, shown: str) -> None:
    assert md(data) == shown


def test_long_data_is_cut_with_a_mark() -> None:
    assert md("x" * 300, limit=10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (None, "unknown"),
        (NOW, "just now"),
        (NOW - timedelta(minutes=2), "2 minutes ago"),
        (NOW - timedelta(days=800), "2 years ago"),
        (datetime.min.replace(tzinfo=UTC), "unknown"),  # what can't be a fact
        (datetime(1970, 1, 1, tzinfo=UTC), "unknown"),
        (NOW + timedelta(days=1), "unknown"),
    ],
)
def test_times_are_told_as_people_tell_them(at: datetime | None, words: str) -> None:
    assert ago(at, NOW).startswith(words)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (1, "a day ago"),
        (16, "16 days ago"),
        (30, "30 days ago"),
        (31, "a month ago"),
        (60, "a month ago"),
        (364, "11 months ago"),
        (365, "a year ago"),
        (381, "1 year, 16 days ago"),
        (729, "1 year, 11 months ago"),
        (730, "2 years ago"),
        (985, "2 years ago"),  # 2.7 years
        (4000, "10 years ago"),
    ],
)
@pytest.mark.parametrize("hours", [0, 12, 23.9])
def test_an_age_is_never_told_longer_than_it_is(days: int, words: str, hours: float) -> None:
    assert ago(NOW - timedelta(days=days, hours=hours), NOW) == words


@pytest.mark.parametrize(
    ("age", "words"),
    [({"seconds": 59.9}, "59 seconds ago"), ({"minutes": 59.9}, "59 minutes ago"), ({"hours": 2.9}, "2 hours ago")],
)
def test_nor_is_one_of_less_than_a_day(age: dict[str, float], words: str) -> None:
    assert ago(NOW - timedelta(**age), NOW) == words


@pytest.mark.parametrize(("at", "words"), [(None, ""), (NOW, "2026-11-23 14:20:05 UTC")])
def test_exact_times_are_in_utc(at: datetime | None, words: str) -> None:
    assert exact(at) == words


@pytest.mark.parametrize(("value", "words"), [(0, "0 customers"), (1, "1 customer"), (12480, "12,480 customers")])
def test_counts_agree_with_their_noun(value: int, words: str) -> None:
    assert count(value, "customer") == words


def test_numbers_have_thousands_separators() -> None:
    assert number(1234567.0) == "1,234,567"


@pytest.mark.parametrize(("seconds", "words"), [(0.41, "0.4 seconds"), (12, "12 seconds"), (200, "3 minutes")])
def test_durations_are_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words
