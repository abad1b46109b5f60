"""The notebook in a real kernel: it does what its text says, Interrupt pauses its run, and a dead kernel strands none."""

from __future__ import annotations

import json
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from lib.config import VERSION, load_settings
from lib.journal.journal import Journal
from lib.plans.model import RunState
from lib.sandbox.server import SandboxServer
from lib.session import Session

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "session.ipynb"
#: As it was run here: `make screenshots` keeps it, so that it reads on a code host.
KEPT = ROOT / "test-output" / "session.ipynb"
KEY = "key-of-the-notebook"
#: Seconds for whatever a kernel does, on a machine under load.
PATIENCE = 120


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a kernel started from here finds in its environment; its data folder."""
    monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in ("AVARA_API_KEY", "AVARA_BASE_URL", "EXPRESS_OPS_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def sandbox(settings: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    with SandboxServer(customers=400, api_key=KEY, latency_ms=100) as sandbox:
        monkeypatch.setenv("AVARA_API_KEY", KEY)
        monkeypatch.setenv("AVARA_BASE_URL", sandbox.base_url)
        yield sandbox


class Kernel:
    """A kernel, and what its cells print, show and raise."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(ROOT))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)

    def begin(self, code: str) -> str:
        asked: str = self.client.execute(code)
        return asked

    def run(self, code: str) -> str:
        """What the cell said until it was over: printed, shown, or raised (then without its traceback's colours)."""
        return self.ended(self.begin(code))

    def ended(self, asked: str, until: str = "") -> str:
        """What the cell has said once it is over, or as soon as `until` was among it."""
        said = ""
        while not (until and until in said):
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != asked:
                continue
            content: dict[str, Any] = message["content"]
            match message["msg_type"]:
                case "stream":
                    said += content["text"]
                case "execute_result" | "display_data":
                    said += content["data"].get("text/html") or content["data"]["text/plain"]
                case "error":
                    said += re.sub(r"\x1b\[[\d;]*m", "", "\n".join(content["traceback"]))
                case "status" if content["execution_state"] == "idle":
                    break
        return said

    def close(self) -> None:
        self.client.stop_channels()
        if self.manager.is_alive():
            self.manager.shutdown_kernel(now=True)


@contextmanager
def kernel() -> Iterator[Kernel]:
    started = Kernel()
    try:
        yield started
    finally:
        started.close()


BEGIN = """
from lib.session import open_session
ops = open_session()
idle = ops.load().query("is_active and user_count < 5")
plan = ops.plan(idle["id"].head(40), reason="Contract ended")
"""


def deactivated(sandbox: SandboxServer) -> list[str]:
    return [call.customer_id for call in sandbox.calls() if call.operation == "deactivate"]


def calls(sandbox: SandboxServer, operation: str) -> int:
    return sum(call.operation == operation for call in sandbox.calls())


@pytest.mark.usefixtures("settings")
def test_every_cell_does_what_its_text_says(tmp_path: Path) -> None:
    """Without a key: on the sandbox that it starts itself."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shown: list[str] = []
    here = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", resources=here, coalesce_streams=True).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            output.update({"text": re.sub(r"[^\n]*\r|^Reading[^\]]*\]", "", output.text)} if "text" in output else {})
            shown.append(json.dumps(output))
    KEPT.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, KEPT)
    everything = "".join(shown)
    assert "Sandbox on this machine: made-up customers" in everything
    assert "10,000 customers, read " in everything
    assert "Deactivate 3 customers, 0 users affected: nothing is done yet" in everything
    assert everything.count("is finished: ") == 2
    assert "Reactivate 3 customers" in everything
    (receipt,) = tmp_path.glob("receipt-run_*.html")
    assert stat.S_IMODE(receipt.stat().st_mode) == 0o600
    with Session(load_settings(), known="") as session:
        taken_back, run = session.journal.reads.runs()
        assert (taken_back.undo_of, taken_back.totals.verified, run.totals.verified) == (run.id, 3, 3)
        (planned, *_) = session.journal.log.entries(run.id)
        assert json.loads(planned.context)["known"] == "as the user of the notebook"
        assert json.loads(planned.context)["version"] == VERSION


def test_it_is_short_and_kept_with_its_outputs() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(cells) <= 12
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
    assert sum(line.startswith(("import ", "from ")) for line in lines) <= 3
    assert all(cell["outputs"] for cell in cells[:-1])


def test_interrupt_pauses_the_run_and_resume_does_the_rest(sandbox: SandboxServer) -> None:
    with kernel() as cell:
        cell.run(BEGIN)
        running = cell.begin("run = ops.run(plan, confirm=40)")
        while not deactivated(sandbox):
            time.sleep(0.02)
        cell.manager.interrupt_kernel()
        told = cell.ended(running)
        paused = re.search(r"is paused after (\d+) of 40", told)
        assert paused, told
        done = int(paused[1])
        assert 0 < done < 40
        assert "ops.last.resume() goes on with" in told
        assert "ops.last.cancel() ends it" in told
        assert "Traceback" not in told
        assert len(deactivated(sandbox)) == done  # and it stays so: nobody carries the run
        assert f"{done}" in cell.run("run = ops.last\nint((run.records['state'] == 'verified').sum())")
        assert "is finished after 40 of 40" in cell.run("run.resume()")
        assert len(deactivated(sandbox)) == len(set(deactivated(sandbox))) == 40

        read_before = calls(sandbox, "get")
        sandbox.set_faults(["slow@get"])
        undoing = cell.begin("run.undo()")
        while calls(sandbox, "get") == read_before:
            time.sleep(0.02)
        cell.manager.interrupt_kernel()
        told = cell.ended(undoing)
        assert re.search(r"Stopped after \d+ customers? of run_\w+ were read again; nothing was done.", told), told
        assert "Traceback" not in told


def test_interrupt_stops_a_load_and_the_next_one_goes_on(sandbox: SandboxServer) -> None:
    with kernel() as cell:
        cell.run("from lib.session import open_session\nops = open_session()")
        sandbox.set_faults(["slow@list"])
        loading = cell.begin("customers = ops.load()")
        while not calls(sandbox, "list"):
            time.sleep(0.02)
        cell.manager.interrupt_kernel()
        told = cell.ended(loading)
        assert "ops.load() goes on from there." in told
        assert "Traceback" not in told
        sandbox.set_faults([])
        assert "400 customers, read " in cell.run("customers = ops.load()")


def test_a_larger_run_holds_and_shows_its_first_records(sandbox: SandboxServer, settings: Path) -> None:
    settings.mkdir(mode=0o700, exist_ok=True)
    (settings / "settings.toml").write_text("[canary]\nsteps = 4\nfrom_size = 10\n")
    with kernel() as cell:
        cell.run(BEGIN)
        told = cell.run("run = ops.run(plan, confirm=40)\nrun")
        assert "These are the first 4: look at their records. ops.last.resume() takes up the other 36 customers" in told
        assert told.count("active → inactive") == 4
        assert told.count("status was active, is now inactive") == 4  # also where the cell shows no run
        assert len(deactivated(sandbox)) == 4
        assert "is cancelled after 4 of 40" in cell.run("run.cancel()")


def test_records_that_can_not_be_read_are_told(sandbox: SandboxServer) -> None:
    sandbox.set_faults(["bad-record@list"])
    with kernel() as cell:
        assert "ops.problems" in cell.run(BEGIN)
        assert "metadata" in cell.run("ops.problems")


def test_an_interrupt_stops_what_would_come_after_the_run(sandbox: SandboxServer) -> None:
    """Neither the rest of a loop nor the cells that wait go on as if the run had ended."""
    with kernel() as cell:
        cell.run(BEGIN)
        cell.run("plans = [ops.plan(idle['id'][at : at + 20], reason=f'No {at}') for at in (0, 20)]")
        running = cell.begin("for plan in plans:\n    ops.run(plan, confirm=20)")
        waiting = cell.begin("ops.last.resume()")
        while not deactivated(sandbox):
            time.sleep(0.02)
        cell.manager.interrupt_kernel()
        assert "is paused after" in cell.ended(running)
        assert cell.ended(waiting) == ""
        assert "paused" in cell.run("ops.last.state.value")
        assert len(cell.run("list(ops.runs()['id'])").split("run_")) == 2
    assert 0 < len(deactivated(sandbox)) < 20


def test_a_second_interrupt_waits_no_longer_and_says_what_is_in_flight(sandbox: SandboxServer) -> None:
    with kernel() as cell:
        cell.run(BEGIN)
        sandbox.set_faults(["timeout-after@deactivate"])  # no call that is under way ends in time
        running = cell.begin("run = ops.run(plan, confirm=40)")
        while not deactivated(sandbox):
            time.sleep(0.02)
        cell.manager.interrupt_kernel()
        cell.ended(running, until="Interrupt once more to wait no longer")
        cell.manager.interrupt_kernel()
        told = cell.ended(running)
        assert "is asked to pause" in told
        assert any(customer_id in told for customer_id in deactivated(sandbox))


def test_a_kernel_that_dies_leaves_a_run_that_anybody_can_resume(sandbox: SandboxServer, settings: Path) -> None:
    with kernel() as cell:
        cell.run(BEGIN)
        cell.begin("run = ops.run(plan, confirm=40)")
        while len(deactivated(sandbox)) < 5:
            time.sleep(0.02)
        cell.manager.shutdown_kernel(now=True)
    with kernel() as again:
        again.run(BEGIN)
        assert "run_" in again.run("ops.runs()")
        assert "is finished after 40 of 40" in again.run("ops.open_run(ops.runs()['id'][0]).resume()")
    journal = Journal(settings / "journal.sqlite")
    (run,) = journal.reads.runs()
    journal.close()
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 40)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ops.run(plan)", "Nothing was done: the plan has 40 customers. If this is what you want: ops.run(plan, confirm=40)"),
        ("ops.run(plan, confirm=4)", "Nothing was done: the plan has 40 customers, confirm said 4."),
        ("ops.run(plan, confirm=True)", "confirm said True"),
        ("ops.run(plan, confirm=40.0)", "confirm said 40.0"),
        ("ops.run(plan, confirm='40')", "confirm said '40'"),
        ("ops.run(idle, confirm=40)", "This is no plan."),
        ("ops.plan([], reason='x')", "There is no customer left to act on."),
        (
            "ops.plan('cus_' + '0' * 32, reason='x')",
            "left to act on: 1 pick no longer in the list, left out.",
        ),
        ("ops.plan(None, reason='x')", "These are no customers"),
        ("ops.plan(idle[['name']], reason='x')", "no column id"),
        ("ops.plan(idle.head(3), reason=5)", "The reason and the ticket are texts"),
        ("ops.plan(idle.head(3), reason='x', goes_on='perhaps')", "The reason and the ticket are texts"),
        ("ops.take(None)", "This names no file"),
        ("ops.take('a\\0b')", "This names no file"),
        ("ops.open_plan('/nowhere/plan.json')", "/nowhere/plan.json can't be read"),
        ("ops.open_run(5)", "The journal knows no run with that id."),
        ("ops.plan(idle['id'].head(3), reason=' ')", "reason"),
        ("ops.find(colour='red')", "There is no condition colour. There are: text, status, "),
        ("ops.find(users=0)", "There is no condition users. Did you mean users_min or users_max?"),
        ("ops.find(metadata=5)", 'Write it like metadata={"region": ["west", "dach"]}.'),
        ("ops.last", "No run was begun or opened here yet. ops.runs() lists all"),
        ("ops.runs('a')", "How many runs are shown is a number from 1 on."),
        ("ops.take('/nowhere/list.csv')", "/nowhere/list.csv can't be read"),
        ("ops.open_run('run_0')", "The journal knows no run with that id."),
    ],
)
def test_what_is_wrong_is_said_in_a_line(shared_kernel: Kernel, code: str, words: str) -> None:
    told = shared_kernel.run(code)
    assert words in told
    assert len(told.splitlines()) == 1
    assert "Traceback" not in told


@pytest.fixture(scope="module")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with pytest.MonkeyPatch.context() as patch, SandboxServer(customers=400, api_key=KEY) as sandbox:
        patch.setenv("EXPRESS_OPS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("AVARA_API_KEY", KEY)
        patch.setenv("AVARA_BASE_URL", sandbox.base_url)
        with kernel() as cell:
            cell.run(BEGIN)
            yield cell


def test_what_a_run_left_is_in_the_list_at_once_and_tables_can_be_joined(shared_kernel: Kernel) -> None:
    shared_kernel.run("some = ops.find(status='active').tail(2)\nrun = ops.run(ops.plan(some, reason='x'), confirm=2)")
    assert "left out: []" in shared_kernel.run(
        "print('left out:', [one for one in some['id'] if one in set(ops.find(status='active')['id'])])"
    )
    assert "2 customers already inactive" in shared_kernel.run("ops.plan(some, reason='x')")
    assert "(4, " in shared_kernel.run("import pandas as pd\npd.concat([some, some]).shape")


def test_candidates_are_found_by_their_studies_with_why_and_a_plan_carries_it(shared_kernel: Kernel) -> None:
    told = shared_kernel.run("dormant = ops.candidates('dormant')")
    assert re.search(r"dormant, version 1, [0-9a-f]{8}: [\d,]+ candidates?, \d+ unknown, of [\d,]+ active customers", told), (
        told
    )
    assert "['yes']" in shared_kernel.run("sorted(set(dormant['candidate']))")
    assert "True" in shared_kernel.run(
        "bool(dormant['why'].str.contains('no study since .*; record unchanged since|never a study').all())"
    )
    explained = shared_kernel.run("print(ops.explain(dormant['id'][0], 'dormant')['question'].tolist())")
    assert "['no study for 365 days', 'not updated for 365 days', 'older than 90 days']" in explained
    told = shared_kernel.run("curve = ops.what_if('dormant', days=range(30, 400, 5))")
    assert "now by 365 days" in told
    assert "True" in shared_kernel.run("curve.set_index('days').candidates[365] == (dormant.candidate == 'yes').sum()")
    shared_kernel.run("ops.chart(curve)")
    assert "whole numbers from 1 on" in shared_kernel.run("ops.what_if('dormant', days=[0])")
    shared_kernel.run("ops.candidates('never used')")  # what another rule set says of them is not why they were picked
    shared_kernel.run("planned = ops.plan(dormant['id'].head(2), reason='x').plan")
    assert "Picked by a rule set: dormant, version 1, " in shared_kernel.run("planned.filter_text")
    assert "True" in shared_kernel.run("[one.judgement.words for one in planned.customers] == dormant['why'].head(2).tolist()")
    assert "There are these rule sets: 'never used', 'dormant'" in shared_kernel.run("ops.candidates('nonsense')")


def test_of_whom_the_rules_can_not_tell_no_plan_is_made(shared_kernel: Kernel) -> None:
    shared_kernel.run("unknown = ops.find(status='active').head(1).assign(candidate='unknown')")
    told = shared_kernel.run("ops.plan(unknown, reason='x')")
    assert "Of 1 of these customers nobody can tell whether the rules mean it. Plan the others: " in told


def test_whether_a_run_hurt_is_a_table(shared_kernel: Kernel) -> None:
    shared_kernel.run("run = ops.run(ops.plan(ops.find(status='active')['id'].head(2), reason='x'), confirm=2)")
    told = shared_kernel.run("hurt = run.did_it_hurt()")
    assert "Did it hurt? 2 no. Attempts that the API refused since then can't be counted" in told
    assert "['no', 'no']" in shared_kernel.run("hurt['hurt'].tolist()")


def test_two_runs_of_the_same_plan_are_one(shared_kernel: Kernel) -> None:
    assert "is finished after 40 of 40" in shared_kernel.run("run = ops.run(plan, confirm=40)\nrun")
    assert "already started as run_" in shared_kernel.run("ops.run(plan, confirm=40)")
