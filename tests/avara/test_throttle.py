"""How fast requests may go: by tables, and by APIs with limits of every shape, simulated second by second."""

import heapq
import math
import random
from collections import deque
from datetime import UTC, datetime
from itertools import count

import pytest

from lib.avara.reply import Reply
from lib.avara.throttle import CALL, CEILING, LONGEST_WAIT, READ, START, Throttle
from lib.errors import BadAnswer, NoAnswer, Unreachable
from lib.sandbox.limiter import EveryNth, FixedWindow, RandomRefusals, TokenBucket


def answered(throttle, times, *, seconds=0.05, in_flight=None):
    """So many answers of the same latency, one after the other."""
    for number in range(times):
        now = (number + 1) * seconds
        throttle.fine(now, now - seconds, in_flight if in_flight is not None else int(throttle.at_once))
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
    throttle.ended(1.0, 0.9, 8, NoAnswer())
    throttle.ended(1.1, 0.95, 7, NoAnswer())  # sent before
    assert throttle.at_once == 4
    for second in range(2, 9):
        throttle.ended(float(second), second - 0.1, 1, NoAnswer())
    assert throttle.at_once == 1


class Heard(Throttle):
    """Notes what it takes the end of a request for."""

    def fine(self, *_):
        self.heard = "fine"

    def refused(self, _now, _sent, wait):
        self.heard = ("refused", wait)

    def late(self, *_):
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
    throttle.ended(1.0, 0.9, 1, Reply(*outcome, b"", datetime.now(UTC)) if isinstance(outcome, tuple) else outcome)
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
        throttle.fine(0.1, 0.05, 2)
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


#: What the clock shows at the start, in seconds: a machine has been up for a while.
BEGAN = 50_000.0


class Simulation:
    """An API, `hands` that each ask for one thing after the other, and the queue of a limiter between them.

    `preflight`: each step reads a record, and calls while that is younger than 15 s. `busy`: how much of the machine others
    have. Now and then all of us stand still for up to so many seconds, and three of ten messages arrive late.
    """

    def __init__(self, api, steps, *, hands=CEILING, rtt=0.05, preflight=False, seed=1, throttle=None, busy=0.0):
        self.api, self.steps, self.hands, self.rtt, self.preflight, self.busy = api, steps, hands, rtt, preflight, busy
        self.chance, self.throttle, self.events, self.order = random.Random(seed), throttle or Throttle(), [], count()
        self.calls, self.reads, self.read_at = deque(), deque(), {}
        self.todo, self.under_way, self.readings, self.now, self.awake = steps, 0, 0, BEGAN, math.inf
        self.sent = self.refused = self.old = self.done = 0
        self.standing_still = self.stands_still_at = math.inf
        self.run()

    @property
    def took(self):
        return self.now - BEGAN

    def at(self, when, what, *told):
        heapq.heappush(self.events, (when, next(self.order), what, told))

    def run(self):
        self.idle = self.hands
        self.stand_still()
        self.go()
        while self.done < self.steps:
            now, _, what, told = heapq.heappop(self.events)
            if now >= self.stands_still_at and what != self.arrive:
                self.at(max(now, self.standing_still), what, *told)
                if now >= self.standing_still:
                    self.stand_still()
                continue
            self.now = now
            what(*told)
            if what != self.arrive:
                self.go()

    def stand_still(self):
        """Choose when it is next, and until when."""
        if self.busy:
            self.stands_still_at = self.now + self.chance.expovariate(self.busy / 3)
            self.standing_still = self.stands_still_at + self.chance.uniform(0.1, 1.0) * self.busy

    def takes(self, seconds):
        late = self.busy and self.chance.random() < 0.3
        return seconds * (1 + 0.2 * self.chance.random()) + (self.chance.expovariate(1 / (0.08 * self.busy)) if late else 0.0)

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
            self.at(self.now + self.takes(0.001), self.arrive, step, kind, self.now)

    def arrive(self, step, kind, sent):
        """At the API, which stands still for nobody."""
        wait = self.api.take(self.now)
        self.at(self.now + self.takes(0.002 if wait else self.rtt), self.answer, step, kind, sent, math.ceil(wait))

    def answer(self, step, kind, sent, wait):
        if wait:
            self.refused += 1
            self.throttle.refused(self.now, sent, wait)
            again = self.calls if kind == CALL else self.reads
            self.at(self.now + wait * (1 + 0.25 * self.chance.random()), again.append, step)
        else:
            self.throttle.fine(self.now, sent, self.under_way)
            if kind == READ:
                self.calls.append(step)
                self.read_at[step] = self.now
            else:
                self.done, self.idle = self.done + 1, self.idle + 1
        self.under_way, self.readings = self.under_way - 1, self.readings - (kind == READ)


class Hammer(Throttle):
    """As the official client goes about it: each refused request waits alone, all others go."""

    def __init__(self):
        super().__init__(at_once=float(CEILING))

    def due(self, now, _to_follow=0):
        return now

    def refused(self, *_):
        pass


#: Requests a second, and how many are made: as in the benchmark of rate limits.
RATES = [(0.5, 150), (1, 200), (2, 300), (4, 400), (10, 600), (100, 2000)]


@pytest.mark.parametrize("preflight", [False, True])
@pytest.mark.parametrize(("rate", "requests"), RATES)
@pytest.mark.parametrize("rtt", [0.02, 0.05])
def test_a_limit_in_requests_a_second_is_found_out_and_used(rate, requests, preflight, rtt):
    for seed in range(5):
        job = Simulation(TokenBucket(rate), requests // (2 if preflight else 1), preflight=preflight, seed=seed, rtt=rtt)
        assert (requests - max(rate, 1)) / rate / job.took >= (0.95 if rate == 100 else 0.9)
        assert job.refused / job.sent <= 0.03
        assert job.old == 0


@pytest.mark.parametrize("preflight", [False, True])
def test_a_window_of_so_many_a_minute_is_used_up_each_minute_and_then_waited_for(preflight):
    job = Simulation(FixedWindow(60, 60), 150 // (2 if preflight else 1), preflight=preflight)
    assert 120 / job.took >= 0.9
    assert job.old <= 16  # read in the first window, before it was known


@pytest.mark.parametrize("preflight", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_refusals_at_random_delay_only_what_they_refuse(share, preflight):
    requests = 4000 if preflight else 2000
    for seed in range(5):
        job = Simulation(RandomRefusals(share, seed), 2000, preflight=preflight, seed=seed)
        # 64 hands at a time, each held up for the second that the API asked for; the start and what is left at the end
        assert job.took <= 1.3 * (requests * (0.055 + share * 1.2) / CEILING) + 3.5


@pytest.mark.parametrize("preflight", [False, True])
def test_every_fifth_call_refused_is_no_limit(preflight):
    job = Simulation(EveryNth(5), 2000, preflight=preflight)
    assert job.took <= 1.3 * ((4000 if preflight else 2000) * (0.055 + 0.28) / CEILING) + 3


@pytest.mark.parametrize(("share", "most"), [(0.01, 1.3), (0.05, 1.3), (0.2, 2)])
def test_a_single_reader_that_is_refused_at_random_loses_little_more_than_its_waits(share, most):
    for seed in range(20):
        job = Simulation(RandomRefusals(share, seed), 200, hands=1, seed=seed)
        assert job.took <= most * (200 * 0.055 + job.refused)


@pytest.mark.parametrize(("rate", "hands"), [(0.5, 1), (2, 1), (10, 1), (50, 4), (50, 8)])
def test_few_readers_find_out_a_limit_too(rate, hands):
    job = Simulation(TokenBucket(rate), 300 if rate < 50 else 1000, hands=hands)
    assert job.steps / job.took / rate >= 0.9
    assert job.refused / job.sent <= 0.04


class Changed(TokenBucket):
    """From the thirtieth second on it is another one."""

    def __init__(self, rate, then):
        super().__init__(rate)
        self.then = then

    def take(self, now):
        return super().take(now) if now < BEGAN + 30 else self.then.take(now)


def test_a_limit_that_is_halved_is_obeyed_at_once():
    job = Simulation(Changed(8, TokenBucket(4)), 600)
    assert job.took <= 1.1 * (30 + (600 - 240) / 4)
    assert job.refused / job.sent <= 0.03


def test_a_limit_that_is_lifted_is_not_kept_to_for_long():
    assert Simulation(Changed(2, RandomRefusals(0, 1)), 1500).took <= 240  # at two a second it would be 750


SHAPES = {
    **{f"{rate:g} a second": (lambda _, rate=rate: TokenBucket(rate), requests) for rate, requests in RATES},
    "60 a minute": (lambda _: FixedWindow(60, 60), 150),
    **{f"{share:.0%} at random": (lambda seed, share=share: RandomRefusals(share, seed), 2000) for share in (0.01, 0.05, 0.2)},
    "every fifth": (lambda _: EveryNth(5), 2000),
}


@pytest.mark.parametrize("preflight", [False, True])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_on_a_busy_machine_too_no_limit_of_any_shape_takes_much_longer_than_hammering_at_it(shape, preflight):
    """Answers come late and out of order, and threads miss their turns: that must look neither like chance nor like a limit."""
    make, requests = shape
    steps, took, hammered = requests // (2 if preflight else 1), 0.0, 0.0
    for seed in range(10):
        job, hammer = (
            Simulation(make(seed), steps, preflight=preflight, seed=seed, rtt=0.02, busy=0.5, throttle=throttle())
            for throttle in (Throttle, Hammer)
        )
        took, hammered = took + job.took, hammered + hammer.took
        if isinstance(job.api, TokenBucket):
            assert job.refused / job.sent <= 0.05
    assert took <= 1.3 * hammered
