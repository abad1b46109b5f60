"""`ops.take`: the reader of the pages and the command line, and arguments in the place of their questions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.config import load_settings
from lib.errors import ListUnclear
from lib.notebook.session import NotebookSession
from lib.session import Session
from tests.customers.lists.cases import CASES, filled, meant
from tests.pages.world import World


@pytest.fixture(scope="module")
def ops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NotebookSession]:
    with World(tmp_path_factory.mktemp("notebook") / "home") as world:
        world.sandbox(40)
        ops = NotebookSession(Session(load_settings(), known="as the user of a notebook").open())
        yield ops
        ops.close()


@pytest.mark.parametrize(("name", "options", "letters"), CASES)
def test_a_colleague_s_list_is_taken_as_a_person_means_it_or_asked_about(
    ops: NotebookSession, tmp_path: Path, name: str, options: dict[str, Any], letters: str | None
) -> None:
    ids = ops.find(status="active")["id"].head(6).tolist()
    path = tmp_path / name
    path.write_bytes(filled(name, ids))
    if letters is None:
        with pytest.raises(ListUnclear) as asked:
            ops.take(path)
        assert asked.value.needs == ("where" if "decision" in name else "column")
    else:
        assert ops.take(path, **options)["id"].tolist() == meant(letters, ids)
        assert len(ops.taken) >= len(letters)


def test_whom_nobody_knows_is_not_told_as_found_and_what_a_list_leaves_open_is_said(
    ops: NotebookSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known, lacking = str(ops.find(status="active")["id"].iloc[0]), f"cus_{7:032x}"
    path = tmp_path / "list"
    path.write_text(f"{known.upper()}\n{lacking}\n")
    capsys.readouterr()
    assert ops.take(path)["id"].tolist() == [known]
    assert capsys.readouterr().out == "1 found, 1 unknown\n"
    assert ops.taken is not None
    assert ops.taken["kind"].tolist() == ["found", "unknown"]
    path.write_text(json.dumps({"expressCustomers": [{"expressCustomerId": known}], "hasMore": True}))
    ops.take(path)
    assert "another page follows" in capsys.readouterr().out
