from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lib.avara.models import LARGEST_COUNT, Customer, RecordProblem, Study
from tests.avara.records import EXAMPLE, EXAMPLE_ID, STUDY, STUDY_ID, USER_ID

A_1000 = "v" * 1000


def customer(**changes: object) -> Customer:
    return Customer.model_validate_json(json.dumps({**EXAMPLE, **changes}), by_alias=True, by_name=False)


def test_the_documented_example_is_read_field_by_field():
    assert customer() == Customer(
        id=EXAMPLE_ID,
        name="City Medical Center - Radiology Department",
        is_active=True,
        user_count=15,
        created_at=datetime(2024, 1, 15, 9, tzinfo=UTC),
        updated_at=datetime(2024, 3, 15, 14, 20, tzinfo=UTC),
        created_by_api_key_id=UUID("550e8400-e29b-41d4-a716-446655440000"),
        created_by_user_id=USER_ID,
        metadata={"department": "radiology", "region": "northeast"},
    )


ALLOWED = [
    ("expressCustomerId", "cus_" + "A" * 32, "id"),
    ("expressCustomerName", "x", "name"),
    ("expressCustomerName", " مستشفى 🏥 \x00", "name"),
    ("expressCustomerName", "n" * 10_000, "name"),
    ("isActive", False, "is_active"),
    ("userCount", 0, "user_count"),
    ("userCount", LARGEST_COUNT, "user_count"),
    ("userCount", 15.0, "user_count"),  # JSON has one type of numbers
    ("createdAt", None, "created_at"),
    ("updatedAt", None, "updated_at"),
    ("createdByApiKeyId", None, "created_by_api_key_id"),
    ("createdByUserId", None, "created_by_user_id"),
    ("metadata", {}, "metadata"),
    ("metadata", {"k" * 100: A_1000}, "metadata"),
    ("metadata", {str(n): "" for n in range(50)}, "metadata"),
]


@pytest.mark.parametrize(("field", "value", "attribute"), ALLOWED, ids=lambda value: str(value)[:30])
def test_an_allowed_value_is_kept_exactly(field, value, attribute):
    assert getattr(customer(**{field: value}), attribute) == value


REFUSED = [
    ("expressCustomerId", ""),
    ("expressCustomerId", "cus_" + "a" * 31),
    ("expressCustomerId", "cus_" + "a" * 33),
    ("expressCustomerId", "cus_" + "g" * 32),
    ("expressCustomerId", "CUS_" + "a" * 32),
    ("expressCustomerId", EXAMPLE_ID + "\n"),
    ("expressCustomerId", None),
    ("expressCustomerName", ""),
    ("expressCustomerName", None),
    ("expressCustomerName", 5),
    ("isActive", 1),
    ("isActive", "true"),
    ("isActive", None),
    ("userCount", -1),
    ("userCount", 1.5),
    ("userCount", "15"),
    ("userCount", True),
    ("userCount", None),
    ("userCount", LARGEST_COUNT + 1),
    ("createdAt", 1705309200),
    ("createdAt", "1705309200"),  # pydantic alone would convert this
    ("createdAt", "-1"),
    ("createdAt", "2024-01-15"),
    ("createdAt", "2024-01-15T09:00:00"),  # no offset: which moment is that?
    ("createdAt", "2024-02-30T09:00:00Z"),
    ("createdAt", "0001-01-01T00:00:00+14:00"),  # before the year 1 in UTC
    ("updatedAt", "9999-12-31T23:59:59-01:00"),
    ("updatedAt", "٢٠٢٤-01-15T09:00:00Z"),
    ("updatedAt", ""),
    ("createdByApiKeyId", "550e8400"),
    ("createdByApiKeyId", 5),
    ("createdByUserId", "usr_1"),
    ("createdByUserId", EXAMPLE_ID),
    ("metadata", []),
    ("metadata", "region=x"),
    ("metadata", {"k" * 101: ""}),
    ("metadata", {"k": A_1000 + "v"}),
    ("metadata", {"k": None}),
    ("metadata", {"k": 1}),
    ("metadata", {"k": {"a": "b"}}),
    ("metadata", {str(n): "" for n in range(51)}),
]


@pytest.mark.parametrize(("field", "value"), REFUSED, ids=lambda value: str(value)[:30])
def test_a_value_that_breaks_a_rule_is_refused_and_never_converted(field, value):
    with pytest.raises(ValidationError) as refusal:
        customer(**{field: value})
    assert {error["loc"][0] for error in refusal.value.errors()} == {field}


@pytest.mark.parametrize(
    "field", ["expressCustomerId", "expressCustomerName", "isActive", "userCount", "createdAt", "updatedAt"]
)
def test_a_field_that_is_always_there_must_not_be_missing(field):
    record = {name: value for name, value in EXAMPLE.items() if name != field}
    with pytest.raises(ValidationError, match=field):
        Customer.model_validate_json(json.dumps(record), by_alias=True, by_name=False)


def test_optional_fields_may_be_missing_and_metadata_is_then_empty():
    optional = ("createdByApiKeyId", "createdByUserId", "metadata")
    record = {name: value for name, value in EXAMPLE.items() if name not in optional}
    read = Customer.model_validate_json(json.dumps(record), by_alias=True, by_name=False)
    assert (read.created_by_api_key_id, read.created_by_user_id, read.metadata) == (None, None, {})
    assert customer(metadata=None).metadata == {}


def test_unknown_fields_are_ignored_even_where_they_are_called_as_our_attributes():
    assert customer(name="other", id="other", plan={"tier": 1}) == customer()
    with pytest.raises(ValidationError):
        customer(expressCustomerName=None, name="other")


MOMENTS = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=st.builds(timezone, st.integers(-1439, 1439).map(lambda minutes: timedelta(minutes=minutes))),
)


@given(MOMENTS)
def test_any_rfc_3339_moment_is_read_as_the_same_moment_in_utc(moment):
    read = customer(createdAt=moment.isoformat(), updatedAt=moment.isoformat(" "))
    assert read.created_at == read.updated_at == moment
    assert read.created_at.tzinfo is UTC


NEARLY_DATES = st.from_regex(
    r"\d{4}-[01]\d-[0-3]\d[Tt ][0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,9})?(Z|z|[+-][0-2]\d:[0-6]\d)?", fullmatch=True
)


@given(NEARLY_DATES | st.text(max_size=30))
def test_text_that_is_no_moment_never_ends_in_another_error(text):
    with suppress(ValidationError):
        assert customer(createdAt=text).created_at


RECORDS = st.fixed_dictionaries(
    {
        "id": st.just(EXAMPLE_ID),
        "name": st.text(min_size=1, max_size=20),
        "is_active": st.booleans(),
        "user_count": st.integers(0, LARGEST_COUNT),
        "created_at": st.none() | MOMENTS,
        "updated_at": st.none() | MOMENTS,
        "created_by_api_key_id": st.none() | st.uuids(),
        "created_by_user_id": st.none() | st.just(USER_ID),
        "metadata": st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=5),
    }
).map(lambda fields: Customer(**fields))


@given(RECORDS)
def test_a_record_written_as_json_is_read_back_the_same(record):
    assert Customer.model_validate_json(record.model_dump_json(by_alias=True)) == record


def test_a_validation_error_does_not_quote_the_record():
    with pytest.raises(ValidationError) as refusal:
        customer(metadata={"note": ["quoted?"]})
    assert "quoted?" not in str(refusal.value)


def test_a_study_keeps_ids_and_times_and_nothing_of_the_patient():
    patient = {"reportMetadata": {"patientName": "DOE^JANE", "dateOfBirth": "1950-01-01"}, "clinicalHistory": "cough"}
    study = Study.model_validate_json(json.dumps({**STUDY, **patient}))
    assert (study.id, study.customer_id, study.updated_at) == (STUDY_ID, EXAMPLE_ID, None)
    assert "DOE" not in repr(study)
    assert "cough" not in repr(study)
    assert "City Medical Center" not in repr(study)


def test_a_study_may_belong_to_no_customer():
    assert Study.model_validate_json(json.dumps({**STUDY, "expressCustomer": None})).customer_id is None


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (
            RecordProblem("cus_1", "userCount", "'15'", "must be a whole number"),
            "cus_1: userCount must be a whole number (seen: '15')",
        ),
        (RecordProblem("", "isActive", "1", "must be true"), "A customer without an id: isActive must be true (seen: 1)"),
        (RecordProblem("cus_1", "createdAt", "text", "is odd", "stu_1"), "Study stu_1 of cus_1: createdAt is odd (seen: text)"),
        (
            RecordProblem("", "studyId", "text", "is odd", ""),
            "Study without an id of an unknown customer: studyId is odd (seen: text)",
        ),
    ],
)
def test_a_problem_says_who_what_and_what_was_seen(problem, words):
    assert str(problem) == words
