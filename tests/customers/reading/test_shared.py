"""Servers that share the list of customers: parts of several servers on one PostgreSQL journal, and one API."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from lib.avara.models import CustomerPage
from lib.config import load_settings
from lib.customers.frame import build
from lib.customers.ours import Left
from lib.customers.reading import comparison
from lib.customers.reading import loads as loads_
from lib.customers.reading import shared as sharing
from lib.customers.reading.came import ListTooLong
from lib.customers.reading.load import Load
from lib.customers.reading.loads import Loads
from lib.customers.reading.place import Place as SharedPlace
from lib.customers.reading.progress import LoadProgress, LoadState
from lib.customers.reading.snapshot import Snapshot
from lib.errors import ApiError, JournalUnavailable
from lib.journal import database
from lib.journal.lists.shared import CHUNK
from lib.parts import Parts
from lib.traces import shared_list
from tests.customers.records import an_id, customer
from tests.journal.places import Place, Server
from tests.sandbox_server import SandboxFactory, rename
from tests.served import until

PAGES = 6
#: A server of its own process: it opens its parts and reads, until it is killed.
OTHER_SERVER = """
from lib.config import load_settings
from lib.parts import Parts
Parts(load_settings(), known="").open().loads.start()
input()
"""


class Team:
    """App servers that share a journal, and what they ask the API for."""

    def __init__(self, folder: Path, place: Place, start_sandbox: SandboxFactory, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.place, self.patch = folder, place, patch
        self.sandbox = start_sandbox(customers=100 * PAGES)
        self.opened: list[Parts] = []
        patch.setenv("AVARA_API_KEY", self.sandbox.api_key)
        patch.setenv("AVARA_BASE_URL", self.sandbox.base_url)
        patch.setenv("EXPRESS_OPS_DATABASE_URL", place.url)

    def server(self, name: str, settings: str = "") -> Parts:
        self._furnish(name, settings)
        self.opened.append(Parts(load_settings(), known="").open())
        return self.opened[-1]

    def process(self, name: str) -> subprocess.Popen[bytes]:
        self._furnish(name, "")
        return subprocess.Popen([sys.executable, "-c", OTHER_SERVER], env=dict(os.environ), stdin=subprocess.PIPE)

    def _furnish(self, name: str, settings: str) -> None:
        home = self.folder / name
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "settings.toml").write_text(settings)
        self.patch.setenv("EXPRESS_OPS_HOME", str(home))

    @property
    def asked(self) -> int:
        """How many pages of the list the API was asked for."""
        return Counter(call.operation for call in self.sandbox.calls())["list"]

    def slowly(self, seconds: float = 0.3) -> None:
        self.sandbox.sandbox.latency = seconds


@pytest.fixture
def team(tmp_path: Path, postgresql: Server, start_sandbox: SandboxFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    monkeypatch.setattr(sharing, "_LOOK", 0.02)
    monkeypatch.setattr(sharing, "_BEAT", 0.1)
    place = postgresql.new_place()
    made = Team(tmp_path, place, start_sandbox, monkeypatch)
    yield made
    made.slowly(0)
    for server in made.opened:
        server.close()
    place.close()


def progress(server: Parts) -> LoadProgress:
    assert server.loads.newest is not None
    return server.loads.newest.progress()


def state(server: Parts) -> LoadState:
    return progress(server).state


def has_read(server: Parts) -> bool:
    return server.loads.complete and server.loads.under_way is None


def begun(server: Parts) -> Parts:
    """It reads now, slowly, and the others can know."""
    server.loads.start()
    until(lambda: progress(server).customers, "the first page came")
    return server


def waits(server: Parts) -> bool:
    return progress(server).elsewhere is not None


def read_at(server: Parts) -> tuple[datetime | None, datetime | None]:
    return progress(server).started_at, progress(server).finished_at


def is_shared(team: Team, server: Parts) -> bool:
    """Whether its list is the shared one, as far as it can make that so."""
    with suppress(JournalUnavailable):
        server.loads.follow()
    started_at, _ = read_at(server)
    return started_at is not None and bool(
        team.place.run(f"SELECT 1 FROM shared_lists WHERE started_at = '{started_at.isoformat(timespec='microseconds')}'")
    )


def follows(server: Parts, reader: Parts) -> None:
    """It takes over what the other one has read, once that is shared."""
    until(lambda: (server.loads.follow(), read_at(server) == read_at(reader))[1], "the list was taken over")


def test_one_server_reads_and_the_other_shows_how_far_that_is_and_takes_the_list(team: Team) -> None:
    team.slowly()
    one, other = begun(team.server("app1")), team.server("app2")
    other.loads.start()
    until(lambda: (there := progress(other).elsewhere) and there.customers >= 200, "the other one told how far the first is")
    there = progress(other).elsewhere
    assert there is not None
    assert f"process {os.getpid()}" in there.server
    assert not other.loads.complete
    told: list[int] = []
    assert len(other.loads.wait(told.append).frame) == 100 * PAGES
    assert max(told) >= 200
    until(lambda: has_read(one), "the first was done")
    assert other.loads.frame().rows.equals(one.loads.frame().rows)
    assert other.loads.frame().metadata.astype(str).equals(one.loads.frame().metadata.astype(str))
    assert read_at(other) == read_at(one)
    assert other.loads.view().obstacle is None
    assert team.asked == PAGES


def test_a_server_that_starts_takes_a_young_list_and_keeps_it_without_asking_the_api(team: Team) -> None:
    one = team.server("app1")
    one.loads.wait()
    other = team.server("app2")
    assert len(other.loads.wait().frame) == 100 * PAGES
    assert read_at(other) == read_at(one)
    assert team.asked == PAGES
    again = team.server("app2")  # it was restarted
    again.loads.start()
    assert again.loads.kept is not None
    until(lambda: has_read(again) and again.loads.kept is None, "the list was taken")
    assert read_at(again) == read_at(one)
    assert team.asked == PAGES


def test_a_list_that_is_too_old_to_plan_from_is_read_anew_once_for_all(team: Team) -> None:
    one = team.server("app1")
    one.loads.wait()
    until(lambda: team.place.run("SELECT 1 FROM shared_lists WHERE lease_until = 0"), "its turn was over")
    other = team.server("app2", "[snapshot]\nmax_age_minutes = 0\n")
    other.loads.wait()
    assert team.asked == 2 * PAGES
    follows(one, other)
    assert team.asked == 2 * PAGES


def test_a_list_that_was_read_elsewhere_takes_over_as_a_reload_does_with_what_changed(team: Team) -> None:
    one, other = team.server("app1"), team.server("app2")
    one.loads.wait()
    other.loads.wait()
    renamed = one.loads.frame().rows["id"][0]
    rename(team.sandbox, renamed, "Another name")
    one.loads.reload()
    until(lambda: has_read(one) and one.loads.compared, "the first reloaded")
    follows(other, one)
    record = other.loads.frame().record(renamed)
    assert record is not None
    assert record.name == "Another name"
    assert other.loads.compared is not None
    assert other.loads.compared.changes.words == "1 changed (name 1)"
    kept = other._shelf and other._shelf.read()
    assert kept
    assert (kept.started_at, kept.finished_at) == read_at(one)
    taken = other.loads.shown
    other.loads.follow()
    assert other.loads.shown is taken
    assert team.asked == 2 * PAGES


def test_a_reload_takes_no_list_that_began_to_be_read_before_it(team: Team) -> None:
    one, other = team.server("app1"), team.server("app2")
    other.loads.wait()
    team.slowly()
    one.loads.start()
    one.loads.wait()
    one.loads.reload()
    until(lambda: progress(one).customers, "the first page came")
    clicked = datetime.now(UTC)
    other.loads.reload()
    until(lambda: waits(other), "the other one waited for its turn")
    team.slowly(0)
    until(lambda: has_read(other) and not waits(other), "the other one has read")
    started_at, _ = read_at(other)
    assert started_at is not None
    assert started_at > clicked
    assert team.asked == 3 * PAGES


def test_where_the_server_that_reads_is_killed_the_one_that_waits_reads(team: Team) -> None:
    team.slowly()
    one, two = team.process("app1"), team.server("app2")
    try:
        until(lambda: team.asked >= 2, "the first was reading")
        two.loads.start()
        until(lambda: waits(two), "the other waited")
        one.kill()
        one.wait()
        asked = team.asked
        team.place.run("UPDATE shared_lists SET lease_until = lease_until - 14")  # so many seconds later
        team.slowly(0)
        assert len(two.loads.wait().frame) == 100 * PAGES
        assert team.asked - asked >= PAGES
    finally:
        one.kill()
        one.wait()


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (lambda team, _one: team.sandbox.set_faults(["unauthorized-midway"]), "key"),
        (lambda _team, one: one.loads.newest.cancel(), "Somebody stopped it there."),
    ],
    ids=["key refused", "stopped"],
)
def test_who_waits_is_told_that_the_other_stopped_and_can_go_on(
    team: Team, end: Callable[[Team, Parts], None], told: str
) -> None:
    team.slowly()
    one, other = begun(team.server("app1")), team.server("app2")
    other.loads.start()
    until(lambda: waits(other), "the other one waited")
    end(team, one)
    until(lambda: state(other) is LoadState.FAILED, "the other one was told")
    error = progress(other).error or ""
    assert f"process {os.getpid()} was reading the customers and stopped" in error
    assert told in error
    team.sandbox.set_faults([])
    team.slowly(0)
    assert other.loads.newest is not None
    other.loads.newest.resume()
    assert len(other.loads.wait().frame) == 100 * PAGES


def test_where_the_server_that_reads_is_ended_the_one_that_waits_reads_at_once(team: Team) -> None:
    team.slowly()
    one, other = begun(team.server("app1")), team.server("app2")
    other.loads.start()
    until(lambda: waits(other), "the other one waited")
    one.loads.close()
    until(lambda: not waits(other) and progress(other).pages, "it read")
    assert state(other) is LoadState.LOADING


def test_a_load_that_stops_waiting_is_cancelled_and_goes_on_to_wait(team: Team) -> None:
    team.slowly()
    one, other = begun(team.server("app1")), team.server("app2")
    other.loads.start()
    until(lambda: waits(other), "the other one waited")
    load = other.loads.newest
    assert load is not None
    load.cancel()
    assert state(other) is LoadState.CANCELLED
    load.resume()
    until(lambda: has_read(one) and has_read(other), "both had it")
    assert team.asked == PAGES


def test_while_the_database_is_away_each_server_reads_by_itself(team: Team, postgresql: Server) -> None:
    team.patch.setattr(database, "ANSWERS_WITHIN", 1.0)
    one, other = team.server("app1"), team.server("app2")
    with postgresql.frozen():
        for server in (one, other):
            server.loads.start()
        until(lambda: one.loads.complete and other.loads.complete, "both had read")
    assert team.asked == 2 * PAGES


def test_a_list_that_was_read_while_the_database_was_away_is_shared_once_it_is_back(team: Team, postgresql: Server) -> None:
    team.patch.setattr(database, "ANSWERS_WITHIN", 1.0)
    one = team.server("app1")
    with postgresql.frozen():
        one.loads.start()
        until(lambda: has_read(one), "it had read")
    until(lambda: is_shared(team, one), "it was shared")
    other = team.server("app2")
    assert len(other.loads.wait().frame) == 100 * PAGES
    assert read_at(other) == read_at(one)
    assert team.asked == PAGES
    # It stands where the list before it stood, here none: whoever waits for one that begins after a click takes another one.
    assert team.place.run("SELECT turn, list_turn FROM shared_lists") == [(1, 0)]


def test_it_is_shared_at_once_where_the_list_before_it_was_shared_a_moment_ago(team: Team, postgresql: Server) -> None:
    team.patch.setattr(database, "ANSWERS_WITHIN", 1.0)
    team.patch.setattr(sharing, "_AGAIN", 3600.0)
    one = team.server("app1")
    one.loads.wait()
    until(lambda: is_shared(team, one), "it was shared")
    with postgresql.frozen():
        one.loads.reload()
        until(lambda: has_read(one), "it had read again")
    until(lambda: is_shared(team, one), "that was shared too")
    assert team.asked == 2 * PAGES


def test_of_two_lists_that_were_read_while_the_database_was_away_all_have_the_newer_one(team: Team, postgresql: Server) -> None:
    team.patch.setattr(database, "ANSWERS_WITHIN", 1.0)
    one, other = team.server("app1"), team.server("app2")
    with postgresql.frozen():
        one.loads.start()
        until(lambda: has_read(one), "the first had read")
        other.loads.start()
        until(lambda: has_read(other), "the other one had read")
    until(lambda: is_shared(team, one), "the first was shared")
    newer = read_at(other)
    until(lambda: is_shared(team, other), "the other one was shared")
    follows(one, other)
    one.loads.follow()
    assert read_at(one) == read_at(other) == newer
    assert team.asked == 2 * PAGES


def test_a_list_that_could_not_be_kept_by_the_database_is_shared_once_it_can_be(team: Team) -> None:
    team.patch.setattr(sharing, "_AGAIN", 0.1)
    one = team.server("app1")
    team.place.run("ALTER TABLE shared_list_chunks RENAME TO away")
    one.loads.wait()
    until(lambda: team.place.run("SELECT 1 FROM shared_lists WHERE lease_until = 0"), "its turn was over")
    assert not is_shared(team, one)
    team.place.run("ALTER TABLE away RENAME TO shared_list_chunks")
    until(lambda: is_shared(team, one), "it was shared")
    other = team.server("app2")
    other.loads.wait()
    assert team.asked == PAGES


def test_a_list_that_another_server_read_is_refused_in_the_same_words_as_one_from_the_api(team: Team) -> None:
    bounded = "[load]\nmax_customers = 300\n"
    with pytest.raises(ListTooLong) as read_here:
        team.server("app1", bounded).loads.wait()
    team.server("app2").loads.wait()
    until(lambda: team.place.run("SELECT 1 FROM shared_lists WHERE digest IS NOT NULL"), "it was shared")
    asked, other = team.asked, team.server("app3", bounded)
    with pytest.raises(ListTooLong) as read_elsewhere:
        other.loads.wait()
    assert read_elsewhere.value.message == read_here.value.message
    assert not other.loads.complete
    assert team.asked == asked


DAMAGES = {
    "a part is altered": "UPDATE shared_list_chunks SET body = body || 'x' WHERE position = 0",
    "a part is lost": "DELETE FROM shared_list_chunks",
    "another list's digest": "UPDATE shared_lists SET digest = 'x'; UPDATE shared_list_chunks SET digest = 'x'",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_list_whose_digest_does_not_fit_is_refused_in_words_and_read_anew(team: Team, damage: str) -> None:
    one = team.server("app1")
    one.loads.wait()
    until(lambda: team.place.run("SELECT 1 FROM shared_lists WHERE digest IS NOT NULL AND lease_until = 0"), "it was shared")
    team.place.run(damage)
    other = team.server("app2")
    other.loads.wait()
    word = other.loads.word
    assert word is not None
    assert word.text == "The list that the servers share could not be used: it is damaged. All customers are read anew."
    assert team.asked == 2 * PAGES
    follows(one, other)
    assert one.loads.word is None


def test_a_newer_list_that_is_damaged_is_told_once_and_the_one_on_show_stays(team: Team) -> None:
    one, other = team.server("app1"), team.server("app2")
    one.loads.wait()
    other.loads.wait()
    one.loads.reload()
    until(lambda: has_read(one) and one.loads.compared, "the first reloaded")
    until(lambda: team.place.run("SELECT 1 FROM shared_lists WHERE list_turn = 2 AND lease_until = 0"), "it was shared")
    team.place.run(DAMAGES["a part is lost"])
    shown = other.loads.shown
    other.loads.follow()
    word = other.loads.word
    assert word is not None
    assert "could not be used" in word.text
    other.loads.follow()
    assert other.loads.word is word
    assert other.loads.shown is shown
    assert team.asked == 2 * PAGES


def test_where_no_list_is_to_be_kept_none_is_shared_and_the_shared_one_goes(team: Team) -> None:
    kept = partial(team.place.run, "SELECT 1 FROM shared_lists WHERE digest IS NOT NULL UNION SELECT 1 FROM shared_list_chunks")
    team.server("app1").loads.wait()
    until(kept, "it was shared")
    team.server("app2", "[snapshot]\nkeep = false\n").loads.wait()
    assert not kept()
    assert team.asked == 2 * PAGES


DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
KEY = "0123456789abcdef"


def has_read_alone(
    place: Place, at: datetime, heard: tuple[Left, ...] = (), most: int = sys.maxsize, then: Callable[[], object] = int
) -> Loads:
    """A server that began at that time to read a list of one customer, and did so while no journal was in reach. Whenever it
    reads again, it does so once `then` returns.
    """
    shared = shared_list(place.open(), KEY)
    assert shared is not None
    page = CustomerPage((customer(1),), (), None)
    read: list[None] = []

    def pages(_: str | None) -> Iterator[CustomerPage]:
        if read:
            then()
        read.append(None)
        yield page

    loads = Loads(
        lambda: Load(pages, now=lambda: at, most=most),
        runs_left=lambda known: (1, heard[known:]),
        shared=shared,
        kept_feeds_plans_for=15 * MINUTE,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place_of(shared), "look", unreachable)
        loads.start()
        until(lambda: loads.complete and loads.under_way is None, "it had read")
    loads.catch_up()
    return loads


def place_of(shared: sharing.SharedList) -> SharedPlace:
    return shared._place


def unreachable() -> None:
    raise JournalUnavailable


def keep_elsewhere(place: Place, began: datetime, ended: datetime) -> None:
    """Another server shares a list of two customers that it read then, by its own clock."""
    one = shared_list(place.open(), KEY)
    assert one is not None
    turn = one.turn(None, pytest.fail)
    assert turn.wait(lambda: True, lambda: (0, 0)) is None
    turn.keep(Snapshot(build([customer(1), customer(2)]), (), began, ended), turn.number)
    turn.end()


def test_what_a_run_left_since_a_list_began_to_be_read_elsewhere_is_in_it_once_it_is_taken_over(postgresql: Server) -> None:
    place, now, left = postgresql.new_place(), datetime.now(UTC), customer(2, is_active=False)
    loads = has_read_alone(place, now - MINUTE, (Left("run_1", left, now - 10 * SECOND, True, None),))
    keep_elsewhere(place, now - 30 * SECOND, now)
    loads.follow()
    assert len(loads.frame()) == 2
    assert loads.frame().record(an_id(2)) == left
    assert loads.frame().own_update(an_id(2)) is not None
    place.close()


def test_a_newer_list_that_is_longer_than_one_may_be_here_is_told_once_and_the_one_on_show_stays(postgresql: Server) -> None:
    place, now = postgresql.new_place(), datetime.now(UTC)
    loads = has_read_alone(place, now - MINUTE, most=1)
    keep_elsewhere(place, now - 30 * SECOND, now)
    loads.follow()
    word = loads.word
    assert word is not None
    assert word.text.startswith("More than 1 customers came")
    loads.follow()
    assert loads.word is word
    assert len(loads.frame()) == 1
    assert loads.complete
    place.close()


@pytest.mark.parametrize("step", ["make_ready", "changes"], ids=["made ready", "compared"])
def test_a_reload_that_is_asked_for_while_another_servers_list_takes_over_begins(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    place, now, gate = postgresql.new_place(), datetime.now(UTC), threading.Event()
    loads = has_read_alone(place, now - MINUTE, then=lambda: gate.wait(60))
    keep_elsewhere(place, now - 30 * SECOND, now)
    module = loads_ if step == "make_ready" else comparison
    do = getattr(module, step)
    with monkeypatch.context() as patch:
        patch.setattr(module, step, lambda *lists: (loads.reload(), do(*lists))[1])
        loads.follow()
    assert len(loads.frame()) == 2
    assert loads.under_way is not None
    assert loads.under_way is not loads.shown
    gate.set()
    until(lambda: loads.under_way is None, "it had read again")
    assert len(loads.frame()) == 1
    place.close()


@pytest.mark.parametrize(
    ("own", "began", "ended", "taken", "word"),
    [
        (-3 * DAY, -MINUTE, -SECOND, True, ""),
        (-3 * DAY, -5 * DAY / 2, -2 * DAY, False, ""),  # newer than the own one, and too old to plan from
        (-10 * SECOND, -50 * SECOND, -SECOND, False, ""),  # began before the own one
        (-3 * DAY, 10 * MINUTE, 11 * MINUTE, False, "the clock of "),
        (-3 * DAY, -MINUTE, 30 * SECOND, True, ""),  # clocks are never quite the same
    ],
)
def test_a_list_takes_over_where_it_is_newer_and_of_now(
    postgresql: Server, own: timedelta, began: timedelta, ended: timedelta, taken: bool, word: str
) -> None:
    place, now = postgresql.new_place(), datetime.now(UTC)
    loads = has_read_alone(place, now + own)
    keep_elsewhere(place, now + began, now + ended)
    for _ in range(2):
        loads.follow()
    assert len(loads.frame()) == (2 if taken else 1)
    assert word in (loads.word.text if loads.word else "")
    place.close()


def test_a_first_load_that_is_gone_on_with_much_later_takes_no_list_of_its_beginning(postgresql: Server) -> None:
    place, clock = postgresql.new_place(), [datetime.now(UTC) - DAY]
    shared, answers = shared_list(place.open(), KEY), [iter([CustomerPage((customer(3),), (), None)])]

    def pages(_: str | None) -> Iterator[CustomerPage]:
        if clock[0] < datetime.now(UTC) - DAY / 2:
            raise ApiError("It failed to answer.", status=500)
        return answers.pop()

    loads = Loads(
        lambda: Load(pages, now=lambda: clock[0]), shared=shared, kept_feeds_plans_for=15 * MINUTE, now=lambda: clock[0]
    )
    loads.start()
    until(lambda: loads.newest and loads.newest.failure, "it failed")
    keep_elsewhere(place, clock[0] + MINUTE, clock[0] + 2 * MINUTE)
    clock[0] += DAY
    assert loads.newest is not None
    loads.newest.resume()
    until(lambda: loads.complete and loads.under_way is None, "it had read")
    assert loads.frame().record(an_id(3)) == customer(3)
    place.close()


@dataclass(frozen=True)
class Two:
    """Servers of one key: one whose pages come as `gate` says, and another one."""

    gate: threading.Event
    one: Loads
    other: Loads
    place: Place

    @property
    def turn(self) -> int:
        return int(self.place.run("SELECT turn FROM shared_lists")[0][0])


@pytest.fixture
def two(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    for name, seconds in {"_LOOK": 0.02, "_BEAT": 0.1, "_STANDS_STILL": 1.0}.items():
        monkeypatch.setattr(sharing, name, seconds, raising=False)
    place, gate = postgresql.new_place(), threading.Event()

    def loads(pages: Callable[[], Iterator[CustomerPage]]) -> Loads:
        shared = shared_list(place.open(), KEY)
        assert shared is not None
        monkeypatch.setattr(place_of(shared), "_lease", 1.0)
        return Loads(lambda: Load(lambda _: pages()), shared=shared, kept_feeds_plans_for=15 * MINUTE)

    def slow() -> Iterator[CustomerPage]:
        yield CustomerPage((customer(1),), (), "next")
        gate.wait(60)
        yield CustomerPage((customer(2),), (), None)

    made = Two(gate, loads(slow), loads(lambda: iter([CustomerPage((customer(3),), (), None)])), place)
    made.one.start()
    until(lambda: made.one.newest and made.one.newest.progress().pages, "its first page came")
    made.other.start()
    yield made
    gate.set()
    place.close()


def test_where_no_page_comes_to_the_server_that_reads_the_others_read_and_their_list_stays(two: Two) -> None:
    until(lambda: two.other.complete and two.other.under_way is None, "the other one has read")
    assert not two.one.complete
    assert not two.gate.is_set()
    assert two.other.frame().record(an_id(3)) == customer(3)
    two.gate.set()
    until(lambda: two.one.complete and two.one.under_way is None, "the one went on")
    assert len(two.one.frame()) == 2
    until(lambda: (two.one.follow(), two.one.frame().record(an_id(3)))[1], "it took the newer list")
    two.other.follow()
    assert len(two.other.frame()) == 1
    assert two.turn == 2


def test_a_server_whose_pages_come_again_keeps_its_turn_where_nobody_waits(two: Two) -> None:
    assert two.other.newest is not None
    two.other.newest.cancel()
    until(
        lambda: two.place.run("SELECT 1 FROM shared_lists WHERE lease_until < extract(epoch FROM clock_timestamp())"), "lapsed"
    )
    two.gate.set()
    until(lambda: two.place.run("SELECT 1 FROM shared_lists WHERE digest IS NOT NULL AND lease_until = 0"), "it was shared")
    assert two.turn == 1
    two.other.newest.resume()
    until(lambda: two.other.complete and two.other.under_way is None, "the other one has it")
    assert len(two.other.frame()) == 2


def test_a_list_of_a_hundred_thousand_moves_in_parts_and_little_memory(postgresql: Server) -> None:
    place, now = postgresql.new_place(), datetime.now(UTC)
    frame = build(customer(number, name=random.randbytes(20).hex()) for number in range(100_000))
    list_ = Snapshot(frame, (), now, now + timedelta(seconds=50))
    one, other = (shared_list(place.open(), "0123456789abcdef") for _ in range(2))
    assert one is not None
    assert other is not None
    turn = one.turn(None, pytest.fail)
    tracemalloc.start()
    assert turn.wait(lambda: True, lambda: (0, 0)) is None
    turn.keep(list_, turn.number)
    turn.end()
    _, wrote = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    found = other.newer_than(now - timedelta(days=1), timedelta(minutes=15))
    _, read = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None
    assert found.frame.rows.equals(frame.rows)
    ((parts, largest, size),) = place.run("SELECT count(*), max(length(body)), sum(length(body)) FROM shared_list_chunks")
    assert largest <= CHUNK
    assert parts > 2
    assert wrote < 4 * CHUNK + size
    assert read < 8 * size
    place.close()
