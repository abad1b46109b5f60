"""The list kept from an earlier start: shown at once with its age, compared with the reload behind it, too old to plan from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lib.customers.frame import build
from lib.customers.reading.shelf import Shelf
from lib.sandbox.server import SandboxServer
from tests.pages.world import Session, World, records_of

PAGES = ("overview", "customers", "deactivate", "runs", "compare", "connection")
HOURS = timedelta(hours=1)


def shelf_of(world: World) -> Shelf:
    return Shelf(world.resources.settings.snapshots, world.resources.connection.fingerprint)


def keep(world: World, age: timedelta = 3 * HOURS) -> None:
    """Start the app, let it load and keep all customers, stop it, and let so much time pass."""
    world.open()
    shelf = shelf_of(world)
    Session().until(lambda _: shelf.file.exists())
    world.restart()
    kept = shelf.read()
    assert kept is not None
    shelf.write(replace(kept, started_at=datetime.now(UTC) - age, finished_at=datetime.now(UTC) - age))


def hold(sandbox: SandboxServer) -> None:
    """No list is answered from now on."""
    sandbox.set_faults(["timeout-before@list"])


def reloaded(world: World, session: Session) -> Session:
    return session.until(lambda _: world.resources.loads.kept is None and world.resources.loads.complete).run()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_stands_on_the_kept_list_and_says_its_age(world: World, page: str) -> None:
    sandbox = world.sandbox()
    keep(world)
    hold(sandbox)
    session = world.open(page)
    assert not session.at.exception
    assert not session.at.error
    assert "On show: read 3 hours ago, reading again…" in session.words
    assert "Reloading: 0 customers" in session.words
    assert session.offers("load_stop")


def test_the_kept_list_can_be_filtered_and_picked_from_at_once_and_says_what_to_wait_for(world: World) -> None:
    sandbox = world.sandbox()
    keep(world)
    hold(sandbox)
    session = world.open()
    assert "**250** of 250 customers as of 3 hours ago" in session.words
    session.act("pick", 0, 1)
    assert len(session.picks) == 2
    assert not session.offers("review")
    review = next(button for button in session.at.button if button.key == "review")
    assert "Wait until all customers have been read again" in review.help
    session.go("deactivate")
    assert "The kept list is too old to plan from" in session.at.error[0].value
    assert not session.offers("to_confirm")
    sandbox.set_faults([])
    session.go("customers").press("load_stop").press("load_resume")
    reloaded(world, session)
    assert "as of" not in session.words
    assert session.offers("review")
    assert session.go("deactivate").offers("to_confirm")


@pytest.mark.parametrize(
    ("toml", "feeds"),
    [
        ("", True),
        ("[snapshot]\nmax_age_minutes = 0\n", False),
        ("[snapshot]\nmax_age_minutes = 4\n", False),
        ("preflight = false\n", False),
    ],
)
def test_the_settings_say_how_old_a_list_may_be_to_plan_from(world: World, toml: str, *, feeds: bool) -> None:
    sandbox = world.sandbox()
    keep(world, timedelta(minutes=5))
    (world.home / "settings.toml").write_text(toml)
    hold(sandbox)
    session = world.open().act("pick", 0)
    assert session.offers("review") == feeds
    assert session.go("deactivate").offers("to_confirm") == feeds


def test_an_undo_is_not_planned_from_an_old_list_either(world: World) -> None:
    sandbox = world.sandbox()
    keep(world)
    hold(sandbox)
    session = world.open("deactivate", undo="no-run")
    assert "The kept list is too old to plan from" in session.at.error[0].value


def test_switched_off_nothing_is_kept_and_what_was_is_removed(world: World) -> None:
    sandbox = world.sandbox()
    keep(world)
    shelf = shelf_of(world)
    world.restart()
    (world.home / "settings.toml").write_text("[snapshot]\nkeep = false\n")
    hold(sandbox)
    session = world.open(loaded=False)
    assert "Loading: 0 customers" in session.words
    assert not shelf.file.exists()
    assert "customers are not kept on this machine" in session.go("connection").rows_of("Limits of a run")["Value"].tolist()
    sandbox.set_faults([])
    session.go("customers").press("load_stop").press("load_resume").until(lambda _: world.resources.loads.complete).run()
    before = world.resources.loads.shown
    session.press("reload").until(lambda _: world.resources.loads.shown is not before)
    assert not shelf.file.exists()  # the first load would have been kept by now


def test_a_damaged_list_is_ignored_with_a_word_that_goes_when_it_was_read(world: World) -> None:
    world.sandbox()
    keep(world)
    shelf = shelf_of(world)
    world.restart()
    shelf.file.write_bytes(shelf.file.read_bytes()[:-5])
    session = world.open()
    assert "The kept list could not be used: its file is damaged. All customers are read anew." in session.plain
    assert "**250** of 250 customers · " in session.words
    assert session.act("pick", 0).offers("review")
    assert "could not be used" in session.go("overview").plain
    assert "could not be used" not in session.press("word_dismiss").plain
    assert "could not be used" not in session.go("customers").plain


def test_a_list_that_can_not_be_kept_is_said_and_all_else_works(world: World) -> None:
    world.sandbox()
    world.home.mkdir()
    (world.home / "snapshots").write_text("in the way")
    session = world.open().until(lambda it: "could not be kept for the next start" in it.plain)
    assert "**250** of 250 customers · " in session.words
    assert session.act("pick", 0).offers("review")


def changed_since(sandbox: SandboxServer, ids: list[str]) -> None:
    """The first is inactive now, the second has other users and a hostile name, the third is as before."""
    store = sandbox.sandbox.store
    store.change(store.position(ids[0]), isActive=False)
    store.change(
        store.position(ids[1]), expressCustomerName="**Bold** [link](https://example.org)", metadata={"region": "elsewhere"}
    )


def active(sandbox: SandboxServer) -> list[str]:
    return [record["expressCustomerId"] for record in records_of(sandbox) if record["isActive"]]


def test_what_changed_since_the_kept_list_is_said_once_and_picks_are_checked(world: World) -> None:
    sandbox = world.sandbox()
    keep(world)
    ids = active(sandbox)
    changed_since(sandbox, ids)
    sandbox.sandbox.latency = 0.3
    session = world.open(loaded=False).pick(ids[:3])
    assert "Since the list" not in session.plain
    reloaded(world, session)
    assert "Since the list read 3 hours ago: 2 changed (status 1, name 1, metadata 1)." in session.plain
    assert "Of your 3 picks: 1 inactive now (" in session.plain
    assert "1 changed (“Bold [link](https://example.org)”)" in session.plain
    assert session.picks == ids[:3]
    session.press("news_look")
    table = session.rows_of("What changed")
    assert table["Id"].isin(ids[:2]).all()
    assert set(table["Picked"]) == {"picked"}
    assert table[table["What"] == "status"]["Value"].tolist() == ["active → inactive"]
    assert "**Bold** [link](https://example.org)" in table["Customer"].tolist()
    assert "Since the list" in session.go("deactivate").plain
    assert "1 customer already inactive, set aside" in session.words
    assert "Since the list" not in session.press("news_dismiss").plain
    assert "Since the list" not in session.go("customers").plain


def test_an_ordinary_reload_says_what_changed_too(world: World) -> None:
    sandbox = world.sandbox()
    session = world.open()
    ids = active(sandbox)
    session.pick(ids[2:4])
    changed_since(sandbox, ids)
    before = world.resources.loads.shown
    session.press("reload").until(lambda _: world.resources.loads.shown is not before).run()
    assert "Since the list read " in session.plain
    assert "2 changed (status 1, name 1, metadata 1)." in session.plain
    assert "Nothing changed for your 2 picks." in session.plain


def test_where_nothing_changed_it_says_so_without_a_toast(world: World) -> None:
    world.sandbox()
    keep(world)
    session = world.open(loaded=False).until(lambda it: "Nothing changed since the list read 3 hours ago." in it.plain)
    assert not session.offers("news_dismiss")
    assert not session.at.toast


def test_customers_that_are_gone_are_named_and_left_out_of_the_plan(world: World) -> None:
    sandbox = world.sandbox()
    keep(world)
    gone, still = active(sandbox)[:2]
    name = next(record["expressCustomerName"] for record in records_of(sandbox) if record["expressCustomerId"] == gone)
    shelf = shelf_of(world)
    world.restart()
    kept = shelf.read()
    assert kept is not None
    extra = kept.frame.record(gone).model_copy(update={"id": f"cus_{'9' * 32}", "name": f"Gone {name}"})
    shelf.write(replace(kept, frame=build([*kept.frame.records(kept.frame.rows["id"]), extra])))
    session = world.open(loaded=False).pick([extra.id, still])
    reloaded(world, session)
    assert "1 gone" in session.plain
    assert f"Of your 2 picks: 1 gone (“Gone {name}”)." in session.plain
    assert "1 no longer listed" in session.plain
    assert "1 pick no longer in the list, left out" in session.go("deactivate").words


def test_a_session_that_begins_long_after_hears_no_old_news(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = world.sandbox()
    keep(world)
    changed_since(sandbox, active(sandbox))
    session = reloaded(world, world.open())
    assert session.offers("news_dismiss")
    monkeypatch.setattr("lib.ui.news._NEWS_FOR", timedelta(0))
    assert not world.open().offers("news_dismiss")
    assert session.run().offers("news_dismiss")
