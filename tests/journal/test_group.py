"""Requests of many threads are carried out together, each once, each with its own end."""

import threading

import pytest

from lib.errors import JournalUnavailable
from lib.journal.group import GroupCommit

PATIENCE = 20.0


class Bench:
    """Holds the first group until it is told to go on, so that the others gather behind it."""

    def __init__(self, fail=lambda request: None, **options):
        self.groups, self.outcomes = [], {}
        self.first_is_in, self.go_on = threading.Event(), threading.Event()
        self._fail = fail
        self.together = GroupCommit(self._carry_out, **options)

    def _carry_out(self, requests):
        self.groups.append(list(requests))
        self.first_is_in.set()
        assert self.go_on.wait(PATIENCE)
        return [self._fail(request) for request in requests]

    def ask(self, request):
        try:
            self.together.do(request)
        except BaseException as exc:  # noqa: BLE001 - whatever it is, it is this request's outcome
            self.outcomes[request] = exc
        else:
            self.outcomes[request] = None

    def gather(self, count, then=lambda: None):
        """One request at work and the others queued behind it, `then`, then all let go; returns when each has its outcome."""
        threads = [threading.Thread(target=self.ask, args=(number,)) for number in range(count)]
        threads[0].start()
        assert self.first_is_in.wait(PATIENCE)
        for number, thread in enumerate(threads[1:], start=1):
            thread.start()
            while self.together._queue.qsize() < number and thread.is_alive():
                pass
        then()
        self.go_on.set()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_what_gathers_while_one_is_at_work_goes_together_in_order():
    bench = Bench()
    bench.gather(30)
    assert bench.groups == [[0], list(range(1, 30))]
    assert bench.outcomes == dict.fromkeys(range(30))


def test_no_group_is_larger_than_it_may_be():
    bench = Bench(most=8)
    bench.gather(30)
    assert [len(group) for group in bench.groups] == [1, 8, 8, 8, 5]
    assert sorted(bench.outcomes) == list(range(30))


def test_each_request_fails_alone():
    bench = Bench(fail=lambda number: KeyError(number) if number % 3 == 0 else None)
    bench.gather(10)
    assert {number for number, error in bench.outcomes.items() if error} == {0, 3, 6, 9}
    assert bench.outcomes[9].args == (9,)


@pytest.mark.parametrize(("error", "heard"), [(JournalUnavailable("Full."), JournalUnavailable), (ValueError(), RuntimeError)])
def test_what_a_whole_group_fails_with_is_everybodys_own_error_and_the_next_ones_go_on(error, heard):
    def fail(number):
        if number < 5:
            raise error

    bench = Bench(fail=fail)
    bench.gather(5)
    assert {type(outcome) for outcome in bench.outcomes.values()} == {heard}
    assert len({id(outcome) for outcome in bench.outcomes.values()}) == 5
    bench.ask(7)
    assert bench.outcomes[7] is None


def test_a_request_that_is_not_taken_up_in_time_never_is_and_one_under_way_may_be_written_yet():
    bench = Bench(patience=0.2)
    taken, queued = (threading.Thread(target=bench.ask, args=(number,)) for number in range(2))
    taken.start()
    assert bench.first_is_in.wait(PATIENCE)
    queued.start()
    for thread in (taken, queued):
        thread.join(PATIENCE)
    assert {type(outcome) for outcome in bench.outcomes.values()} == {JournalUnavailable}
    assert "no answer for 0.2 seconds" in str(bench.outcomes[1])
    bench.go_on.set()
    bench.ask(7)
    assert bench.groups == [[0], [7]]
    assert bench.outcomes[7] is None


def test_what_is_queued_is_carried_out_before_the_writer_ends_and_nothing_after_that():
    bench = Bench()
    closing = threading.Thread(target=bench.together.close)
    bench.gather(3, closing.start)
    closing.join(PATIENCE)
    assert not closing.is_alive()
    assert not bench.together._writer.is_alive()
    assert bench.outcomes == dict.fromkeys(range(3))
    bench.ask(7)
    assert "closed" in str(bench.outcomes[7])
    assert sum(map(len, bench.groups)) == 3


def test_a_group_commit_that_nobody_uses_has_no_thread_and_closes_at_once():
    before = threading.active_count()
    GroupCommit(len).close()
    assert threading.active_count() == before


def test_under_a_crowd_nobody_is_forgotten():
    total, lock = [0], threading.Lock()

    def carry_out(requests):
        with lock:
            total[0] += sum(requests)
        return [None] * len(requests)

    together = GroupCommit(carry_out, most=5)
    threads = [threading.Thread(target=lambda: [together.do(1) for _ in range(200)]) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert total == [3200]
