"""Lists of ids, plan files and receipts on disk."""

import resource
import stat

import pytest

from lib.errors import PlanError, UploadUnreadable
from lib.runs.cli.files import read_ids, read_plan, write_new
from tests.runs.fakes import customer, id_of, plan_of

ONE, TWO = id_of(0xA1), id_of(0xA2)


@pytest.mark.parametrize(
    ("text", "ids", "repeated", "ill_formed"),
    [
        ("", (), (), ()),
        (f"{ONE}\n{TWO}\n", (ONE, TWO), (), ()),
        (f"\n  {ONE}  \r\n\r\n{TWO}", (ONE, TWO), (), ()),
        (f"\ufeff{ONE}", (ONE,), (), ()),
        (f"{ONE}\n{ONE}\n{ONE}", (ONE,), (ONE,), ()),
        (f"{ONE}\n{ONE[:4]}{ONE[4:].upper()}", (ONE,), (ONE,), ()),
        (f"{ONE}\n{ONE}0\n{ONE[:-1]}\nusr_{ONE[4:]}", (ONE,), (), (f"{ONE}0", ONE[:-1], f"usr_{ONE[4:]}")),
        (f"{ONE} {TWO}", (), (), (f"{ONE} {TWO}",)),
        (f"id\n{ONE}\n{TWO}", (ONE, TWO), (), ()),
        (f"expressCustomerId,name\n{ONE},A\n{TWO},B", (ONE, TWO), (), ()),
        (f'"customer id","name"\n"{ONE}","two\nlines, {TWO}"\n', (ONE,), (), ()),
        (f"ID,other\n{ONE},{TWO}\n,{TWO}\n", (ONE,), (), ("",)),
        (f"name,id\nA,{ONE}\n", (), (), ("name,id", f"A,{ONE}")),
    ],
)
def test_ids_are_taken_from_where_ids_belong_and_from_nowhere_else(tmp_path, text, ids, repeated, ill_formed):
    path = tmp_path / "ids"
    path.write_bytes(text.encode())
    found = read_ids(path)
    assert (found.ids, found.repeated, found.ill_formed) == (ids, repeated, ill_formed)


@pytest.mark.parametrize("body", [None, b"PK\x03\x04\xff\xfe", b'id,name\n"open', "id\n".encode("utf-16")])
def test_a_file_that_is_no_list_is_refused_in_words(tmp_path, body):
    path = tmp_path / "ids"
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(UploadUnreadable, match=r"can't be read|is not UTF-8"):
        read_ids(path)


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
