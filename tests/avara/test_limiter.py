"""How fast requests may go: the pure pace by tables and by a simulated API, the blocking front by threads."""

import heapq
import math
import random
import threading
from datetime import UTC, datetime
from itertools import count

import pytest

from lib.avara.limiter import CEILING, LONGEST_FLOOR, START, Latency, Limiter, Pace, RetryBudget, Sign, sign_of
from lib.avara.reply import Reply
from lib.errors import BadAnswer, NoAnswer, Unreachable
from lib.sandbox.limiter import TokenBucket

PATIENCE = 10.0
STEADY = {"one": Latency(0.05, 0.05)}


def reply(status, **headers):
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"", datetime.now(UTC))


def answered(pace, times, *, seconds=0.05, in_flight=None, start=0.0):
    """The pace after so many answers of the same latency, one after the other."""
    now = start
    for _ in range(times):
        now += seconds
        pace = pace.fine(now, now - seconds, "one", in_flight if in_flight is not None else int(pace.limit))
    return pace


def test_it_begins_with_two_at_a_time_and_opens_by_one_with_every_answer():
    assert Pace().limit == START == 2
    assert answered(Pace(), 10).limit == 12


def test_the_ceiling_holds_whatever_the_api_puts_up_with():
    assert answered(Pace(), 1000).limit == CEILING
    assert answered(Pace(ceiling=5), 1000).limit == 5


def test_after_a_cut_it_opens_by_one_with_every_round():
    pace = answered(Pace(limit=10.0, cut_at=0.0, latencies=STEADY), 10)
    assert 10.9 < pace.limit < 11.0


def test_what_is_not_used_does_not_open_up():
    assert answered(Pace(limit=10.0), 100, in_flight=1).limit == 10


@pytest.mark.parametrize(
    ("happens", "limit"),
    [
        (lambda pace: pace.slowed_down(1.0, 0.9, 8, None, 0.0), 4),
        (lambda pace: pace.timed_out(1.0, 0.9), 4),
        (lambda pace: pace.waiting(1.0, 5.0, 0.0), 8),
        (lambda pace: answered(pace, 1, seconds=1.0), 8 * 0.8),
    ],
)
def test_signs_of_too_much_divide_the_number_at_a_time(happens, limit):
    pace = happens(Pace(limit=8.0, cut_at=0.0, latencies=STEADY))
    assert pace.limit == limit


def test_it_never_falls_below_one():
    pace = Pace(limit=1.0)
    for second in range(1, 9):
        pace = pace.timed_out(float(second), second - 0.1)
    assert pace.limit == 1


def test_answers_to_what_was_sent_before_a_cut_cut_no_further():
    pace = Pace(limit=32.0).slowed_down(1.0, 0.9, 32, 1.0, 0.0)
    again = pace.slowed_down(1.01, 0.95, 31, 1.0, 0.0).timed_out(1.02, 0.99)
    assert (again.limit, again.rate) == (pace.limit, pace.rate)
    assert again.floor >= pace.floor


@pytest.mark.parametrize(
    ("asked", "chance", "floor"),
    [(2.0, 0.0, 12.0), (2.0, 0.5, 12.1), (3600.0, 0.0, 10.0 + LONGEST_FLOOR), (None, 0.5, 0.0), (0.0, 0.5, 0.0)],
)
def test_retry_after_is_a_floor_for_everybody(asked, chance, floor):
    pace = Pace().waiting(10.0, asked, chance)
    assert pace.floor == pytest.approx(floor)
    _, due = pace.reserve(10.0)
    assert due == pytest.approx(max(floor, 10.0))


def test_a_shorter_floor_does_not_take_back_a_longer_one():
    assert Pace().waiting(0.0, 9.0, 0.0).waiting(1.0, 1.0, 0.0).floor == 9


def test_the_rate_spaces_requests_evenly():
    pace, due = Pace(rate=10.0, next_slot=5.0), []
    for _ in range(4):
        pace, at = pace.reserve(5.0)
        due.append(at)
    assert due == pytest.approx([5.0, 5.1, 5.2, 5.3])


def test_between_two_refusals_the_rate_is_counted():
    first = Pace(limit=20.0, latencies=STEADY).slowed_down(0.0, -0.1, 20, 1.0, 0.0)
    assert first.rate == 20 / 0.05 / 2
    pace = first
    for number in range(150):
        pace = pace.fine(1.0 + number / 300, 0.99, "one", 10)
    assert pace.slowed_down(1.5, 1.45, 10, 1.0, 0.0).rate == pytest.approx(100, rel=0.01)


def test_a_rate_that_is_not_tried_does_not_grow():
    tried, idle = Pace(rate=100.0, next_slot=10.0, answered_at=9.99), Pace(rate=100.0, next_slot=5.0, answered_at=9.99)
    assert tried.fine(10.0, 9.95, "one", 5).rate > 100
    assert idle.fine(10.0, 9.95, "one", 5).rate == 100


def simulated(rate, rtt, requests, *, hands=CEILING, seed=1):
    """So many requests by threads without a clock of their own, under a bucket of tokens: (share used, share refused)."""
    chance, bucket, pace = random.Random(seed), TokenBucket(rate), Pace()
    events, order = [], count()
    now, todo, idle, in_flight, served, refused = 0.0, requests, hands, 0, 0, 0
    while served < requests:
        while idle and todo and in_flight < int(pace.limit):
            idle, todo, in_flight = idle - 1, todo - 1, in_flight + 1
            pace, due = pace.reserve(now)
            heapq.heappush(events, (due, next(order), "due", due))
        now, _, what, told = heapq.heappop(events)
        if what == "due" and pace.floor > told:
            pace, due = pace.reserve(now)
            heapq.heappush(events, (due, next(order), "due", due))
        elif what == "due":
            wait = bucket.take(now)
            took = 0.003 if wait else rtt * (1 + 0.2 * chance.random())
            heapq.heappush(events, (now + took, next(order), "answer", (now, math.ceil(wait))))
        else:
            sent, wait = told
            if wait:
                pace, refused, todo = pace.slowed_down(now, sent, in_flight, wait, chance.random()), refused + 1, todo + 1
            else:
                pace, served = pace.fine(now, sent, "one", in_flight), served + 1
            in_flight, idle = in_flight - 1, idle + 1
    return served / now / rate, refused / (served + refused)


@pytest.mark.parametrize("rtt", [0.01, 0.05, 0.15])
@pytest.mark.parametrize("rate", [20, 100])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_limit_in_requests_a_second_is_found_out_and_used(rate, rtt, seed):
    used, refused = simulated(rate, rtt, 2000, seed=seed)
    assert used >= 0.95
    assert refused <= 0.02


class Clock:
    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limiter(clock):
    return Limiter(clock=clock, sleep=clock.sleep, random=lambda: 0.0)


def test_a_single_thread_is_never_kept_waiting(limiter, clock):
    for _ in range(1000):
        slot = limiter.acquire("GET many")
        clock.now += 0.2
        limiter.release(slot, Sign.FINE)
    assert clock.slept == []


def test_readers_wait_for_what_a_writer_was_told(limiter, clock):
    limiter.release(limiter.acquire("POST one"), Sign.SLOW_DOWN, 3.0)
    limiter.acquire("GET many")
    assert sum(clock.slept) >= 3.0


def test_a_thread_that_sleeps_hears_of_a_longer_wait(limiter, clock):
    limiter._pace = Pace(limit=8.0)
    slots = [limiter.acquire("one"), limiter.acquire("one")]
    limiter.release(slots[0], Sign.SLOW_DOWN, 1.0)
    sleep = clock.sleep

    def sleep_while_another_is_refused(seconds):
        if slots[1]:
            limiter.release(slots[1], Sign.SLOW_DOWN, 10.0)
            slots[1] = None
        sleep(seconds)

    limiter._sleep = sleep_while_another_is_refused
    limiter.acquire("one")
    assert clock.now >= 10.0


@pytest.mark.parametrize("asked", [1, 3])
def test_a_wait_ends_once_nobody_wants_the_request_any_more(limiter, clock, asked):
    limiter.release(limiter.acquire("one"), Sign.SLOW_DOWN, 30.0)
    answers = iter([True] * (asked - 1))
    assert limiter.acquire("one", lambda: next(answers, False)) is None
    assert clock.now < 1.0
    assert limiter._in_flight == 0


def test_a_request_that_nobody_wants_takes_no_slot_from_others(limiter):
    taken = [limiter.acquire("one"), limiter.acquire("one")]
    assert limiter.acquire("one", lambda: False) is None
    limiter.release(taken[0], Sign.FINE)
    assert limiter.acquire("one") is not None


def test_no_more_go_at_a_time_than_the_pace_lets():
    limiter, lock = Limiter(ceiling=3), threading.Lock()
    running, most, gate = 0, 0, threading.Event()

    def work():
        nonlocal running, most
        for _ in range(20):
            slot = limiter.acquire("one")
            with lock:
                running += 1
                most = max(most, running)
            gate.wait(0.0005)
            with lock:
                running -= 1
            limiter.release(slot, Sign.FINE)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert most == 3


@pytest.mark.parametrize(
    ("sent", "sign", "wait"),
    [
        (reply(200), Sign.FINE, None),
        (reply(404), Sign.FINE, None),
        (reply(429, retry_after="7"), Sign.SLOW_DOWN, 7.0),
        (reply(503, retry_after="2"), Sign.NOTHING, 2.0),
        (reply(500), Sign.NOTHING, None),
        (reply(408), Sign.TIMEOUT, None),
        (NoAnswer(), Sign.TIMEOUT, None),
        (Unreachable(), Sign.TIMEOUT, None),
        (BadAnswer(), Sign.NOTHING, None),
    ],
)
def test_what_the_end_of_a_request_says(sent, sign, wait):
    assert sign_of(sent) == (sign, wait)


def test_an_empty_budget_allows_no_retry_and_good_answers_fill_it_again():
    budget = RetryBudget(size=10, cost=5)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    for _ in range(4):
        budget.give_back()
    assert not budget.take()
    budget.give_back()
    assert budget.take()


def test_a_budget_holds_no_more_than_its_size():
    budget = RetryBudget(size=10, cost=5)
    for _ in range(100):
        budget.give_back()
    assert [budget.take() for _ in range(3)] == [True, True, False]
