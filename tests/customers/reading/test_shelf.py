"""Lists kept by date: the last of each day, so many and no more, and a damaged one spoils no other."""

from __future__ import annotations

import os
import stat
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lib.customers.frame import build
from lib.customers.reading.shelf import Shelf, forget
from lib.customers.reading.snapshot import Snapshot
from lib.errors import SnapshotNotKept, SnapshotUnusable
from tests.customers.records import customer

KEY, OTHER = "0123456789abcdef", "f" * 16
MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


def of(count: int, at: datetime = MARCH) -> Snapshot:
    return Snapshot(build(customer(number) for number in range(count)), (), at - timedelta(minutes=1), at)


def a_day(number: int) -> date:
    return date(2026, 3, number)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, KEY, days=3)


def test_the_last_list_of_a_day_is_the_one_that_is_kept_of_it(shelf: Shelf) -> None:
    shelf.write(of(3))
    shelf.write(of(4, MARCH + timedelta(hours=11, minutes=59)))
    shelf.write(of(5, MARCH + timedelta(hours=12)))
    assert shelf.days() == (a_day(2), a_day(1))
    found = shelf.read_day(a_day(1))
    assert len(found.frame) == 4
    assert found.finished_at == MARCH + timedelta(hours=11, minutes=59)
    newest = shelf.read()
    assert newest is not None
    assert len(newest.frame) == 5


def test_only_so_many_are_kept_and_each_for_its_owner_alone(shelf: Shelf) -> None:
    for days in range(6):
        shelf.write(of(days, MARCH + timedelta(days=days)))
    assert shelf.days() == (a_day(6), a_day(5), a_day(4))
    files = sorted(shelf.file.parent.iterdir())
    assert [file.name for file in files] == [*(f"2026-03-0{number}.snapshot" for number in (4, 5, 6)), "customers.snapshot"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_with_none_to_keep_by_date_those_that_were_are_removed(tmp_path: Path) -> None:
    Shelf(tmp_path, KEY, days=3).write(of(3))
    shelf = Shelf(tmp_path, KEY)
    shelf.write(of(3, MARCH + timedelta(days=1)))
    assert shelf.days() == ()
    assert shelf.read() is not None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda file: file.write_bytes(file.read_bytes()[:-1]),
            "The list kept of 2026-03-01 can't be used: its file is damaged",
        ),
        (lambda file: file.write_bytes(b""), "can't be used: its file is damaged. Choose another day"),
        (lambda file: file.unlink(), "No list of 2026-03-01 is kept"),
        (lambda file: (file.unlink(), file.mkdir()), "The list kept of 2026-03-01 can't be read"),
    ],
)
def test_a_damaged_list_is_told_by_its_day_and_spoils_no_other(shelf: Shelf, spoil, words: str) -> None:
    for days in range(2):
        shelf.write(of(3 + days, MARCH + timedelta(days=days)))
    spoil(shelf.file.parent / "2026-03-01.snapshot")
    with pytest.raises(SnapshotUnusable, match=words):
        shelf.read_day(a_day(1))
    assert len(shelf.read_day(a_day(2)).frame) == 4
    shelf.write(of(5, MARCH + timedelta(days=2)))
    assert a_day(3) in shelf.days()


def test_the_lists_of_an_accounts_other_keys_are_there_too_and_the_newer_of_a_day_counts(tmp_path: Path) -> None:
    before, now = Shelf(tmp_path, OTHER, days=3), Shelf(tmp_path, KEY, OTHER, days=3)
    before.write(of(3))
    before.write(of(4, MARCH + timedelta(days=1)))
    os.utime(tmp_path / OTHER / "2026-03-02.snapshot", (time.time() - 60,) * 2)
    now.write(of(5, MARCH + timedelta(days=1)))
    assert now.days() == (a_day(2), a_day(1))
    assert [len(now.read_day(day).frame) for day in now.days()] == [5, 3]
    assert before.days() == now.days()


def test_what_is_no_day_is_no_list(shelf: Shelf) -> None:
    shelf.write(of(3))
    for name in ("2026-02-31.snapshot", "activity.snapshot", "2026-3-1.snapshot", "2026-03-09.txt"):
        (shelf.file.parent / name).write_bytes(b"x")
    assert shelf.days() == (a_day(1),)


def test_all_days_are_forgotten_with_the_list_and_none_of_a_key_that_is_in_use(tmp_path: Path) -> None:
    shelves = {name: Shelf(tmp_path, name * 16, days=3) for name in "ab"}
    for shelf in shelves.values():
        shelf.write(of(3))
        shelf.write(of(3, MARCH + timedelta(days=1)))
        os.utime(shelf.file.parent / "2026-03-01.snapshot", (time.time() - 90 * 86_400,) * 2)
    for file in shelves["b"].file.parent.iterdir():
        os.utime(file, (time.time() - 31 * 86_400,) * 2)
    forget(tmp_path, unused_for=timedelta(days=30))
    assert len(shelves["a"].days()) == 2
    assert not shelves["b"].file.parent.exists()
    forget(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_day_that_can_not_be_written_leaves_the_list_for_the_next_start(shelf: Shelf) -> None:
    (shelf.file.parent / "2026-03-01.snapshot").mkdir(parents=True)
    with pytest.raises(SnapshotNotKept):
        shelf.write(of(3))
    newest = shelf.read()
    assert newest is not None
    assert newest.finished_at == MARCH
