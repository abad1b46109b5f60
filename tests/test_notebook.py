"""The notebook, run cell by cell as it stands: it changes nothing until it is told how many customers are meant."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from lib.avara.limiter import Limiter
from lib.avara.throttle import CALL
from lib.config import VERSION
from lib.errors import CapExceeded, ListUnclear
from lib.journal.journal import Journal
from lib.plans.model import RunState
from lib.plans.plan import Plan
from lib.plans.policy import Caps, Policy
from lib.sandbox.server import SandboxServer
from tests.customers.lists.cases import CASES, filled, meant

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "session.ipynb"
KEY = "key-of-the-notebook"


def cells() -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """A sandbox that the notebook's settings name, with a data folder of the test's own."""
    with SandboxServer(customers=400, api_key=KEY) as sandbox:
        monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path))
        monkeypatch.setenv("AVARA_API_KEY", KEY)
        monkeypatch.setenv("AVARA_BASE_URL", sandbox.base_url)
        monkeypatch.delenv("EXPRESS_OPS_DATABASE_URL", raising=False)
        yield sandbox


def run_all(confirmed: int, **between: Any) -> dict[str, Any]:
    """The notebook's names once all cells have run; `between` are names set before the cell that carries the plan out."""
    names: dict[str, Any] = {}
    for cell in cells():
        if "CONFIRM = 0" in cell:
            names |= between
        exec(cell.replace("CONFIRM = 0", f"CONFIRM = {confirmed}"), names)
    return names


@pytest.mark.parametrize(("confirmed", "changed"), [(0, 0), (2, 0), (3, 3)])
def test_it_does_what_is_confirmed_and_shows_each_record(
    confirmed: int, changed: int, sandbox: SandboxServer, tmp_path: Path
) -> None:
    names = run_all(confirmed)
    called = [call.customer_id for call in sandbox.calls() if call.operation == "deactivate"]
    assert sorted(called) == sorted(names["picked"] if changed else [])
    assert len(names["steps"]) == changed
    if changed:
        assert names["run"].state is RunState.FINISHED
        assert names["run"].totals.verified == changed
    saved = next(tmp_path.glob("plan-*.json"))
    assert Plan.from_json(saved.read_bytes()).ids == tuple(names["picked"])
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


@pytest.mark.usefixtures("sandbox")
def test_a_colleague_s_list_is_read_as_everywhere_or_refused_until_it_is_said_what_is_meant(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    for cell in (before := cells())[: (at := next(place for place, cell in enumerate(before) if "LIST, COLUMN" in cell))]:
        exec(cell, names)
    active = list(names["frame"].rows.query("is_active")["id"].head(6))
    for name, options, letters in CASES:
        (tmp_path / name).write_bytes(filled(name, active))
        given = str(tmp_path / name), options.get("column", ""), options.get("where", []), ""
        with pytest.raises(ListUnclear) if letters is None else nullcontext():
            exec(before[at].replace('= "", "", [], ""', f"= {given!r}"), names)
            assert names["picked"] == meant(letters or "", active)
    assert names["why"] == "Picked from a list: api-page.json, column expressCustomerId"


@pytest.mark.usefixtures("sandbox")
def test_its_calls_wait_for_the_limiter_and_its_log_says_which_version_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    send = Limiter.send
    monkeypatch.setattr(Limiter, "send", lambda limiter, kind, *how: (asked.append(kind), send(limiter, kind, *how))[1])
    run = run_all(3)["run"]
    assert asked.count(CALL) == 3
    journal = Journal(tmp_path / "journal.sqlite")
    contexts = {entry.event: json.loads(entry.context) for entry in journal.log.entries(run.id)}
    journal.close()
    assert {context["version"] for context in contexts.values()} == {VERSION}
    assert contexts["planned"]["known"] == "as the user of the notebook"


def test_the_cap_on_the_share_of_active_customers_holds_when_the_run_starts(sandbox: SandboxServer) -> None:
    with pytest.raises(CapExceeded, match="max_percent"):
        run_all(3, policy=Policy(caps=Caps(max_percent=0.01)))
    assert not [call for call in sandbox.calls() if call.operation == "deactivate"]


def test_it_is_kept_without_results() -> None:
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
