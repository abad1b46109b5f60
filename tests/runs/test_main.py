"""The command line as people and scripts run it: real processes, real HTTP, a real journal."""

import json
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.cli.exits import MEANINGS, Exit
from lib.cli.main import main, parser
from lib.journal.journal import LEASE_SECONDS, Journal
from lib.journal.reads import Reads
from lib.plans.evidence import seen_in
from lib.plans.model import RunState
from lib.plans.plan import Plan
from lib.plans.words import said
from tests.runs.fakes import NOW, ROBIN, customer, plan_of
from tests.runs.processes import until
from tests.sandbox_server import ask, rename

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
KEY = "a-key-that-must-not-show"
UNKNOWN = "cus_" + "0" * 32


class Shell:
    """The command line with a data folder, a sandbox and ids of its own; `told` is all that it ever wrote."""

    def __init__(self, server, home, monkeypatch, capfd):
        self.server, self.home, self._capfd, self._monkeypatch = server, home, capfd, monkeypatch
        self.told, self.err = [], ""
        home.mkdir()
        (home / "settings.toml").write_text("concurrency = 4\n")
        self.set(AVARA_API_KEY=KEY, AVARA_BASE_URL=server.base_url, EXPRESS_OPS_HOME=str(home), EXPRESS_OPS_DATABASE_URL="")
        self.client = AvaraClient(Connection(server.base_url, SecretStr(KEY), "test"))
        records = [record for page in self.client.iter_pages() for record in page.customers]
        # Few users, so that no cap is in the way.
        self.active = [record.id for record in records if record.is_active and record.user_count < 20]
        self.inactive = [record.id for record in records if not record.is_active]

    def set(self, **variables):
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def __call__(self, *arguments, code=Exit.FINISHED):
        """Run it in this process; what it wrote to the standard output. The exit code must be `code`."""
        self._capfd.readouterr()
        got = main([str(argument) for argument in arguments])
        out, self.err = self._capfd.readouterr()
        self.told += [out, self.err]
        assert got == code, f"{arguments} ended with {got}\n{out}\n{self.err}"
        return out

    def rows(self, *arguments, code=Exit.FINISHED):
        return [json.loads(line) for line in self(*arguments, "--json", code=code).splitlines()]

    def start(self, *arguments):
        """Run it as a process of its own, which hears Ctrl-C also where these tests run in the background of a shell."""
        command = [sys.executable, "-m", "lib.runs", *map(str, arguments)]
        heard = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        finally:
            signal.signal(signal.SIGINT, heard)

    def ended(self, process):
        """Its exit code, output and errors."""
        out, err = process.communicate(timeout=PATIENCE)
        self.told += [out, err]
        return process.returncode, out, err

    def write_ids(self, *ids):
        path = self.home / "ids.txt"
        path.write_text("\n".join(ids))
        return path

    def plan(self, *ids, action="deactivate", code=Exit.FINISHED, options=()):
        path = self.home / f"plan-{len(list(self.home.glob('plan-*')))}.json"
        words = ("--action", action, "--reason", "Contract over", "--ticket", "OPS-7", "-o", path, *options)
        self("plan", "--ids-file", self.write_ids(*ids), *words, code=code)
        return path

    def run(self, *ids):
        """The id of a finished run that deactivated these customers."""
        rows = self.rows("apply", self.plan(*ids), "--confirm", len(ids))
        return rows[-1]["id"]

    def journal(self):
        return Journal(self.home / "journal.sqlite")


@pytest.fixture
def shell(start_sandbox, tmp_path, monkeypatch, capfd):
    made = Shell(start_sandbox(api_key=KEY), tmp_path / "home", monkeypatch, capfd)
    yield made
    made.client.close()
    assert not any(KEY in told for told in made.told)
    assert not any(KEY.encode() in path.read_bytes() for path in made.home.rglob("*") if path.is_file())


def test_from_a_list_of_ids_to_a_receipt_and_back(shell):
    """The whole way in processes of their own, as somebody types it."""
    ids = shell.active[:3]
    plan = shell.home / "plan.json"
    listed = shell.write_ids(*ids)
    planned = shell.start("plan", "--ids-file", listed, "--action", "deactivate", "--reason", "Contract over", "-o", plan)
    code, out, err = shell.ended(planned)
    assert (code, "Deactivate 3 customers" in out) == (0, True), err
    assert f"apply {plan} --confirm 3" in err

    code, out, err = shell.ended(shell.start("apply", plan, "--confirm", "3"))
    assert (code, "is finished: 3 of 3 settled (3 verified)" in out) == (0, True), err
    assert not any(shell.client.get_customer(customer_id).is_active for customer_id in ids)

    run_id = out.split(" is finished")[0].split()[-1]
    code, out, err = shell.ended(shell.start("undo", run_id, "--confirm", "3", "--json"))
    assert (code, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["undo_of"] == run_id
    assert all(shell.client.get_customer(customer_id).is_active for customer_id in ids)


def test_the_whole_way_is_the_same_on_either_database(shell, place):
    shell.set(EXPRESS_OPS_DATABASE_URL=place.url)
    first, second = shell.active[:2]
    plan = shell.plan(first, second)
    rename(shell.server, second, "Renamed since")
    rows = shell.rows("apply", plan, "--confirm", 2, code=Exit.PARTLY)
    run = rows[-1]
    assert (run["state"], run["totals"]["verified"], run["totals"]["skipped"]) == ("finished", 1, 1)
    assert {row["event"] for row in rows if row["kind"] == "entry"} >= {
        "planned",
        "approved",
        "attempt",
        "result",
        "skip",
        "finish",
    }
    shell("apply", plan, "--confirm", 2, code=Exit.REFUSED)

    receipt = shell.home / "receipt.jsonl"
    shell("export", run["id"], "-o", receipt)
    lines = [json.loads(line) for line in receipt.read_text().splitlines()]
    assert [line["kind"] for line in lines[:5]] == ["run", "plan", "check", "step", "step"]
    checked = shell.rows("verify", "--head", lines[-1]["hash"])[0]
    assert (checked["ok"], checked["entries"], checked["head"]) == (True, lines[-1]["seq"], lines[-1]["hash"])
    assert "possible now    undo" in shell("show", run["id"])
    shell("undo", run["id"], "--confirm", 1)
    assert "possible now    export" in shell("show", run["id"])
    assert shell.client.get_customer(first).is_active
    assert place.run("SELECT count(*) FROM runs") == [(2,)]
    assert not (shell.home / "journal.sqlite").exists()


def test_a_plan_holds_fresh_records_and_is_for_its_owner_only(shell):
    path = shell.plan(*shell.active[:2])
    made = Plan.from_json(path.read_bytes())
    planned = {customer.record.id: customer.record for customer in made.customers}
    assert planned == {id_: shell.client.get_customer(id_) for id_ in shell.active[:2]}
    first = made.customers[0]
    assert (made.reason, made.ticket) == ("Contract over", "OPS-7")
    assert first.evidence[1:] == seen_in(first.record, first.read_at)
    assert first.evidence[0].startswith("Picked from a list: ids.txt; customers as read ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_plan_says_what_it_leaves_out(shell):
    wanted = shell.active[0]
    listed = shell.write_ids(wanted, wanted.replace("cus_", "CUS_"), wanted, shell.inactive[0], UNKNOWN, "# no id")
    arguments = ("plan", "--ids-file", listed, "--action", "deactivate", "--reason", "r", "-o", shell.home / "p.json")
    rows = shell.rows(*arguments, code=Exit.PARTLY)
    assert {row["kind"]: row["id"] for row in rows if "id" in row} == {
        "ill_formed": "# no id",
        "repeated": wanted,
        "unknown": UNKNOWN,
        "set_aside": shell.inactive[0],
    }
    assert Plan.from_json((shell.home / "p.json").read_bytes()).ids == (wanted,)


@pytest.mark.parametrize(
    ("ids", "code"), [("two active", Exit.FINISHED), ("one repeated", Exit.FINISHED), ("one unknown", Exit.PARTLY)]
)
def test_a_plan_of_less_than_was_asked_for_ends_partly(shell, ids, code):
    known = shell.active[0]
    listed = {"two active": shell.active[:2], "one repeated": [known, known], "one unknown": [known, UNKNOWN]}[ids]
    assert shell.plan(*listed, code=code).exists()


@pytest.mark.parametrize(
    ("settings", "changed", "words"),
    [
        ("", {"expressCustomerName": "Renamed"}, "Changed since the review: name was"),
        (
            '[protected]\nmetadata = { tier = "gold" }\n',
            {"metadata": {"tier": "G\u200bOLD"}},
            "Protected: its metadata",
        ),
    ],
    ids=["changed", "protected"],
)
def test_where_no_call_reads_its_customer_a_plan_file_is_checked_against_fresh_records(shell, settings, changed, words):
    plan = shell.plan(*shell.active[:2])
    (shell.home / "settings.toml").write_text(f"preflight = false\n{settings}")
    store = shell.server.sandbox.store
    store.change(store.position(shell.active[1]), **changed)
    shell("apply", plan, "--confirm", 2, code=Exit.REFUSED)
    assert words in shell.err
    assert shell.active[1] in shell.err
    assert not [call for call in shell.server.calls() if call.operation == "deactivate"]
    assert shell.rows("list") == []


def test_the_report_of_named_runs_of_a_day_or_of_today_is_a_new_page(shell):
    first, second = shell.run(shell.active[0]), shell.run(shell.active[1])
    files = [shell.home / f"report-{number}.html" for number in range(5)]
    assert shell("report", "-o", files[0]) == f"Written to {files[0]}: 2 runs\n"
    (row,) = shell.rows("report", first[:12], "-o", files[1])
    assert (row["kind"], row["file"], row["runs"], row["wrong"]) == ("report", str(files[1]), [first], [])
    assert [second in file.read_text() for file in files[:2]] == [True, False]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    (row,) = shell.rows("report", second, "--since", "2020-01-01", "-o", files[2])
    assert row["runs"] == [first, second]
    for refused in (
        ("report", "-o", files[0]),  # it is there already
        ("report", "-o", shell.home / "report.csv"),
        ("report", "--since", "2999-01-01", "-o", files[3]),
        ("report", "--since", "yesterday", "-o", files[3]),
        ("report", "run_nobody", "-o", files[3]),
        ("report",),
    ):
        shell(*refused, code=Exit.REFUSED)
    with sqlite3.connect(shell.home / "journal.sqlite") as file:
        file.execute("UPDATE steps SET state = 'skipped' WHERE run_id = ?", (first,))
    shell("report", "-o", files[4], code=Exit.BROKEN_LOG)
    assert "The report says: " in shell.err
    assert second in files[4].read_text()


def test_verify_names_what_was_altered_in_the_tables_and_list_shows_the_others(shell):
    altered, other = shell.run(*shell.active[:2]), shell.run(shell.active[2])
    with sqlite3.connect(shell.home / "journal.sqlite") as file:
        file.execute("UPDATE steps SET state = 'skipped' WHERE run_id = ? AND position = 0", (altered,))
        file.execute("UPDATE runs SET created_at = 'garbage' WHERE id = ?", (altered,))
    rows = shell.rows("verify", code=Exit.BROKEN_LOG)
    assert [row["kind"] for row in rows] == ["check", "audit", "finding", "finding"]
    assert (rows[0]["ok"], rows[1]["ok"], rows[1]["found"], rows[1]["runs"]) == (True, False, 2, 2)
    (customer_id,) = {row["customer_id"] for row in rows[2:]} - {""}
    out = shell("verify", code=Exit.BROKEN_LOG)
    assert f"{altered}, {customer_id}: state says “skipped”, the log “verified”." in out
    assert f"{altered}: created_at says “garbage”, the log" in out
    listed = {row["id"]: row["damage"] for row in shell.rows("list")}
    assert listed[other] == ""
    assert "created_at" in listed[altered]
    assert "The journal is damaged" in shell("list")
    assert shell("show", other)
    assert f"{shell.active[0]}" in shell("show", altered, "--steps")


def test_an_altered_run_has_no_receipt_and_is_taken_up_by_no_command(shell):
    journal, plan = shell.journal(), Plan.from_json(shell.plan(shell.active[0]).read_bytes())
    run_id = journal.record(plan, plan.created_at, who=ROBIN).id
    journal.close()
    with sqlite3.connect(shell.home / "journal.sqlite") as file:
        file.execute("UPDATE steps SET customer_id = ?", (shell.active[1],))
    for command in ("resume", "export"):
        shell(command, run_id, code=Exit.BROKEN_LOG)
        assert f"{run_id}, {shell.active[1]}: customer_id says “{shell.active[1]}”, the plan “{shell.active[0]}”" in shell.err
    shell("cancel", run_id)
    assert not [call for call in shell.server.calls() if call.operation == "deactivate"]


@pytest.mark.parametrize("wrong", ["action", "customer"])
def test_a_plan_file_that_only_says_to_be_an_undo_is_refused(shell, wrong):
    run_id = shell.run(shell.active[0])
    ids, action = (shell.active[1:2], "deactivate") if wrong == "action" else (shell.inactive[:1], "reactivate")
    plan = Plan.from_json(shell.plan(*ids, action=action).read_bytes()).model_copy(update={"undo_of": run_id})
    forged = shell.home / "forged.json"
    forged.write_text(Plan.model_validate(plan.model_dump()).to_json())
    shell("apply", forged, "--confirm", 1, code=Exit.REFUSED)
    assert run_id in shell.err
    assert wrong == "action" or ids[0] in shell.err
    assert shell.rows("show", run_id)[0]["undone_by"] is None


def test_without_the_right_count_nothing_is_written_and_nobody_called(shell):
    plan = shell.plan(*shell.active[:3])
    before = len(shell.server.calls())
    for options in ((), ("--confirm", 2), ("--confirm", 0)):
        out = shell("apply", plan, *options, code=Exit.REFUSED)
        assert "Deactivate 3 customers" in out
        assert "Contract over" in out
        assert "Nothing was done" in shell.err
    assert len(shell.server.calls()) == before
    assert shell.rows("list") == []


def test_a_plan_is_carried_out_once(shell):
    plan = shell.plan(*shell.active[:2])
    shell("apply", plan, "--confirm", 2)
    rows = shell.rows("apply", plan, "--confirm", 2, code=Exit.REFUSED)
    assert (rows[0]["error"], rows[0]["exit"]) == ("AlreadyStarted", 2)
    assert rows[0]["run_id"] == shell.rows("list")[0]["id"]


def test_a_run_with_a_customer_that_is_not_as_asked_ends_partly_and_can_be_retried(shell):
    shell.server.set_faults(["still-active@deactivate"])
    plan = shell.plan(*shell.active[:2])
    shell("apply", plan, "--confirm", 2, code=Exit.PARTLY)
    hint = shell.err
    run_id = shell.rows("list")[0]["id"]
    assert f"retry {run_id}" in hint
    shell.server.set_faults([])
    rows = shell.rows("retry", run_id)
    assert (rows[-1]["kind"], rows[-1]["totals"]["verified"]) == ("run", 2)
    shell("retry", run_id, code=Exit.REFUSED)


def test_a_customer_that_is_as_asked_already_counts_as_done_and_one_that_changed_does_not(shell):
    first, second = shell.active[:2]
    plan = shell.plan(first, second)
    shell.client.deactivate(first)
    shell("apply", plan, "--confirm", 2)
    plan = shell.plan(*shell.active[2:4])
    rename(shell.server, shell.active[2], "Renamed")
    assert "Changed since the review: name" in shell("apply", plan, "--confirm", 2, code=Exit.PARTLY)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_stopped_run_settles_its_calls_and_goes_on_later(shell, number):
    plan = shell.plan(*shell.active[:20])
    shell.server.sandbox.latency = 0.4
    process = shell.start("apply", plan, "--confirm", 20, "--json")
    seen = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if seen[-1].get("settled"):
            break
    process.send_signal(number)
    code, out, err = shell.ended(process)
    assert (code, err) == (Exit.PARTLY, "")
    run = json.loads(out.splitlines()[-1])
    assert (run["kind"], run["state"], run["totals"]["in_flight"]) == ("run", RunState.INTERRUPTED, 0)
    assert 0 < run["totals"]["verified"] < 20

    shell.server.sandbox.latency = 0
    assert "possible now    resume, cancel" in shell("show", run["id"])
    shell("resume", run["id"])
    assert shell.rows("list")[0]["totals"]["verified"] == 20
    sent = [call.customer_id for call in shell.server.calls() if call.operation == "deactivate"]
    assert sorted(sent) == sorted(shell.active[:20])


def test_progress_and_log_entries_come_as_json_while_it_runs(shell):
    rows = shell.rows("apply", shell.plan(*shell.active[:4]), "--confirm", 4)
    kinds = [row["kind"] for row in rows]
    assert kinds[:2] == ["plan", "recorded"]
    assert kinds[-1] == "run"
    progress = [row for row in rows if row["kind"] == "progress"]
    assert all(sum(row["totals"].values()) == row["total"] == 4 for row in progress)
    assert progress[-1]["settled"] == 4
    assert set(progress[-1]) == {"kind", "run_id", "settled", "total", "totals", "rate", "seconds_left"}
    with_results = {row["customer_id"] for row in rows if row["kind"] == "entry" and row["event"] == "result"}
    assert with_results == set(shell.active[:4])


def test_a_run_is_shown_by_the_beginning_of_its_id(shell):
    run_id = shell.run(*shell.active[:2])
    for name in (run_id, run_id[:8], run_id[4:10], run_id.upper()):
        assert shell("show", name).startswith(f"{run_id}  finished: deactivate 2 customers")
    rows = shell.rows("show", run_id)
    assert [row["kind"] for row in rows] == ["run", "step", "step"]
    assert rows[1]["after"]["isActive"] is False
    assert shell.active[0] not in shell("show", run_id)
    assert shell.active[0] in shell("show", run_id, "--steps")
    assert shell.rows("show", run_id, "--steps", "failed")[1:] == []
    for name in ("run_", "", "zzz", "%", "run_%"):
        shell("show", name, code=Exit.REFUSED)


def test_whether_a_run_hurt_is_asked_for_and_those_with_signs_of_life_are_named(shell):
    run_id = shell.run(*shell.active[:3])
    ask(shell.server, "POST", f"/{shell.active[1]}/reactivate")
    told = shell("show", run_id, "--hurt")
    assert f"{shell.active[1]}  yes " in told
    assert shell.active[0] not in told
    assert re.search(r"Did it hurt\? (2 no, 1 yes|1 yes, 2 no)\. Attempts that the API refused", told)
    rows = [row for row in shell.rows("show", run_id, "--hurt") if row["kind"] == "aftermath"]
    answers = dict(zip(shell.active, ("no", "yes", "no"), strict=False))
    assert {row["customer_id"]: row["hurt"] for row in rows} == answers
    assert all(row["active"] == (row["hurt"] == "yes") for row in rows)
    shell.ended(shell.start("undo", run_id, "--confirm", "2"))
    undo = shell.rows("list")[0]["id"]
    assert f"by {undo} of " in shell("show", run_id, "--hurt")
    shell("show", undo, "--hurt", code=Exit.REFUSED)
    assert "hurt nobody" in shell.err


def test_a_beginning_that_fits_several_runs_is_refused_with_their_names(shell, monkeypatch):
    names = [shell.run(shell.active[0]), shell.run(shell.active[1])]
    monkeypatch.setattr(Reads, "run_ids", lambda *_, **__: tuple(names))
    shell("show", "run_", code=Exit.REFUSED)
    assert "no run" in shell.err
    shell("show", "run_1", code=Exit.REFUSED)
    assert all(name in shell.err for name in names)


def test_an_undo_leaves_alone_what_somebody_changed_since(shell):
    run_id = shell.run(*shell.active[:3])
    rename(shell.server, shell.active[0], "Changed since")
    saved = shell.home / "undo.json"
    rows = shell.rows("undo", run_id, "--reason", "A mistake", "-o", saved)
    assert [row["id"] for row in rows if row["kind"] == "left_alone"] == [shell.active[0]]
    plan = Plan.from_json(saved.read_bytes())
    assert (set(plan.ids), plan.action, plan.undo_of, plan.reason) == ({*shell.active[1:3]}, "reactivate", run_id, "A mistake")
    assert [one.customer_id for one in plan.left_alone] == [shell.active[0]]
    shell("undo", run_id, "--confirm", 3, code=Exit.REFUSED)
    shell("apply", saved, "--confirm", 2)
    assert shell.rows("show", run_id)[0]["undone_by"] == shell.rows("list")[0]["id"]
    assert [line.endswith("  2 of 3 taken back") for line in shell("list").splitlines()] == [False, True]
    shell("undo", run_id, "--confirm", 2, code=Exit.REFUSED)
    assert "nothing to take back" in shell.err


def test_a_run_that_waits_is_cancelled_or_started(shell):
    with_plan = [Plan.from_json(shell.plan(customer_id).read_bytes()) for customer_id in shell.active[:2]]
    journal = shell.journal()
    waiting, other = (journal.record(plan, plan.created_at, who=ROBIN).id for plan in with_plan)
    journal.close()
    shell("cancel", waiting)
    shell("cancel", waiting, code=Exit.REFUSED)
    shell("resume", waiting, code=Exit.REFUSED)
    shell("resume", other)
    assert {row["id"]: row["state"] for row in shell.rows("list")} == {waiting: "cancelled", other: "finished"}
    assert [call.customer_id for call in shell.server.calls() if call.operation == "deactivate"] == [shell.active[1]]


def test_a_run_that_nobody_could_approve_is_shown_before_it_is_refused(shell):
    (shell.home / "settings.toml").write_text("[approval]\nfrom_customers = 2\n")
    single = shell.plan(shell.active[0])
    (shell.home / "settings.toml").write_text("[approval]\nfrom_customers = 1\n")
    assert "Deactivate 1 customer of" in shell("apply", single, code=Exit.REFUSED)
    assert "nobody signs in here: it has 1 customer (that is asked from 1 on)" in shell.err


def test_two_people_walk_a_run_that_needs_both(shell, monkeypatch):
    (shell.home / "settings.toml").write_text('people.operator = ["x@example.com"]\n[approval]\nfrom_customers = 2\n')

    def as_user(name):
        monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name=name))

    as_user("robin")
    first, second = shell.active[:2]
    run = shell.rows("apply", shell.plan(first, second), "--confirm", 2, code=Exit.PARTLY)[-1]
    assert (run["state"], run["approval"]["asked"]["by"]) == ("planned", "robin")
    run_id = run["id"]
    assert "waiting for approval" in shell("list")
    assert "it has 2 customers (that is asked from 2 on)" in shell("show", run_id)
    shell("resume", run_id, code=Exit.REFUSED)
    assert "It waits for the approval of a second person" in shell.err
    monkeypatch.setenv("LOGNAME", "kim")  # says nothing
    shell("approve", run_id, "--confirm", 2, code=Exit.REFUSED)
    assert "somebody else has to approve it" in shell.err
    shell("approve", run_id, "--confirm", 2, "--alone", run["connection_label"], code=Exit.REFUSED)
    as_user("kim")
    assert "Deactivate 2 customers" in shell("approve", run_id, code=Exit.REFUSED)
    assert "--confirm 2" in shell.err
    assert "kim approved it at" in shell("approve", run_id, "--confirm", 2, "--words", "Seen both")
    shell("resume", run_id, code=Exit.REFUSED)
    assert "somebody else has to start it" in shell.err
    as_user("robin")
    shell("resume", run_id)
    assert not any(shell.client.get_customer(one).is_active for one in (first, second))
    shell("verify")
    for form in ("csv", "jsonl", "html"):
        assert "Seen both" in shell("export", run_id, "--format", form)
    shell("report", run_id, "-o", shell.home / "report.html")
    assert "kim approved it at" in (shell.home / "report.html").read_text()

    undone = shell.rows("undo", run_id, "--confirm", 2, code=Exit.PARTLY)[-1]
    as_user("kim")
    shell("refuse", undone["id"], code=Exit.REFUSED)
    assert "is cancelled. kim refused it" in shell("refuse", undone["id"], "--words", "They are gone")


def test_overlapping_plans_are_refused_with_the_other_runs_name(shell):
    first, second = (shell.plan(*shell.active[:2]), shell.plan(*shell.active[1:3]))
    journal = shell.journal()
    plan = Plan.from_json(first.read_bytes())
    waiting = journal.record(plan, plan.created_at, who=ROBIN).id
    journal.close()
    rows = shell.rows("apply", second, "--confirm", 2, code=Exit.REFUSED)
    assert (rows[-1]["error"], rows[-1]["run_id"]) == ("RunsOverlap", waiting)


def test_the_log_is_verified_and_an_altered_one_found(shell):
    shell.run(shell.active[0])
    told = shell.rows("verify")[0]
    assert (told["ok"], told["broken_at"], len(told["head"])) == (True, None, 64)
    tamper(shell.home / "journal.sqlite")
    assert "altered" in shell("verify", code=Exit.BROKEN_LOG)
    assert shell.rows("verify", code=Exit.BROKEN_LOG)[0]["broken_at"] == 2


def test_a_log_cut_short_shows_by_the_head_that_a_receipt_has(shell):
    run_id = shell.run(shell.active[0])
    shell("export", run_id, "-o", shell.home / "r.html")
    head = re.search(r"<code>([0-9a-f]{64})</code>", (shell.home / "r.html").read_text())[1]
    shell.run(shell.active[1])
    assert shell.rows("verify", "--head", head.upper())[0]["ok"]
    with sqlite3.connect(shell.home / "journal.sqlite") as db:
        ((seq,),) = db.execute("SELECT seq FROM log WHERE hash = ?", (head,))
        drop_guards(db)
        db.execute("DELETE FROM log WHERE seq >= ?", (seq,))
        db.execute("UPDATE log_head SET (seq, hash) = (SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1)")
    db.close()
    assert "The log is sound" in (told := shell("verify", code=Exit.BROKEN_LOG))
    assert "the log does not say that it was planned." in told  # the run whose entries were cut off
    assert "No entry has the hash" in shell("verify", "--head", head, code=Exit.BROKEN_LOG)
    assert shell.rows("verify", "--head", head, code=Exit.BROKEN_LOG)[0]["broken_at"] == seq


def drop_guards(db):
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f'DROP TRIGGER "{name}"')


def tamper(path):
    with sqlite3.connect(path) as db:
        drop_guards(db)
        db.execute("UPDATE log SET who = 'somebody else' WHERE seq = 2")
    db.close()


def test_what_a_receipt_says_to_be_wrong_is_told_by_its_export_too(shell):
    run_id = shell.run(shell.active[0])
    shell("export", run_id, "-o", shell.home / "sound.html")
    assert "receipt says" not in shell.err
    with sqlite3.connect(shell.home / "journal.sqlite") as db:
        db.execute("UPDATE steps SET words = 'All is well.'")
    db.close()
    shell("export", run_id, "-o", shell.home / "altered.html", code=Exit.BROKEN_LOG)
    assert f"The receipt says: {run_id}, {shell.active[0]}: words says “All is well.”" in shell.err
    assert "All is well." in (shell.home / "altered.html").read_text()
    assert shell("export", run_id, code=Exit.BROKEN_LOG)  # to the standard output, with the words beside it
    assert "The receipt says: " in shell.err
    tamper(shell.home / "journal.sqlite")
    shell("export", run_id, "-o", shell.home / "log.html", code=Exit.BROKEN_LOG)
    assert "The receipt says: Entry 2" in shell.err


def test_a_receipt_is_a_new_private_file_and_its_export_is_logged(shell):
    run_id = shell.run(shell.active[0])
    for name, start in (("r.html", b"<!doctype html>"), ("r.csv", b"\xef\xbb\xbf"), ("r.jsonl", b"{"), ("r", b"\xef\xbb\xbf")):
        path = shell.home / name
        shell("export", run_id, "-o", path)
        assert path.read_bytes().startswith(start)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shell("export", run_id, "-o", shell.home / "r.html", code=Exit.REFUSED)
    lines = [json.loads(line) for line in shell("export", run_id, "--format", "jsonl").splitlines()]
    assert [line["event"] for line in lines if line["kind"] == "entry"][-1] == "export"
    journal = shell.journal()
    forms = [json.loads(entry.payload)["format"] for entry in journal.log.entries(run_id) if entry.event == "export"]
    journal.close()
    assert forms[:4] == ["html", "csv", "jsonl", "csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plan", "--ids-file", "{home}/none.txt", *("--action", "deactivate", "--reason", "r", "-o", "x")), "can't be read"),
        (("apply", "{home}/none.json", "--confirm", "1"), "can't be read"),
        (("apply", "{home}/altered.json", "--confirm", "2"), "altered"),
        (("apply", "{home}/other.json", "--confirm", "2"), "address that nobody knows"),
        (("apply", "{home}/ids.txt", "--confirm", "1"), "not a plan"),
        (("resume", "run_0"), "no run"),
    ],
)
def test_bad_input_is_refused_in_words(shell, arguments, words):
    text = shell.plan(*shell.active[:2]).read_text()
    (shell.home / "altered.json").write_text(text.replace("Contract over", "Contract ended"))
    (shell.home / "other.json").write_text(plan_of([customer(1), customer(2)]).to_json())
    shell(*(argument.format(home=shell.home) for argument in arguments), code=Exit.REFUSED)
    assert words in shell.err
    assert shell.rows("list") == []


@pytest.mark.parametrize(
    ("caps", "words"),
    [
        ("max_customers = 2", "3 customers; one run may have at most 2 "),
        ("max_percent = 1", "3 of the 2"),
        ("max_users = 0", "one run may affect at most 0 "),
    ],
)
def test_a_plan_over_a_cap_is_refused_with_both_numbers(shell, caps, words):
    users = {customer_id: shell.client.get_customer(customer_id).user_count for customer_id in shell.active}
    plan = shell.plan(*sorted(users, key=users.get)[-3:])
    (shell.home / "settings.toml").write_text(f"[caps]\n{caps}\n")
    shell("apply", plan, "--confirm", 3, code=Exit.REFUSED)
    assert words in shell.err
    assert shell.rows("list") == []


def test_a_protected_customer_is_left_out_of_a_plan_and_stops_an_older_one(shell):
    first, second = shell.active[:2]
    plan = shell.plan(first, second)
    (shell.home / "settings.toml").write_text(f'[protected]\nids = ["{first}"]\n')
    shell("apply", plan, "--confirm", 2, code=Exit.REFUSED)
    assert "is protected: its id is in the settings" in shell.err
    assert Plan.from_json(shell.plan(first, second, code=Exit.PARTLY).read_bytes()).ids == (second,)


def test_a_run_holds_after_its_canary_until_it_is_resumed(shell):
    (shell.home / "settings.toml").write_text("[canary]\nsteps = 2\nfrom_size = 3\n")
    out = shell("apply", shell.plan(*shell.active[:5]), "--confirm", 5, code=Exit.PARTLY)
    assert "after the first 2 the run holds until somebody resumes it" in out
    told = shell.rows("list")[0]
    assert (told["state"], told["totals"]["verified"], told["totals"]["planned"]) == ("paused", 2, 3)
    shown = shell("show", told["id"])
    assert "look at         the first 2 customers, then resume or cancel" in shown
    assert shown.count("  verified  ") == 2
    shell("resume", told["id"])
    assert "look at" not in shell("show", told["id"])
    plan = shell.plan(*shell.active[5:10], options=("--goes-on",))
    assert "goes on if all are verified" in shell("apply", plan, "--confirm", 5)


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_plan_without_a_reason_or_customers_is_refused(shell, reason):
    words = ("--action", "deactivate", "--reason", reason, "-o", shell.home / "p.json")
    shell("plan", "--ids-file", shell.write_ids(shell.active[0]), *words, code=Exit.REFUSED)
    assert "reason" in shell.err
    words = ("--action", "deactivate", "--reason", "r", "-o", shell.home / "p.json")
    shell("plan", "--ids-file", shell.write_ids(shell.inactive[0]), *words, code=Exit.REFUSED)
    assert not (shell.home / "p.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("apply",),
        ("apply", "p", "--confirm", "many"),
        ("list", "--limit", "0"),
        ("verify", "--head", "run_1"),
        ("show", "r", "--steps", "x"),
    ],
)
def test_arguments_that_can_not_be_used_end_as_refused(arguments, capsys):
    assert main(arguments) == Exit.REFUSED
    assert "usage" in capsys.readouterr().err


def test_without_a_key_what_needs_the_api_says_so_and_the_rest_works(shell):
    plan, run_id = shell.plan(shell.active[1]), shell.run(shell.active[0])
    shell.set(AVARA_API_KEY="")
    words = ("--action", "deactivate", "--reason", "r", "-o", shell.home / "p.json")
    for arguments in (("plan", "--ids-file", shell.home / "ids.txt", *words), ("apply", plan), ("undo", run_id)):
        shell(*arguments, code=Exit.REFUSED)
        assert "AVARA_API_KEY is not set" in shell.err
    for arguments in (("list",), ("show", run_id), ("verify",), ("export", run_id)):
        shell(*arguments)


def test_an_api_that_is_not_there_ends_as_unreachable_and_nothing_is_recorded(shell):
    plan, run_id = shell.plan(shell.active[1]), shell.run(shell.active[0])
    shell.server.stop()
    words = ("--action", "deactivate", "--reason", "r", "-o", shell.home / "p.json")
    shell("plan", "--ids-file", shell.home / "ids.txt", *words, code=Exit.UNREACHABLE)
    shell("apply", plan, "--confirm", 1, code=Exit.UNREACHABLE)
    shell("undo", run_id, code=Exit.UNREACHABLE)
    assert "could not be reached" in shell.err
    assert len(shell.rows("list")) == 1
    assert not (shell.home / "p.json").exists()


def test_a_journal_that_can_not_be_opened_ends_as_unreachable(shell):
    (shell.home / "journal.sqlite").write_bytes(b"this is no database, whatever else it may be" * 100)
    shell("list", code=Exit.UNREACHABLE)
    assert "journal" in shell.err


def test_names_can_not_steer_the_terminal(shell):
    name = "\x1b[2J\x9b31mEvil\r\n\u202eClinic"
    made = ask(shell.server, "POST", "", expressCustomerName=name)
    run_id = shell.run(made["expressCustomerId"])
    told = shell("show", run_id, "--steps")
    assert "Evil Clinic" in told
    told += "".join(shell.told)
    assert not any(bad in told for bad in ("\x1b", "\x9b", "\u202e", "\r"))
    assert shell.rows("show", run_id)[1]["name"] == name


def test_the_help_says_what_the_exit_codes_mean():
    text = parser().format_help()
    assert all(f"{code.value}  {words}" in text for code, words in MEANINGS.items())
    assert set(MEANINGS) == set(Exit)


def test_a_run_whose_process_is_gone_says_so_before_anybody_takes_it_up(shell):
    path = shell.plan(*shell.active[:2])
    journal = shell.journal()
    run = journal.record(Plan.from_json(path.read_bytes()), NOW, who=ROBIN)
    journal.claim(run.id, owner="elsewhere:1:dead", now=NOW, who=ROBIN, lease=-1.0)
    journal.close()
    assert "its process is gone" in shell("list")
    assert "its process is gone; resume goes on" in shell("show", run.id)
    shell("resume", run.id)
    assert "process is gone" not in shell("list")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_run_whose_output_is_lost_goes_on_to_its_end(shell, options):
    plan = shell.plan(*shell.active[:5])
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "lib.runs", "apply", str(plan), "--confirm", "5", *options]
        ended = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert (ended.returncode, b"Not all output could be written" in ended.stderr) == (Exit.PARTLY, True)
    assert shell.rows("list")[0]["totals"]["verified"] == 5


def test_a_run_whose_reader_has_gone_goes_on_to_its_end_and_ends_as_it_did(shell):
    process = shell.start("apply", shell.plan(*shell.active[:5]), "--confirm", 5, "--json")
    process.stdout.close()
    assert process.wait(PATIENCE) == Exit.FINISHED
    assert process.stderr.read() == ""
    assert shell.rows("list")[0]["totals"]["verified"] == 5


def recorded(shell, journal, count):
    path = shell.plan(*shell.active[:count])
    return journal.record(Plan.from_json(path.read_bytes()), NOW, who=ROBIN)


def test_a_killed_run_is_resumed_at_once_and_ends_as_if_nothing_had_happened(shell):
    shell.server.sandbox.latency = 0.1
    plan = shell.plan(*shell.active[:40])
    applying = shell.start("apply", plan, "--confirm", "40")
    journal = shell.journal()
    until(lambda: (found := journal.reads.runs()) and found[0].totals.verified > 3)
    applying.kill()
    shell.ended(applying)
    shell.server.sandbox.latency = 0
    (run,) = journal.reads.runs()
    began = time.monotonic()
    out = shell("resume", run.id)
    assert "is finished: 40 of 40 settled (40 verified)" in out
    assert time.monotonic() - began < LEASE_SECONDS
    journal.close()


def test_a_run_of_a_machine_that_can_not_be_asked_is_waited_for_with_a_countdown(shell):
    journal = shell.journal()
    run = recorded(shell, journal, 2)
    journal.claim(run.id, owner="elsewhere:1:dead", now=NOW, who=ROBIN, lease=2.0)
    rows = shell.rows("resume", run.id)
    assert (rows[0]["kind"], rows[0]["owner"]) == ("waiting", "elsewhere:1:dead")
    assert 0 < rows[0]["seconds"] <= 2
    assert (rows[-1]["state"], rows[-1]["totals"]["verified"]) == ("finished", 2)
    shell("resume", run.id)  # what is finished stays so, and says so
    journal.close()


def test_a_process_that_lost_its_run_to_another_says_who_has_it(shell):
    plan = shell.plan(*shell.active[:40])
    shell.server.sandbox.latency = 0.3
    applying = shell.start("apply", plan, "--confirm", "40")
    journal = shell.journal()
    until(lambda: (found := journal.reads.runs()) and found[0].totals.verified > 0)
    (run,) = journal.reads.runs()
    journal.end(run.id, RunState.INTERRUPTED, words=said("It slept."), now=NOW, who=ROBIN)
    journal.claim(run.id, owner="elsewhere:1:alive", now=NOW, who=ROBIN)
    code, _, err = shell.ended(applying)
    assert code == Exit.PARTLY
    assert f"Another process has it (elsewhere, process 1). See it with: python -m lib.runs show {run.id}" in err
    journal.close()


def test_a_run_that_another_process_takes_up_at_this_moment_is_left_to_it(shell, monkeypatch):
    journal = shell.journal()
    run, leases = recorded(shell, journal, 2), Reads.leases

    def taken_up_right_after(reads, run_id=None):
        found = leases(reads, run_id)
        if run_id is not None and journal.reads.run(run.id).state is RunState.PLANNED:
            journal.claim(run.id, owner="elsewhere:1:alive", now=NOW, who=ROBIN)
        return found

    monkeypatch.setattr(Reads, "leases", taken_up_right_after)
    shell("resume", run.id, code=Exit.REFUSED)
    assert "is at work in elsewhere, process 1. See it with: " in shell.err
    journal.close()


def test_a_run_that_another_process_is_at_work_on_is_left_to_it(shell):
    journal = shell.journal()
    run = recorded(shell, journal, 2)
    journal.claim(run.id, owner="elsewhere:1:alive", now=NOW, who=ROBIN)
    beat = threading.Timer(0.7, journal.renew, ("elsewhere:1:alive", 15))
    beat.start()
    shell("resume", run.id, code=Exit.REFUSED)
    beat.join()
    assert "Another process has" in shell.err
    assert "is at work in elsewhere, process 1. See it with: " in shell.err
    assert journal.reads.run(run.id).owner == "elsewhere:1:alive"
    journal.close()
