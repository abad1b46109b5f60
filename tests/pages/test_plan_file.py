"""A plan as a file: saved from the confirmation, opened on a page, reviewed unchanged, run once, on its own connection only."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from lib.avara.models import Customer
from lib.plans.model import Action
from lib.plans.plan import Plan, PlannedCustomer, make_plan
from lib.sandbox.server import SandboxServer
from tests.pages.test_deactivate import confirm, ended, ids_of, record_of, review_of, to_dialog
from tests.pages.world import Session, World


@pytest.fixture
def sandbox(world: World) -> SandboxServer:
    return world.sandbox(customers=130)


def a_plan(world: World, ids: list[str], **changed: object) -> Plan:
    return plan_of(world, world.resources.loads.frame().records(ids), **changed)


def plan_of(world: World, records: list[Customer], **changed: object) -> Plan:
    connection, now = world.resources.connection, datetime.now(UTC)
    usual = {
        "action": Action.DEACTIVATE,
        "reason": "Contract *ended*",
        "operator": "Sam",
        "fingerprint": connection.fingerprint,
        "connection_label": connection.label,
        "base_url": connection.base_url,
        "now": now,
    }
    return make_plan([PlannedCustomer(record=record, read_at=now) for record in records], **(usual | changed))


def open_file(world: World, content: str, page: str = "deactivate") -> Session:
    return open_file_on(world.open(page), content)


def open_file_on(session: Session, content: str) -> Session:
    session.at.get("file_uploader")[0].set_value(("plan.json", content.encode(), "application/json"))
    return session.run()


@pytest.mark.parametrize("page", ["deactivate", "runs"])
def test_an_opened_plan_is_reviewed_unchanged_and_run_once(world: World, sandbox: SandboxServer, page: str) -> None:
    world.open()
    picked = ids_of(sandbox, active=True, count=3, users=False)
    content = a_plan(world, picked).to_json()
    session = open_file(world, content, page)
    assert session.at.title[0].value == "Deactivate 3 customers"
    assert "Contract *ended*" in session.plain
    assert "by Sam" in session.plain
    assert not session.offers("review_remove")
    confirm(session.go("deactivate").press("to_confirm"), "3").until(ended)
    assert not any(record_of(sandbox, customer_id)["isActive"] for customer_id in picked)
    assert session.at.query_params["run"]
    assert "Nothing is picked yet" in session.go("deactivate").words  # the file is closed
    again = open_file(world, content, page)
    assert "was already started as run_" in again.at.error[0].value.replace("\\", "")
    assert not again.offers("to_confirm")


def test_the_confirmation_names_the_account_that_is_changed_whatever_the_file_calls_it(
    world: World, sandbox: SandboxServer
) -> None:
    (world.home / "settings.toml").parent.mkdir(exist_ok=True)
    (world.home / "settings.toml").write_text('caps.max_percent = 100\n[approval]\nfrom_customers = 2\nalone = "type"\n')
    world.open()
    content = a_plan(world, ids_of(sandbox, active=True, count=2), connection_label="Practice").to_json()
    own = world.resources.connection.label
    session = open_file(world, content).press("to_confirm")
    assert f"In {own} (" in session.plain
    assert "In Practice" not in session.plain
    assert not session.type_to_confirm("Practice").offers("confirm_go")
    assert session.type_to_confirm(own).offers("confirm_go")


def test_an_opened_plan_tells_what_it_will_do(world: World, sandbox: SandboxServer) -> None:
    world.home.mkdir()
    (world.home / "settings.toml").write_text("[canary]\nsteps = 2\nfrom_size = 3\n[caps]\nmax_users = 900\n")
    world.open()
    picked = ids_of(sandbox, active=True, count=3)
    session = open_file(world, a_plan(world, picked, filter_text="*no* users", undo_of="run_5", goes_on=True).to_json())
    assert "At most 500 customers, 900 users, 20 % of the active customers" in session.plain.replace("Caps: at", "At")
    assert "after the first 2 the run goes on if all are verified" in session.plain
    assert "Picked by: *no* users" in session.plain
    assert "Takes back: run_5" in session.plain
    assert "The run that this plan would undo is not in this journal" in session.at.error[0].value
    assert not session.offers("to_confirm")
    assert "See the run that it takes back" in session.words


def test_what_the_dialog_saves_is_the_plan_that_it_confirms(world: World, sandbox: SandboxServer) -> None:
    session = to_dialog(review_of(world, ids_of(sandbox, active=True, count=2)))
    (button,) = [one.proto for one in session.at.get("download_button") if one.proto.label == "Save the plan"]
    # Its click runs the script again, after which a file that is made on a click can be gone before it was asked for.
    assert button.url
    assert not (button.deferred_file_id and not button.ignore_rerun)
    saved = Plan.from_json(session.at.session_state["plan_to_confirm"].to_json())
    confirm(session, "2").until(ended)
    assert session.at.query_params["run"] == f"run_{saved.hash[:16]}"


@pytest.mark.parametrize(
    ("changed", "settings", "words"),
    [
        ({"fingerprint": "0" * 16, "connection_label": "elsewhere"}, "", "made under another key"),
        ({}, "[caps]\nmax_customers = 2\n", "one run may have at most 2"),
        ({}, '[protected]\nmetadata = { region = "*" }\n', "is protected"),
    ],
    ids=["another key", "over a cap", "protected"],
)
def test_a_plan_that_may_not_run_here_says_why(
    world: World, sandbox: SandboxServer, changed: dict[str, object], settings: str, words: str
) -> None:
    world.home.mkdir()
    (world.home / "settings.toml").write_text(settings)
    world.open()
    plan = a_plan(world, ids_of(sandbox, active=True, count=3), **changed)
    session = open_file(world, plan.to_json())
    assert words in session.at.error[0].value.replace("\\", "")
    assert not session.offers("to_confirm")
    session.press("plan_close")
    assert "Nothing is picked yet" in session.words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("", "metadata: tier was"),
        ('[protected]\nmetadata = { tier = "gold" }\n', "Protected"),
    ],
    ids=["changed since", "protected by now"],
)
def test_where_no_call_reads_its_customer_an_opened_plan_is_checked_against_fresh_records(
    world: World, sandbox: SandboxServer, settings: str, words: str
) -> None:
    world.home.mkdir()
    (world.home / "settings.toml").write_text(f"preflight = false\n{settings}")
    world.open()
    plan = a_plan(world, ids_of(sandbox, active=True, count=2))
    store = sandbox.sandbox.store
    store.change(store.position(plan.ids[1]), metadata={"tier": "Gold"})
    session = open_file(world, plan.to_json()).press("to_confirm")
    said = session.at.error[0].value.replace("\\", "")
    assert words in said
    assert plan.ids[1] in said
    assert not session.offers("confirm_go")


def test_no_opened_plan_runs_before_the_active_customers_are_counted(world: World) -> None:
    sandbox = world.sandbox(customers=130, faults=["http-500@list"])
    picked = ids_of(sandbox, active=True, count=1)
    records = [Customer.model_validate_json(json.dumps(record_of(sandbox, picked[0])))]
    session = open_file_on(world.open("deactivate", loaded=False), plan_of(world, records).to_json())
    assert "customers" in session.at.error[0].value
    assert not session.offers("to_confirm")
    sandbox.set_faults([])
    world.resources.loads.reload()
    session.until(lambda it: it.offers("to_confirm"))


@pytest.mark.parametrize("content", ["", "{}", "nonsense", "altered"])
def test_a_file_that_is_no_plan_is_refused_in_words(world: World, sandbox: SandboxServer, content: str) -> None:
    world.open()
    if content == "altered":
        content = a_plan(world, ids_of(sandbox, active=True, count=1)).to_json().replace("Sam", "Tom")
    session = open_file(world, content)
    assert "plan" in session.at.error[0].value
    assert not session.at.exception
    assert "Nothing is picked yet" in session.words
