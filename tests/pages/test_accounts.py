"""Several accounts in one server: what is of one is never of another, links say whose they are, production is armed first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.requests import Request

import app
from lib.cli.main import main as command
from lib.config import load_settings
from lib.errors import ConfigError, OtherConnection, RunNotFound
from lib.people import by_login
from lib.plans.evidence import Picked, Way
from lib.plans.model import RunState
from lib.receipts.export import Format
from lib.sandbox.server import SandboxServer
from lib.session import Session as Opened
from lib.ui import resources as wiring
from tests.pages.people import PEOPLE, claims
from tests.pages.world import Session, World, records_of

KEYS = {"main": "key-of-main-5512", "practice": "key-of-practice-8861"}
ACTS = {"to_confirm", "run_start", "run_resume", "run_retry", "run_undo", "run_cancel", "run_pause", "arm"}


def acts(session: Session) -> set[str]:
    """Which of them the page offers, whatever run they are about."""
    return {str(button.key).partition("-run_")[0] for button in session.at.button} & ACTS


@pytest.fixture
def sandboxes(world: World) -> dict[str, SandboxServer]:
    """Two accounts, each a sandbox of its own: one is said to be production."""
    made = {}
    world.home.mkdir()
    with (world.home / "settings.toml").open("w") as file:
        for name, key in KEYS.items():
            size, today = 30 if name == "main" else 20, datetime.now(UTC).date()
            made[name] = SandboxServer(customers=size, api_key=key, seed=size, anchor=today)
            world._stack.enter_context(made[name])
            world.patch.setenv(f"KEY_OF_{name.upper()}", key)
            file.write(f'[accounts.{name}]\nlabel = "{name.capitalize()} account"\nbase_url = "{made[name].base_url}"\n')
            file.write(f'key = "env:KEY_OF_{name.upper()}"\nproduction = {str(name == "main").lower()}\n')
    return made


def tab(account: str = "", page: str = "customers", /, **query: str) -> Session:
    """A new tab at this address."""
    session = Session()
    session.at.query_params.update(query | ({"account": account} if account else {}))
    session.run()
    return session if page == "customers" else session.go(page, **query, **({"account": account} if account else {}))


def loaded(account: str, page: str = "customers", /, **query: str) -> Session:
    session = tab(account)
    session.until(lambda _: wiring.served().of(account).loads.complete)
    return session.run() if page == "customers" else session.go(page, **query, account=account)


def run_in(session: Session) -> str:
    """The run that the address names."""
    (told,) = [session.at.query_params["run"]]
    return told if isinstance(told, str) else told[0]


def active(server: SandboxServer) -> list[str]:
    return [one["expressCustomerId"] for one in records_of(server) if one["isActive"] and one["userCount"] < 20]


def switch(session: Session, account: str) -> Session:
    next(box for box in session.at.selectbox if box.label == "Account").set_value(account)
    return session.run()


def test_where_nothing_says_which_account_it_is_asked_and_nothing_is_read(world, sandboxes) -> None:
    session = tab()
    assert [title.value for title in session.at.title] == ["Which account?"]
    assert "Main account" in session.plain
    assert "Practice account" in session.plain
    assert not wiring.served().opened()
    assert not [call for server in sandboxes.values() for call in server.calls()]
    session.press("open_account-practice")
    session.until(lambda _: wiring.served().of("practice").loads.complete).run()
    assert "Test · Practice account" in session.plain
    assert "practice" in session.at.query_params["account"]
    assert not sandboxes["main"].calls()


def test_a_link_opens_the_account_that_it_names_and_no_other(world, sandboxes) -> None:
    for name, server in sandboxes.items():
        session = loaded(name)
        assert set(session.rows["id"]) <= {one["expressCustomerId"] for one in records_of(server)}
        assert f"{name.capitalize()} account" in session.plain
    wrong = tab("third")
    assert "third is none of them" in wrong.plain
    assert not wrong.at.exception
    assert len(wiring.served().opened()) == 2


def test_picks_and_views_stay_with_their_account_and_are_there_again(world, sandboxes) -> None:
    session = loaded("main").pick(active(sandboxes["main"])[:3])
    loaded("practice")
    next(text for text in session.at.text_input if text.label == "Search").set_value("hospital")
    session.run()
    view = session.at.session_state["customers_view"]
    switch(session, "practice")
    assert session.picks == []
    assert "customers_view" not in session.at.session_state or session.at.session_state["customers_view"] != view
    assert "practice" in session.at.query_params["account"]
    session.pick(active(sandboxes["practice"])[:2])
    switch(session, "main")
    assert session.picks == active(sandboxes["main"])[:3]
    assert session.at.session_state["customers_view"] == view
    switch(session, "practice")
    assert session.picks == active(sandboxes["practice"])[:2]


def test_nothing_else_that_a_tab_holds_goes_to_another_account(world, sandboxes) -> None:
    session = loaded("main", "deactivate")
    loaded("practice")
    held = {name: object() for name in ("plan_to_confirm", "open_dialog", "rehearsal_made", "what nobody thought of yet")}
    for name in held.keys() - {"open_dialog"}:
        session.at.session_state[name] = held[name]
    switch(session, "practice")
    assert not [name for name in held if name in session.at.session_state and session.at.session_state[name] is held[name]]


def test_runs_of_one_account_are_not_listed_in_another_and_go_on_while_that_is_on_show(world, sandboxes) -> None:
    session = loaded("practice").pick(active(sandboxes["practice"])[:2]).go("deactivate")
    next(text for text in session.at.text_input if text.label == "Reason").set_value("Over")
    session.run().press("to_confirm").type_to_confirm("2").press("confirm_go")
    run_id = run_in(session)
    loaded("main")
    switch(session, "main")
    assert "run" not in session.at.query_params
    mine, other = (wiring.served().of(name) for name in ("practice", "main"))
    session.until(lambda _: mine.reads.run(run_id).state is RunState.FINISHED)
    assert [run.id for run in mine.reads.runs()] == [run_id]
    assert other.reads.runs() == other.reads.live_runs(*RunState) == ()
    assert not other.reads.run_counts()
    assert "No run yet" in session.go("runs", account="main").plain
    foreign = session.go("runs", run=run_id, account="main")
    assert not acts(foreign)
    assert [call.method for call in sandboxes["main"].calls() if call.method != "GET"] == []


def test_production_offers_nothing_before_it_is_armed_by_its_label_and_disarms_itself(world, sandboxes) -> None:
    session = loaded("main").pick(active(sandboxes["main"])[:1]).go("deactivate", account="main")
    assert session.offers("arm")
    assert not session.offers("to_confirm")
    session.press("arm").type_to_confirm("main account")
    assert not session.offers("arm_go")
    session.type_to_confirm("Main account").press("arm_go")
    assert "Armed until" in session.plain
    assert session.offers("to_confirm")
    resources = wiring.served().of("main")
    late = datetime.now(UTC) + timedelta(minutes=31)
    resources.arming._now = lambda: late
    session.run()
    assert "Armed until" not in session.plain
    assert not session.offers("to_confirm")
    assert session.offers("arm")


def test_asking_for_an_approval_in_production_needs_no_arming_but_starting_what_was_approved_does(world, sandboxes) -> None:
    with (world.home / "settings.toml").open("a") as file:
        file.write(f"{PEOPLE}\n[approval]\nfrom_customers = 2\n")
    session = Session()
    session.at.user = claims("robin@example.com")
    session.at.query_params["account"] = "main"
    main = wiring.served().of("main")
    session.run().until(lambda _: main.loads.complete)
    session.pick(active(sandboxes["main"])[:2]).go("deactivate", account="main")
    next(text for text in session.at.text_input if text.label == "Reason").set_value("Over")
    assert not session.run().offers("arm")
    session.press("to_confirm").type_to_confirm("2").press("confirm_go")
    (run,) = main.reads.runs()
    assert run.awaits_approval(datetime.now(UTC))
    lead = by_login(claims("lead@example.com", groups=["leads"]), main.gate.people, "")
    main.approve(run.id, run.plan_hash, who=lead)
    session.run()
    assert session.offers("arm")
    assert not session.offers("run_start")
    session.pick(active(sandboxes["main"])[2:3]).go("deactivate", account="main")
    assert session.offers("arm")
    assert not session.offers("to_confirm")


def test_a_dialog_that_was_open_when_production_disarmed_starts_nothing(world, sandboxes) -> None:
    resources_of = wiring.served().of
    session = loaded("main").pick(active(sandboxes["main"])[:1]).go("deactivate", account="main")
    session.press("arm").type_to_confirm("Main account").press("arm_go")
    next(text for text in session.at.text_input if text.label == "Reason").set_value("Over")
    session.run().press("to_confirm")
    name = session.at.session_state["plan_to_confirm"].customers[0].record.name
    session.type_to_confirm(name)
    resources_of("main").arming.disarm(resources_of("main").operator)
    session.press("confirm_go")
    assert "not armed" in session.plain
    assert not resources_of("main").reads.runs()


@pytest.mark.parametrize("page", ["deactivate", "runs"])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("read_only = true", "Express Ops is read-only here (read_only in settings.toml)."),
        ("readonly = true", "settings.toml can't be used. readonly is no setting; did you mean read_only?"),
    ],
)
def test_read_only_and_rules_that_can_not_be_used_offer_nothing_and_say_so(world, page: str, text: str, why: str) -> None:
    sandbox = world.sandbox(30)
    session = world.open().pick(active(sandbox)[:1]).go("deactivate")
    next(text for text in session.at.text_input if text.label == "Reason").set_value("Over")
    session.run().press("to_confirm").type_to_confirm(session.at.session_state["plan_to_confirm"].customers[0].record.name)
    session.press("confirm_go")
    run_id = run_in(session)
    session.until(lambda _: world.resources.reads.run(run_id).state is RunState.FINISHED)
    (world.home / "settings.toml").write_text(text)
    session.go(page, **({"run": run_id} if page == "runs" else {}))
    if page == "deactivate":
        session.pick(active(sandbox)[1:2]).go(page)
    assert "Read-only" in session.plain
    assert why in session.plain
    assert ("Nothing is started, retried or undone." in session.plain) == (page == "runs")
    assert not acts(session)


def test_a_run_can_be_stopped_where_it_is_read_only(world) -> None:
    sandbox = world.sandbox(30)
    session, resources = world.open(), world.resources
    subject = resources.review({active(sandbox)[0]: Picked(Way.TICKED, "a test")}, resources.loads.view())
    run = resources.record(resources.freeze(subject, reason="Over"))
    (world.home / "settings.toml").write_text("read_only = true")
    session.go("runs", run=run.id)
    assert acts(session) == {"run_cancel"}
    session.press("run_cancel")
    assert resources.reads.run(run.id).state is RunState.CANCELLED


def test_an_account_whose_key_is_missing_says_so_and_the_others_go_on(world, sandboxes) -> None:
    world.patch.delenv("KEY_OF_MAIN")
    session = tab("main")
    assert "accounts.main can't be used" in session.plain
    switch(session, "practice")
    session.until(lambda _: wiring.served().of("practice").loads.complete).run()
    assert "Test · Practice account" in session.plain
    told = wiring.troubles()
    assert "accounts.main" in told["main"]
    assert told["practice"] == ""


def test_two_names_for_one_account_are_refused(world, sandboxes) -> None:
    text = (world.home / "settings.toml").read_text()
    again = text[: text.index("[accounts.practice]")].replace("accounts.main", "accounts.twin").replace("Main", "Twin")
    (world.home / "settings.toml").write_text(text + again.replace("production = true", "production = false"))
    for name in ("twin", "main"):  # whichever is opened first: as the twin, production would be changed unarmed
        assert "they are one" in tab(name).plain
    with pytest.raises(ConfigError, match="they are one"):
        Opened(load_settings(), known="in a test", account="twin").open()


FOREIGN = {
    "a receipt": lambda one, run: one.receipt(run.id, Format.CSV),
    "a report": lambda one, run: one.report([run.id]),
    "its plan": lambda one, run: one.reads.plan(run.id),
    "its review": lambda one, run: one.review_waiting(run.id),
    "its undo": lambda one, run: one.review_undo(run.id),
    "an approval": lambda one, run: one.approve(run.id, run.plan_hash),
    "a refusal": lambda one, run: one.refuse(run.id, "No."),
    "its name typed": lambda one, run: one.confirm_alone(run.id, run.connection_label),
    "a start": lambda one, run: one.resume(run.id),
    "a hold": lambda one, run: one.pause(run.id),
    "a cancel": lambda one, run: one.cancel(run.id),
    "another try": lambda one, run: one.retry(run.id),
    "part of its id": lambda one, run: one.find_run(run.id[:10]),
}


@pytest.mark.parametrize("readable", [True, False], ids=["its key is known", "its key can't be read"])
def test_a_run_of_one_account_is_none_of_another_whatever_is_asked(world, sandboxes, capsys, readable: bool) -> None:
    loaded("main")
    main = wiring.served().of("main")
    main.arming.arm("Main account", main.operator)
    plans = []
    for some in (slice(0, 3), slice(3, 5)):
        picked = dict.fromkeys(active(sandboxes["main"])[some], Picked(Way.TICKED))
        plans.append(main.freeze(main.review(picked, main.loads.view()), reason="Over"))
    run = main.record(plans[0])
    main.arming.disarm(main.operator)
    if not readable:
        world.patch.delenv("KEY_OF_MAIN")
    session = loaded("practice", "runs", run=run.id)
    practice = wiring.served().of("practice")
    for what, ask in FOREIGN.items():
        with pytest.raises(RunNotFound):
            pytest.fail(f"{what}: {ask(practice, run)}")
    with pytest.raises(OtherConnection):
        practice.record(plans[1])
    assert plans[0].customers[0].record.name not in session.plain
    assert not acts(session)
    assert command(["cancel", run.id, "--account", "practice"]) != 0
    assert "knows no run" in capsys.readouterr().err
    assert [(one.id, one.state) for one in main.reads.runs()] == [(run.id, RunState.PLANNED)]


def test_a_run_of_a_key_that_is_no_accounts_is_still_seen_and_can_be_cancelled(world, sandboxes) -> None:
    loaded("practice")
    practice = wiring.served().of("practice")
    picked = dict.fromkeys(active(sandboxes["practice"])[:2], Picked(Way.TICKED))
    plan = practice.freeze(practice.review(picked, practice.loads.view()), reason="Over")
    run = practice.journal.record(plan.model_copy(update={"fingerprint": "0" * 16}), practice.now(), who=practice.operator)
    assert practice.find_run(run.id) == run
    practice.cancel(run.id)
    assert practice.reads.run(run.id).state is RunState.CANCELLED


def test_whoever_watches_the_server_is_told_of_each_account_and_sent_away_once_none_works(world, sandboxes) -> None:
    world.patch.setattr(app.starter, "started", True)

    def answer() -> tuple[int, dict[str, Any]]:
        told = app.ready(Request({"type": "http", "server": ("127.0.0.1", 8501), "headers": [(b"host", b"127.0.0.1")]}))
        return told.status_code, json.loads(bytes(told.body))

    assert answer() == (200, {"ok": True})  # nobody has chosen one yet
    world.patch.delenv("KEY_OF_MAIN")
    tab("main")
    status, told = answer()
    assert (status, told["state"]) == (503, "in trouble")
    assert "accounts.main" in told["reason"]
    loaded("practice")
    status, told = answer()
    assert (status, told["ok"], told["accounts"]["practice"]) == (200, True, {"ok": True})
    assert "variable is not set" in told["accounts"]["main"]["reason"]
    for key in KEYS.values():
        assert key not in json.dumps(told)
