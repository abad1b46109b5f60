"""Lists, plan files and receipts on disk."""

import resource
import stat

import pytest

from lib.config import Settings
from lib.errors import PlanError, UploadUnreadable
from lib.files import write_new
from lib.session import Session
from tests.runs.fakes import customer, plan_of

SESSION = Session(Settings(), known="")
read_list, read_plan = SESSION.read_list, SESSION.open_plan


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UploadUnreadable, match=r"none can't be read"):
        read_list(tmp_path / "none")


def test_a_plan_file_is_private_never_written_over_and_comes_back_the_same(tmp_path):
    path, plan = tmp_path / "plan.json", plan_of([customer(1), customer(2, name="\u202e<b>\x00")])
    write_new(path, plan.to_json().encode())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_plan(path) == plan
    with pytest.raises(PlanError, match="there already"):
        write_new(path, b"other")
    assert read_plan(path).hash == plan.hash


@pytest.mark.parametrize("name", ["none/plan.json", "."])
def test_a_file_that_can_not_be_read_or_written_is_named(tmp_path, name):
    for attempt in (lambda path: write_new(path, b"x"), read_plan):
        with pytest.raises(PlanError, match=str(tmp_path)):
            attempt(tmp_path / name)


def test_half_a_file_is_not_left_behind(tmp_path):
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, usual[1]))  # as a disk that fills up
    try:
        with pytest.raises(PlanError, match="can't be written"):
            write_new(tmp_path / "plan.json", b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert list(tmp_path.iterdir()) == []
