from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara import protocol, requests
from lib.avara.models import Customer, RecordProblem, Study
from lib.avara.problems import read_record
from lib.avara.protocol import parse_customer_page, parse_study_page
from lib.avara.reply import Reply
from lib.errors import BadAnswer, ServiceBroken
from tests.avara.records import EXAMPLE, EXAMPLE_ID, JSON, OTHER_ID, STUDY, STUDY_ID


def page(*records: object, **rest: object) -> bytes:
    return json.dumps({"expressCustomers": records, "hasMore": False, **rest}).encode()


def reply(body: object, status: int = 200) -> Reply:
    return Reply(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode(), datetime(2026, 1, 1, tzinfo=UTC))


def test_a_page_of_sound_records_keeps_the_order_of_the_api():
    ids = [f"cus_{n:032x}" for n in (3, 1, 2)]
    read = parse_customer_page(page(*({**EXAMPLE, "expressCustomerId": id_} for id_ in ids), hasMore=True, cursor="next"))
    assert [customer.id for customer in read.customers] == ids
    assert (read.problems, read.next_cursor) == ((), "next")


@pytest.mark.parametrize("parse", [parse_customer_page, parse_study_page])
@pytest.mark.parametrize("spoil", [(), (5,)], ids=["sound page", "page with a bad record"])
@pytest.mark.parametrize(
    ("rest", "next_cursor"),
    [
        ({"hasMore": True, "cursor": "abc"}, "abc"),
        ({"hasMore": False, "cursor": "abc"}, None),  # hasMore decides
        ({"hasMore": True, "cursor": ""}, None),
        ({"hasMore": True, "cursor": None}, None),
        ({"hasMore": True}, None),
        ({"hasMore": False}, None),
        ({"cursor": "abc"}, "abc"),  # without hasMore the cursor decides
        ({"hasMore": None, "cursor": "abc"}, "abc"),
        ({}, None),
        ({"cursor": ""}, None),
        ({"hasMore": False, "total": 12, "next": "x"}, None),  # unknown fields
    ],
)
def test_a_list_ends_where_either_sign_says_so(parse, spoil, rest, next_cursor):
    body = json.dumps({"expressCustomers": spoil, "studies": spoil, **rest}).encode()
    read = parse(body)
    assert read.next_cursor == next_cursor
    assert len(read.problems) == len(spoil)


NO_PAGES = [
    b"",
    b"oops",
    b'{"expressCustomers": [',
    b"[" * 100_000,
    b"[]",
    b"null",
    b"\xff\xff",
    b"1" * 5000,
    b"{}",
    json.dumps({"studies": None, "expressCustomers": None, "hasMore": False}).encode(),
    json.dumps({"studies": {}, "expressCustomers": {}, "hasMore": False}).encode(),
    json.dumps({"studies": [], "expressCustomers": [], "hasMore": "no"}).encode(),
    json.dumps({"studies": [], "expressCustomers": [], "hasMore": 0}).encode(),
    json.dumps({"studies": [], "expressCustomers": [], "hasMore": True, "cursor": "\ud800"}).encode(),
    json.dumps({"studies": [], "expressCustomers": [], "cursor": "a\udfff"}).encode(),
    json.dumps({"studies": [], "expressCustomers": [], "hasMore": True, "cursor": 5}).encode(),
]


@pytest.mark.parametrize("parse", [parse_customer_page, parse_study_page])
@pytest.mark.parametrize("body", NO_PAGES, ids=lambda body: body[:40].decode("ascii", "replace"))
def test_what_is_no_page_is_an_error_and_never_an_empty_page(parse, body):
    with pytest.raises(BadAnswer, match=r"^The API's answer "):
        parse(body)


def bad(field: str, value: object) -> dict[str, object]:
    return {**EXAMPLE, field: value}


A_DATE = "must be a date-time with an offset, such as 2024-01-15T09:00:00Z"
AN_ID = "must be cus_ followed by 32 hexadecimal characters"

PROBLEMS = [
    ("isActive", "yes", "must be true or false", "'yes'"),
    ("isActive", None, "must be true or false", "null"),
    ("userCount", "15", "must be a whole number", "'15'"),
    ("userCount", 15.5, "must be a whole number", "15.5"),
    ("userCount", 2.0**53, "must be at most 9007199254740991", "9007199254740992"),
    ("userCount", -1, "must be at least 0", "-1"),
    ("userCount", 2**53, "must be at most 9007199254740991", "9007199254740992"),
    ("expressCustomerName", "", "must not be empty", "''"),
    ("expressCustomerName", 5, "must be text", "5"),
    ("expressCustomerName", "\ud800", "can't be read: it is not Unicode text, or nested too deeply", r"'\ud800'"),
    ("createdAt", "yesterday", A_DATE, "'yesterday'"),
    ("createdAt", "2024-02-30T00:00:00Z", "must be a date-time that exists", "'2024-02-30T00:00:00Z'"),
    ("updatedAt", 1710512400, "must be a date-time as text", "1710512400"),
    (
        "updatedAt",
        "0001-01-01T00:00:00+01:00",
        "must be a date-time between the years 1 and 9999 in UTC",
        "'0001-01-01T00:00:00+01:00'",
    ),
    ("createdByApiKeyId", "x", "must be a UUID", "'x'"),
    ("createdByApiKeyId", 5, "must be a UUID", "5"),
    ("createdByUserId", EXAMPLE_ID, "must be usr_ followed by 32 hexadecimal characters", f"'{EXAMPLE_ID}'"),
    ("metadata", ["a"], "must be an object of text to text", "an array of 1"),
    ("metadata", {"seats": 12}, "must be text (the value at 'seats')", "12"),
    ("metadata", {"k": "v" * 1001}, "must have at most 1000 characters (the value at 'k')", f"'{'v' * 60}'… (1001 characters)"),
    ("metadata", {str(n): "" for n in range(51)}, "must have at most 50 pairs", "an object of 51"),
]


@pytest.mark.parametrize(("field", "value", "rule", "seen"), PROBLEMS, ids=lambda value: str(value)[:25])
def test_an_ill_typed_record_becomes_a_named_problem_and_the_rest_of_the_page_lives(field, value, rule, seen):
    good = {**EXAMPLE, "expressCustomerId": OTHER_ID}
    read = parse_customer_page(page(good, bad(field, value), good, hasMore=True, cursor="c"))
    assert [customer.id for customer in read.customers] == [OTHER_ID, OTHER_ID]
    assert read.problems == (RecordProblem(EXAMPLE_ID, field, seen, rule),)
    assert read.next_cursor == "c"


@pytest.mark.parametrize(
    ("value", "named", "seen"),
    [("cus_12", "cus_12", "'cus_12'"), ("x" * 99 + "\n", "x" * 39 + "…", f"'{'x' * 60}'… (100 characters)"), (5, "", "5")],
)
def test_a_record_with_an_ill_formed_id_is_named_by_what_it_has(value, named, seen):
    rule = AN_ID if isinstance(value, str) else "must be text"
    assert parse_customer_page(page(bad("expressCustomerId", value))).problems == (
        RecordProblem(named, "expressCustomerId", seen, rule),
    )


@pytest.mark.parametrize(
    "field", ["expressCustomerId", "expressCustomerName", "isActive", "userCount", "createdAt", "updatedAt"]
)
def test_a_missing_field_is_named(field):
    record = {name: value for name, value in EXAMPLE.items() if name != field}
    (problem,) = parse_customer_page(page(record)).problems
    assert (problem.field, problem.rule, problem.seen) == (field, "is missing", "nothing")
    assert problem.customer_id == ("" if field == "expressCustomerId" else EXAMPLE_ID)


def test_our_own_attribute_names_do_not_stand_in_for_a_missing_field():
    record = {name: value for name, value in EXAMPLE.items() if name != "expressCustomerName"} | {"name": "intruder"}
    read = parse_customer_page(page(record))
    assert read.customers == ()
    assert read.problems[0].field == "expressCustomerName"


def test_several_broken_fields_are_one_problem_each():
    record = {**EXAMPLE, "isActive": 1, "userCount": -1, "metadata": {"a": 1, "b": 2, "k" * 101: ""}}
    problems = parse_customer_page(page(record)).problems
    assert [problem.field for problem in problems] == ["isActive", "userCount", "metadata"]
    assert "the value at 'a'" in problems[2].rule


@pytest.mark.parametrize("value", [None, 5, "text", [], [EXAMPLE], True], ids=str)
def test_a_record_that_is_no_object_is_named_by_its_place(value):
    read = parse_customer_page(page(EXAMPLE, value))
    assert len(read.customers) == 1
    assert (read.problems[0].field, read.problems[0].rule) == ("expressCustomers[1]", "must be an object")


def test_a_field_that_nobody_knows_may_hold_anything():
    assert len(parse_customer_page(page({**EXAMPLE, "new": "\ud800", "deep": [[[[{}]]]]})).customers) == 1


def test_a_value_nested_beyond_all_reason_is_a_problem_and_no_crash():
    deep: object = {}
    for _ in range(400):
        deep = [deep]
    read = parse_customer_page(page(EXAMPLE, bad("metadata", deep)))
    assert (len(read.customers), len(read.problems)) == (1, 1)


BROKEN = st.one_of(
    JSON,
    st.builds(lambda field, value: {**EXAMPLE, field: value}, st.sampled_from([*EXAMPLE, "new", "name"]), JSON),
    st.builds(lambda field: {k: v for k, v in EXAMPLE.items() if k != field}, st.sampled_from(list(EXAMPLE))),
)


@given(st.lists(BROKEN, max_size=6))
def test_every_record_of_a_page_is_either_read_or_named(records):
    read = parse_customer_page(page(*records))
    alone = [parse_customer_page(page(record)) for record in records]
    assert read.customers == tuple(customer for single in alone for customer in single.customers)
    assert all(bool(single.customers) != bool(single.problems) for single in alone)
    assert Counter((p.field, p.seen) for p in read.problems if "[" not in p.field) == Counter(
        (p.field, p.seen) for single in alone for p in single.problems if "[" not in p.field
    )
    assert all(text.isprintable() for problem in read.problems for text in (str(problem), problem.seen))


@given(BROKEN)
def test_the_quick_and_the_forgiving_way_accept_the_same_records(record):
    quick = parse_customer_page(page(record)).customers
    forgiving = read_record(Customer, json.loads(json.dumps(record)), "record")
    assert quick == ((forgiving,) if isinstance(forgiving, Customer) else ())


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_a_page_or_a_bad_answer(body):
    for parse in (parse_customer_page, parse_study_page):
        with suppress(BadAnswer):
            parse(body)


PATIENT = {
    "reportMetadata": {"patientName": "DOE^JANE", "dateOfBirth": "1950-01-01", "patientAge": "DOE"},
    "clinicalHistory": "DOE has a cough",
    "externalPatientId": "DOE-1",
    "studyDescription": "Brain MRI of DOE",
}


def study_page(*records: object) -> bytes:
    return json.dumps({"studies": records, "hasMore": False}).encode()


def test_studies_are_read_without_anything_of_the_patient():
    read = parse_study_page(study_page({**STUDY, **PATIENT}))
    assert (read.studies[0].id, read.studies[0].customer_id) == (STUDY_ID, EXAMPLE_ID)
    assert "DOE" not in repr(read)


@pytest.mark.parametrize(
    ("spoilt", "field", "seen"),
    [
        ({"createdAt": "DOE^JANE"}, "createdAt", "text"),  # even where a field has gone astray
        ({"isCancelled": {"patient": "DOE"}}, "isCancelled", "an object"),
        ({"expressCustomer": "DOE"}, "expressCustomer", "text"),
        ({"expressCustomer": {"expressCustomerId": "cus_1"}}, "expressCustomer", "text"),
        ({"expressCustomer": {}}, "expressCustomer", "nothing"),
        ({"expressCustomer": {"id": EXAMPLE_ID}}, "expressCustomer", "nothing"),  # our name for it, not the API's
        ({"cancelledAt": 5}, "cancelledAt", "a number"),
    ],
)
def test_a_problem_of_a_study_tells_kinds_and_never_values(spoilt, field, seen):
    read = parse_study_page(study_page({**STUDY, **PATIENT, **spoilt}, {**STUDY, **PATIENT}, "DOE"))
    assert len(read.studies) == 1
    assert (read.problems[0].field, read.problems[0].seen, read.problems[0].study_id) == (field, seen, STUDY_ID)
    assert read.problems[1].field == "studies[2]"
    assert not any("DOE" in str(problem) for problem in read.problems)


def test_an_error_about_studies_keeps_nothing_of_the_answer():
    with pytest.raises(BadAnswer) as refusal:
        parse_study_page(json.dumps({"studies": [{**STUDY, **PATIENT}], "hasMore": "DOE"}).encode()[:-1])
    assert "DOE" not in str(refusal.value)
    assert refusal.value.__context__ is None  # where pydantic's or json's own error would hold the whole body


ASKED = requests.deactivate(EXAMPLE_ID)


def test_a_customer_is_read_whichever_it_is_about():
    other = {**EXAMPLE, "expressCustomerId": OTHER_ID}
    assert protocol.read_customer(ASKED, reply(other)).id == OTHER_ID
    with pytest.raises(BadAnswer, match=f"about another customer \\({OTHER_ID}\\)"):
        protocol.read_same_customer(requests.get_customer(EXAMPLE_ID), reply(other))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The API's answer is empty."),
        (b"<html>", "The API's answer is not JSON, or it is cut short."),
        ([EXAMPLE], "The record must be an object (seen: an array of 1)"),
        ({**EXAMPLE, "isActive": "no"}, f"{EXAMPLE_ID}: isActive must be true or false (seen: 'no')"),
    ],
)
def test_a_success_without_a_customer_is_a_bad_answer_that_says_why(body, words):
    with pytest.raises(BadAnswer) as refusal:
        protocol.read_customer(ASKED, reply(body))
    assert words in refusal.value.message
    assert "The change may have been applied: read the customer again." in refusal.value.message
    assert (refusal.value.status, refusal.value.method) == (200, "POST")


@pytest.mark.parametrize("read", [protocol.read_customer, protocol.read_customer_page, protocol.read_study_page])
def test_the_status_is_judged_before_the_body(read):
    with pytest.raises(ServiceBroken):
        read(ASKED, reply(EXAMPLE, 500))


@pytest.mark.parametrize(
    "body", [{"error": "Customer is locked"}, {**EXAMPLE, "isActive": None, "message": "Customer is locked"}]
)
@pytest.mark.parametrize(
    ("request_", "read"),
    [
        (ASKED, protocol.read_customer),
        (requests.get_customer(EXAMPLE_ID), protocol.read_same_customer),
        (requests.list_customers(None, 1), protocol.read_customer_page),
    ],
)
def test_a_success_that_holds_no_record_but_a_message_shows_it(request_, read, body):
    with pytest.raises(BadAnswer, match='The API said: "Customer is locked"'):
        read(request_, reply(body))


@pytest.mark.parametrize("case", [str.upper, str.lower, str.title])
def test_a_customer_is_the_same_in_any_case_of_its_id(case):
    id_ = "cus_" + case("abcdef12" * 4)
    request = requests.get_customer("cus_" + "abcdEF12" * 4)
    assert protocol.read_same_customer(request, reply({**EXAMPLE, "expressCustomerId": id_})).id == id_


def test_the_models_and_the_list_know_the_same_field_names():
    assert {field.alias for field in Customer.model_fields.values()} == set(EXAMPLE)
    assert {field.alias for field in Study.model_fields.values()} == set(STUDY)
