"""`account`, and what the other commands say of another key's runs: a real sandbox with two keys, a real journal."""

from datetime import UTC, datetime

import pytest

from lib.cli.exits import Exit
from lib.plans.model import RunState
from lib.plans.plan import Plan
from lib.plans.words import said
from tests.runs.fakes import ROBIN, customer, plan_of
from tests.runs.test_main import KEY, Shell

NEW = "the-key-after-the-rotation"


@pytest.fixture
def shell(start_sandbox, tmp_path, monkeypatch, capfd):
    """A shell with a new key. The old one left two runs: `broken` with a call under way, and `paused`."""
    made = Shell(start_sandbox(api_key=KEY, more_keys=[NEW]), tmp_path / "home", monkeypatch, capfd)
    plans = [Plan.from_json(made.plan(*ids).read_text()) for ids in (made.active[:3], made.active[3:5])]
    journal, now = made.journal(), datetime.now(UTC)
    for plan, end in zip(plans, (RunState.INTERRUPTED, RunState.PAUSED), strict=True):
        run = journal.record(plan, now, who=ROBIN)
        journal.claim(run.id, owner="gone", now=now, who=ROBIN)
        if end is RunState.INTERRUPTED:
            journal.steps.begin(journal.reads.steps(run.id)[0], owner="gone", now=now, who=ROBIN)
        journal.end(run.id, end, words=said("Left."), now=now, who=ROBIN)
    journal.close()
    made.broken, made.paused = (f"run_{plan.hash[:16]}" for plan in plans)
    made.old = plans[0].fingerprint
    made.set(AVARA_API_KEY=NEW)
    yield made
    made.client.close()
    assert not any(key in told for told in made.told for key in (KEY, NEW))


def test_a_run_of_another_key_is_shown_with_it_and_can_only_be_cancelled(shell):
    assert f", key {shell.old[:8]}" in shell("list")
    shown = shell("show", shell.broken)
    assert f"made under another key of this address (fingerprint {shell.old[:8]})" in shown
    assert "possible now    cancel\n" in shown
    for command in ("resume", "retry"):
        shell(command, shell.broken, code=Exit.REFUSED)
        assert "another key of this address" in shell.err
        assert "If it is, say so: python -m lib.runs account shows how" in shell.err
    before = len(shell.server.calls())
    shell("cancel", shell.broken)
    assert len(shell.server.calls()) == before
    run = shell.rows("show", shell.broken)[0]
    assert (run["state"], run["totals"]["unknown"], run["totals"]["planned"]) == ("cancelled", 1, 2)


def test_without_a_key_the_runs_are_listed_and_shown_all_the_same(shell):
    shell.set(AVARA_API_KEY="")
    assert shell.broken in shell("list")
    assert f"key {shell.old[:8]}" in shell("show", shell.broken)


def test_once_it_is_the_same_account_the_run_goes_on_and_is_undone(shell):
    shell("account")
    assert f"python -m lib.runs account --same {shell.old[:8]}" in shell.err
    other = shell.rows("account")[-1]
    assert (other["kind"], other["keys"], other["runs"], other["live"]) == ("other_key", [shell.old], 2, 2)
    joined, account = shell.rows("account", "--same", shell.old[:8])
    assert [joined[name] for name in ("kind", "old", "live", "kept", "ended")] == ["joined", shell.old, 5, 0, 0]
    assert shell.old in account["keys"]
    shell("resume", shell.paused)
    shell("undo", shell.paused, "--confirm", 2)
    assert f"also its key    {shell.old[:8]}" in shell("account")
    shell("verify")


def test_an_undo_of_another_keys_run_tells_the_way_out(shell):
    shell.set(AVARA_API_KEY=KEY)
    shell("resume", shell.paused)
    shell.set(AVARA_API_KEY=NEW)
    shell("undo", shell.paused, "--confirm", 2, code=Exit.REFUSED)
    assert "python -m lib.runs account" in shell.err
    assert shell.old[:8] in shell.err


def test_a_plan_made_under_the_old_key_runs_under_the_new_one_of_the_account(shell):
    shell.set(AVARA_API_KEY=KEY)
    plan = shell.plan(*shell.active[5:7])
    shell.set(AVARA_API_KEY=NEW)
    shell("apply", plan, "--confirm", 2, code=Exit.REFUSED)
    assert "another key of this address" in shell.err
    shell("account", "--same", shell.old[:8])
    shell("apply", plan, "--confirm", 2)


@pytest.mark.parametrize("start", ["", " ", "zz", "0" * 16])
def test_a_key_that_nobody_knows_is_refused_in_words(shell, start):
    shell("account", "--same", start, code=Exit.REFUSED)
    assert f"begins with {start}".strip() in shell.err


def test_a_key_whose_customers_are_not_here_is_refused_with_the_customer(shell):
    journal = shell.journal()
    strange = plan_of([customer(1)], fingerprint="x" * 16, base_url=shell.server.base_url)
    journal.record(strange, datetime.now(UTC), who=ROBIN)
    journal.close()
    shell("account", "--same", "x", code=Exit.REFUSED)
    assert "Clinic 1" in shell.err
    assert "was not found" in shell.err
