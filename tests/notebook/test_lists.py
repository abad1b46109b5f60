"""`ops.take`: the reader of the pages and the command line, and arguments in the place of their questions."""

from __future__ import annotations

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
