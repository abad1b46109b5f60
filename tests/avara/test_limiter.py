"""The queue before the API, by real threads: nobody is left waiting, nobody holds up others, calls go first."""

import random
import threading
import time
from datetime import UTC, datetime

import pytest

from lib.avara.limiter import Limiter
from lib.avara.reply import Reply
from lib.avara.throttle import CALL, LAST, LIST, READ
from lib.errors import JournalUnavailable

PATIENCE = 20.0


def reply(status=200, **headers):
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"", datetime.now(UTC))


class Api:
    """Notes what goes through a limiter, and answers when it is let."""

    def __init__(self, **options):
        self.limiter = Limiter(**options)
        self.sent, self.open = [], threading.Event()
        self._threads = []

    def ask(self, name, kind=CALL, **options):
        """Begin to send in a thread of its own, and return once that is under way or waits in the queue."""

        def request():
            self.sent.append(name)
            assert self.open.wait(PATIENCE)
            return reply()

        queued = len(self.limiter._queue) + len(self.sent)
        thread = threading.Thread(target=self.limiter.send, args=(kind, request), kwargs=options, daemon=True)
        thread.start()
        self._threads.append(thread)
        until(lambda: len(self.limiter._queue) + len(self.sent) > queued)

    def end(self):
        """Let all requests be answered; every thread ends."""
        self.open.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "somebody waits for good"
        assert sum(self.limiter._under_way.values()) == 0
        return self.sent


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.001)


def test_first_come_first_served_but_calls_go_before_readings_and_lists_and_studies_last():
    api = Api(ceiling=1)
    api.ask("first")
    for name, kind in (("s1", LAST), ("r1", READ), ("l1", LIST), ("c1", CALL), ("r2", READ), ("c2", CALL)):
        api.ask(name, kind)
    assert api.end() == ["first", "c1", "c2", "r1", "l1", "r2", "s1"]


def test_who_is_woken_and_not_wanted_any_more_wakes_the_next():
    api, gone = Api(ceiling=1), threading.Event()
    api.ask("first")
    api.ask("leaves", wanted=lambda: not gone.is_set())
    api.ask("next")  # wanted for good: it looks at nothing until it is woken
    gone.set()
    assert api.end() == ["first", "next"]


def test_who_leaves_from_the_front_of_the_queue_passes_the_wake_up_on():
    """It is at the front, not wanted any more, and has not looked yet, when the turn becomes free."""
    api, asked, go_on = Api(ceiling=1), threading.Event(), threading.Event()

    def wanted():
        asked.set()
        assert go_on.wait(PATIENCE)
        return False

    api.ask("first")
    api.ask("leaves", wanted=wanted)
    assert asked.wait(PATIENCE)
    api.ask("next")
    api.open.set()
    until(lambda: sum(api.limiter._under_way.values()) == 0)
    go_on.set()
    assert api.end() == ["first", "next"]


def test_who_takes_long_to_say_whether_it_is_wanted_holds_nobody_up():
    """It is the first in the queue, and asks a journal that does not answer."""
    api, asked, slow = Api(ceiling=1), threading.Event(), threading.Event()

    def wanted():
        asked.set()
        assert slow.wait(PATIENCE)
        return True

    api.ask("one")
    api.ask("slow", wanted=wanted)
    assert asked.wait(PATIENCE)
    api.open.set()
    for number in range(20):
        api.ask(number)
    until(lambda: len(api.sent) == 21)
    assert "slow" not in api.sent
    slow.set()
    assert api.end()[-1] == "slow"


@pytest.mark.parametrize("where", ["request", "wanted", "ready", "sign"])
def test_a_turn_is_given_back_whatever_is_raised(where):
    def fail():
        raise JournalUnavailable

    limiter = Limiter(ceiling=1)
    asked = {"request": reply, "wanted": lambda: True, "ready": lambda: True, "sign": None, where: fail}
    if where == "sign":  # an answer of which nothing can be made out
        asked["request"] = lambda: Reply(429, None, b"", datetime.now(UTC))
    for _ in range(3):
        with pytest.raises((JournalUnavailable, AttributeError)):
            limiter.send(CALL, asked["request"], asked["wanted"], asked["ready"])
    assert limiter.send(CALL, reply).status == 200


def test_nothing_goes_that_is_not_wanted_or_not_ready_and_it_keeps_no_turn():
    limiter, sent = Limiter(ceiling=1), []
    for wanted, ready in ((False, True), (True, False)):
        assert limiter.send(CALL, lambda: sent.append(1) or reply(), lambda said=wanted: said, lambda said=ready: said) is None
    assert sent == []
    assert limiter.send(CALL, reply).status == 200


def test_a_call_that_is_refused_makes_the_others_wait_and_a_long_wait_ends_once_nobody_wants_it():
    limiter = Limiter()
    refused = reply(429, retry_after="30")
    for _ in range(3):  # it was not only that one
        limiter.send(CALL, lambda: refused)
    assert 29 < limiter.waiting < 31
    asked = []
    began = time.monotonic()
    assert limiter.send(READ, reply, lambda: asked.append(1) or len(asked) < 3) is None
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("ceiling", [1, 3])
def test_no_more_go_at_a_time_than_the_ceiling_and_nobody_waits_for_good(ceiling):
    """A few thousand that come, are wanted or not, raise or are refused at random."""
    limiter, lock, chance = Limiter(ceiling=ceiling), threading.Lock(), random.Random(ceiling)
    running, most, done = 0, 0, []

    def request():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.0002)
        with lock:
            running -= 1
        if chance.random() < 0.1:
            raise JournalUnavailable
        return reply(429, retry_after_ms="2") if chance.random() < 0.05 else reply()

    def work():
        for _ in range(150):
            wanted = (lambda: chance.random() < 0.6) if chance.random() < 0.5 else None
            kind = chance.choice([CALL, READ, LIST])
            try:
                limiter.send(kind, request, *([wanted] if wanted else []))
            except JournalUnavailable:
                continue
        done.append(1)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 12, "somebody waits for good"
    assert most <= ceiling
    assert sum(limiter._under_way.values()) == 0
