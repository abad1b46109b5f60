"""Reading the studies of many: in the background, shared by all who ask, stopped, gone on with, and kept."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from lib.avara.models import Study, StudyPage
from lib.config import Settings
from lib.customers.frame import build
from lib.errors import ApiError, ExpressOpsError, Interrupted
from lib.evidence import reading as module
from lib.evidence.evidence import Evidence
from lib.evidence.kept import ActivityShelf
from lib.evidence.reading import _AT_ONCE, _IN_A_ROW, ActivityReading
from lib.evidence.rule_set import RuleSet
from lib.evidence.rules import AllOf, Answer, NoStudyFor, NoUsers
from lib.session import Session
from tests.avara.wire import CUT, reply, wire
from tests.customers.records import customer
from tests.evidence.test_studies import FORBIDDEN, NEW, NOW, OLD, client_of
from tests.served import until


class Api:
    """Studies of many customers, and how often each was asked for."""

    def __init__(self, created: dict[str, str]) -> None:
        self.created, self.asked = created, Counter()
        self.before = lambda _: None

    def iter_studies(self, product: str, customer_id: str | None = None, **_: object) -> Iterator[StudyPage]:
        if product != "viewer":
            yield StudyPage((), (), None)
            return
        self.before(customer_id)
        self.asked[customer_id] += 1
        at = datetime.fromisoformat(self.created[customer_id])
        yield StudyPage((Study(id=f"stu_{1:032x}", created_at=at, updated_at=at, is_cancelled=False),), (), None)


UNREAD = f"cus_{999:032x}"
IDS = [f"cus_{number:032x}" for number in range(200)]


def threads() -> int:
    return sum(thread.name == "activity" for thread in threading.enumerate())


def test_what_was_interrupted_goes_on_where_it_stopped_and_asks_for_nobody_twice():
    api, told, open_ = Api(dict.fromkeys(IDS, OLD)), [], threading.Semaphore(50)
    api.before = lambda _: open_.acquire()
    reading = ActivityReading(api, lambda: NOW)

    def interrupt(done: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reading.read(IDS, tell=interrupt)
    assert reading.under_way is None
    open_.release(_AT_ONCE)  # what was under way is answered all the same
    until(lambda: threads() == 0, "those under way are finished")
    first = len(reading.known)
    assert 1 <= first < 200
    open_.release(200)
    reading.read(IDS, tell=told.append)
    assert len(reading.known) == 200
    assert (told[0], told[-1]) == (first, 200)
    assert set(api.asked.values()) == {1}


@pytest.mark.parametrize(
    ("created", "before", "then", "again"),
    [
        (OLD, {"within": 90}, {"within": 30}, False),  # read to the end
        (NEW, {"within": 90}, {"within": 90}, False),
        (NEW, {"within": 90}, {"within": 365}, False),  # what came within 90 days came within a year
        (NEW, {"within": 90}, {"within": 1}, True),  # that one did not come today: there may be others
        (NEW, {"within": 90}, {}, True),
        (OLD, {}, {"hours": 24}, False),
        (OLD, {}, {"hours": 24.01}, True),
        (OLD, {}, {"hours": -0.05}, False),
        (OLD, {}, {"hours": -0.1}, True),  # it was read by a clock that was ahead
        (NEW, {"within": 90}, {"hours": -9999, "within": 90}, True),
    ],
)
def test_what_is_known_is_read_again_only_where_it_does_not_answer_or_is_too_old(created, before, then, again):
    api, clock = Api({IDS[0]: created}), [NOW]
    reading = ActivityReading(api, lambda: clock[0], stands=timedelta(hours=24))
    reading.read(IDS[:1], **before)
    clock[0] += timedelta(hours=then.pop("hours", 0))
    assert len(reading.known) == (NOW - timedelta(minutes=5) <= clock[0] <= NOW + timedelta(hours=24))
    reading.read([IDS[0].upper().replace("CUS_", "cus_")] if not again else IDS[:1], **then)
    assert api.asked.total() == 1 + again


def test_it_reads_in_the_background_tells_how_long_it_takes_and_stops_when_asked():
    api, clock, open_ = Api(dict.fromkeys(IDS, OLD)), [NOW], threading.Semaphore(0)
    api.before = lambda _: open_.acquire()
    reading = ActivityReading(api, lambda: clock[0], waiting=lambda: 7.0)
    reading.begin(IDS)
    assert (reading.under_way.done, reading.under_way.total, reading.under_way.seconds_left) == (0, 200, None)
    clock[0] += timedelta(seconds=10)
    open_.release(50)
    until(lambda: reading.under_way.done == 50, "50 are read")
    seen = reading.under_way
    assert (seen.total, seen.began, seen.seconds_left, seen.waiting) == (200, NOW, 30.0, 7.0)
    reading.cancel()
    assert (reading.under_way, reading.failure, len(reading.unread(IDS))) == (None, None, 150)
    reading.begin(IDS)  # while those that were under way still are
    assert reading.under_way.total == 150
    open_.release(500)
    until(lambda: reading.under_way is None, "all are read")
    assert len(reading.known) == 200
    assert api.asked.total() <= 200 + _AT_ONCE


def test_two_that_begin_at_once_have_one_reading_that_goes_as_far_as_either_needs():
    api, open_ = Api(dict.fromkeys(IDS, "2025-12-01T00:00:00Z")), threading.Semaphore(0)
    api.before = lambda _: open_.acquire()
    reading = ActivityReading(api, lambda: NOW)
    both = [
        threading.Thread(target=reading.begin, args=(ids, within))
        for ids, within in ((IDS[:150], 365), (IDS[100:], 30))  # within a year is proof, within 30 days is none
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert 200 <= reading.under_way.total <= 200 + _AT_ONCE  # who was under way already is read once more, further
    open_.release(500)
    until(lambda: reading.under_way is None, "all are read")
    assert (reading.unread(IDS[:150], 365), reading.unread(IDS[100:], 30)) == ([], [])


def test_who_waits_hears_that_somebody_else_stopped_it():
    api, open_ = Api(dict.fromkeys(IDS, OLD)), threading.Event()
    api.before = lambda _: open_.wait()
    reading = ActivityReading(api, lambda: NOW)
    with pytest.raises(Interrupted, match="goes on from there"):
        reading.read(IDS, tell=lambda _: reading.cancel())
    open_.set()


@pytest.mark.parametrize(
    ("answer", "at_most", "words"),
    [
        (reply(401), 0, "The API refused the key"),
        (None, 0, "could not be reached"),
        (CUT, _IN_A_ROW + _AT_ONCE, "the connection broke"),
        (reply(500), _IN_A_ROW + _AT_ONCE, "The API failed to answer"),
        (FORBIDDEN, _IN_A_ROW + _AT_ONCE, "does not allow this key"),
    ],
)
def test_what_is_no_customers_own_fault_stops_all_of_it_soon_with_one_sentence(answer, at_most, words):
    with wire(answer) as server, client_of(server.base_url if answer else "http://127.0.0.1:1") as client:
        reading = ActivityReading(client, lambda: NOW)
        with pytest.raises(ExpressOpsError, match=words):
            reading.read(IDS)
        until(lambda: threads() == 0, "those under way are finished")
        assert len(reading.known) <= at_most
        assert words in reading.failure.message
        assert reading.under_way is None


def test_nobody_goes_on_before_it_is_known_that_all_of_it_failed(monkeypatch):
    failed = ApiError("It failed to answer.", status=500)

    def fail(_: object) -> None:
        raise failed

    api, under_way = Api({}), []
    api.before = fail
    reading = ActivityReading(api, lambda: NOW)
    go_on = reading._sure.set
    monkeypatch.setattr(reading._sure, "set", lambda: (under_way.append(reading.under_way), go_on()))
    with pytest.raises(ApiError):
        reading.read(IDS)
    until(lambda: threads() == 0, "those under way are finished")
    assert set(under_way) == {None}  # those whose answers were on their way by then may bring another doubt
    assert len(reading.known) <= _IN_A_ROW + _AT_ONCE


def test_a_customers_own_trouble_stays_its_own_and_is_tried_again_after_the_others(start_sandbox):
    server = start_sandbox(customers=120)
    server.set_faults(["http-500@viewer-studies=0.5"])
    with client_of(server.base_url, server.api_key) as client:
        ids = [one.id for each in client.iter_pages() for one in each.customers]
        reading = ActivityReading(client, lambda: NOW)
        reading.read(ids)
        unknown = [one for one in ids if reading.known[one].why]
        assert 5 < len(unknown) < 60  # a request is tried three times
        assert reading.unread([*unknown, UNREAD]) == [UNREAD, *unknown]
        server.set_faults([])
        reading.read(ids)
        assert not [one for one in reading.known.values() if one.why]


def test_closing_a_session_stops_a_reading_that_waits_for_an_api_that_does_not_answer(start_sandbox, tmp_path):
    server = start_sandbox(customers=1000)
    settings = Settings(EXPRESS_OPS_HOME=tmp_path, AVARA_API_KEY=server.api_key, AVARA_BASE_URL=server.base_url)
    with Session(settings, known="as a test") as session:
        ids = list(session.loads.wait().frame.rows["id"])
        reading = session.evidence.reading
        reading.begin(ids)
        until(lambda: reading.known, "some are read")
        server.set_faults(["timeout-before@viewer-studies", "timeout-before@autoscribe-studies"])
        assert reading.under_way is not None
        began = time.monotonic()
    assert time.monotonic() - began < 30  # the client would wait for 60
    assert reading.under_way is None
    with Session(settings, known="as a test") as session:
        assert session.evidence.reading.known == reading.known


def test_what_is_answered_after_a_session_was_closed_is_known_to_nobody(tmp_path):
    """Else what one process knows is not what it kept."""
    api, open_ = Api(dict.fromkeys(IDS, OLD)), threading.Semaphore(5)
    api.before = lambda _: open_.acquire()
    shelf = ActivityShelf(tmp_path, "a" * 16)
    reading = ActivityReading(api, lambda: NOW, shelf=shelf)
    reading.begin(IDS)
    until(lambda: len(reading.known) == 5, "some are read")
    reading.close()
    open_.release(500)
    until(lambda: threads() == 0, "those under way are finished")
    assert len(reading.known) == 5
    assert shelf.read(NOW, NOW)[0] == reading.known
    with pytest.raises(Interrupted):
        reading.read(IDS)


def test_a_process_that_is_killed_goes_on_where_it_stopped(monkeypatch, tmp_path):
    """What was read is kept meanwhile: another process, which knows nothing of the first, asks only for the others."""
    monkeypatch.setattr(module, "_KEEP_EVERY", 0)
    api, open_ = Api(dict.fromkeys(IDS, OLD)), threading.Semaphore(0)
    api.before = lambda _: open_.acquire()
    shelf = ActivityShelf(tmp_path, "a" * 16)
    killed = ActivityReading(api, lambda: NOW, shelf=shelf)
    killed.begin(IDS)
    until(lambda: open_.release() or len(shelf.read(NOW, NOW)[0]) > 20, "some are kept while it reads")
    other = Api(dict.fromkeys(IDS, OLD))
    reading = ActivityReading(other, lambda: NOW, shelf=shelf)
    first = len(reading.known)
    reading.read(IDS)
    assert other.asked.total() == 200 - first
    reading.close()
    assert len(shelf.read(NOW, NOW)[0]) == 200
    killed.cancel()
    open_.release(500)


def test_what_another_process_has_read_is_taken_up_without_reading_anything(monkeypatch, tmp_path):
    """By whoever asks what is known: pages, commands and notebooks. What is kept here is no news, and is not kept again."""
    monkeypatch.setattr(module, "_LOOK", -1)
    ours, theirs = (ActivityShelf(tmp_path, "a" * 16) for _ in range(2))
    reading = ActivityReading(Api({}), lambda: NOW, shelf=ours)
    before = reading.revision
    other = ActivityReading(Api(dict.fromkeys(IDS[:3], OLD)), lambda: NOW, shelf=theirs)
    other.begin(IDS[:3])
    until(lambda: other.under_way is None, "they were read")
    other.close()
    assert reading.unread(IDS[:5]) == IDS[3:5]
    assert reading.revision == before + 3
    assert dict(reading.known) == dict(other.known)
    with monkeypatch.context() as patch:
        patch.setattr(ours, "read", None)
        reading.catch_up()
        written = ours.file.stat().st_mtime_ns
        reading.close()
    assert ours.file.stat().st_mtime_ns == written
    theirs.file.write_text("damaged")
    assert reading.unread(IDS[:5]) == IDS[3:5]
    assert "damaged" in reading.word


def test_studies_are_read_only_of_those_whom_the_other_rules_leave_open():
    """No users is known from the record: who has some is no candidate, whatever its studies say."""
    listed = [customer(number, user_count=number % 2, is_active=number % 3 > 0) for number in range(20)]
    api = Api({one.id: OLD for one in listed})
    frame = build(listed)
    rules = RuleSet(name="x", rule=AllOf(rules=(NoUsers(), NoStudyFor(days=90))))
    found = Evidence(ActivityReading(api, lambda: NOW), lambda: NOW).find(rules, frame)
    active = [one for one in listed if one.is_active]
    assert [facts.record.id for facts, _ in found] == [one.id for one in active]
    assert set(api.asked) == {one.id for one in active if one.user_count == 0}
    assert {facts.record.id for facts, finding in found if finding.answer is Answer.YES} == set(api.asked)
