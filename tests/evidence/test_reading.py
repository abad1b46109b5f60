"""Reading studies, from the real sandbox over real HTTP; and that nothing of a patient is left of it."""

from __future__ import annotations

import gc
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.models import Study, StudyPage
from lib.customers.frame import build
from lib.evidence.activity import Activity
from lib.evidence.reading import _AT_ONCE, ActivityReading, find_candidates, read_activity
from lib.evidence.rule_set import RuleSet
from lib.evidence.rules import AllOf, Answer, Facts, NeverAStudy, NoStudyFor, NoUsers
from tests.avara.wire import reply, wire
from tests.customers.records import customer
from tests.evidence.test_rules import record

SECRET = "Zzyzx"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUSTOMER = f"cus_{1:032x}"


def study(number: int, created: str | None, *, cancelled: bool = False) -> dict[str, object]:
    """With a word in every field that no reader of ours needs."""
    return {
        "studyId": f"stu_{number:032x}",
        "studyInstanceUid": SECRET,
        "studyDescription": SECRET,
        "severity": SECRET,
        "isCancelled": cancelled,
        "cancelledAt": None,
        "createdAt": created,
        "updatedAt": created,
        "assignedTo": {"userId": SECRET, "email": SECRET},
        "expressCustomer": {"expressCustomerId": CUSTOMER, "expressCustomerName": SECRET},
        "reportMetadata": {"patientName": SECRET, "mrn": SECRET, "dateOfBirth": SECRET},
        SECRET: SECRET,
    }


def page(*studies: dict[str, object], cursor: str | None = None) -> bytes:
    return reply(200, {"studies": studies, "hasMore": cursor is not None, **({"cursor": cursor} if cursor else {})})


OLD, NEW = "2020-01-01T00:00:00Z", "2026-02-27T08:15:00Z"
NOTHING = page()
FORBIDDEN = reply(403, {"message": "Not for you."})


def client_of(base_url: str) -> AvaraClient:
    return AvaraClient(Connection(base_url, SecretStr("sk_test_1"), "test", "sandbox"), sleep=lambda _: None)


@pytest.mark.parametrize(
    ("answers", "within", "requests", "words"),
    [
        ((NOTHING, NOTHING), None, 2, "never a study"),
        ((NOTHING, NOTHING), 90, 2, "never a study"),
        ((page(study(1, OLD)), NOTHING), 90, 2, "newest study 2020-01-01 00:00 UTC, 0 in 90 days"),
        ((page(study(1, NEW)), NOTHING), None, 2, "newest study 2026-02-27 08:15 UTC, 1 in 90 days"),
        ((page(study(1, NEW)), NOTHING), 90, 1, "newest study 2026-02-27 08:15 UTC, at least 1 in 90 days"),
        ((NOTHING, page(study(1, NEW))), 90, 2, "newest study 2026-02-27 08:15 UTC, at least 1 in 90 days"),
        # their order is not documented: an old one first says nothing
        ((page(study(1, OLD), cursor="a"), page(study(2, NEW), cursor="b"), NOTHING), 90, 2, "at least 1 in 90 days"),
        ((page(study(1, NEW, cancelled=True)), NOTHING), 90, 2, "never a study, 1 cancelled"),
        ((page(study(1, None)), NOTHING), 90, 2, "no study seen, 1 without a time that can be"),
        ((page(study(1, "2030-01-01T00:00:00Z")), NOTHING), 90, 2, "no study seen, 1 without a time that can be"),
        ((page(study(1, 5)), NOTHING), 90, 2, "no study seen, 1 without a time that can be"),
        ((FORBIDDEN,), 90, 1, "studies unknown: "),
        ((page(study(1, OLD), cursor="a"), FORBIDDEN), 90, 2, "studies unknown: "),
        ((page(study(1, OLD)), FORBIDDEN), 90, 2, "studies unknown: "),
        ((page(study(1, OLD), cursor="a"), page(study(2, OLD), cursor="a")), 90, 2, "studies unknown: "),
        ((page(study(1, OLD)), reply(200, b"{")), 90, 4, "studies unknown: "),  # asked for again, twice
    ],
)
def test_it_reads_on_until_the_answer_is_certain_and_not_further(answers, within, requests, words):
    with wire(*answers) as server, client_of(server.base_url) as client:
        seen = read_activity(client, CUSTOMER, NOW, within)
        assert words in seen.words
        assert len(server.requests) == requests


def test_nothing_of_a_patient_is_left_of_what_was_read(caplog):
    caplog.set_level(logging.DEBUG)
    answers = (page(study(1, OLD), study(2, SECRET), {**study(3, NEW), "isCancelled": SECRET}), FORBIDDEN)
    with wire(*answers) as server, client_of(server.base_url) as client:
        reading = ActivityReading(client, lambda: NOW)
        reading.read([CUSTOMER])
    seen = reading.known[CUSTOMER]
    finding = RuleSet(name="x", rule=NeverAStudy()).judge(Facts(record(), NOW, seen))
    kept = [repr(seen), repr(vars(reading)), seen.words, repr(finding), caplog.text]
    kept += [repr(one) for one in gc.get_objects() if isinstance(one, Activity | Study)]
    assert not [text for text in kept if SECRET in text]


class Api:
    """Studies of many customers, and how often each was asked for."""

    def __init__(self, created: dict[str, str]) -> None:
        self.created, self.asked = created, Counter()
        self.before = lambda _: None

    def iter_viewer_studies(self, customer_id: str) -> Iterator[StudyPage]:
        self.before(customer_id)
        self.asked[customer_id] += 1
        at = datetime.fromisoformat(self.created[customer_id])
        yield StudyPage((Study(id=f"stu_{1:032x}", created_at=at, updated_at=at, is_cancelled=False),), (), None)

    def iter_autoscribe_studies(self, _customer_id: str) -> Iterator[StudyPage]:
        yield StudyPage((), (), None)


IDS = [f"cus_{number:032x}" for number in range(200)]


def test_what_was_interrupted_goes_on_where_it_stopped_and_asks_for_nobody_twice():
    api, told, open_ = Api(dict.fromkeys(IDS, OLD)), [], threading.Semaphore(50)
    api.before = lambda _: open_.acquire()
    reading = ActivityReading(api, lambda: NOW)

    def interrupt(done: int) -> None:
        if done:
            open_.release(_AT_ONCE)  # those under way are finished
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reading.read(IDS, tell=interrupt)
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
        (OLD, {}, {"since": NOW}, False),
        (OLD, {}, {"since": NOW + timedelta(seconds=1)}, True),
    ],
)
def test_what_is_known_is_read_again_only_where_it_does_not_answer(created, before, then, again):
    api = Api({IDS[0]: created})
    reading = ActivityReading(api, lambda: NOW)
    reading.read(IDS[:1], **before)
    reading.read([IDS[0].upper().replace("CUS_", "cus_")] if not again else IDS[:1], **then)
    assert api.asked.total() == 1 + again


def test_studies_are_read_only_of_those_whom_the_other_rules_leave_open():
    """No users is known from the record: who has some is no candidate, whatever its studies say."""
    listed = [customer(number, user_count=number % 2, is_active=number % 3 > 0) for number in range(20)]
    api = Api({one.id: OLD for one in listed})
    frame = build(listed)
    rules = RuleSet(name="x", rule=AllOf(rules=(NoUsers(), NoStudyFor(days=90))))
    found = find_candidates(rules, frame, ActivityReading(api, lambda: NOW), NOW, lambda *_: None)
    active = [one for one in listed if one.is_active]
    assert [facts.record.id for facts, _ in found] == [one.id for one in active]
    assert set(api.asked) == {one.id for one in active if one.user_count == 0}
    assert {facts.record.id for facts, finding in found if finding.answer is Answer.YES} == set(api.asked)
