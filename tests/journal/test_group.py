"""Requests of many threads are carried out together, each once, each with its own end."""

import threading

import pytest

from lib.errors import JournalUnavailable
from lib.journal.group import GroupCommit

PATIENCE = 20.0


class Bench:
    """Holds the first group until it is told to go on, so that the others gather behind it."""

    def __init__(self, fail=lambda request: None, most=256):
        self.groups, self.outcomes = [], {}
        self.first_is_in, self.go_on = threading.Event(), threading.Event()
        self._fail = fail
        self.together = GroupCommit(self._carry_out, most=most)

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

    def gather(self, count):
        """One request at work and the others queued behind it, then all let go; returns when each has its outcome."""
        threads = [threading.Thread(target=self.ask, args=(number,)) for number in range(count)]
        threads[0].start()
        assert self.first_is_in.wait(PATIENCE)
        for number, thread in enumerate(threads[1:], start=1):
            thread.start()
            while len(self.together._queue) < number and thread.is_alive():
                pass
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


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_nobody_takes_a_group_whose_leader_was_stopped_for_done(stop):
    def fail(number):
        if 0 < number < 5:
            raise stop

    bench = Bench(fail=fail)
    bench.gather(5)
    first, leader, *others = (bench.outcomes[number] for number in range(5))
    assert (first, type(leader)) == (None, stop)
    assert {type(outcome) for outcome in others} == {RuntimeError}
    bench.ask(7)
    assert bench.outcomes[7] is None


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
