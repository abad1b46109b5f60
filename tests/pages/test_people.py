"""People who logged in: what each role sees and is offered, and what a message does that no page of theirs could send."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from lib.people import NotAllowed, Person, Right, by_login
from lib.plans.evidence import Picked, Way
from lib.plans.model import RunState
from lib.receipts.export import Format
from lib.ui import notices
from tests.pages.people import ISSUER, PEOPLE, claims, opened, tab
from tests.pages.world import PATIENCE, Session, World, label_of, records_of

PAGES = ("overview", "customers", "deactivate", "runs", "compare", "connection")
#: Controls that change something, keep something for others or take data out, by how their keys begin.
ACTS = (
    *("run_start", "run_pause", "run_resume", "run_cancel", "run_retry", "run_undo", "pick_", "picks_", "review", "to_confirm"),
    *("export", "receipt", "report", "plan_", "draft_", "save_view", "rename_", "replace_", "delete_", "rules_save"),
    *("same_account", "tray_split", "drawer_pick", "confirm", "rehearse", "chart_csv", "compare_csv", "rules_export"),
)


@pytest.fixture
def world(world: World) -> World:
    return opened(world, PEOPLE)


def acts(session: Session) -> list[str]:
    """The keys of the controls on the page that act."""
    kinds = ("button", "download_button", "text_input", "file_uploader", "popover", "toggle")
    keys = [str(getattr(one, "key", None) or "") for kind in kinds for one in session.at.get(kind)]
    return [key for key in keys if key.startswith(ACTS)]


def robin(world: World) -> Person:
    return by_login(claims("robin@example.com"), world.resources.gate.people, "")


def a_run(world: World, *, started: bool = True) -> str:
    """The id of one that robin recorded and, if `started`, carried out."""
    resources = world.resources
    rows = resources.loads.frame().rows
    picked = dict.fromkeys(rows["id"][rows["is_active"]].head(3), Picked(Way.TICKED, "all customers"))
    plan = resources.freeze(resources.review(picked, resources.loads.view()), reason="Closed", who=robin(world))
    run = resources.record(plan, who=robin(world))
    if started:
        resources.resume(run.id, who=robin(world))
        assert resources.wait(run.id, PATIENCE)
    return run.id


def test_a_viewer_sees_every_page_and_no_control_that_acts(world: World) -> None:
    run = a_run(world)
    for page in PAGES:
        viewer = tab(page)
        assert acts(viewer) == [], page
        assert not viewer.at.exception
        assert "Log out" in viewer.words
    assert {"pick_all", "review", "picks_list", "export_csv"} <= set(acts(tab(email="robin@example.com")))
    assert "that takes the role operator" in tab("deactivate").plain
    assert acts(tab("runs", run=run)) == []
    assert {"run_undo", "receipt_csv", "report_html"} <= set(acts(tab("runs", email="robin@example.com", run=run)))
    assert "Verified\n3" in tab("runs", run=run).plain
    assert tab().table["picked"] is None
    assert "Deactivate" not in [label_of(link) for link in tab().at.get("page_link")]


def test_a_click_that_is_sent_all_the_same_does_nothing(world: World) -> None:
    run = a_run(world)
    before, entries = records_of(world.customers), len(list(world.resources.log.run_entries(run)))
    for page, query in (("customers", {}), ("runs", {"run": run}), ("overview", {})):
        operator = tab(page, email="robin@example.com", **query)
        ids = [one.proto.id for one in (*operator.at.button, *operator.at.get("download_button"))]
        assert ids
        viewer = tab(page, **query)
        viewer.send(*(WidgetState(id=id_, trigger_value=True) for id_ in ids))
        assert not viewer.at.exception
        assert viewer.picks == []
    viewer = tab()
    viewer.act("pick", 0, 1)
    assert viewer.picks == []
    assert records_of(world.customers) == before
    assert len(list(world.resources.log.run_entries(run))) == entries
    assert len(world.resources.reads.runs(10)) == 1


@pytest.mark.parametrize("query", [{"undo": "RUN"}, {}])
def test_a_viewer_opens_no_review(world: World, query: dict[str, str]) -> None:
    run = a_run(world)
    viewer = tab("deactivate", **dict.fromkeys(query, run))
    assert "may not plan runs" in viewer.plain
    assert b"cus_" not in viewer.everything
    viewer.at.session_state["opened_plan"] = world.resources.reads.plan(run)
    assert "may not plan runs" in viewer.run().plain
    assert b"cus_" not in viewer.everything


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"is_logged_in": False}, "Log in to see anything here"),
        ({}, "Log in to see anything here"),
        (claims("robin@elsewhere.com"), "has no role"),
        (claims("robin@example.com", email_verified=False), "has no role"),
        (claims("robin@example.com", exp=1), "run out"),
        (claims("robin@example.com", exp=None), "run out"),
        (claims("robin@example.com", exp="never"), "run out"),
    ],
)
@pytest.mark.parametrize("page", ["customers", "runs"])
def test_whoever_has_no_role_or_no_login_sees_nothing_but_why(
    world: World, page: str, user: dict[str, object], words: str
) -> None:
    session = tab(page, user=user)
    assert words in session.plain
    assert b"cus_" not in session.everything
    assert not session.at.get("page_link")
    assert not session.at.get("bidi_component") or "label" not in session.plain
    assert acts(session) == []


def test_a_role_that_is_taken_away_ends_what_a_drawn_page_allowed(world: World) -> None:
    run = a_run(world, started=False)
    operator = tab("runs", email="robin@example.com", run=run)
    assert {f"run_start-{run}", f"run_cancel-{run}"} <= set(acts(operator))
    world.home.joinpath("settings.toml").write_text(PEOPLE.replace("operator = ", "# "))
    operator.press("run_start")  # drawn while it was allowed, and carries who it was drawn for
    assert "may not start, stop or change runs" in operator.plain
    assert acts(operator) == []
    assert world.resources.reads.run(run).state is RunState.PLANNED
    with pytest.raises(NotAllowed, match="may not start"):
        world.resources.worker.submit(run, who=robin(world))  # nobody comes past the session, but were it so
    with pytest.raises(NotAllowed, match="may not plan"):
        world.resources.workspace.save_view("Mine", "{}", who=robin(world))
    with pytest.raises(NotAllowed, match="may not take data out"):
        world.resources.receipt(run, Format.CSV, who=robin(world))
    world.home.joinpath("settings.toml").write_text('people.viewer = ["alex@example.com"]')
    assert "has no role" in operator.run().plain


def test_logging_out_in_one_tab_ends_the_other(world: World) -> None:
    login = claims("kim@example.com")
    one, other = tab(user=dict(login)), tab(user=dict(login))
    assert "Log out" in other.words
    one.press("logout")
    assert "You have logged out" in other.run().plain
    assert b"cus_" not in other.everything
    assert "Log out" in tab(user=login | {"iat": time.time() + 1}).words


def test_what_was_drawn_for_one_person_does_nothing_for_another(world: World) -> None:
    """Whoever they are: another operator, or the same tab without a login."""
    world.home.joinpath("settings.toml").write_text(PEOPLE.replace('"robin@', '"alex@example.com", "robin@'))
    run, files = a_run(world, started=False), list[Callable[[], bytes | str]]()
    told = notices._download
    world.patch.setattr(notices, "_download", lambda make: files.append(told(make)) or files[-1])
    for other, words in ((claims("alex@example.com"), "drawn for somebody else"), ({"is_logged_in": False}, "Log in to see")):
        for key in ("run_start", "run_cancel"):
            session = tab("runs", email="robin@example.com", run=run)
            session.at.user = other
            session.press(key)
            assert words in session.plain
            assert world.resources.reads.run(run).state is RunState.PLANNED
    world.resources.cancel(run, who=robin(world))
    session = tab("runs", email="robin@example.com", run=run)
    make = files[-1]
    assert make()
    session.at.user = claims("alex@example.com")
    session.run()  # the page is theirs now, and what was drawn before still is not
    with pytest.raises(NotAllowed, match="somebody else"):
        make()


def test_the_log_says_who_and_how_it_was_known(world: World) -> None:
    run = a_run(world)
    entries = [entry for entry in world.resources.log.run_entries(run) if entry.event in ("planned", "approved")]
    assert [entry.who for entry in entries] == ["robin@example.com"] * 2
    assert all(f'"known":"by login at {ISSUER}"' in entry.context for entry in entries)


def test_the_user_of_this_machine_is_not_asked_where_nobody_is_named(tmp_path: Path) -> None:
    with World(tmp_path / "own") as own:
        own.sandbox(customers=20)
        assert "pick_all" in acts(own.open())
        assert own.resources.may(Right.RUN)
        own.home.joinpath("settings.toml").write_text(PEOPLE)
        assert "Log in to see anything here" in Session().run().plain
        own.home.joinpath("settings.toml").unlink()  # whoever was asked once is asked on
        assert "Log in to see anything here" in Session().run().plain
