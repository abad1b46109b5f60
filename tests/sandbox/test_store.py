"""The state: changes, stable positions, and what a restart finds again."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from lib.sandbox.data import EXAMPLE_ID
from lib.sandbox.state import StateError, StateFile
from lib.sandbox.store import CallRecord, Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
USER = f"usr_{7:032x}"
CALL = CallRecord("2026-11-20T12:00:00.000Z", "req_1", "POST", "/x", "deactivate", EXAMPLE_ID, "cut", True, "reset-after")


def _store(path=None, now=NOW, **options):
    return Store(**{"count": 60, "seed": 3, "state": path, "now": lambda: now, **options})


def test_a_change_moves_updated_at_and_a_repeated_one_does_not():
    store = _store()
    assert store.change(0, isActive=False)
    assert store.read(0)["updatedAt"] == "2026-11-20T12:00:00.000Z"
    assert not store.change(0, isActive=False)
    assert store.read(0)["updatedAt"] == "2026-11-20T12:00:00.000Z"


def test_updated_at_moves_on_even_where_the_clock_stands_or_goes_back():
    store = _store(now=NOW - timedelta(days=5000))
    seen = []
    for active in (False, True, False):
        store.change(0, isActive=active)
        seen.append(store.read(0)["updatedAt"])
    assert seen == ["2024-03-15T14:20:00.001Z", "2024-03-15T14:20:00.002Z", "2024-03-15T14:20:00.003Z"]


def test_the_user_count_follows_the_users():
    store = _store()
    before = store.users(0)
    assert len(before) == 15
    store.set_users(0, [*before, USER])
    assert (store.read(0)["userCount"], store.users(0)[-1]) == (16, USER)


def test_a_created_customer_is_the_last_of_the_list_and_has_no_studies():
    store = _store()
    position = store.create("New", {"a": "b"})
    assert (position, len(store), store.activity(position), store.users(position)) == (60, 61, None, [])
    assert store.position(store.read(position)["expressCustomerId"]) == position


def test_a_restart_finds_every_change_user_customer_and_call_again(tmp_path):
    path = tmp_path / "deep" / "sandbox.sqlite"
    first = _store(path)
    first.change(0, isActive=False)
    first.set_users(1, [USER])
    first.create("Made here", None)
    first.record_call(CALL)
    before = (first.page(0, 99), first.users(1), first.calls())
    first.close()
    again = _store(path)
    assert (again.page(0, 99), again.users(1), again.calls()) == before
    assert again.calls() == [CALL]


def test_what_could_not_be_written_goes_along_with_the_next_call(tmp_path, monkeypatch):
    path = tmp_path / "s.sqlite"
    store = _store(path)
    store.change(0, isActive=False)
    with monkeypatch.context() as broken:
        broken.setattr(StateFile, "write", _full_disk)
        with pytest.raises(sqlite3.OperationalError):
            store.record_call(CALL)
    assert store.read(0)["isActive"] is False
    store.record_call(CALL)
    store.close()
    again = _store(path)
    assert (again.read(0)["isActive"], again.calls()) == (False, [CALL, CALL])


def test_a_file_in_use_is_refused_in_words(tmp_path):
    holder = _store(tmp_path / "s.sqlite")
    with pytest.raises(StateError, match="another process is using it"):
        _store(tmp_path / "s.sqlite")
    holder.close()


def _full_disk(*_):
    raise sqlite3.OperationalError("database or disk is full")


def test_the_anchor_of_the_first_start_is_kept(tmp_path):
    path = tmp_path / "s.sqlite"
    first = _store(path, anchor=date(2030, 1, 1))
    first.close()
    again = _store(path)
    assert (again.anchor, again.page(0, 60)) == (date(2030, 1, 1), first.page(0, 60))


@pytest.mark.parametrize("other", [{"count": 61}, {"seed": 4}])
def test_a_file_of_other_data_is_refused_in_words(tmp_path, other):
    path = tmp_path / "s.sqlite"
    _store(path).close()
    with pytest.raises(StateError, match="holds 60 customers of seed 3"):
        _store(path, **other)


def test_a_file_of_another_version_or_of_no_database_is_refused_in_words(tmp_path):
    path = tmp_path / "s.sqlite"
    _store(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE sandbox SET version = 99")
    with pytest.raises(StateError, match="another version"):
        _store(path)
    path.write_bytes(b"this is no database, by any reading of it" * 100)
    (tmp_path / "s.sqlite-wal").unlink(missing_ok=True)
    with pytest.raises(StateError, match="can't be used"):
        _store(path)


@pytest.mark.skipif(os.name != "posix", reason="files have no mode there")
def test_the_state_is_for_its_owner_only_and_so_is_what_an_older_version_left_open(tmp_path):
    state = tmp_path / "new" / "state.sqlite"
    for _ in range(2):
        old = os.umask(0)
        try:
            store = _store(state)
            store.record_call(CALL)
            modes = {file.name: file.stat().st_mode & 0o777 for file in state.parent.iterdir()}
            store.close()
        finally:
            os.umask(old)
        assert set(modes.values()) == {0o600}
        assert "state.sqlite-wal" in modes
        state.chmod(0o644)
    assert state.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix", reason="files have no mode there")
@pytest.mark.parametrize("what", ["a folder", "a pipe"])
def test_what_is_no_file_is_refused_and_keeps_its_mode(tmp_path, what):
    """`--state /` made the root of the file system unreadable for everybody else."""
    named = tmp_path / "named"
    named.mkdir() if what == "a folder" else os.mkfifo(named)
    named.chmod(0o755)
    with pytest.raises(StateError, match="can't be used"):
        _store(named)
    assert named.stat().st_mode & 0o777 == 0o755
