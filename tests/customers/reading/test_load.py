"""A load is complete or it is not, keeps what came, goes on where it stopped, and says what happened in words."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.models import CustomerPage, RecordProblem
from lib.customers.frame import build
from lib.customers.reading.came import ListTooLong
from lib.customers.reading.load import Load
from lib.customers.reading.progress import LoadState
from lib.customers.reading.snapshot import Snapshot
from lib.errors import BadAnswer, CursorRepeated, NoAnswer, NotAuthorized, Rejected
from tests.customers.records import NOW, an_id, customer

PROBLEM = RecordProblem("cus_x", "userCount", "text", "must be a whole number")


class Pages:
    """Serves numbered pages one by one, from the cursor on; at a page number in `faults` it raises, once."""

    def __init__(self, count, *, faults=None, held=False):
        self.count, self.faults = count, dict(faults or {})
        self.asked = []
        self.gate = threading.Semaphore(0 if held else 1_000_000)

    def __call__(self, cursor):
        self.asked.append(cursor)
        for number in range(int(cursor or 0), self.count):
            self.gate.acquire()
            if number in self.faults:
                raise self.faults.pop(number)
            records = (customer(2 * number), customer(2 * number + 1, metadata={"page": str(number)}))
            last = number == self.count - 1
            yield CustomerPage(records, (PROBLEM,) if number == 1 else (), None if last else str(number + 1))


def until(load, *states):
    wait_for(lambda: load.progress().state in states)
    return load.progress()


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.002)


def finished(pages, **options):
    load = Load(pages, **options)
    load.start()
    until(load, LoadState.COMPLETE, LoadState.FAILED)
    return load


def ids(load):
    return load.frame().rows["id"].tolist()


def test_all_pages_make_a_complete_load():
    load = finished(Pages(3))
    assert load.complete
    assert ids(load) == [an_id(number) for number in range(6)]
    assert load.problems == (PROBLEM,)
    progress = load.progress()
    assert (progress.pages, progress.customers, progress.problems, progress.error) == (3, 6, 1, None)
    assert progress.cursor is None


def test_an_account_without_customers_is_complete():
    load = finished(lambda cursor: iter([CustomerPage((), (), None)]))
    assert load.complete
    assert len(load.frame()) == 0


@pytest.mark.parametrize(
    ("pages", "ended"),
    [([], "before its first page came"), ([CustomerPage((customer(),), (), "more")], "after 1 of its pages")],
)
def test_a_list_that_ends_before_its_last_page_is_not_complete(pages, ended):
    load = finished(lambda cursor: iter(pages))
    assert load.progress().state is LoadState.FAILED
    assert f"The list of customers ended {ended}." in load.progress().error


def test_starting_twice_reads_once():
    pages = Pages(2, held=True)
    load = Load(pages)
    assert load.progress().started_at is None
    load.start()
    load.start()
    pages.gate.release(2)
    until(load, LoadState.COMPLETE)
    load.start()
    assert pages.asked == [None]


def test_what_has_come_can_be_looked_at_while_the_rest_loads():
    pages = Pages(3, held=True)
    load = Load(pages)
    load.start()
    assert len(load.frame()) == 0
    pages.gate.release()
    wait_for(lambda: load.progress().pages == 1)
    first = load.frame()
    assert len(first) == 2
    assert load.frame() is first, "the same object until more come"
    assert not load.complete
    pages.gate.release(2)
    until(load, LoadState.COMPLETE)
    assert len(load.frame()) == 6
    assert len(first) == 2


@pytest.mark.parametrize(
    ("error", "goes_on_from"),
    [
        (NoAnswer(), "2"),
        (NotAuthorized(), "2"),
        (BadAnswer(), "2"),
        (ZeroDivisionError(), "2"),
        (CursorRepeated(), None),
        (Rejected("The cursor has expired.", status=400), None),
    ],
)
def test_after_a_failure_it_keeps_what_came_and_goes_on_unless_the_cursor_is_to_blame(error, goes_on_from):
    pages = Pages(4, faults={2: error})
    load = finished(pages)
    assert load.progress().state is LoadState.FAILED
    assert len(load.frame()) == 4
    assert not load.complete
    load.resume()
    until(load, LoadState.COMPLETE)
    assert pages.asked == [None, goes_on_from]
    assert ids(load) == [an_id(number) for number in range(8)]
    assert (load.progress().pages, load.problems, load.progress().error) == (4, (PROBLEM,), None)


def test_an_error_of_ours_is_told_in_its_own_words():
    load = finished(Pages(2, faults={1: NotAuthorized("The API refused the key.")}))
    assert load.progress().error == "The API refused the key."


def test_an_unexpected_error_is_told_without_its_text_which_could_hold_a_key(caplog):
    with caplog.at_level(logging.DEBUG):
        load = finished(Pages(2, faults={1: RuntimeError("Bearer sk-secret")}))
    assert "unexpected" in load.progress().error
    assert "RuntimeError" in caplog.text
    assert "sk-secret" not in caplog.text + load.progress().error


def test_a_cursor_that_repeats_ends_the_load():
    turns = iter(["a", "b", "a", "b"])
    load = finished(lambda cursor: (CustomerPage((customer(n),), (), turn) for n, turn in enumerate(turns)))
    assert load.progress().state is LoadState.FAILED
    assert load.progress().pages == 2
    assert "same page cursor twice" in load.progress().error


def test_a_cancel_keeps_what_came_drops_the_page_under_way_and_can_be_resumed():
    pages = Pages(4, held=True)
    load = Load(pages)
    load.start()
    pages.gate.release(2)
    wait_for(lambda: load.progress().pages == 2)
    load.cancel()
    assert load.progress().state is LoadState.CANCELLED
    assert not load.complete
    pages.gate.release(1)  # the answer under way comes too late
    load.resume()
    assert load.progress().state is LoadState.LOADING
    pages.gate.release(4)
    until(load, LoadState.COMPLETE)
    assert ids(load) == [an_id(number) for number in range(8)]
    assert load.progress().pages == 4
    assert pages.asked == [None, "2"]


def test_a_cancel_tells_pages_that_are_requested_ahead_and_an_end_too():
    class Ahead:
        def __init__(self, pages):
            self.pages, self.stopped = pages, 0

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.pages)

        def stop(self):
            self.stopped += 1

    held, made = Pages(2, held=True), []
    load = Load(lambda cursor: made.append(Ahead(held(cursor))) or made[-1])
    load.start()
    wait_for(lambda: held.asked)
    load.cancel()
    assert [ahead.stopped for ahead in made] == [1]
    held.gate.release(4)
    load.resume()
    until(load, LoadState.COMPLETE)
    assert [ahead.stopped for ahead in made] == [1, 1]


def test_cancel_and_resume_change_nothing_about_a_complete_load():
    pages = Pages(1)
    load = finished(pages)
    load.cancel()
    load.resume()
    assert load.complete
    assert pages.asked == [None]


def test_time_and_rate_leave_pauses_out_and_the_age_is_that_of_the_first_page():
    clock = {"seconds": 0.0}
    pages = Pages(2, held=True)
    load = Load(pages, now=lambda: NOW + timedelta(seconds=clock["seconds"]), monotonic=lambda: clock["seconds"])
    load.start()
    clock["seconds"] = 2.0
    pages.gate.release()
    wait_for(lambda: load.progress().pages == 1)
    assert (load.progress().elapsed, load.progress().rate, load.progress().finished_at) == (2.0, 1.0, None)
    load.cancel()
    clock["seconds"] = 100.0
    assert load.progress().elapsed == 2.0
    load.resume()
    pages.gate.release(2)
    clock["seconds"] = 102.0
    progress = until(load, LoadState.COMPLETE)
    assert progress.started_at == NOW
    assert progress.finished_at == NOW + timedelta(seconds=progress.elapsed + 98)


def test_a_record_read_again_takes_the_place_of_the_listed_one():
    load = finished(Pages(2))
    before = load.frame()
    load.update([customer(1, is_active=False, updated_at=NOW)], {})
    assert load.frame().record(an_id(1)).is_active is False
    assert load.frame().version > before.version
    assert before.record(an_id(1)).is_active is True
    assert load.complete
    assert load.progress().customers == 4


def test_an_update_while_loading_is_not_lost_to_an_older_row_of_a_later_page():
    pages = Pages(2, held=True)
    load = Load(pages)
    load.start()
    load.update([customer(3, is_active=False, updated_at=NOW), customer(9)], {})
    pages.gate.release(2)
    until(load, LoadState.COMPLETE)
    assert load.frame().record(an_id(3)).is_active is False
    assert len(load.frame()) == 4


def test_a_sandbox_is_read_over_http_fails_in_words_and_goes_on(start_sandbox):
    sandbox = start_sandbox(customers=250)
    with AvaraClient(Connection(sandbox.base_url, SecretStr(sandbox.api_key), "sandbox", "sandbox")) as client:
        load = finished(client.iter_pages)
        assert load.complete
        assert (load.progress().pages, len(load.frame())) == (3, 250)
        assert load.frame().records(ids(load)) == [record for page in client.iter_pages() for record in page.customers]
        assert load.frame().record("cus_1234567890abcdef1234567890abcdef")
    with AvaraClient(Connection(sandbox.base_url, SecretStr("sk-wrong-key"), "sandbox", "sandbox")) as client:
        load = finished(client.iter_pages)
        assert load.progress().state is LoadState.FAILED
        assert load.progress().error
        assert "sk-wrong-key" not in load.progress().error
    assert datetime.now(UTC) >= load.progress().finished_at


class Endless(Pages):
    """A list that never ends, with a customer and a record that can't be read on each page."""

    def __init__(self):
        super().__init__(10**9)

    def __call__(self, cursor):
        for page in super().__call__(cursor):
            yield CustomerPage(page.customers[:1], (PROBLEM,), page.next_cursor)


def test_a_list_that_never_ends_is_read_to_a_bound_and_of_what_can_not_be_read_only_the_first_is_kept():
    load = finished(Endless(), most=100, most_problems=10)
    assert load.progress().state is LoadState.FAILED
    assert "More than 100 customers came" in load.failure.message
    assert "load.max_customers" in load.failure.message
    assert (load.progress().customers, load.progress().problems, len(load.problems)) == (51, 51, 10)


def test_of_a_list_that_was_read_elsewhere_no_more_problems_are_kept_than_here_may_be():
    load = Load(Pages(1), most=5, most_problems=1)
    frame = load.adopt(Snapshot(build([customer(1), customer(2)]), (PROBLEM, PROBLEM), NOW, NOW, 3))
    assert len(frame) == 2
    assert load.problems == (PROBLEM,)
    assert load.progress().problems == 3
    with pytest.raises(ListTooLong, match="More than 5 customers came"):
        load.adopt(Snapshot(build([customer(1), customer(2)]), (), NOW, NOW, 4))
    assert load.frame() is frame
