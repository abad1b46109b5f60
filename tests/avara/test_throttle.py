"""How fast requests may go: by tables, and by APIs with limits of every shape, simulated second by second."""

import heapq
import math
import random
from collections import deque
from datetime import UTC, datetime
from itertools import count

import pytest

from lib.avara.reply import Reply
from lib.avara.throttle import CALL, CEILING, LIST, LONGEST_WAIT, READ, START, Latency, Sign, Throttle, sign_of
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
    throttle.timed_out(1.0, 0.9)
    throttle.timed_out(1.1, 0.95)  # sent before
    assert throttle.at_once == 4
    for second in range(2, 9):
        throttle.timed_out(float(second), second - 0.1)
    assert throttle.at_once == 1


def test_a_latency_that_rises_takes_a_fifth_away_and_then_it_opens_by_one_a_round():
    throttle = Throttle(at_once=10.0, latencies={CALL: Latency(0.05, 0.05)})
    throttle.fine(4.0, 1.0, CALL, 10)
    assert throttle.at_once == 8
    throttle.latencies[CALL].average = 0.05
    for _ in range(8):
        throttle.fine(4.2, 4.15, CALL, 8)
    assert throttle.at_once == pytest.approx(9, abs=0.1)


@pytest.mark.parametrize(
    ("status", "headers", "sign", "wait"),
    [
        (200, {}, Sign.FINE, None),
        (404, {}, Sign.FINE, None),
        (403, {}, Sign.FINE, None),
        (403, {"retry-after": "3"}, Sign.REFUSED, 3.0),
        (429, {"retry-after": "7"}, Sign.REFUSED, 7.0),
        (429, {}, Sign.REFUSED, None),
        (503, {"retry-after": "2"}, Sign.REFUSED, 2.0),
        (503, {}, Sign.NOTHING, None),
        (500, {}, Sign.NOTHING, None),
        (408, {}, Sign.TIMEOUT, None),
    ],
)
def test_what_an_answer_says_about_our_speed(status, headers, sign, wait):
    assert sign_of(Reply(status, headers, b"", datetime.now(UTC))) == (sign, wait)


@pytest.mark.parametrize(
    ("error", "sign"), [(NoAnswer(), Sign.TIMEOUT), (Unreachable(), Sign.TIMEOUT), (BadAnswer(), Sign.NOTHING)]
)
def test_what_the_lack_of_an_answer_says(error, sign):
    assert sign_of(error) == (sign, None)


def refused(throttle, times, wait=30.0):
    for number in range(times):
        throttle.refused((number + 1) / 100, (number + 1) / 100 - 0.005, wait)
    return throttle


def test_one_that_is_refused_alone_delays_nobody_else_and_when_the_next_ones_are_too_everybody_waits():
    assert refused(Throttle(), 1).due(0.02) == 0.02
    assert refused(Throttle(), 3).due(0.04) == pytest.approx(30.03)


def test_two_that_are_let_through_after_a_refused_one_make_it_noise_until_most_are_refused():
    throttle = refused(Throttle(), 1)
    for _ in range(2):
        throttle.fine(0.1, 0.05, CALL, 2)
    for number in range(5):
        throttle.refused(1.0 + number / 10, 0.9 + number / 10, 30.0)
    assert throttle.due(2.0) == 2.0
    for number in range(20):
        throttle.refused(3.0 + number / 10, 2.95 + number / 10, 30.0)
    assert throttle.due(5.0) > 30


def test_nobody_waits_unheard_for_longer_than_an_hour():
    assert refused(Throttle(), 9, wait=LONGEST_WAIT + 1).due(1.0) == 1.0
    assert refused(Throttle(), 9, wait=LONGEST_WAIT).due(1.0) > 3600


def test_what_waited_and_did_not_go_after_all_uses_up_nothing():
    throttle = Throttle(rate=1.0)
    throttle.take(10.0, idle=False)
    due = throttle.due(10.0)
    throttle.take(due, idle=False)
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
            if self.under_way + len(self.calls) + len(self.reads) > 1:
                self.throttle.crowd(self.now)
            due = self.throttle.due(self.now, self.readings + len(self.calls) + 1 if kind == READ else 0)
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
            self.throttle.take(self.now, idle=not self.under_way)
            self.under_way, self.readings, self.sent = self.under_way + 1, self.readings + (kind == READ), self.sent + 1
            wait = self.api.take(self.now)
            took = 0.003 if wait else self.rtt * (1 + 0.2 * self.chance.random())
            self.at(self.now + took, self.answer, step, kind, self.now, math.ceil(wait))

    def answer(self, step, kind, sent, wait):
        if wait:
            self.refused += 1
            self.throttle.refused(self.now, sent, wait, self.chance.random())
            self.at(self.now + wait, (self.calls if kind == CALL else self.reads).append, step)
        else:
            self.throttle.fine(self.now, sent, kind, self.under_way)
            if kind == READ:
                self.calls.append(step)
                self.read_at[step] = self.now
            else:
                self.done, self.idle = self.done + 1, self.idle + 1
        self.under_way, self.readings = self.under_way - 1, self.readings - (kind == READ)


@pytest.mark.parametrize("preflight", [False, True])
@pytest.mark.parametrize(("rate", "requests"), [(0.5, 200), (1, 200), (2, 200), (4, 300), (10, 400), (100, 4000)])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_limit_in_requests_a_second_is_found_out_and_used(rate, requests, preflight, seed):
    job = Simulation(TokenBucket(rate), requests // (2 if preflight else 1), preflight=preflight, seed=seed)
    assert requests / job.now / rate >= 0.95
    assert job.refused / job.sent <= 0.04
    assert job.old == 0


@pytest.mark.parametrize("preflight", [False, True])
def test_a_window_of_so_many_a_minute_is_used_up_each_minute_and_then_waited_for(preflight):
    job = Simulation(FixedWindow(60, 60), 300 // (2 if preflight else 1), preflight=preflight)
    assert job.now <= 1.3 * 240
    assert job.refused / job.sent <= 0.05
    assert job.old <= 16  # read in the first window, before it was known


@pytest.mark.parametrize("preflight", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_refusals_at_random_delay_only_what_they_refuse(share, preflight, seed):
    requests = 4000 if preflight else 2000
    job = Simulation(RandomRefusals(share, seed), 2000, preflight=preflight, seed=seed)
    # 64 hands at a time, each held up for the second that the API asked for; the start and what is left at the end
    assert job.now <= 1.3 * (requests * (0.055 + share * 1.06) / CEILING) + 3.5


@pytest.mark.parametrize("preflight", [False, True])
def test_every_fifth_call_refused_is_no_limit(preflight):
    job = Simulation(EveryNth(5), 2000, preflight=preflight)
    assert job.now <= 1.3 * ((4000 if preflight else 2000) * (0.055 + 0.25) / CEILING) + 3


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("seed", range(8))
def test_a_single_reader_that_is_refused_at_random_loses_little_more_than_its_waits(share, seed):
    job = Simulation(RandomRefusals(share, seed), 200, hands=1, seed=seed)
    assert job.now <= (1.3 if share < 0.1 else 1.6) * (200 * 0.055 + job.refused)


@pytest.mark.parametrize(("rate", "hands"), [(2, 1), (10, 1), (50, 4), (50, 8)])
def test_few_readers_find_out_a_limit_too(rate, hands):
    job = Simulation(TokenBucket(rate), 300 if rate < 50 else 1000, hands=hands)
    assert job.steps / job.now / rate >= 0.93
    assert job.refused / job.sent <= 0.03


@pytest.mark.parametrize("rate", [2, 4, 10])
def test_a_rate_that_was_counted_too_low_is_soon_grown_out_of(rate):
    """As when the machine was busy while it was counted; what is let through until it has grown is less than the limit, too."""
    low = Throttle(at_once=4.0, rate=rate / 4, _counted=rate / 4, _times=1, _eased_at=0.0)
    job = Simulation(TokenBucket(rate), 600, throttle=low)
    assert job.steps / job.now / rate >= 0.85
    assert job.refused / job.sent <= 0.03


def test_a_limit_that_is_lifted_is_not_kept_to_for_long():
    class Lifted(TokenBucket):
        def take(self, now):
            return super().take(now) if now < 60 else 0.0

    job = Simulation(Lifted(2), 1500)
    assert job.now < 60 + 240  # at two a second it would be 750


def test_the_kinds_of_request_have_a_latency_each():
    throttle = answered(Throttle(), 3)
    throttle.fine(9.0, 8.0, LIST, 1)
    assert set(throttle.latencies) == {CALL, LIST}
