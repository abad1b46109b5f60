"""What a viewer sends without a page of theirs: every control of an operator and an approver, by the app as a process."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string
from websockets.sync.client import connect

from lib.config import Settings
from lib.journal.journal import Journal
from lib.plans.evidence import Picked, Way
from lib.plans.plan import Plan
from lib.sandbox.server import SandboxServer
from lib.session import Session
from tests.people import KEY, SECRET, with_settings
from tests.served import PATIENCE, Served, served, until
from tests.tab import Tab

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the server's process is asked by a signal")

PEOPLE = """
viewer = ["*@example.com"]
operator = ["robin@example.com"]
approver = ["lee@example.com"]
"""
RULES = "caps.max_percent = 100\ncanary.steps = 1\ncanary.from_size = 2\napproval.from_customers = 3\n"
XSRF = generate_xsrf_token_string()
#: What only whoever may do something is given, by how the keys of their controls begin.
ACTS = re.compile(
    "run_(start|pause|resume|cancel|retry|undo|rest)|pick_all|review|export|receipt|report|plan_file|approve|refuse|save_view"
)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(customers=30, api_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def runs(tmp_path: Path, sandbox: SandboxServer) -> dict[str, Plan]:
    """One in each state in which somebody may do something with it, and the plan of each."""
    home = with_settings(tmp_path, PEOPLE) / "home"
    home.joinpath("settings.toml").write_text(RULES + home.joinpath("settings.toml").read_text())
    told = {"EXPRESS_OPS_HOME": str(home), "AVARA_API_KEY": KEY, "AVARA_BASE_URL": sandbox.base_url}
    with Session(Settings(**told), known="in a test") as session:  # type: ignore[arg-type]
        rows = session.loads.wait().frame.rows
        active = iter(rows["id"][rows["is_active"] & (rows["user_count"] < 50)])

        def plan(size: int) -> Plan:
            picked = {next(active): Picked(Way.NOTEBOOK) for _ in range(size)}
            return session.freeze(session.review(picked, session.loads.view()), reason="Contract ended")

        made = {"to start": plan(1), "to undo": plan(1), "to retry": plan(1), "to resume": plan(2), "to approve": plan(3)}
        for name, one in made.items():
            sandbox.set_faults(["still-active=1"] if name == "to retry" else [])
            run = session.record(one)
            if name not in ("to start", "to approve"):
                session.resume(run.id)
                assert session.wait(run.id, PATIENCE)
        sandbox.set_faults([])
    return made


@pytest.fixture
def app(tmp_path: Path, sandbox: SandboxServer, runs: dict[str, Plan]) -> Iterator[Served]:
    with served(tmp_path, AVARA_API_KEY=KEY, AVARA_BASE_URL=sandbox.base_url) as app:
        until(lambda: app.health() == {"ok": True}, "the app was up")
        yield app


class Somebody:
    """A person whom the proxy has signed in, and their tab."""

    def __init__(self, app: Served, name: str, ending: ExitStack) -> None:
        self.app = app
        self.headers = {"X-Forwarded-Email": f"{name}@example.com", "X-Express-Ops-Secret": SECRET}
        more = self.headers | {"Cookie": f"_streamlit_xsrf={XSRF}"}
        url, named = f"ws://127.0.0.1:{app.port}/_stcore/stream", ["streamlit", XSRF]
        options = {"origin": app.base_url, "additional_headers": more, "subprotocols": named, "max_size": None, "proxy": None}
        self.tab = Tab(ending.enter_context(connect(url, **options)))

    def open(self, page: str, query: str = "") -> set[str]:
        """The ids of all that is drawn there for them."""
        self.tab.open(page, query)
        return {str(one.said.id) for one in self.tab._elements.values() if getattr(one.said, "id", "")}

    def upload(self, body: str) -> str:
        """A file of theirs, as its widget would send it; its id."""
        path = f"/_stcore/upload_file/{self.tab.session}/the-file"
        headers = self.headers | {"Origin": self.app.base_url, "X-Xsrftoken": XSRF, "Cookie": f"_streamlit_xsrf={XSRF}"}
        put = httpx.put(f"{self.app.base_url}{path}", headers=headers, files={"f": body.encode()}, trust_env=False)
        assert put.status_code == 204
        return "the-file"

    def send(self, page: str, query: str, widgets: list[WidgetState], parts: set[str]) -> bytes:
        """The message that has these widgets say so, of that page and each of these parts of it, then of the whole."""
        for part in (*sorted(parts), ""):
            message = BackMsg()
            asked = message.rerun_script
            asked.page_name, asked.query_string, asked.fragment_id = page, query, part
            asked.widget_states.widgets.extend(widgets)
            self.tab.send(message)
        return self.tab.drawn()


def said(ids: set[str], file: str, table: str) -> list[WidgetState]:
    """A click on each, whatever it is; in tables and fields a row that is ticked and a text, in the place of files the plan."""
    states = [WidgetState(id=one, trigger_value=True) for one in sorted(ids) if "plan_file" not in one]
    acts = json.dumps({"acts": [{"number": 1, "session": table, "kind": "pick", "ids": ["cus_0"]}], "typed": "3"})
    states += [WidgetState(id=one, json_value=acts) for one in sorted(ids) if "customers" in one]
    for one in ids:
        if "plan_file" in one:
            chosen = WidgetState(id=one)
            chosen.file_uploader_state_value.uploaded_file_info.add(file_id=file, name="plan.json", size=1)
            states.append(chosen)
    return states


def test_no_message_of_a_viewer_does_what_an_operator_or_an_approver_may(
    app: Served, sandbox: SandboxServer, runs: dict[str, Plan]
) -> None:
    with ExitStack() as ending:
        robin, lee, kim = (Somebody(app, name, ending) for name in ("robin", "lee", "kim"))
        until(lambda: any("pick_all" in one for one in robin.open("")), "the customers were read")
        ids = {name: f"run_{plan.hash[:16]}" for name, plan in runs.items()}
        pages = [("", ""), ("overview", ""), ("connection", ""), ("runs", ""), ("deactivate", "")]
        pages += [("runs", f"run={one}") for one in ids.values()] + [("deactivate", f"undo={ids['to undo']}")]
        before, calls = told(app), len(changes(sandbox))
        kim.open("")
        file, offered = kim.upload(runs["to start"].to_json()), set[str]()
        for page, query in pages:
            theirs = robin.open(page, query) | lee.open(page, query)
            parts = {one.part for who in (robin, lee, kim) for one in who.tab._elements.values()} - {""}
            mine = kim.open(page, query)
            assert not {one for one in mine if ACTS.match(one.split("-", 3)[-1])}, (page, query)
            answer = kim.send(page, query, said(theirs - mine, file, kim.tab.session), parts)
            assert b"This page broke" not in answer
            assert b"1 picked" not in answer
            offered |= theirs - mine
        assert b"may not plan runs" in kim.tab.open("deactivate")  # no plan was opened there
        assert told(app) == before
        assert len(changes(sandbox)) == calls
        # Each of them is one that does it where it is somebody's who may.
        wanted = (
            "run_start",
            "run_resume",
            "run_retry",
            "run_cancel",
            "run_undo",
            "receipt_csv",
            "pick_all",
            "plan_file",
            "approve",
        )
        assert [key for key in wanted if not any(f"-{key}" in one for one in offered)] == []
        start = {one for one in offered if "-run_start" in one}
        robin.open("runs", f"run={ids['to start']}")
        robin.send("runs", f"run={ids['to start']}", said(start, "", ""), set())
        until(lambda: told(app) != before, "it was started")


def told(app: Served) -> list[object]:
    """All that the journal holds of runs, and how long its log is."""
    journal = Journal(app.home / "journal.sqlite")
    try:
        found = journal.reads.runs(100)
        return [
            (run.id, run.state, run.requested, run.totals, run.approval, len(list(journal.log.run_entries(run.id))))
            for run in found
        ]
    finally:
        journal.close()


def changes(sandbox: SandboxServer) -> list[object]:
    return [call for call in sandbox.calls() if call.operation in ("deactivate", "reactivate")]
