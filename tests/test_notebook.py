"""The notebook, run cell by cell as it stands: it changes nothing until it is told how many customers are meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lib.runs.model import RunState
from lib.runs.plan import Plan
from lib.sandbox.server import SandboxServer

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "session.ipynb"
KEY = "key-of-the-notebook"


def cells() -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize(("confirmed", "changed"), [(0, 0), (2, 0), (3, 3)])
def test_it_does_what_is_confirmed_and_shows_each_record(
    confirmed: int, changed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SandboxServer(customers=400, api_key=KEY) as sandbox:
        monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path))
        monkeypatch.setenv("AVARA_API_KEY", KEY)
        monkeypatch.setenv("AVARA_BASE_URL", sandbox.base_url)
        monkeypatch.delenv("EXPRESS_OPS_DATABASE_URL", raising=False)
        names: dict[str, Any] = {}
        for cell in cells():
            exec(cell.replace("CONFIRM = 0", f"CONFIRM = {confirmed}"), names)
        called = [call.customer_id for call in sandbox.calls() if call.operation == "deactivate"]
    assert sorted(called) == sorted(names["picked"] if changed else [])
    assert len(names["steps"]) == changed
    if changed:
        assert names["run"].state is RunState.FINISHED
        assert names["run"].totals.verified == changed
    saved = next(tmp_path.glob("plan-*.json"))
    assert Plan.from_json(saved.read_bytes()).ids == tuple(names["picked"])


def test_it_is_kept_without_results() -> None:
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
