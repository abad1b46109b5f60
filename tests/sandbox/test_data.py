"""The invented data: the same for a seed, and in the proportions of life."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta

import pytest

from lib.avara.models import Customer
from lib.customers.frame import build
from lib.evidence.facts import twins_of
from lib.evidence.rules import Answer, Facts, LikelyDuplicate, LooksLikeTest
from lib.sandbox import data
from lib.sandbox.invented import names
from lib.sandbox.wire import encode

MADE = list(data.customers(10_000, 1))
RECORDS = [made.record for made in MADE]
NOW = datetime.fromisoformat(f"{data.ANCHOR}T00:00:00+00:00")
YEAR_AGO = data.stamp(NOW - timedelta(days=365))


def test_the_same_seed_gives_the_same_bytes():
    again = [encode(made.record) for made in data.customers(300, 1)]
    assert again == [encode(record) for record in RECORDS[:300]]


def test_the_data_of_a_seed_are_the_same_on_every_machine_and_in_every_version():
    """Pictures, figures and other tests rest on them: who changes them on purpose changes this, too, and says what moved."""
    digest = hashlib.sha256(b"".join(encode(made.record) + repr(made.activity).encode() for made in MADE[:1100]))
    assert digest.hexdigest()[:16] == "90c88ff5732099c5"


def test_another_seed_gives_other_customers():
    other = {made.record["expressCustomerId"] for made in data.customers(300, 2)}
    assert other & {record["expressCustomerId"] for record in RECORDS} == {data.EXAMPLE_ID}


def test_another_anchor_moves_the_dates_and_nothing_else():
    record, moved = RECORDS[5], data.customer(1, 5, data.ANCHOR + timedelta(days=100)).record
    assert moved["expressCustomerId"] == record["expressCustomerId"]
    assert datetime.fromisoformat(moved["updatedAt"]) - datetime.fromisoformat(record["updatedAt"]) == timedelta(days=100)


@pytest.mark.parametrize("count", [1, 10])
def test_the_documented_customer_is_always_there(count):
    assert next(data.customers(count, 99)).record == data.EXAMPLE


def test_every_record_keeps_the_apis_rules():
    assert len({record["expressCustomerId"] for record in RECORDS}) == len(RECORDS)
    for record in RECORDS:
        assert record["expressCustomerName"]
        assert record["userCount"] >= 0
        metadata = record.get("metadata", {})
        assert len(metadata) <= 50
        assert all(len(key) <= 100 and len(value) <= 1000 for key, value in metadata.items())
        if record["createdAt"] and record["updatedAt"]:
            assert record["createdAt"] <= record["updatedAt"] < data.stamp(NOW)


def _share(holds):
    return sum(bool(holds(record)) for record in RECORDS) / len(RECORDS)


@pytest.mark.parametrize(
    ("what", "low", "high", "holds"),
    [
        ("inactive", 0.08, 0.12, lambda r: not r["isActive"]),
        ("the main job", 0.03, 0.05, lambda r: r["isActive"] and not r["userCount"] and (r["updatedAt"] or "9") < YEAR_AGO),
        ("updated this month", 0.2, 0.5, lambda r: (r["updatedAt"] or "") > data.stamp(NOW - timedelta(days=30))),
        ("never touched since created", 0.02, 0.05, lambda r: r["createdAt"] is not None and r["createdAt"] == r["updatedAt"]),
        ("a lost timestamp", 0.004, 0.02, lambda r: r["updatedAt"] is None),
        ("a region", 0.8, 0.95, lambda r: "region" in r.get("metadata", {})),
        ("no metadata at all", 0.02, 0.04, lambda r: "metadata" not in r),
        ("made in the dashboard", 0.5, 0.65, lambda r: r.get("createdByUserId") and "createdByApiKeyId" not in r),
        ("made by nobody known", 0.02, 0.06, lambda r: not r.get("createdByUserId") and "createdByApiKeyId" not in r),
        ("a name of the oddities", 0.008, 0.012, lambda r: r["expressCustomerName"] in names.ODDITIES),
        ("a name beyond Latin letters", 0.01, 0.06, lambda r: any(ord(letter) > 0x36F for letter in r["expressCustomerName"])),
    ],
)
def test_the_proportions_are_those_of_life(what, low, high, holds):
    assert low <= _share(holds) <= high, what


def test_there_are_a_few_hundred_metadata_keys_and_most_are_rare():
    keys = [key for record in RECORDS for key in record.get("metadata", {})]
    assert 200 <= len(set(keys)) <= 500
    assert sum(keys.count(key) < 50 for key in set(keys)) > 150


def test_every_oddity_occurs_and_some_records_are_as_full_as_can_be():
    assert set(names.ODDITIES) <= {record["expressCustomerName"] for record in RECORDS}
    full = [record["metadata"] for record in RECORDS if len(record.get("metadata", {})) == 50]
    assert full
    assert all(len(key) == 100 and len(value) == 1000 for metadata in full for key, value in metadata.items())


def test_even_a_small_sandbox_has_oddities_and_a_full_record():
    small = RECORDS[:250]
    assert sum(record["expressCustomerName"] in names.ODDITIES for record in small) >= 2
    assert any(len(record.get("metadata", {})) == 50 for record in small)


def _days(text):
    return (NOW - datetime.fromisoformat(text)).days


def _told():
    """By what record and studies say of each active customer of which both are known: (days since the update, outline)."""
    for made in MADE[1:]:
        if made.record["isActive"] and made.record["updatedAt"]:
            yield _days(made.record["updatedAt"]), made.activity


@pytest.mark.parametrize(
    ("what", "low", "high", "holds"),
    [
        (
            "both new, or both old",
            0.9,
            0.97,
            lambda days, studies: studies and (days > 365) == ((NOW - studies.last).days > 365),
        ),
        (
            "record old, studies new",
            0.005,
            0.02,
            lambda days, studies: days > 365 and studies and (NOW - studies.last).days < 30,
        ),
        (
            "record new, studies old",
            0.003,
            0.02,
            lambda days, studies: days < 365 and studies and (NOW - studies.last).days > 365,
        ),
        ("record new, never a study", 0.01, 0.03, lambda days, studies: days < 365 and not studies),
        ("the last ones cancelled", 0.01, 0.03, lambda _, studies: studies and studies.cancelled_from),
        ("thousands of studies", 0.0005, 0.002, lambda _, studies: studies and studies.count >= 2000),
    ],
)
def test_most_studies_tell_the_same_story_as_the_record_and_some_tell_another(what, low, high, holds):
    told = list(_told())
    assert low <= sum(bool(holds(*one)) for one in told) / len(told) <= high, what


def test_even_a_small_sandbox_has_each_of_them():
    small = MADE[1:250]
    old = [made for made in small if made.record["updatedAt"] and _days(made.record["updatedAt"]) > 365 and made.activity]
    assert any((NOW - made.activity.last).days < 30 for made in old)
    assert any(made.activity and made.activity.cancelled_from for made in small)
    assert any(made.activity and made.activity.count >= 2000 for made in small)


def test_studies_begin_before_they_end():
    assert all(made.activity.first <= made.activity.last for made in MADE if made.activity)


def test_some_names_are_nearly_anothers_and_some_are_for_trying_out():
    """The rules that look for them find them."""
    records = [Customer.model_validate_json(encode(record)) for record in RECORDS[:700]]
    twins = twins_of(build(records), LikelyDuplicate())
    misspelt = [record for position, record in enumerate(records) if position % 89 == 41 and record.name not in names.ODDITIES]
    assert len(misspelt) == 8
    assert all(record.id in twins for record in misspelt)
    tests = [record for record in records if LooksLikeTest().ask(Facts(record, NOW)).answer is Answer.YES]
    assert {"TEST Clinic", "demo"} <= {record.name for record in tests}


def test_the_user_ids_are_as_many_as_asked_for_and_all_different():
    users = data.user_ids(1, 7, 40)
    assert len(set(users)) == 40
    assert data.user_ids(1, 0, 15)[0] == data.EXAMPLE["createdByUserId"]


def test_records_are_json_that_survives_the_way_there_and_back():
    assert all(json.loads(encode(record)) == record for record in RECORDS[:500])
    assert isinstance(data.ANCHOR, date)
