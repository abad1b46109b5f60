"""What is kept comes back exactly; what is damaged, foreign or of another version is ignored with a word."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.avara.models import RecordProblem
from lib.customers.frame import CustomerFrame, build
from lib.customers.reading import snapshot as module
from lib.customers.reading.shelf import Shelf, forget, kept_customers
from lib.customers.reading.snapshot import Snapshot
from lib.errors import SnapshotNotKept, SnapshotUnusable
from tests.customers.records import API_KEY_ID, USER_ID, an_id, customer, customers, distinct_customers

BEGAN = datetime(2026, 3, 1, 11, 59, 30, tzinfo=UTC)
ENDED = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
FINGERPRINT = "0123456789abcdef"
PROBLEM = RecordProblem("cus_1", "userCount", "\ud800 and “-3”", "must not be below 0")


def snapshot_of(frame: CustomerFrame, *problems: RecordProblem) -> Snapshot:
    return Snapshot(frame, problems, BEGAN, ENDED)


def of(count: int = 3) -> Snapshot:
    return snapshot_of(build(customer(number) for number in range(count)))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "snapshots", FINGERPRINT)


def back(shelf: Shelf) -> Snapshot:
    found = shelf.read()
    assert found is not None
    return found


def assert_same(frame: CustomerFrame, other: CustomerFrame) -> None:
    for ours, theirs in ((frame.rows, other.rows), (frame.metadata, other.metadata)):
        pd.testing.assert_frame_equal(ours, theirs)
        for name in ours:
            assert ours[name].dtype == theirs[name].dtype
            assert not isinstance(ours[name].dtype, pd.CategoricalDtype) or (
                ours[name].cat.categories.dtype == theirs[name].cat.categories.dtype
            )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(distinct_customers, st.lists(customers, max_size=4))
def test_what_was_written_is_read_back_exactly(shelf: Shelf, records, replaced) -> None:
    # Replaced records leave words behind that nobody has any more: those too come back.
    frame = build(records).with_records(replaced)
    shelf.write(snapshot_of(frame))
    assert_same(back(shelf).frame, frame)


def test_of_the_lists_of_an_account_the_newest_is_read_and_no_other_key_ever_sees_it(tmp_path: Path) -> None:
    old, new, stranger = "a" * 16, "b" * 16, "c" * 16
    Shelf(tmp_path, old).write(of(3))
    assert Shelf(tmp_path, new).read() is None
    assert len(back(Shelf(tmp_path, new, old)).frame) == 3
    Shelf(tmp_path, new, old).write(of(5))
    past = time.time() - 3600
    os.utime(Shelf(tmp_path, old).file, (past, past))
    assert len(back(Shelf(tmp_path, new, old)).frame) == len(back(Shelf(tmp_path, old, new)).frame) == 5
    assert len(back(Shelf(tmp_path, old)).frame) == 3  # whoever has not said that they are one has two lists
    assert Shelf(tmp_path, stranger).read() is None


@pytest.mark.parametrize(("count", "most", "found"), [(0, 5, []), (2, 5, [0, 1]), (9, 3, [0, 4, 8])])
def test_a_sample_of_a_kept_list_is_from_all_over_it(shelf: Shelf, count: int, most: int, found: list[int]) -> None:
    shelf.write(of(count))
    some = kept_customers(shelf.file.parents[1], {FINGERPRINT}, most)
    assert [id_ for id_, _ in some] == [an_id(number) for number in found]


def test_of_a_list_that_is_missing_or_damaged_there_is_no_sample(shelf: Shelf) -> None:
    assert kept_customers(shelf.file.parents[1], {FINGERPRINT}, 5) == ()
    shelf.write(of())
    shelf.file.write_bytes(b"x")
    assert kept_customers(shelf.file.parents[1], {FINGERPRINT}, 5) == ()


@pytest.mark.parametrize(
    "records",
    [
        [],
        [customer(metadata={})],
        [customer(1, metadata={}), customer(2), customer(3, metadata={}), customer(4, created_at=None, updated_at=None)],
        [customer(created_by_api_key_id=API_KEY_ID), customer(2, created_by_user_id=USER_ID), customer(3)],
    ],
)
def test_records_come_back_as_the_api_gave_them(shelf: Shelf, records) -> None:
    shelf.write(snapshot_of(build(records)))
    assert back(shelf).frame.records([record.id for record in records]) == records


def test_a_list_read_back_can_be_changed_searched_and_kept_again(shelf: Shelf) -> None:
    shelf.write(of())
    frame = back(shelf).frame.with_records([customer(1, name="Renamed", is_active=False, updated_at=None)])
    assert frame.record(an_id(1)) == customer(1, name="Renamed", is_active=False, updated_at=None)
    assert frame.text.mask("renamed").tolist() == [False, True, False]
    shelf.write(snapshot_of(frame))
    assert_same(back(shelf).frame, frame)


def test_times_and_problems_come_back_too(shelf: Shelf) -> None:
    shelf.write(snapshot_of(build([]), PROBLEM))
    found = back(shelf)
    assert (found.started_at, found.finished_at) == (BEGAN, ENDED)
    assert [(problem.customer_id, problem.field, problem.rule) for problem in found.problems] == [
        ("cus_1", "userCount", "must not be below 0")
    ]
    assert "and “-3”" in found.problems[0].seen


def test_without_a_file_there_is_no_snapshot_and_nothing_is_wrong(shelf: Shelf) -> None:
    assert shelf.read() is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_only_the_owner_may_look_whatever_the_umask_says(shelf: Shelf) -> None:
    before = os.umask(0)
    try:
        shelf.write(of())
    finally:
        os.umask(before)
    assert stat.S_IMODE(shelf.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(shelf.file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(shelf.file.parent.parent.stat().st_mode) == 0o700


def test_all_lists_can_be_forgotten_also_those_of_other_connections_and_half_written_ones(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    forget(folder)  # nothing was ever kept
    for fingerprint in ("a" * 16, "b" * 16):
        Shelf(folder, fingerprint).write(of())
    (folder / ("a" * 16) / "half.part").write_text("")
    forget(folder)
    assert list(folder.iterdir()) == []


def test_a_list_that_nobody_used_for_long_is_forgotten_but_never_the_one_in_use(tmp_path: Path) -> None:
    shelves = {name: Shelf(tmp_path, name * 16) for name in "abc"}
    for shelf in shelves.values():
        shelf.write(of())
    for name in "ab":
        os.utime(shelves[name].file, (time.time() - 31 * 86_400,) * 2)
    forget(tmp_path, unused_for=timedelta(days=30), but="a" * 16)
    assert [name for name, shelf in shelves.items() if shelf.read() is not None] == ["a", "c"]


def test_each_connection_has_a_folder_of_its_own(tmp_path: Path) -> None:
    first, second = Shelf(tmp_path, "a" * 16), Shelf(tmp_path, "b" * 16)
    first.write(of(1))
    assert second.read() is None
    second.write(of(2))
    assert (len(back(first).frame), len(back(second).frame)) == (1, 2)


def test_leftovers_of_writers_that_died_are_removed_but_not_what_is_being_written(shelf: Shelf) -> None:
    shelf.write(of())
    old, young = (shelf.file.parent / name for name in ("dead.part", "alive.part"))
    for part in (old, young):
        part.write_bytes(b"half")
    yesterday = time.time() - 86_400
    os.utime(old, (yesterday, yesterday))
    shelf.write(of())
    assert sorted(path.name for path in shelf.file.parent.iterdir()) == ["alive.part", shelf.file.name]


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def flipped(content: bytes) -> bytes:
    place = len(content) - 200
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def with_manifest(**changes: object) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        line, _, data = content.partition(b"\n")
        return json.dumps({**json.loads(line), **changes}).encode() + b"\n" + data

    return change


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda content: b"", "damaged"),
        (lambda content: b"\n", "damaged"),
        (lambda content: b"\x00" * 5000, "damaged"),
        (lambda content: content[: content.index(b"\n")], "damaged"),
        (lambda content: content[: content.index(b"\n") + 1], "damaged"),
        (cut, "damaged"),
        (lambda content: content[:-1], "damaged"),
        (lambda content: content + b"\0", "damaged"),
        (flipped, "damaged"),
        (with_manifest(finished_at="2026-03-02T12:00:00Z"), "damaged"),
        (with_manifest(customers=4), "damaged"),
        (with_manifest(format="another"), "damaged"),
        (with_manifest(version=2), "another version"),
        (with_manifest(version=2, unheard_of=1), "another version"),
        (with_manifest(fingerprint="f" * 16), "another key"),
    ],
)
def test_what_is_not_whole_or_not_ours_is_ignored_with_a_word(shelf: Shelf, spoil, words: str) -> None:
    shelf.write(of())
    shelf.file.write_bytes(spoil(shelf.file.read_bytes()))
    with pytest.raises(SnapshotUnusable, match=words) as caught:
        shelf.read()
    assert caught.value.message.startswith("The kept list could not be used: ")
    assert "read anew" in caught.value.message
    shelf.write(of())
    assert len(back(shelf).frame) == 3


@pytest.mark.parametrize("step", range(0, 100, 7))
def test_no_cut_and_no_flipped_bit_is_ever_taken_for_whole(shelf: Shelf, step: int) -> None:
    shelf.write(of())
    content = shelf.file.read_bytes()
    place = len(content) * step // 100
    for spoilt in (content[:place], content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]):
        shelf.file.write_bytes(spoilt)
        with pytest.raises(SnapshotUnusable):
            shelf.read()


def data_of(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def with_column(name: str, values: list[object]) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(name)
        return table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))

    return change


@pytest.mark.parametrize(
    "change",
    [
        with_column("id", [an_id(1), an_id(1), an_id(2)]),
        with_column("id", [an_id(1), "cus_2", an_id(3)]),
        with_column("id", [an_id(1), None, an_id(3)]),
        with_column("name", ["A", None, "B"]),
        with_column("is_active", [True, None, False]),
        with_column("user_count", [1, -1, 0]),
        with_column("user_count", [1, 2**60, 0]),
        with_column("created_by_api_key_id", [None, "no uuid", None]),
        with_column("created_by", ["user", "api_key", "somebody"]),
        lambda table: table.drop_columns("name"),
        lambda table: table.append_column("more", pa.array([1, 2, 3])),
        lambda table: table.slice(0, 2),
        lambda table: table.set_column(3, "user_count", pa.array([1, 2, 3], pa.int32())),
    ],
)
def test_rows_that_no_record_may_be_are_ignored_even_with_a_right_checksum(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, change
) -> None:
    original = module._data

    def changed(frame: CustomerFrame, **_: bool) -> pa.Buffer:
        with pa.ipc.open_stream(original(frame)) as reader:
            return data_of(change(reader.read_all()))

    monkeypatch.setattr(module, "_data", changed)
    shelf.write(of())
    monkeypatch.undo()
    with pytest.raises(SnapshotUnusable, match="break the rules"):
        shelf.read()


def test_a_folder_in_the_files_place_is_ignored_with_a_word(shelf: Shelf) -> None:
    shelf.file.mkdir(parents=True)
    with pytest.raises(SnapshotUnusable, match="can't be read"):
        shelf.read()
    with pytest.raises(SnapshotNotKept, match="could not be kept"):
        shelf.write(of())
    assert [path.name for path in shelf.file.parent.iterdir()] == [shelf.file.name]


def test_a_data_folder_that_can_not_be_written_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("a file, not a folder")
    with pytest.raises(SnapshotNotKept, match="data folder"):
        Shelf(tmp_path / "snapshots", FINGERPRINT).write(of())


def test_a_full_disk_leaves_the_older_list_whole(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.write(of(3))

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SnapshotNotKept, match="No space left on device"):
        shelf.write(of(5))
    monkeypatch.undo()
    assert len(back(shelf).frame) == 3
    assert [path.name for path in shelf.file.parent.iterdir()] == [shelf.file.name]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets no file be replaced that is being read")
def test_of_many_writers_at_once_one_wins_and_every_reader_sees_a_whole_list(shelf: Shelf) -> None:
    sizes = (1, 40, 200)
    lists = {size: of(size) for size in sizes}
    shelf.write(lists[1])

    def write(size: int) -> None:
        for _ in range(10):
            Shelf(shelf.file.parent.parent, FINGERPRINT).write(lists[size])

    seen = set()
    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(write, size) for size in sizes]
        while not all(writer.done() for writer in writers):
            seen.add(len(back(shelf).frame))
        for writer in writers:
            writer.result()
    assert seen <= set(sizes)
    assert len(back(shelf).frame) in sizes
    assert [path.name for path in shelf.file.parent.iterdir()] == [shelf.file.name]
