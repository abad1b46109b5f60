from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lib.avara.models import Customer, CustomerPage
from lib.customers.load import Load, LoadState
from lib.customers.loads import Loads
from lib.errors import Unreachable
from tests.customers.records import an_id, customer

Script = Callable[[], Iterator[CustomerPage]]


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
    until(lambda: state_of(loads) is LoadState.COMPLETE)
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


def test_a_record_that_was_just_read_takes_the_older_ones_place() -> None:
    loads = Loads(Api(two).new_load)
    loads.start()
    until(lambda: loads.complete)
    loads.update([changed(2)])
    assert loads.frame().record(an_id(2)) == changed(2)
    assert loads.frame().record(an_id(1)) == customer(1)


def test_a_record_read_during_a_reload_is_in_the_list_on_show_and_in_the_one_behind(gate: threading.Event) -> None:
    def again() -> Iterator[CustomerPage]:
        yield page(1, 2, cursor="next")
        gate.wait(60)
        yield page(3)

    loads = Loads(Api(two, again).new_load)
    loads.start()
    until(lambda: loads.complete)
    loads.reload()
    until(lambda: loads.newest is not None and loads.newest.progress().customers == 2)
    loads.update([changed(2)])
    assert loads.frame().record(an_id(2)) == changed(2)
    gate.set()
    until(lambda: len(loads.frame()) == 3)
    assert loads.frame().record(an_id(2)) == changed(2)


def test_a_list_that_was_on_show_when_it_ended_is_kept_even_if_nobody_looked_between() -> None:
    loads = Loads(Api(two, broken).new_load)
    loads.start()
    load = loads.newest
    assert load is not None
    until(lambda: load.complete)  # asked of the load itself: nothing of `loads` was touched since
    loads.reload()
    until(lambda: state_of(loads) is LoadState.FAILED)
    assert loads.shown is load
