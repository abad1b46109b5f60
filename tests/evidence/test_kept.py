"""What was read of studies, in the data folder: it comes back exactly, belongs to an account, and goes with its list."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.config import Settings
from lib.customers.reading.shelf import forget
from lib.errors import SnapshotNotKept
from lib.evidence.activity import WINDOWS, Activity
from lib.evidence.kept import ActivityShelf
from lib.evidence.reading import ActivityReading
from lib.session import Session

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY_AGO = NOW - timedelta(days=1)
OWN, OTHER, STRANGER = "a" * 16, "b" * 16, "c" * 16


def key(number: int) -> str:
    return f"cus_{number:032x}"


def seen(*, hours_ago: float = 0, ever: int = 3) -> Activity:
    return Activity(NOW - timedelta(hours=hours_ago), NOW - timedelta(days=40), (0, 1, 2, ever), 1, 2, whole=True)


def back(shelf: ActivityShelf) -> dict[str, Activity]:
    known, trouble = shelf.read(DAY_AGO, NOW)
    assert not trouble
    return known


times = st.integers(1, 20_000_000_000).map(lambda milliseconds: NOW - timedelta(milliseconds=milliseconds))
numbers = st.integers(0, 2**53)
activities = st.builds(
    Activity,
    st.integers(0, 86_400_000_000).map(lambda microseconds: NOW - timedelta(microseconds=microseconds)),
    st.none() | times,
    st.tuples(*[numbers] * (len(WINDOWS) + 1)),
    numbers,
    numbers,
    st.booleans(),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(known=st.dictionaries(st.integers(0, 2**128 - 1).map(key), activities, max_size=20))
def test_what_was_kept_comes_back_exactly_and_only_its_owner_can_read_it(tmp_path: Path, known) -> None:
    shelf = ActivityShelf(tmp_path, OWN)
    shelf.file.unlink(missing_ok=True)
    shelf.write(known, DAY_AGO, NOW)
    assert back(shelf) == known
    assert stat.S_IMODE(shelf.file.stat().st_mode) == 0o600


@pytest.mark.parametrize(("hours_ago", "stays"), [(0, True), (24, True), (24.1, False), (-0.1, False)])
def test_what_is_too_old_or_of_the_future_is_no_longer_known(tmp_path: Path, hours_ago: float, stays: bool) -> None:
    shelf = ActivityShelf(tmp_path, OWN)
    shelf.write({key(1): seen(hours_ago=hours_ago)}, DAY_AGO - timedelta(days=9), NOW + timedelta(days=9))
    assert (key(1) in back(shelf)) == stays


def test_what_kept_studies_from_being_read_is_not_kept(tmp_path: Path) -> None:
    shelf = ActivityShelf(tmp_path, OWN)
    shelf.write({key(1): Activity(NOW).cut_off("The API says: no."), key(2): seen()}, DAY_AGO, NOW)
    assert back(shelf) == {key(2): seen()}


def test_the_keys_of_an_account_know_what_each_of_them_read_and_no_other_key_does(tmp_path: Path) -> None:
    ActivityShelf(tmp_path, OWN).write({key(1): seen(hours_ago=3), key(2): seen(hours_ago=3)}, DAY_AGO, NOW)
    ActivityShelf(tmp_path, OTHER, OWN).write({key(2): seen(ever=9)}, DAY_AGO, NOW)
    assert back(ActivityShelf(tmp_path, OTHER, OWN)) == {key(1): seen(hours_ago=3), key(2): seen(ever=9)}
    assert back(ActivityShelf(tmp_path, OWN, OTHER)) == back(ActivityShelf(tmp_path, OTHER, OWN))
    assert back(ActivityShelf(tmp_path, STRANGER)) == {}


def test_of_several_processes_each_keeps_what_the_others_kept_and_nobody_reads_a_mix(tmp_path: Path) -> None:
    def process(number: int) -> None:
        for hour in range(5, 0, -1):
            ActivityShelf(tmp_path, OWN).write({key(number): seen(hours_ago=hour), key(99): seen(hours_ago=hour)}, DAY_AGO, NOW)
            assert back(ActivityShelf(tmp_path, OWN))[key(99)].counts == seen().counts

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(process, number) for number in range(4)]:
            done.result()
    for number in range(4):  # one after the other nothing is lost; at the very same moment a last one may be read again
        process(number)
    known = back(ActivityShelf(tmp_path, OWN))
    assert known == dict.fromkeys([*map(key, range(4)), key(99)], seen(hours_ago=1))
    assert [file.name for file in ActivityShelf(tmp_path, OWN).file.parent.iterdir()] == ["activity.snapshot"]


def changed(body: bytes, **fields: object) -> bytes:
    """A file whose digest is right, with other fields."""
    made = json.dumps({**json.loads(body.partition(b"\n")[2]), **fields}).encode()
    return hashlib.sha256(made).hexdigest().encode() + b"\n" + made


def row(read_at: str = "2026-03-01T12:00:00Z", newest: str | None = None, counts: list[int] | None = None) -> list[object]:
    return [key(1), read_at, newest, [0, 0, 0, 0] if counts is None else counts, 0, 0, True]


@pytest.mark.parametrize(
    "damaged",
    [
        lambda body: b"",
        lambda body: body[:-9],
        lambda body: body.replace(b"2026", b"2027"),
        lambda body: changed(body, version=2),
        lambda body: changed(body, windows=[1, 2, 3]),
        lambda body: changed(body, fingerprint=STRANGER),
        lambda body: changed(body, customers=[["cus_1", "now"]]),
        lambda body: changed(body, patient="x"),
        lambda body: changed(body, customers=[row(read_at="0001-01-01T00:00:00+14:00")]),
        lambda body: changed(body, customers=[row(newest="9999-12-31T23:59:59-14:00")]),
        lambda body: changed(body, customers=[row(counts=[3])]),
        lambda body: changed(body, customers=[row(counts=[0, 0, 1, 2, 3])]),
        lambda body: None,
    ],
)
def test_a_file_that_is_damaged_or_foreign_is_said_and_ignored_and_replaced_by_the_next(tmp_path: Path, damaged) -> None:
    shelf = ActivityShelf(tmp_path, OWN)
    shelf.write({key(1): seen()}, DAY_AGO, NOW)
    body = damaged(shelf.file.read_bytes())
    if body is None:
        shelf.file.unlink()
        os.mkfifo(shelf.file)
    else:
        shelf.file.write_bytes(body)
    reading = ActivityReading(None, lambda: NOW, shelf=shelf)  # type: ignore[arg-type]
    assert reading.known == {}
    assert "could not be used" in reading.word
    shelf.write({key(2): seen()}, DAY_AGO, NOW)
    assert back(shelf) == {key(2): seen()}


def test_what_can_not_be_written_is_said_and_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / OWN).write_text("in the way of the folder")
    shelf = ActivityShelf(tmp_path, OWN)
    with pytest.raises(SnapshotNotKept, match="could not be kept"):
        shelf.write({key(1): seen()}, DAY_AGO, NOW)
    reading = ActivityReading(None, lambda: NOW, shelf=shelf)  # type: ignore[arg-type]
    reading.known[key(1)] = seen()
    reading.revision += 1
    reading.close()
    assert "could not be kept" in reading.word


def test_it_is_forgotten_with_the_list_and_not_kept_where_the_list_is_not(tmp_path: Path) -> None:
    home = Settings(EXPRESS_OPS_HOME=tmp_path, AVARA_API_KEY="k", AVARA_BASE_URL="http://127.0.0.1:1")
    with Session(home, known="") as session:
        own = session.connection.fingerprint
    for name, days in ((own, 99), (OTHER, 31), (STRANGER, 29)):
        shelf = ActivityShelf(home.snapshots, name)
        shelf.write({key(1): seen()}, DAY_AGO, NOW)
        os.utime(shelf.file, (time.time() - days * 86_400,) * 2)
    forget(home.snapshots, unused_for=timedelta(days=30), but=own)
    assert {file.parent.name for file in home.snapshots.glob("*/*")} == {own, STRANGER}
    (tmp_path / "settings.toml").write_text("[snapshot]\nkeep = false\n")
    with Session(home, known="", now=lambda: NOW) as session:
        assert session.loads
        reading = session.evidence.reading
        reading.known[key(1)] = seen()
        reading.revision += 1
    assert not list(home.snapshots.glob("*/*"))
