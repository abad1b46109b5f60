"""Two kept lists side by side, or one and the list on show: read once, and never more than can be told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lib.avara.models import CustomerPage
from lib.customers.frame import build
from lib.customers.reading.days import Days
from lib.customers.reading.load import Load
from lib.customers.reading.loads import Loads
from lib.customers.reading.shelf import Shelf
from lib.customers.reading.snapshot import Snapshot
from lib.errors import ExpressOpsError, LoadIncomplete, SnapshotUnusable, Unreachable
from tests.customers.records import an_id, customer

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path, "0123456789abcdef", days=9)
    for days in range(3):
        frame = build([customer(1), customer(2, user_count=days)])
        made.write(Snapshot(frame, (), FIRST - timedelta(minutes=5) + days * DAY, FIRST + days * DAY))
    return made


class Runs:
    """What is asked of the journal."""

    def __init__(self) -> None:
        self.asked: list[tuple[datetime, datetime | None]] = []

    def done(self, since: datetime, until: datetime | None) -> list:
        self.asked.append((since, until))
        return []


def two() -> Iterator[CustomerPage]:
    yield CustomerPage((customer(2, user_count=7), customer(3)), (), None)


def broken() -> Iterator[CustomerPage]:
    raise Unreachable
    yield  # a generator


def days_of(shelf: Shelf | None, runs: Runs, pages=two, *, kept: bool = True) -> Days:
    loads = Loads(lambda: Load(lambda _cursor: pages()), shelf=shelf if kept else None)
    with suppress(ExpressOpsError):
        loads.wait()
    return Days(shelf, loads, runs.done)


def told(found) -> list[tuple[str, str, str]]:
    return [tuple(row) for row in found.table[["what", "before", "after"]].astype("str").to_numpy()]


def test_two_days_are_compared_and_a_day_with_the_list_on_show(shelf: Shelf) -> None:
    runs = Runs()
    days = days_of(shelf, runs)
    assert days.kept[-3:] == (date(2026, 3, 3), date(2026, 3, 2), date(2026, 3, 1))
    between = days.compare(date(2026, 3, 1), date(2026, 3, 3))
    assert told(between) == [("users", "0", "2")]
    assert (between.since, between.until) == (FIRST, FIRST + 2 * DAY)
    since = days.compare(date(2026, 3, 2))
    assert told(since) == [("new", "", "active, 3 users"), ("gone", "active, 3 users", ""), ("users", "1", "7")]
    assert since.changes.new == (an_id(3),)
    # What our runs did is asked of all the time in which either list was read, with a minute for clocks that differ.
    minute = timedelta(minutes=1)
    assert runs.asked[0] == (FIRST - 6 * minute, FIRST + 2 * DAY + minute)
    assert runs.asked[1] == (FIRST + DAY - 6 * minute, None)


def test_a_comparison_is_made_once_until_one_of_its_lists_is_another(shelf: Shelf) -> None:
    days = days_of(shelf, Runs())
    pair = date(2026, 3, 1), date(2026, 3, 2)
    first, now = days.compare(*pair), days.compare(pair[0])
    assert days.compare(*pair) is first
    assert days.compare(pair[0]) is now
    shelf.write(Snapshot(build([customer(1)]), (), FIRST + DAY, FIRST + DAY + timedelta(hours=1)))
    assert told(days.compare(*pair)) == [("gone", "active, 0 users", "")]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (date(2026, 2, 1), None, "No list of 2026-02-01 is kept"),
        (date(2026, 3, 1), date(2026, 2, 1), "2026-02-01 does not come after 2026-03-01"),
        (date(2026, 3, 1), date(2026, 3, 1), "2026-03-01 does not come after 2026-03-01"),
        (date(2026, 3, 1), date(2026, 3, 9), "No list of 2026-03-09 is kept"),
    ],
)
def test_what_is_not_kept_is_told(shelf: Shelf, before: date, after: date | None, words: str) -> None:
    with pytest.raises(SnapshotUnusable, match=words):
        days_of(shelf, Runs()).compare(before, after)


def test_without_a_list_on_show_only_kept_ones_can_be_compared(shelf: Shelf) -> None:
    days = days_of(shelf, Runs(), broken, kept=False)
    with pytest.raises(LoadIncomplete):
        days.compare(date(2026, 3, 1))
    assert told(days.compare(date(2026, 3, 1), date(2026, 3, 2))) == [("users", "0", "1")]


def test_where_nothing_is_kept_that_is_told() -> None:
    days = days_of(None, Runs())
    assert days.kept == ()
    with pytest.raises(SnapshotUnusable, match="not kept on this machine"):
        days.compare(date(2026, 3, 1))
