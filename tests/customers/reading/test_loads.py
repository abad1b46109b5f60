from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.avara.models import Customer, CustomerPage
from lib.customers.frame import build
from lib.customers.ours import Left, OwnUpdate
from lib.customers.reading import comparison, ready
from lib.customers.reading.load import Load
from lib.customers.reading.loads import Loads
from lib.customers.reading.progress import LoadState
from lib.customers.reading.shelf import Shelf
from lib.customers.reading.snapshot import Snapshot
from lib.errors import ListTooOld, LoadIncomplete, Unreachable
from tests.customers.records import an_id, customer

Script = Callable[[], Iterator[CustomerPage]]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLDER, NEWER = (datetime(year, 6, 1, tzinfo=UTC) for year in (2024, 2026))


def page(*numbers: int, cursor: str | None = None, **changes: object) -> CustomerPage:
    return CustomerPage(tuple(customer(number, **changes) for number in numbers), (), cursor)


class Api:
    """Gives each load the next script; the last one stays."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts, self.loads = list(scripts), 0

    def new_load(self) -> Load:
        script = self.scripts[min(self.loads, len(self.scripts) - 1)]
        self.loads += 1
        return Load(lambda _cursor: script())


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        threading.Event().wait(0.001)


def state_of(loads: Loads) -> LoadState:
    assert loads.newest is not None
    return loads.newest.progress().state


def two() -> Iterator[CustomerPage]:
    yield page(1, 2)


def three() -> Iterator[CustomerPage]:
    yield page(1, 2, 3)


def broken() -> Iterator[CustomerPage]:
    yield page(1, cursor="next")
    raise Unreachable


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def waiting(gate: threading.Event) -> Script:
    def script() -> Iterator[CustomerPage]:
        yield page(9, cursor="next")
        gate.wait(60)
        yield page(10)

    return script


def names(loads: Loads) -> list[str]:
    return list(loads.frame().rows["id"])


def test_the_first_load_starts_once_however_often_it_is_asked_for() -> None:
    api = Api(two)
    loads = Loads(api.new_load)
    assert loads.newest is None
    assert loads.shown is None
    assert not loads.complete
    for _ in range(3):
        loads.start()
    until(lambda: loads.complete)
    assert api.loads == 1
    assert names(loads) == [an_id(1), an_id(2)]


def test_asking_for_customers_starts_the_load() -> None:
    loads = Loads(Api(two).new_load)
    loads.frame()
    until(lambda: loads.complete)
    assert len(loads.frame()) == 2


def test_many_threads_start_one_load() -> None:
    api = Api(two)
    loads = Loads(api.new_load)
    threads = [threading.Thread(target=loads.start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert api.loads == 1


def test_what_has_come_is_shown_while_the_first_load_runs_but_is_not_complete(gate: threading.Event) -> None:
    loads = Loads(Api(waiting(gate)).new_load)
    loads.start()
    until(lambda: len(loads.frame()) == 1)
    assert not loads.complete
    gate.set()
    until(lambda: loads.complete)
    assert len(loads.frame()) == 2


def test_a_reload_runs_behind_the_list_on_show_and_takes_its_place_when_it_is_whole(gate: threading.Event) -> None:
    loads = Loads(Api(two, waiting(gate)).new_load)
    loads.start()
    until(lambda: loads.complete)
    loads.reload()
    until(lambda: loads.newest is not None and loads.newest.progress().customers == 1)
    assert names(loads) == [an_id(1), an_id(2)]
    assert loads.complete
    assert loads.newest is not loads.shown
    gate.set()
    until(lambda: loads.under_way is None)
    assert names(loads) == [an_id(9), an_id(10)]
    assert loads.newest is loads.shown


def test_a_reload_while_one_runs_starts_no_second_one(gate: threading.Event) -> None:
    api = Api(waiting(gate))
    loads = Loads(api.new_load)
    loads.start()
    loads.reload()
    loads.reload()
    assert api.loads == 1


def test_a_reload_that_fails_leaves_the_list_on_show_and_the_next_one_replaces_it() -> None:
    loads = Loads(Api(two, broken, three).new_load)
    loads.start()
    until(lambda: loads.complete)
    loads.reload()
    until(lambda: state_of(loads) is LoadState.FAILED)
    assert names(loads) == [an_id(1), an_id(2)]
    assert loads.complete
    loads.reload()
    until(lambda: len(loads.frame()) == 3)
    assert loads.complete


def test_a_reload_that_is_cancelled_leaves_the_list_on_show(gate: threading.Event) -> None:
    loads = Loads(Api(two, waiting(gate)).new_load)
    loads.start()
    until(lambda: loads.complete)
    loads.reload()
    assert loads.newest is not None
    loads.newest.cancel()
    assert names(loads) == [an_id(1), an_id(2)]
    assert loads.complete


def test_a_first_load_that_fails_is_shown_as_far_as_it_came_and_is_not_complete() -> None:
    loads = Loads(Api(broken).new_load)
    loads.start()
    until(lambda: state_of(loads) is LoadState.FAILED)
    assert names(loads) == [an_id(1)]
    assert not loads.complete


def changed(number: int) -> Customer:
    return customer(number, is_active=False, name="Renamed")


class Runs:
    """What runs left, as the journal gives it."""

    def __init__(self) -> None:
        self.left: list[Left] = []

    def leave(self, record: Customer, *, ago: timedelta = timedelta(0), run: str = "run_1", changed: bool = True) -> None:
        self.left.append(Left(run, record, datetime.now(UTC) - ago, changed, customer(1).updated_at))

    def since(self, known: int) -> tuple[int, list[Left]]:
        return len(self.left), self.left[known:]


def test_a_record_that_was_just_read_takes_the_older_ones_place() -> None:
    runs = Runs()
    loads = Loads(Api(two).new_load, runs_left=runs.since)
    loads.catch_up()  # too early: there is no list yet
    loads.start()
    until(lambda: loads.complete)
    runs.leave(changed(2))
    runs.leave(changed(3))  # not in the list
    loads.catch_up()
    assert loads.frame().record(an_id(2)) == changed(2)
    assert loads.frame().record(an_id(1)) == customer(1)
    assert names(loads) == [an_id(1), an_id(2)]
    caught_up = loads.frame()
    loads.catch_up()
    assert loads.frame() is caught_up


@pytest.mark.parametrize(
    ("record", "ago", "shown"),
    [
        (customer(2, is_active=False, updated_at=NEWER), timedelta(0), False),
        (customer(2, is_active=False), timedelta(0), False),  # the API tells no time of this change
        (customer(2, is_active=False), timedelta(hours=1), True),  # and somebody changed it back before the list was read
        (customer(2, is_active=False, updated_at=NEWER), timedelta(hours=1), True),
        (customer(2, is_active=False, updated_at=OLDER), timedelta(0), True),  # somebody changed it since
    ],
)
def test_a_record_that_a_run_left_counts_where_the_list_has_no_newer_one(record: Customer, ago: timedelta, shown: bool) -> None:
    runs = Runs()
    runs.leave(record, ago=ago)
    loads = Loads(Api(two).new_load, runs_left=runs.since)
    loads.start()
    until(lambda: loads.complete)
    loads.catch_up()
    found = loads.frame().record(an_id(2))
    assert found is not None
    assert found.is_active is shown


def test_updates_of_runs_that_follow_one_another_have_one_time_before_them_in_every_list() -> None:
    def second() -> Iterator[CustomerPage]:
        yield CustomerPage((customer(1, updated_at=NEWER),), (), None)

    runs, long_ago = Runs(), timedelta(days=30)
    loads = Loads(Api(two, second).new_load, runs_left=runs.since)
    loads.start()
    until(lambda: loads.complete)
    before = customer(1).updated_at
    undone = customer(1, updated_at=NEWER)
    for run, record in (("run_1", customer(1, is_active=False, updated_at=OLDER)), ("run_2", undone), ("run_2", undone)):
        runs.left.append(Left(run, record, datetime.now(UTC) - long_ago, True, before if run == "run_1" else OLDER))
    runs.leave(customer(2, updated_at=NEWER), changed=False)
    loads.catch_up()
    assert loads.frame().own_update(an_id(1)) is None  # its record says that somebody else updated it, or that the list is old
    loads.reload()
    until(lambda: len(loads.frame()) == 1)
    assert loads.frame().own_update(an_id(1)) == OwnUpdate("run_2", NEWER, before)
    (record,) = loads.frame().records([an_id(1)])
    assert before is not None
    told = f"by run_2, before that {before:%Y-%m-%d}"
    assert [loads.frame().by_us(one) for one in (record, record.model_copy(update={"updated_at": OLDER}))] == [told, ""]


def test_a_record_read_during_a_reload_is_in_the_list_on_show_and_in_the_one_behind(gate: threading.Event) -> None:
    def again() -> Iterator[CustomerPage]:
        yield page(1, 2, cursor="next")
        gate.wait(60)
        yield page(3)

    runs = Runs()
    loads = Loads(Api(two, again).new_load, runs_left=runs.since)
    loads.start()
    until(lambda: loads.complete)
    loads.reload()
    until(lambda: loads.newest is not None and loads.newest.progress().customers == 2)
    runs.leave(changed(2))
    loads.catch_up()
    assert loads.frame().record(an_id(2)) == changed(2)
    gate.set()
    until(lambda: len(loads.frame()) == 3)
    assert loads.frame().record(an_id(2)) == changed(2)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Frames are prepared only once it is set."""
    event = threading.Event()
    monkeypatch.setattr(ready, "prepare", lambda _frame: event.wait(60))
    yield event
    event.set()


def test_a_list_is_on_show_as_a_whole_one_only_when_it_is_ready_to_be_used(held: threading.Event) -> None:
    api = Api(two)
    loads = Loads(api.new_load)
    loads.start()
    until(lambda: state_of(loads) is LoadState.COMPLETE)
    assert not loads.complete
    assert not loads.view().complete
    assert loads.under_way is loads.newest
    assert type(loads.view().obstacle) is LoadIncomplete
    loads.reload()
    assert api.loads == 1
    held.set()
    until(lambda: loads.complete)
    assert loads.under_way is None
    assert loads.view().complete
    assert loads.view().obstacle is None


def test_a_reload_takes_over_together_with_what_changed(held: threading.Event) -> None:
    held.set()
    loads = Loads(Api(two, three).new_load)
    loads.start()
    until(lambda: loads.complete)
    held.clear()
    loads.reload()
    until(lambda: state_of(loads) is LoadState.COMPLETE)
    assert len(loads.frame()) == 2
    assert loads.compared is None
    held.set()
    until(lambda: len(loads.frame()) == 3)
    assert loads.compared is not None
    assert loads.compared.changes.words == "1 new"


def test_a_list_that_can_not_be_prepared_or_compared_is_on_show_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken_down(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(ready, "prepare", broken_down)
    monkeypatch.setattr(comparison, "changes", broken_down)
    loads = Loads(Api(two, three).new_load)
    loads.start()
    until(lambda: loads.complete)
    loads.reload()
    until(lambda: len(loads.frame()) == 3)
    assert loads.complete
    assert loads.compared is None
    assert "was not prepared: RuntimeError" in caplog.text
    assert "was not compared with the one before it: RuntimeError" in caplog.text


def test_the_first_look_waits_for_the_first_customers_and_no_longer(gate: threading.Event) -> None:
    def late() -> Iterator[CustomerPage]:
        gate.wait(60)
        yield page(1, cursor="next")
        threading.Event().wait(0.01)
        yield page(2)

    loads = Loads(Api(late).new_load)
    assert len(loads.view(patience=0.01).frame) == 0
    threading.Timer(0.01, gate.set).start()
    assert len(loads.view(patience=60).frame) >= 1


def test_a_load_that_fails_keeps_nobody_waiting() -> None:
    def refused() -> Iterator[CustomerPage]:
        raise Unreachable
        yield

    assert len(Loads(Api(refused).new_load).view(patience=60).frame) == 0


def test_an_older_load_that_goes_on_after_a_newer_one_took_over_changes_nothing(shelf: Shelf) -> None:
    scripts = iter([broken, three, two])
    loads = Loads(lambda: Load(lambda _cursor: next(scripts)()), shelf=shelf)
    loads.start()
    until(lambda: state_of(loads) is LoadState.FAILED)
    older = loads.newest
    assert older is not None
    loads.reload()
    until(lambda: loads.complete)
    older.resume()
    until(lambda: older.complete and not any(thread.name == "load-customers" for thread in threading.enumerate()))
    assert len(loads.frame()) == 3
    assert loads.compared is None
    kept = shelf.read()
    assert kept is not None
    assert len(kept.frame) == 3


def test_an_older_list_is_let_go_of_once_it_was_compared(shelf: Shelf) -> None:
    keep(shelf, 1, 2)
    loads = opened(shelf, three)
    loads.start()
    until(lambda: loads.kept is None)
    old, version = weakref.ref(loads.frame()), loads.frame().version
    loads.reload()
    until(lambda: loads.frame().version != version)
    until(lambda: gc.collect() is not None and old() is None)


def test_a_kept_list_does_not_hold_its_frame_beside_the_changed_one(shelf: Shelf, gate: threading.Event) -> None:
    keep(shelf, 1, 2)
    runs = Runs()
    loads = opened(shelf, waiting(gate), runs=runs)
    loads.start()
    original = weakref.ref(loads.frame())
    runs.leave(changed(2))
    loads.catch_up()
    until(lambda: gc.collect() is not None and original() is None)
    assert loads.frame().record(an_id(2)) == changed(2)


def test_a_list_that_was_on_show_when_it_ended_is_kept() -> None:
    loads = Loads(Api(two, broken).new_load)
    loads.start()
    load = loads.newest
    assert load is not None
    until(lambda: loads.under_way is None)
    loads.reload()
    until(lambda: state_of(loads) is LoadState.FAILED)
    assert loads.shown is load


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, "0123456789abcdef")


def keep(shelf: Shelf, *numbers: int, age: timedelta = timedelta(hours=3)) -> None:
    frame = build(customer(number) for number in numbers)
    shelf.write(Snapshot(frame, (), NOW - age, NOW - age + timedelta(seconds=50)))


def opened(shelf: Shelf, *scripts: Script, minutes: float = 15, runs: Runs | None = None) -> Loads:
    known = (runs or Runs()).since
    young = timedelta(minutes=minutes)
    return Loads(Api(*scripts).new_load, runs_left=known, shelf=shelf, kept_feeds_plans_for=young, now=lambda: NOW)


def test_a_kept_list_is_on_show_at_once_and_gives_way_to_the_load_behind_it(shelf: Shelf, gate: threading.Event) -> None:
    keep(shelf, 1, 9)
    loads = opened(shelf, waiting(gate))
    loads.start()
    assert loads.complete
    assert loads.kept is not None
    assert loads.kept.finished_at == NOW - timedelta(hours=3) + timedelta(seconds=50)
    assert names(loads) == [an_id(1), an_id(9)]
    assert state_of(loads) is LoadState.LOADING
    assert loads.compared is None
    gate.set()
    until(lambda: loads.kept is None)
    assert names(loads) == [an_id(9), an_id(10)]
    assert loads.compared is not None
    assert loads.compared.since == NOW - timedelta(hours=3) + timedelta(seconds=50)
    assert loads.compared.changes.words == "1 new, 1 gone"
    assert loads.view().obstacle is None
    assert loads.word is None


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("age", "minutes", "feeds"),
    [
        (14 * MINUTE, 15, True),
        (15 * MINUTE, 15, False),
        (180 * MINUTE, 15, False),
        (180 * MINUTE, 181, True),
        (timedelta(0), 15, True),
        (timedelta(0), 0, False),
        (-MINUTE, 15, False),  # the clock was turned back: nobody knows how old it is
    ],
)
def test_only_a_young_kept_list_feeds_a_plan(
    shelf: Shelf, gate: threading.Event, age: timedelta, minutes: float, *, feeds: bool
) -> None:
    keep(shelf, 1, 2, age=age)
    loads = opened(shelf, waiting(gate), minutes=minutes)
    loads.start()
    obstacle = loads.view().obstacle
    assert (obstacle is None) == feeds
    assert feeds or isinstance(obstacle, ListTooOld)
    assert loads.active_total() == (2 if feeds else None)
    gate.set()
    until(lambda: loads.view().obstacle is None and loads.kept is None)


def test_what_is_not_complete_feeds_no_plan(gate: threading.Event) -> None:
    loads = Loads(Api(waiting(gate)).new_load)
    assert type(loads.view().obstacle) is LoadIncomplete
    loads.start()
    until(lambda: len(loads.frame()) == 1)
    assert type(loads.view().obstacle) is LoadIncomplete


def test_a_load_that_fails_behind_a_kept_list_leaves_it_on_show_too_old_to_plan_from_and_kept(shelf: Shelf) -> None:
    keep(shelf, 1, 2, 3)
    loads = opened(shelf, broken)
    loads.start()
    until(lambda: state_of(loads) is LoadState.FAILED)
    assert len(loads.frame()) == 3
    assert loads.kept is not None
    assert isinstance(loads.view().obstacle, ListTooOld)
    kept = shelf.read()
    assert kept is not None
    assert len(kept.frame) == 3


def test_each_complete_load_is_kept_with_its_times(shelf: Shelf) -> None:
    loads = opened(shelf, two, three)
    loads.start()
    until(shelf.file.exists)
    first = shelf.read()
    assert first is not None
    assert len(first.frame) == 2
    loads.reload()
    until(lambda: len((shelf.read() or first).frame) == 3)
    kept, load = shelf.read(), loads.newest
    assert kept is not None
    assert load is not None
    assert (kept.started_at, kept.finished_at) == (load.progress().started_at, load.progress().finished_at)
    assert loads.compared is not None
    assert loads.compared.changes.words == "1 new"


def test_what_was_read_since_is_in_the_kept_list_on_show(shelf: Shelf, gate: threading.Event) -> None:
    keep(shelf, 1, 2)
    runs = Runs()
    runs.leave(changed(2))
    runs.left = [replace(runs.left[0], read_at=NOW - timedelta(hours=1))]
    loads = opened(shelf, waiting(gate), runs=runs)
    loads.start()
    loads.catch_up()
    assert loads.frame().record(an_id(2)) == changed(2)


def test_a_kept_list_that_is_no_use_is_told_and_the_load_goes_on_without_it(shelf: Shelf) -> None:
    keep(shelf, 7, 8)
    shelf.file.write_bytes(shelf.file.read_bytes()[:-9])
    loads = opened(shelf, two)
    loads.start()
    assert loads.kept is None
    assert loads.word is not None
    assert "could not be used" in loads.word.text
    assert loads.word.at == NOW
    until(lambda: loads.complete)
    assert names(loads) == [an_id(1), an_id(2)]
    assert loads.compared is None


def test_a_list_that_can_not_be_kept_is_told_and_is_complete_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    loads = opened(Shelf(tmp_path / "file", "0123456789abcdef"), two)
    loads.start()
    until(lambda: loads.word is not None and "could not be kept" in loads.word.text)
    assert loads.complete
    assert loads.view().obstacle is None


def test_a_run_between_two_loads_is_no_change_since_whoever_carried_it(shelf: Shelf) -> None:
    def second() -> Iterator[CustomerPage]:
        yield CustomerPage((customer(1), changed(2)), (), None)

    runs = Runs()
    loads = opened(shelf, two, second, runs=runs)
    loads.start()
    until(lambda: loads.complete)
    runs.leave(changed(2))  # and nobody has looked at the journal since
    before = loads.shown
    loads.reload()
    until(lambda: loads.shown is not before)
    assert loads.compared is not None
    assert not loads.compared.changes
