"""Production is changed only while a person has armed it, and nothing at all where the app is read-only: whoever asks how."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.accounts.arming import Arming, NotArmed
from lib.accounts.tables import Account
from lib.cli.exits import Exit
from lib.config import load_settings
from lib.errors import ConfigError, ExpressOpsError
from lib.gate import Gate, ReadOnly
from lib.people import CHANGING, VERBS, NotSignedIn, Person, Right, SignIn
from lib.plans.plan import Plan
from lib.session import Session, open_session
from tests.runs.fakes import ROBIN
from tests.runs.test_main import KEY, Shell

KIM = Person("kim", "as a test says")
REAL, TEST = Account("Müller & Co", production=True, color="red"), Account("Try", production=False, color="blue")
BEGAN = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def arming(clock: Clock, account: Account = REAL) -> Arming:
    return Arming(account, 30, clock)


@pytest.mark.parametrize(
    ("after", "holds"),
    [
        (timedelta(0), True),
        (timedelta(minutes=29, seconds=59), True),
        (timedelta(minutes=30), False),
        (timedelta(days=1), False),
        (timedelta(seconds=-1), False),  # the clock was set back: it could stay armed for who knows how long
    ],
)
def test_what_is_armed_disarms_itself(clock, after: timedelta, holds: bool) -> None:
    one = arming(clock)
    assert one.arm("Müller & Co", ROBIN) == BEGAN + timedelta(minutes=30)
    clock.now += after
    assert (one.until(ROBIN) is not None) is holds
    with nullcontext() if holds else pytest.raises(NotArmed):
        one.check(ROBIN)


@pytest.mark.parametrize("back", [timedelta(0), timedelta(minutes=28), timedelta(hours=1)])
def test_a_clock_that_is_set_back_prolongs_nothing(tmp_path, clock, back: timedelta) -> None:
    """Neither what is armed nor a sign-in: both last as long as they were to when they began."""
    passed = [0.0]
    one, gate = Arming(REAL, 30, clock, lambda: passed[0]), Gate(tmp_path, clock, lambda: passed[0])
    (tmp_path / "settings.toml").write_text('people.operator = ["robin@example.com"]')
    who = Person("robin@example.com", "by login", SignIn(BEGAN + timedelta(minutes=30), "robin@example.com", key="1"))
    one.arm(REAL.label, who)
    for minutes in (0, 29):
        clock.now, passed[0] = BEGAN + timedelta(minutes=minutes), minutes * 60.0
        one.check(who)
        gate.check(Right.RUN, who)
    clock.now, passed[0] = BEGAN + timedelta(minutes=30) - back, 30 * 60.0
    assert one.until(who) is None
    with pytest.raises(NotSignedIn, match="run out"):
        gate.check(Right.RUN, who)


def test_what_was_armed_in_one_sign_in_is_not_in_the_next_one_of_the_same_person(clock) -> None:
    one = arming(clock)
    first, next_ = (Person("robin@example.com", "by login", SignIn(BEGAN, "robin@example.com", key=key)) for key in "12")
    one.arm(REAL.label, first)
    one.check(first)
    with pytest.raises(NotArmed):
        one.check(next_)


@pytest.mark.parametrize("typed", ["", " ", "müller & co", "Müller", "Müller & Co.", "yes"])
def test_only_the_accounts_own_label_arms_it(clock, typed: str) -> None:
    one = arming(clock)
    with pytest.raises(NotArmed, match="Müller & Co"):
        one.arm(typed, ROBIN)
    assert one.until(ROBIN) is None
    one.arm("  Mu\u0308ller &  Co ", ROBIN)  # the same to a reader
    assert one.until(ROBIN)


def test_one_person_arms_for_nobody_else_and_disarms(clock) -> None:
    one = arming(clock)
    one.arm(REAL.label, ROBIN)
    for other in (KIM, replace(ROBIN, known="by login")):
        with pytest.raises(NotArmed):
            one.check(other)
    one.check(ROBIN)
    one.disarm(ROBIN)
    with pytest.raises(NotArmed):
        one.check(ROBIN)


def test_an_account_that_is_not_production_needs_no_arming(clock) -> None:
    arming(clock, TEST).check(ROBIN)


def test_read_only_counts_from_the_next_question_on_and_settings_that_can_not_be_read_change_nothing(tmp_path, clock) -> None:
    gate, settings = Gate(tmp_path, clock), tmp_path / "settings.toml"
    gate.check(Right.RUN, ROBIN)
    settings.write_text("read_only = true")
    for right in Right:
        with pytest.raises(ReadOnly, match="read_only") if right in CHANGING else nullcontext():
            gate.check(right, ROBIN)
    settings.write_text("read_only = 1")
    with pytest.raises(ConfigError, match="read_only"):
        gate.check(Right.RUN, ROBIN)
    settings.unlink()
    gate.check(Right.RUN, ROBIN)


@pytest.fixture
def shell(start_sandbox, tmp_path, monkeypatch, capfd):
    """The command line on an account that is said to be production."""
    made = Shell(start_sandbox(api_key=KEY), tmp_path / "home", monkeypatch, capfd)
    made.set(AVARA_API_KEY="", MAIN_KEY=KEY)
    settings_of(made.home, made.server.base_url)
    yield made
    made.client.close()
    assert not any(KEY in told for told in made.told)


def settings_of(home: Path, base_url: str, more: str = "") -> None:
    production = f'label = "Main"\nbase_url = "{base_url}"\nkey = "env:MAIN_KEY"\nproduction = true\n'
    (home / "settings.toml").write_text(f"{more}\n[accounts.main]\n{production}")


def calls(shell: Shell) -> int:
    """How many calls were made to change something: the server may still be about to note a reading."""
    return sum(call.method != "GET" for call in shell.server.calls())


#: Every verb that changes customers or takes up runs.
ACTING: dict[str, Callable[[Session, Plan, str], object]] = {
    "record": lambda session, plan, _: session.record(plan),
    "start": lambda session, plan, _: session.start(plan),
    "resume": lambda session, _, run: session.resume(run),
    "retry": lambda session, _, run: session.retry(run),
    "join": lambda session, _, run: session.join(None),
    "confirm_alone": lambda session, _, run: session.confirm_alone(run, "Main"),
}


def test_the_table_has_every_verb_that_changes_something() -> None:
    """But those that only approve: they need no arming, and what is read-only refuses their right as any other."""
    changing = {verb for verb, right in VERBS.items() if right in CHANGING - {Right.APPROVE} and hasattr(Session, verb)}
    assert changing == ACTING.keys()


@pytest.mark.parametrize("verb", ACTING)
def test_every_verb_that_changes_something_asks_again(shell, verb: str) -> None:
    """Whatever a page, a command or a notebook offers: nothing is written and nothing sent."""
    run_id = shell.rows("apply", shell.plan(*shell.active[:2]), "--confirm", 2, "--arm", "Main")[-1]["id"]
    plan = Plan.from_json(shell.plan(*shell.active[2:4]).read_text())
    act = ACTING[verb]
    before = calls(shell)
    with Session(load_settings(), known="") as session:
        entries = session.verify()[0].entries
        with pytest.raises(NotArmed, match="Main"):
            act(session, plan, run_id)
        assert session.verify()[0].entries == entries
    settings_of(shell.home, shell.server.base_url, "read_only = true")
    with Session(load_settings(), known="") as session:
        with pytest.raises(ReadOnly):
            act(session, plan, run_id)
        assert session.verify()[0].entries == entries
    assert calls(shell) == before


def test_the_command_line_changes_production_only_with_its_label_and_stops_a_run_without(shell) -> None:
    path = shell.plan(*shell.active[:2])
    before = calls(shell)
    shell("apply", path, "--confirm", 2, code=Exit.REFUSED)
    assert "not armed" in shell.err
    assert "--arm Main" in shell.err
    shell("apply", path, "--confirm", 2, "--arm", "main", code=Exit.REFUSED)
    assert "not the label" in shell.err
    assert calls(shell) == before
    run = shell.rows("apply", path, "--confirm", 2, "--arm", "Main")[-1]["id"]
    shell("undo", run, "--confirm", 2, code=Exit.REFUSED)
    assert "not armed" in shell.err
    shell("retry", run, code=Exit.REFUSED)
    assert "not armed" in shell.err
    shell("undo", run, "--confirm", 2, "--arm", "Main")
    settings_of(shell.home, shell.server.base_url, "read_only = true")
    shell.plan(*shell.active[4:5])
    assert "It can't be carried out here: Express Ops is read-only here" in shell.err
    for arguments in (("retry", run), ("apply", shell.plan(*shell.active[3:4]), "--confirm", 1)):
        shell(*arguments, code=Exit.REFUSED)
    assert "read-only" in shell.err
    shell("show", run)


def test_what_would_carry_out_a_plan_or_an_undo_is_told_whole_to_be_copied(shell) -> None:
    path = shell.plan(*shell.active[:2])
    shell("apply", path, "--account", "main", code=Exit.REFUSED)
    assert f"python -m lib.runs apply {path} --confirm 2 --account main --arm Main" in shell.err
    run = shell.rows("apply", path, "--confirm", 2, "--arm", "Main")[-1]["id"]
    shell("undo", run, "--reason", "Wrong ones", code=Exit.REFUSED)
    assert f"python -m lib.runs undo {run} --reason 'Wrong ones' --confirm 2 --arm Main" in shell.err


def test_a_command_that_only_asks_for_an_approval_needs_no_arming(shell) -> None:
    people = '[people]\noperator = ["robin@example.com"]\napprover = ["kim@example.com"]\n[approval]\nfrom_customers = 2\n'
    settings_of(shell.home, shell.server.base_url, people)
    shell("apply", shell.plan(*shell.active[:1]), "--confirm", 1, code=Exit.REFUSED)
    assert "not armed" in shell.err
    run = shell.rows("apply", shell.plan(*shell.active[1:3]), "--confirm", 2, code=Exit.PARTLY)[-1]["id"]
    assert "waits for the approval" in shell("show", run)
    shell("resume", run, code=Exit.REFUSED)
    assert "not armed" in shell.err
    assert calls(shell) == 0


def test_the_command_line_asks_which_of_several_accounts_is_meant(shell, start_sandbox) -> None:
    other = start_sandbox(customers=9, api_key="key-of-the-other-81")
    shell.set(OTHER_KEY="key-of-the-other-81")
    with (shell.home / "settings.toml").open("a") as file:
        file.write(
            f'[accounts.other]\nlabel = "Other"\nbase_url = "{other.base_url}"\nkey = "env:OTHER_KEY"\nproduction = false\n'
        )
    for arguments in (("list",), ("account",), ("account", "--account", "third")):
        shell(*arguments, code=Exit.REFUSED)
        assert "main (Main), other (Other)" in shell.err
        assert "--account NAME" in shell.err
    assert shell.server.base_url in shell("account", "--account", "main")
    assert other.base_url in shell("account", "--account", "other")
    path = shell.home / "plan.json"
    words = ("--action", "deactivate", "--reason", "Over", "-o", path)
    shell("--account", "main", "plan", "--ids-file", shell.write_ids(*shell.active[:2]), *words)
    assert f"apply {path} --confirm 2 --account main --arm Main" in shell.err
    run = shell.rows("apply", path, "--confirm", 2, "--account", "main", "--arm", "Main")[-1]["id"]
    assert run in shell("list", "--account", "main")
    assert run not in shell("list", "--account", "other")
    shell("apply", path, "--confirm", 2, "--account", "other", code=Exit.REFUSED)
    assert "made for another address" in shell.err
    shell("retry", run, "--account", "other", code=Exit.REFUSED)
    assert not [call for call in other.calls() if call.method != "GET"]


def test_a_notebook_arms_by_the_label_and_opens_the_account_that_is_named(shell) -> None:
    ops = open_session("main")
    try:
        plan = ops.plan(shell.active[:1], reason="Over")
        with pytest.raises(NotArmed, match="Main"):
            ops.run(plan, confirm=1)
        with pytest.raises(NotArmed, match="not the label"):
            ops.arm("Mian")
        ops.arm("Main")
        assert ops.run(plan, confirm=1).state == "finished"
    finally:
        ops.close()
    with pytest.raises(ExpressOpsError, match=r"main \(Main\)"):
        open_session("mian")
