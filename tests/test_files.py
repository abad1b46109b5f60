"""Paths, bounded reading, and whom a file is trusted to."""

import os
import stat

import pytest

from lib.config import load_settings
from lib.errors import ConfigError
from lib.files import make_private, path_of, read_at_most, refuse_if_others_write
from lib.session import Session

NOT_THERE = "nobody makes this"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A data folder with everything in it that only its owner may write."""
    monkeypatch.delenv("EXPRESS_OPS_DATABASE_URL", raising=False)
    monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path / "above" / "home"))
    made = load_settings().home
    (made / "snapshots").mkdir(mode=0o700)
    for name in ("settings.toml", "journal.sqlite", "sandbox.sqlite"):
        (made / name).touch(0o600)
    load_settings()
    return made


def another_owner(path, monkeypatch):
    """Somebody else's: for root by giving it away, for others by being somebody else."""
    if os.geteuid() == 0:
        os.chown(path, 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)


@pytest.mark.parametrize("mode", [0o020, 0o002], ids=["group", "others"])
@pytest.mark.parametrize("name", [".", "settings.toml", "journal.sqlite", "sandbox.sqlite", "snapshots"])
def test_what_others_may_write_is_refused_with_the_command_that_ends_it(home, name, mode):
    path = home / name
    path.chmod(path.stat().st_mode | mode)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    command = caught.value.message.rpartition(": ")[2]
    assert command == f"chmod go-w {path}"
    assert os.system(command) == 0
    load_settings()


@pytest.mark.parametrize("name", [".", "settings.toml", "journal.sqlite", "sandbox.sqlite", "snapshots"])
def test_what_is_another_user_s_is_refused(home, monkeypatch, name):
    another_owner(home / name, monkeypatch)
    with pytest.raises(ConfigError, match="belongs to another user"):
        load_settings()


@pytest.mark.parametrize("name", ["settings.toml", "journal.sqlite", "sandbox.sqlite", "snapshots"])
def test_a_link_to_what_others_may_write_is_refused_even_where_nothing_is_there_yet(home, tmp_path, name):
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    path = home / name
    path.rmdir() if path.is_dir() else path.unlink()
    path.symlink_to(open_folder / NOT_THERE)
    with pytest.raises(ConfigError, match=str(open_folder)):
        load_settings()


def test_a_link_to_what_only_this_user_may_write_is_followed(home, tmp_path):
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text("concurrency = 4\n")
    elsewhere.chmod(0o600)
    (home / "settings.toml").unlink()
    (home / "settings.toml").symlink_to(elsewhere)
    assert Session(load_settings(), known="").policy.concurrency == 4


def test_a_link_on_the_way_is_judged_where_it_leads(tmp_path):
    open_folder, closed = tmp_path / "open", tmp_path / "closed"
    (open_folder / "home").mkdir(parents=True)
    open_folder.chmod(0o777)
    closed.symlink_to(open_folder / "home")
    with pytest.raises(ConfigError, match=f"write {open_folder}"):
        refuse_if_others_write(closed / "journal.sqlite")


@pytest.mark.parametrize(
    ("mode", "refused"),
    [(0o755, False), (0o1777, False), (0o777, True), (0o757, True)],
    ids=["closed", "sticky, as /tmp", "open", "to all but the group"],
)
def test_a_folder_above_that_others_may_write_is_refused_unless_it_is_sticky(home, mode, refused):
    home.parent.chmod(mode)
    if not refused:
        load_settings()
        return
    with pytest.raises(ConfigError, match=str(home.parent)):
        load_settings()


@pytest.mark.parametrize(("alone", "refused"), [(True, False), (False, True)])
def test_above_a_group_in_which_the_user_is_alone_is_no_other(home, monkeypatch, alone, refused):
    home.parent.chmod(0o775)
    monkeypatch.setattr("lib.files._alone_in", lambda _: alone)
    if not refused:
        load_settings()
        return
    with pytest.raises(ConfigError):
        load_settings()


def test_a_journal_elsewhere_is_held_to_the_same(home, tmp_path, monkeypatch):
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    monkeypatch.setenv("EXPRESS_OPS_DATABASE_URL", f"sqlite:///{open_folder}/journal.sqlite")
    with pytest.raises(ConfigError, match=str(open_folder)):
        load_settings()


def test_folders_are_made_for_their_owner_only_all_the_way(tmp_path):
    before = os.umask(0)
    try:
        make_private(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700] * 2


def test_a_file_is_read_to_its_end_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert read_at_most(path, 10) == b"x" * 10
    with pytest.raises(OSError, match="more than"):
        read_at_most(path, 9)


@pytest.mark.parametrize("text", ["\0", "a\0b", "~nobody-of-that-name", "~nobody-of-that-name/x"])
def test_what_is_no_path_is_told_in_words(text):
    with pytest.raises(ValueError, match=r"NUL|nobody"):
        path_of(text)
