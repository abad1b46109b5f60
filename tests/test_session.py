"""The session: files that people hand over, the sandbox that all share, and one plan whichever face makes it."""

from __future__ import annotations

import resource
import stat
from datetime import UTC, datetime, timedelta

import pytest

from lib import parts
from lib.accounts import embedded
from lib.avara.models import id_key
from lib.cli.main import main
from lib.config import Settings, load_settings
from lib.errors import (
    AlreadyStarted,
    ApiError,
    ConfigError,
    EmptyPlan,
    IllegalTransition,
    OtherConnection,
    PlanError,
    UploadUnreadable,
)
from lib.evidence.activity import Activity
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import NoUsers
from lib.files import write_new
from lib.plans.evidence import Picked, Way
from lib.plans.plan import Plan
from lib.session import Session, open_session
from tests.pages.world import World, records_of
from tests.runs.fakes import customer, plan_of

SESSION = Session(Settings(), known="")
read_list, read_plan = SESSION.read_list, SESSION.open_plan
NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)


class FrozenClock(datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        yield world


@pytest.fixture
def sandbox(world):
    return world.sandbox(60)


@pytest.fixture
def session(sandbox):
    with Session(load_settings(), known="as the user of a test") as session:
        yield session


def active_in(sandbox, count):
    return [one["expressCustomerId"] for one in records_of(sandbox) if one["isActive"] and one["userCount"] < 50][:count]


def frozen(session, ids, reason="Contract ended"):
    picked = dict.fromkeys(ids, Picked(Way.NOTEBOOK))
    return session.freeze(session.review(picked, session.loads.wait()), reason=reason)


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UploadUnreadable, match=r"none can't be read"):
        read_list(tmp_path / "none")


def test_a_plan_file_is_private_never_written_over_and_comes_back_the_same(tmp_path):
    path, plan = tmp_path / "plan.json", plan_of([customer(1), customer(2, name="\u202e<b>\x00")])
    write_new(path, plan.to_json().encode())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_plan(path) == plan
    with pytest.raises(PlanError, match="there already"):
        write_new(path, b"other")
    assert read_plan(path).hash == plan.hash


@pytest.mark.parametrize("name", ["none/plan.json", "."])
def test_a_file_that_can_not_be_read_or_written_is_named(tmp_path, name):
    for attempt in (lambda path: write_new(path, b"x"), read_plan):
        with pytest.raises(PlanError, match=str(tmp_path)):
            attempt(tmp_path / name)


def test_half_a_file_is_not_left_behind(tmp_path):
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, usual[1]))  # as a disk that fills up
    try:
        with pytest.raises(PlanError, match="can't be written"):
            write_new(tmp_path / "plan.json", b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert not (tmp_path / "plan.json").exists()


def test_the_sandbox_goes_on_at_its_address_when_the_process_that_had_it_ends(world: World) -> None:
    """Whoever of the app and the notebooks was first to open it: the others keep their customers, and find each other."""
    world.patch.setattr(embedded, "SANDBOX_CUSTOMERS", 20)
    first, second = (parts.Parts(load_settings(), known="") for _ in range(2))
    first.open(), second.open()
    (customer, *_) = next(second.client.iter_pages()).customers
    second.client.deactivate(customer.id)
    first.close()
    with pytest.raises(ApiError):
        second.client.get_customer(customer.id)
    second.keep_sandbox()
    assert not second.client.get_customer(customer.id).is_active
    with parts.Parts(load_settings(), known="").open() as third:
        assert third.connection.base_url == second.connection.base_url
        assert not third.client.get_customer(customer.id).is_active
    second.close()
    with parts.Parts(load_settings(), known="").open() as later:  # there too, so that a page that is still open finds it
        assert later.connection.base_url == second.connection.base_url


def test_app_notebook_and_command_line_make_one_plan_of_one_list(world, sandbox, tmp_path, capsys):
    """Its hash covers records, evidence, reason, operator, account and times: with one clock, all of it is the same."""
    world.patch.setattr(parts, "datetime", FrozenClock)
    names = tmp_path / "names.csv"
    names.write_text("Hospital,Id\n" + "".join(f"x,{one}\n" for one in active_in(sandbox, 3)))
    hashes = {}

    path = tmp_path / "plan.json"
    asked = (
        "--ids-file",
        str(names),
        "--column",
        "Id",
        "--action",
        "deactivate",
        "--reason",
        "Contract ended",
        "--ticket",
        "OPS-7",
    )
    main(["plan", *asked, "-o", str(path)])
    hashes["command line"] = Plan.from_json(path.read_bytes()).hash

    ops = open_session()
    hashes["notebook"] = ops.plan(ops.take(names), reason="Contract ended", ticket="OPS-7").plan.hash
    ops.close()

    page = world.open()
    page.press("picks_list")
    page.at.get("file_uploader")[0].set_value((names.name, names.read_bytes(), "text/csv"))
    page.run().press("list_pick").go("deactivate")
    for label, words in (("Reason", "Contract ended"), ("Ticket (optional)", "OPS-7")):
        next(text for text in page.at.text_input if text.label == label).set_value(words)
    page.run().press("to_confirm")
    hashes["app"] = page.at.session_state["plan_to_confirm"].hash
    assert len(set(hashes.values())) == 1, hashes


def test_whoever_works_on_a_data_folder_shares_one_sandbox(world, capsys):
    """The command line alone starts none: it would be gone with the command."""
    world.patch.setattr(embedded, "SANDBOX_CUSTOMERS", 20)
    with Session(load_settings(), known="", hosts_sandbox=False) as alone, pytest.raises(ConfigError, match="AVARA_API_KEY"):
        _ = alone.connection
    with Session(load_settings(), known="") as first, Session(load_settings(), known="") as second:
        assert first.open().connection == second.open().connection
        run = second.resume(second.record(frozen(second, [second.loads.wait().frame.rows.query("is_active")["id"].iloc[0]])).id)
        assert second.worker.join(run.id, 60)
        first.loads.wait()
        first.loads.catch_up()
        assert not first.loads.frame().record(second.journal.reads.steps(run.id)[0].customer_id).is_active
        assert main(["show", run.id]) == 0
    with Session(load_settings(), known="", hosts_sandbox=False) as alone, pytest.raises(ConfigError, match="AVARA_API_KEY"):
        _ = alone.connection


def test_parts_are_closed_in_their_order_and_a_start_that_fails_leaves_nothing_open(world, sandbox):
    (load_settings().home / "settings.toml").write_text("nonsense = 1\n")
    with pytest.raises(ConfigError, match="nonsense"):
        Session(load_settings(), known="").open()
    (load_settings().home / "settings.toml").unlink()
    with Session(load_settings(), known="").open() as session:
        journal = session.journal
    assert journal.closed


@pytest.mark.parametrize(
    ("spoiled", "error"),
    [
        (lambda session, plan: session.resume(session.record(plan).id), AlreadyStarted),
        (lambda session, plan: None, None),
    ],
)
def test_a_plan_is_checked_in_one_place(session, sandbox, spoiled, error):
    plan = frozen(session, active_in(sandbox, 1))
    spoiled(session, plan)
    if error is None:
        session.check(plan, session.loads.wait().active_total)
    else:
        with pytest.raises(error):
            session.check(plan, None)


def test_a_plan_that_is_yet_to_be_made_is_neither_opened_nor_started(session, sandbox, tmp_path):
    plan = frozen(session, active_in(sandbox, 1)).model_copy(update={"created_at": session.now() + timedelta(minutes=6)})
    (file := tmp_path / "plan.json").write_text(plan.to_json())
    for act in (lambda: session.open_plan(file), lambda: session.check(plan, None)):
        with pytest.raises(PlanError, match="is yet to come"):
            act()


def test_a_review_tells_what_is_known_of_studies_and_so_does_that_of_the_plan(session, sandbox):
    (asked,) = active_in(sandbox, 1)
    came = Activity(session.now(), newest=session.now(), counts=(1, 1, 1, 1), whole=True)
    session.evidence.reading.known[id_key(asked)] = came
    subject = session.review({asked: Picked(Way.LISTED)}, session.loads.wait())
    plan = session.freeze(subject, reason="r")
    for (item,) in (subject.reviewed.items, session.review_plan(plan).reviewed.items):
        assert came.words in item.planned.told
        assert any(one.words.startswith("A study came in on ") for one in item.warnings)


@pytest.mark.parametrize("kept", ["preset", "saved", "asked lately", "nowhere"])
def test_a_plan_says_which_candidates_of_its_rule_set_were_not_picked(session, sandbox, kept):
    rules = PRESETS[0] if kept == "preset" else RuleSet(name="idle", rule=NoUsers())
    if kept == "saved":
        rules = session.workspace.save_rule_set(rules, who=session.operator)
    if kept != "preset":
        rules = RuleSet(name=rules.name, rule=rules.rule, version=rules.version)
    view = session.loads.wait()
    if kept == "asked lately":
        session.evidence.judged(rules, view.frame)
    active = active_in(sandbox, 60)
    for one in active:
        session.evidence.reading.known[id_key(one)] = Activity(session.now(), whole=True)
    said = session.evidence.judgements(rules, view.frame, active)
    meant = [one for one in active if said[one].answer == "yes"]
    picked = {one: Picked(Way.RULES, rules.label, judgement=said[one]) for one in meant[1:]}
    told = session.freeze(session.review(picked, view), reason="r").set_aside
    names = {record.id: record.name for record in view.frame.records(meant)}
    others = {} if kept == "nowhere" else {meant[0]: names[meant[0]]}
    assert {one.customer_id: one.name for one in told if "Not picked" in one.why} == others
    assert all(f"{rules.label} says yes: " in one.why for one in told)


def test_a_plan_of_another_account_and_one_of_nobody_are_refused(session, sandbox):
    with pytest.raises(OtherConnection):
        session.check(plan_of([customer(1)]), None)
    with pytest.raises(EmptyPlan):
        session.freeze(session.review({}, session.loads.wait()), reason="r")


def test_an_undo_is_of_what_ended_and_reads_each_record_where_no_list_does(session, sandbox):
    ids = active_in(sandbox, 2)
    run = session.record(frozen(session, ids))
    with pytest.raises(IllegalTransition, match="nothing verified"):
        session.review_undo(run.id)
    session.resume(run.id)
    assert session.worker.join(run.id, 60)
    undo = session.review_undo(run.id)
    assert {item.customer.id for item in undo.reviewed.in_order} == set(ids)
    session.loads.catch_up()
    by_list = session.review_undo(run.id, session.loads.view(), without=ids[:1])
    assert [item.customer.id for item in by_list.reviewed.in_order] == ids[1:]
    assert [one.why for one in by_list.left_out.popitem()[1]] == ["A person left it out of this undo."]
