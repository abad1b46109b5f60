"""How fast requests may go: by tables, and by APIs with limits of every shape, simulated second by second."""

import heapq
import math
import random
from collections import deque
from datetime import UTC, datetime
from itertools import count

import pytest

from lib.avara.reply import Reply
from lib.avara.throttle import CALL, CEILING, LIST, LONGEST_WAIT, READ, START, Latency, Throttle
from lib.errors import BadAnswer, NoAnswer, Unreachable
from lib.sandbox.limiter import EveryNth, FixedWindow, RandomRefusals, TokenBucket


def answered(throttle, times, *, seconds=0.05, in_flight=None):
    """So many answers of the same latency, one after the other."""
    for number in range(times):
        now = (number + 1) * seconds
        throttle.fine(now, now - seconds, CALL, in_flight if in_flight is not None else int(throttle.at_once))
    return throttle


def test_it_begins_with_two_at_a_time_and_opens_by_half_with_every_round():
    assert Throttle().at_once == START == 2
    assert answered(Throttle(), 10).at_once == 7


@pytest.mark.parametrize("ceiling", [CEILING, 5])
def test_the_ceiling_holds_whatever_the_api_puts_up_with(ceiling):
    assert answered(Throttle(ceiling), 1000).at_once == ceiling


def test_what_is_not_used_does_not_open_up():
    assert answered(Throttle(at_once=10.0), 100, in_flight=1).at_once == 10


def test_an_answer_that_stays_out_halves_the_number_at_a_time_once_a_round_and_never_below_one():
    throttle = Throttle(at_once=8.0)
    throttle.ended(1.0, 0.9, CALL, 8, NoAnswer())
    throttle.ended(1.1, 0.95, CALL, 7, NoAnswer())  # sent before
    assert throttle.at_once == 4
    for second in range(2, 9):
        throttle.ended(float(second), second - 0.1, CALL, 1, NoAnswer())
    assert throttle.at_once == 1


def test_a_latency_that_rises_takes_a_fifth_away_and_then_it_opens_by_one_a_round():
    throttle = Throttle(at_once=10.0, latencies={CALL: Latency(0.05, 0.05)})
    throttle.fine(4.0, 1.0, CALL, 10)
    assert throttle.at_once == 8
    throttle.latencies[CALL].average = 0.05
    for _ in range(8):
        throttle.fine(4.2, 4.15, CALL, 8)
    assert throttle.at_once == pytest.approx(9, abs=0.1)


class Heard(Throttle):
    """Notes what it takes the end of a request for."""

    def fine(self, *_):
        self.heard = "fine"

    def refused(self, _now, _sent, wait):
        self.heard = ("refused", wait)

    def _cut(self, *_):
        self.heard = "too slow"


@pytest.mark.parametrize(
    ("outcome", "heard"),
    [
        ((200, {}), "fine"),
        ((404, {}), "fine"),
        ((403, {}), "fine"),
        ((403, {"retry-after": "3"}), ("refused", 3.0)),
        ((429, {"retry-after": "7"}), ("refused", 7.0)),
        ((429, {}), ("refused", None)),
        ((503, {"retry-after": "2"}), ("refused", 2.0)),
        ((503, {}), None),
        ((500, {}), None),
        ((408, {}), "too slow"),
        (NoAnswer(), "too slow"),
        (Unreachable(), "too slow"),
        (BadAnswer(), None),
    ],
)
def test_what_the_end_of_a_request_says_about_our_speed(outcome, heard):
    throttle = Heard()
    throttle.heard = None
    throttle.ended(1.0, 0.9, CALL, 1, Reply(*outcome, b"", datetime.now(UTC)) if isinstance(outcome, tuple) else outcome)
    assert throttle.heard == heard


def refused(throttle, times, wait=30.0, since=0.0):
    for number in range(times):
        now = since + (number + 1) / 100
        throttle.take(now - 0.005)
        throttle.refused(now, now - 0.005, wait)
    return throttle


def test_one_that_is_refused_alone_delays_nobody_else_and_when_the_next_ones_are_too_everybody_waits():
    assert refused(Throttle(), 1).due(0.02) == 0.02
    assert refused(Throttle(), 3).due(0.04) == pytest.approx(30.03)


def test_two_that_are_let_through_after_a_refused_one_make_it_chance_and_the_next_limit_takes_one_more_to_be_believed():
    throttle = refused(Throttle(), 1)
    for _ in range(2):
        throttle.fine(0.1, 0.05, CALL, 2)
    assert throttle.due(0.2) == 0.2
    assert refused(throttle, 3, since=0.2).due(0.25) == 0.25
    assert refused(throttle, 1, since=0.3).due(0.4) > 30


def test_nobody_waits_unheard_for_longer_than_an_hour():
    assert refused(Throttle(), 9, wait=LONGEST_WAIT + 1).due(1.0) == 1.0
    assert refused(Throttle(), 9, wait=LONGEST_WAIT).due(1.0) > 3600


def test_what_waited_and_did_not_go_after_all_uses_up_nothing():
    throttle = Throttle(_counted=1.0)
    throttle.take(10.0)
    due = throttle.due(10.0)
    throttle.take(due)
    throttle.give_back()
    assert throttle.due(10.0) == due


class Simulation:
    """An API, `hands` that each ask for one thing after the other, and the queue of a limiter between them.

    `preflight`: each step reads a record, and calls while that is younger than 15 s.
    """

    def __init__(self, api, steps, *, hands=CEILING, rtt=0.05, preflight=False, seed=1, throttle=None):
        self.api, self.steps, self.hands, self.rtt, self.preflight = api, steps, hands, rtt, preflight
        self.chance, self.throttle, self.events, self.order = random.Random(seed), throttle or Throttle(), [], count()
        self.calls, self.reads, self.read_at = deque(), deque(), {}
        self.todo, self.under_way, self.readings, self.now, self.awake = steps, 0, 0, 0.0, math.inf
        self.sent = self.refused = self.old = self.done = 0
        self.run()

    def at(self, when, what, *told):
        heapq.heappush(self.events, (when, next(self.order), what, told))

    def run(self):
        self.idle = self.hands
        self.go()
        while self.done < self.steps:
            self.now, _, what, told = heapq.heappop(self.events)
            what(*told)
            self.go()

    def go(self):
        while self.idle and self.todo:
            self.idle, self.todo = self.idle - 1, self.todo - 1
            (self.reads if self.preflight else self.calls).append(self.todo)
        while (queue := self.calls or self.reads) and self.under_way < int(self.throttle.at_once):
            kind = CALL if queue is self.calls else READ
            due = self.throttle.due(self.now, self.readings + 1 if kind == READ else 0)
            if due > self.now + 1e-9:
                if due < self.awake or self.awake <= self.now:
                    self.awake = due
                    self.at(due, lambda: None)
                return
            step = queue.popleft()
            if kind == CALL and self.preflight and self.now - self.read_at[step] > 15:
                self.old += 1
                self.reads.append(step)
                continue
            self.throttle.take(self.now)
            self.under_way, self.readings, self.sent = self.under_way + 1, self.readings + (kind == READ), self.sent + 1
            wait = self.api.take(self.now)
            took = 0.003 if wait else self.rtt * (1 + 0.2 * self.chance.random())
            self.at(self.now + took, self.answer, step, kind, self.now, math.ceil(wait))

    def answer(self, step, kind, sent, wait):
        if wait:
            self.refused += 1
            self.throttle.refused(self.now, sent, wait)
            again = self.calls if kind == CALL else self.reads
            self.at(self.now + wait * (1 + 0.25 * self.chance.random()), again.append, step)
        else:
            self.throttle.fine(self.now, sent, kind, self.under_way)
            if kind == READ:
                self.calls.append(step)
                self.read_at[step] = self.now
            else:
                self.done, self.idle = self.done + 1, self.idle + 1
        self.under_way, self.readings = self.under_way - 1, self.readings - (kind == READ)


@pytest.mark.parametrize("preflight", [False, True])
@pytest.mark.parametrize(("rate", "requests"), [(0.5, 150), (1, 200), (2, 300), (4, 400), (10, 600), (100, 2000)])
@pytest.mark.parametrize("rtt", [0.02, 0.05])
def test_a_limit_in_requests_a_second_is_found_out_and_used(rate, requests, preflight, rtt):
    for seed in range(5):
        job = Simulation(TokenBucket(rate), requests // (2 if preflight else 1), preflight=preflight, seed=seed, rtt=rtt)
        assert (requests - max(rate, 1)) / rate / job.now >= (0.95 if rate == 100 else 0.9)
        assert job.refused / job.sent <= 0.03
        assert job.old == 0


@pytest.mark.parametrize("preflight", [False, True])
def test_a_window_of_so_many_a_minute_is_used_up_each_minute_and_then_waited_for(preflight):
    job = Simulation(FixedWindow(60, 60), 150 // (2 if preflight else 1), preflight=preflight)
    assert 120 / job.now >= 0.9
    assert job.old <= 16  # read in the first window, before it was known


@pytest.mark.parametrize("preflight", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_refusals_at_random_delay_only_what_they_refuse(share, preflight):
    requests = 4000 if preflight else 2000
    for seed in range(5):
        job = Simulation(RandomRefusals(share, seed), 2000, preflight=preflight, seed=seed)
        # 64 hands at a time, each held up for the second that the API asked for; the start and what is left at the end
        assert job.now <= 1.3 * (requests * (0.055 + share * 1.2) / CEILING) + 3.5


@pytest.mark.parametrize("preflight", [False, True])
def test_every_fifth_call_refused_is_no_limit(preflight):
    job = Simulation(EveryNth(5), 2000, preflight=preflight)
    assert job.now <= 1.3 * ((4000 if preflight else 2000) * (0.055 + 0.28) / CEILING) + 3


@pytest.mark.parametrize(("share", "most"), [(0.01, 1.3), (0.05, 1.3), (0.2, 2)])
def test_a_single_reader_that_is_refused_at_random_loses_little_more_than_its_waits(share, most):
    for seed in range(20):
        job = Simulation(RandomRefusals(share, seed), 200, hands=1, seed=seed)
        assert job.now <= most * (200 * 0.055 + job.refused)


@pytest.mark.parametrize(("rate", "hands"), [(0.5, 1), (2, 1), (10, 1), (50, 4), (50, 8)])
def test_few_readers_find_out_a_limit_too(rate, hands):
    job = Simulation(TokenBucket(rate), 300 if rate < 50 else 1000, hands=hands)
    assert job.steps / job.now / rate >= 0.9
    assert job.refused / job.sent <= 0.04


class Changed(TokenBucket):
    """From the thirtieth second on it is another one."""

    def __init__(self, rate, then):
        super().__init__(rate)
        self.then = then

    def take(self, now):
        return super().take(now) if now < 30 else self.then.take(now)


def test_a_limit_that_is_halved_is_obeyed_at_once():
    job = Simulation(Changed(8, TokenBucket(4)), 600)
    assert job.now <= 1.1 * (30 + (600 - 240) / 4)
    assert job.refused / job.sent <= 0.03


def test_a_limit_that_is_lifted_is_not_kept_to_for_long():
    assert Simulation(Changed(2, RandomRefusals(0, 1)), 1500).now <= 240  # at two a second it would be 750


def test_the_kinds_of_request_have_a_latency_each():
    throttle = answered(Throttle(), 3)
    throttle.fine(9.0, 8.0, LIST, 1)
    assert set(throttle.latencies) == {CALL, LIST}
