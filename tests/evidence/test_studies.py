"""Reading studies over real HTTP; and that nothing of a patient is left of it."""

from __future__ import annotations

import gc
import logging
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.models import Study
from lib.evidence.activity import Activity
from lib.evidence.reading import ActivityReading
from lib.evidence.rule_set import RuleSet
from lib.evidence.rules import Facts, NeverAStudy
from tests.avara.wire import reply, wire
from tests.evidence.test_rules import record

SECRET = "Zzyzx"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUSTOMER, OTHER = f"cus_{0xA1:032x}", f"cus_{0xB2:032x}"


def study(number: int, created: str | None, *, cancelled: bool = False, of: str | None = CUSTOMER) -> dict[str, object]:
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
        "expressCustomer": of and {"expressCustomerId": of, "expressCustomerName": SECRET},
        "reportMetadata": {"patientName": SECRET, "mrn": SECRET, "dateOfBirth": SECRET},
        SECRET: SECRET,
    }


def page(*studies: dict[str, object], cursor: str | None = None) -> bytes:
    return reply(200, {"studies": studies, "hasMore": cursor is not None, **({"cursor": cursor} if cursor else {})})


OLD, NEW = "2020-01-01T00:00:00Z", "2026-02-27T08:15:00Z"
NOTHING = page()
CUT_OFF = reply(200, {"studies": [], "hasMore": True, "cursor": ""})
FORBIDDEN = reply(403, {"message": "Not for you."})


def client_of(base_url: str, key: str = "sk_test_1") -> AvaraClient:
    return AvaraClient(Connection(base_url, SecretStr(key), "test", "sandbox"), sleep=lambda _: None)


@pytest.mark.parametrize(
    ("answers", "within", "requests", "words"),
    [
        ((NOTHING, NOTHING), None, 2, "never a study"),
        ((NOTHING, NOTHING), 90, 2, "never a study"),
        ((page(study(1, OLD)), NOTHING), 90, 2, "newest study 2020-01-01, 0 in 90 days"),
        ((page(study(1, NEW)), NOTHING), None, 2, "newest study 2026-02-27, 1 in 90 days"),
        ((page(study(1, NEW)), NOTHING), 90, 1, "newest study 2026-02-27 (reading stopped at it), at least 1 in 90 days"),
        ((NOTHING, page(study(1, NEW))), 90, 2, "newest study 2026-02-27 (reading stopped at it), at least 1 in 90 days"),
        # their order is not documented: an old one first says nothing
        ((page(study(1, OLD), cursor="a"), page(study(2, NEW), cursor="b"), NOTHING), 90, 2, "at least 1 in 90 days"),
        ((page(study(1, NEW, cancelled=True)), NOTHING), 90, 2, "never a study, 1 cancelled"),
        ((page(study(1, None)), NOTHING), 90, 2, "no study seen, 1 without a time that can be"),
        ((page(study(1, "2030-01-01T00:00:00Z")), NOTHING), 90, 2, "no study seen, 1 without a time that can be"),
        ((page(study(1, 5)), NOTHING), 90, 2, "no study seen, 1 without a time that can be"),
        # a study of another customer, or of none, is no evidence of this one's
        ((page(study(1, NEW, of=OTHER)), NOTHING), 90, 2, "no study seen, 1 without a time that can be"),
        ((page(study(1, NEW, of=None)), NOTHING), 90, 2, "no study seen, 1 without a time that can be"),
        ((page(study(1, NEW, of=CUSTOMER.replace("a", "A"))), NOTHING), 90, 1, "at least 1 in 90 days"),
        (
            (page(study(1, NEW, of=OTHER), study(2, NEW, of=None)), NOTHING),
            90,
            2,
            "no study seen, 2 without a time that can be",
        ),
        ((page(study(1, OLD, of=CUSTOMER), study(2, NEW, of=OTHER)), NOTHING), 90, 2, "newest study 2020-01-01"),
        # more, and not where
        ((CUT_OFF, NOTHING), 90, 1, "studies could not be read: the list says that there is more, and not where"),
        ((NOTHING, CUT_OFF), None, 2, "studies could not be read: the list says that there is more, and not where"),
        ((reply(200, {"studies": [study(1, 5)], "hasMore": True}),), 90, 1, "studies could not be read: the list says"),
        ((reply(200, {"studies": [study(1, NEW)], "hasMore": True}),), 90, 1, "at least 1 in 90 days"),
        ((FORBIDDEN,), 90, 1, "studies could not be read: this key may not read its studies (403)"),
        ((page(study(1, OLD), cursor="a"), FORBIDDEN), 90, 2, "studies could not be read: "),
        ((page(study(1, OLD)), FORBIDDEN), 90, 2, "studies could not be read: "),
        ((page(study(1, OLD), cursor="a"), page(study(2, OLD), cursor="a")), 90, 2, "studies could not be read: "),
        ((page(study(1, OLD)), reply(200, b"{")), 90, 4, "studies could not be read: "),  # asked for again, twice
    ],
)
def test_it_reads_on_until_the_answer_is_certain_and_not_further(answers, within, requests, words):
    with wire(*answers) as server, client_of(server.base_url) as client:
        reading = ActivityReading(client, lambda: NOW)
        reading.read([CUSTOMER], within=within)
        assert words in reading.known[CUSTOMER].words
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
