"""The quick way and the model: whatever the quick way takes, it takes as the model does, and ordinary pages it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara import quick
from lib.avara.batch import CustomerBatch
from lib.avara.models import LARGEST_COUNT, Customer, CustomerPage
from lib.avara.protocol import parse_customer_page, read_by_the_model
from lib.errors import BadAnswer
from tests.avara.records import EXAMPLE, EXAMPLE_ID, JSON, OTHER_ID, USER_ID

#: The documented record, each value as JSON text: what stands in a body can be odd in ways that json.dumps never is.
SOUND = {name: json.dumps(value) for name, value in EXAMPLE.items()}
UUID_TEXT = EXAMPLE["createdByApiKeyId"]


def an_object(fields: Mapping[str, str] | list[tuple[str, str]]) -> str:
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return "{" + ",".join(f"{name if name.startswith(chr(34)) else json.dumps(name)}:{value}" for name, value in pairs) + "}"


def a_page(*records: str, rest: str = '"hasMore":true,"cursor":"next"') -> bytes:
    """The records between two sound ones, so that what goes for one of many goes for each."""
    sound = an_object(SOUND)
    return f'{{"expressCustomers":[{",".join((sound, *records, sound))}],{rest}}}'.encode("utf-8", "surrogatepass")


def quickly(body: bytes) -> CustomerBatch | None:
    page = quick.decoded(body)
    return None if page is None else quick.checked(page)


def by_the_model(body: bytes) -> CustomerPage | None:
    with suppress(BadAnswer):
        return read_by_the_model(body)
    return None


def agree(body: bytes) -> bool:
    """Fails where the quick way takes what the model does not, or takes it as something else. Tells whether it took it."""
    batch, page = quickly(body), by_the_model(body)
    if batch is None:
        return False
    assert page is not None, "no page at all, says the model"
    assert page.problems == ()
    assert [repr(record) for record in batch] == [repr(record) for record in page.customers]  # types and order of pairs too
    assert parse_customer_page(body) == page
    return True


# --- one field at a time: (JSON text, whether the quick way has to take it)

TAKEN, LEFT = True, False
LONG_KEY, LONG_VALUE = "k" * 100, "v" * 1000
HEX = "1234567890abcdef1234567890abcdef"


def pairs(count: int) -> str:
    return json.dumps({str(number): "" for number in range(count)})


def quoted(*texts: str) -> list[str]:
    return [f'"{text}"' for text in texts]


def taken(*texts: str) -> list[tuple[str, bool]]:
    return [(text, TAKEN) for text in texts]


def left(*texts: str) -> list[tuple[str, bool]]:
    return [(text, LEFT) for text in texts]


GOOD_TIMES = quoted(
    *("2024-01-15T09:00:00Z", "2024-01-15T09:00:00.1Z", "2024-01-15T09:00:00.123Z", "2024-01-15T09:00:00.123456Z"),
    *("2024-02-29T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    *("2000-02-29T00:00:00Z", "0999-01-01T00:00:00.000001Z", "1900-02-28T00:00:00Z", r"2024-01-15T09:00:00\u005a"),
)
ODD_TIMES = quoted(
    # Sound, but written in another way.
    *("2024-01-15t09:00:00z", "2024-01-15 09:00:00Z", "2024-01-15T09:00:00+00:00", "2024-01-15T09:00:00-00:00"),
    *("2024-01-15T09:00:00+05:30", "2024-01-15T09:00:00.1234567Z", "2024-01-15T09:00:00.999999999Z", "2024-01-15T09:00:00z"),
    *("0001-01-01T00:00:00-00:01", "9999-12-31T23:59:59.9999999Z"),
    # No moments.
    *("2024-02-30T09:00:00Z", "2023-02-29T09:00:00Z", "1900-02-29T00:00:00Z", "2024-13-01T09:00:00Z", "2024-00-01T09:00:00Z"),
    *("2024-01-00T09:00:00Z", "2024-01-32T09:00:00Z", "2024-01-15T24:00:00Z", "2024-01-15T25:00:00Z", "2024-01-15T09:60:00Z"),
    *("2016-12-31T23:59:60Z", "2016-12-31T23:59:61Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01"),
    # Other text.
    *("2024-01-15", "2024-01-15T09:00Z", "2024-01-15T09Z", "2024-01-15T09:00:00", "2024-01-15T09:00:00.Z", "20240115T090000Z"),
    *("2024-1-15T09:00:00Z", "+2024-01-15T09:00:00Z", "-2024-01-15T09:00:00Z", "12024-01-15T09:00:00Z"),
    *("2024-01-15T09:00:00,5Z",),
    *("2024-01-15T09:00:00Z\\n", " 2024-01-15T09:00:00Z", "2024-01-15T09:00:00 Z", "2024-01-15T09:00:00ZZ", "NaT", "now"),
    *("today",),
    *("2024-W03-1T09:00:00Z", "2024-015T09:00:00Z", "", "Z", "1705309200", "-1", "٢٠٢٤-01-15T09:00:00Z"),
    *("2024-01-15T09:00:00UTC",),
    *("2024-01-15T09:00:00Z,2024-01-15T09:00:00Z", "2024-01-15T09:00:00Z,", ",", "2024-01-15T09:00:00\\u0000", "null"),
    *("2024-01-15T09:00:00+0000", "2024-01-15T09:00:00+00", "2024-01-15T09:00:00[UTC]", "2024-01-15X09:00:00Z", "\\ud800"),
    *("2024/01/15T09:00:00Z", "2024-01-15T09.00.00Z", "2024-01-15T09:00:00.000000", "0000-00-00T00:00:00Z", "\ud800"),
)
NOT_TEXT = ["5", "1.0", "true", "[]", "{}", '["x"]', "-0", "NaN", "1705309200", "Infinity"]
TIMES = [*taken("null", *GOOD_TIMES), *left(*ODD_TIMES, *NOT_TEXT)]


def ids(prefix: str) -> list[tuple[str, bool]]:
    good = [prefix + HEX, prefix + "0" * 32, prefix + "ABCDEFabcdef0123456789ABCDEFabcd"]
    bad = [
        *("", prefix, prefix + HEX[1:], prefix + HEX + "0", prefix + HEX + "\\n", "\\n" + prefix + HEX, prefix + HEX + " "),
        *(prefix.upper() + HEX, prefix.capitalize() + HEX, HEX, "org_" + HEX, "aus_" + HEX, prefix[:-1] + "-" + HEX),
        *(prefix + "g" + HEX[1:], prefix + "é" + HEX[1:], prefix + "１" + HEX[1:], prefix + HEX + "," + prefix + HEX),
        *(prefix + HEX + ",", "," + prefix + HEX, ",", prefix + HEX[:31] + "\\u0000", prefix + HEX[:31] + "\\ud800", "\ud800"),
        prefix + HEX + "\\r",
    ]
    return [
        *taken(*quoted(*good, f"\\u{ord(prefix[0]):04x}{prefix[1:]}{HEX}")),
        *left(*quoted(*bad), *NOT_TEXT),
    ]


VALUES: dict[str, list[tuple[str, bool]]] = {
    "expressCustomerId": [*ids("cus_"), ("null", LEFT)],
    "createdByUserId": [*ids("usr_"), ("null", TAKEN)],
    "expressCustomerName": [
        *(
            (json.dumps(text), TAKEN)
            for text in ("x", " ", "n" * 10_000, "\x00", "a\nb", "a,b", "🏥", "\ufeff", '"\\/', "\x7f")
        ),
        *((json.dumps(text, ensure_ascii=False), TAKEN) for text in ("مستشفى 🏥", "\u2028", "é" * 300, "\ufffe")),
        *taken(r'"\u0041"', r'"\ud83c\udfe5"', r'"\/"', '"\x7f"'),
        *left('""', "null", r'"\ud800"', r'"\udc00\ud800"', '"\ud800"', '"\x01"', '"a\nb"', r'"\x41"'),
        *left(r'"\u00e"', r'"\ud83c"', r'"a\ud83cb"', '"', "x", "'x'", *NOT_TEXT),
    ],
    "isActive": [
        ("true", TAKEN),
        ("false", TAKEN),
        *left("1", "0", "1.0", "null", '"true"', '"yes"', "True", "TRUE", "[]", "tru", "truee", "[true]"),
    ],
    "userCount": [
        *taken("0", "1", "15", str(LARGEST_COUNT), "-0"),
        *left(str(LARGEST_COUNT + 1), str(2**63 - 1), str(2**63), str(2**64), "9" * 30, "9" * 5000, "-1"),
        *left("1.0", "1.5", "1e3", "1E0", "-0.0", "0.0", "01", "+1", "1.", ".5", "0x1", "1_000", "1e999"),
        *left('"15"', '""', "null", "true", "false", "[]", "[1]", "{}", "NaN", "Infinity", "-Infinity"),
    ],
    "createdAt": TIMES,
    "updatedAt": TIMES,
    "createdByApiKeyId": [
        ("null", TAKEN),
        *taken(*quoted(UUID_TEXT, "0" * 8 + "-0000-0000-0000-" + "0" * 12, UUID_TEXT.replace("5", "f"))),
        *left(*quoted(UUID_TEXT.upper(), UUID_TEXT.replace("-", ""), f"{{{UUID_TEXT}}}", f"urn:uuid:{UUID_TEXT}")),
        *left(*quoted("", "x", UUID_TEXT[1:], UUID_TEXT + "0", UUID_TEXT + "\\n", " " + UUID_TEXT, "cus_" + HEX)),
        *left(*quoted(f"{UUID_TEXT},{UUID_TEXT}", UUID_TEXT + ",", "g" + UUID_TEXT[1:], "\\ud800", "１" + UUID_TEXT[1:])),
        *left(
            *quoted(*(UUID_TEXT[:at] + "A" + UUID_TEXT[at + 1 :] for at in (0, 9, 14, 19, 24)), UUID_TEXT[:8] + UUID_TEXT[9:])
        ),
        *((text, LEFT) for text in NOT_TEXT),
    ],
    "metadata": [
        *taken("null", "{}", '{"":""}', '{"a":"b","c":"d"}', '{"c":"d","a":"b"}', pairs(50)),
        *(
            (an_object({key: f'"{value}"'}), TAKEN)
            for key, value in ((LONG_KEY, LONG_VALUE), ("é" * 100, "🏥" * 1000), ("\x00", ","))
        ),
        *(
            (an_object({key: f'"{value}"'}), LEFT)
            for key, value in ((LONG_KEY + "k", ""), ("k", LONG_VALUE + "v"), ("é" * 101, ""))
        ),
        *left(pairs(51), '{"k":"' + "🏥" * 1001 + '"}', '{"k":null}', '{"k":1}', '{"k":true}', '{"k":["v"]}'),
        *left('{"k":{"a":"b"}}', '{"k":"\\ud800"}', '{"\\ud800":"v"}', '{"k":"\ud800"}', '{"k":"v",}', "{1:2}"),
        *left("[]", '"x"', "5", "true", '[["a","b"]]', "false", '""', "[" * 300 + "]" * 300),
    ],
}


def label(value: object) -> str:
    return str(value)[:40].encode("ascii", "replace").decode()


CASES = [(field, value, taken) for field, values in VALUES.items() for value, taken in values]


@pytest.mark.parametrize(("field", "value", "taken"), CASES, ids=label)
def test_a_value_is_taken_as_the_model_takes_it_or_left_to_the_model(field, value, taken):
    assert agree(a_page(an_object({**SOUND, field: value}))) is taken


@pytest.mark.parametrize("field", SOUND)
def test_what_may_be_missing_may_be_missing_the_quick_way_too(field):
    body = a_page(an_object({name: value for name, value in SOUND.items() if name != field}))
    assert agree(body) is (field in {"createdByApiKeyId", "createdByUserId", "metadata"})


# --- records and pages of other shapes

ANYTHING = [
    *("null", "5", "-1.5e-300", "1e999", "9" * 5000, '"x"', "[]", '{"a":[{"b":null}]}', "[" * 150 + "]" * 150, '"\x7f"', '"é"'),
    *(r'"\ud800"', '"\ud800"', "NaN", "Infinity", "01", "1.", "+1", "1e", "-", '"a\nb"', '"\x01"', r'"\x"', r'"\u00e"'),
    *("nul", "[1,]"),
    *("9" * 4300, "9" * 4301, "-" + "1" * 4301, "9" * 4301 + ".5", "0." + "9" * 5000, "9" * 4301 + "e1", "0" * 5000),
    *("1e" + "9" * 5000,),
    *('{"a":1,}', "[1 2]", "{1:2}", "[1}", "'x'", "/* x */ 1", "", '"', "undefined", "[" * 500 + "]" * 500, '{"\ud800":1}'),
    "[" * 100_000 + "]" * 100_000,
]


@pytest.mark.parametrize("value", ANYTHING, ids=label)
def test_a_field_that_nobody_knows_is_passed_over_only_where_the_model_does_so(value):
    agree(a_page(an_object({"new": value, **SOUND})))
    agree(a_page(an_object(SOUND), rest=f'"hasMore":false,"new":{value}'))
    agree(a_page(value))


@pytest.mark.parametrize("before", range(0, 4096, 700))
def test_a_number_too_long_for_the_model_is_noticed_wherever_it_stands(before):
    body = a_page(an_object({"x": f'"{"x" * before}"', "new": "9" * 4301, **SOUND}))
    assert by_the_model(body) is None
    assert not agree(body)


@pytest.mark.parametrize("name", ["new", "name", "id", "express_customer_name", "IsActive", "é", "\x00"])
def test_new_fields_do_not_make_a_page_odd(name):
    assert agree(a_page(an_object({**SOUND, name: '{"deep":[1.5,null]}'}), rest=f'"hasMore":false,{json.dumps(name)}:7'))
    assert not agree(a_page(an_object({name: SOUND["expressCustomerName"], **without("expressCustomerName")})))


def without(field: str) -> dict[str, str]:
    return {name: value for name, value in SOUND.items() if name != field}


DOUBLES = {
    "expressCustomerId": f'"{OTHER_ID}"',
    "expressCustomerName": '"Other"',
    "isActive": "false",
    "userCount": "1",
    "createdAt": "null",
    "updatedAt": '"2020-01-01T00:00:00Z"',
    "createdByApiKeyId": "null",
    "createdByUserId": "null",
    "metadata": '{"other":""}',
    "new": "1",
}


@pytest.mark.parametrize(("field", "value"), DOUBLES.items())
@pytest.mark.parametrize("broken", [False, True])
def test_a_field_that_comes_twice_is_read_as_the_model_reads_it(field, value, broken):
    again = "[5]" if broken else value
    agree(a_page(an_object([*SOUND.items(), (field, again)])))
    agree(a_page(an_object([(field, again), *SOUND.items()])))
    escaped = f'"\\u{ord(field[0]):04x}{field[1:]}"'
    agree(a_page(an_object([*SOUND.items(), (escaped, again)])))
    assert agree(a_page(an_object([*without(field).items(), (escaped, value)])))


@pytest.mark.parametrize(
    "metadata",
    [
        '{"a":"1","a":"2"}',
        '{"a":"1","b":"x","a":"2"}',
        '{"a":1,"a":"2"}',
        '{"a":"1","a":2}',
        f'{{{pairs(50)[1:-1]},"0":"again"}}',
        f'{{{pairs(50)[1:-1]},"\\u0030":"again"}}',
        "{" + ",".join(['"a":""'] * 51) + "}",
    ],
)
def test_a_key_of_metadata_that_comes_twice_is_read_as_the_model_reads_it(metadata):
    agree(a_page(an_object({**SOUND, "metadata": metadata})))


RESTS = [
    *('"hasMore":false', '"hasMore":false,"cursor":null', '"hasMore":true,"cursor":"x"', '"cursor":"x","hasMore":true'),
    *('"hasMore":true,"cursor":""', '"hasMore":true', '"hasMore":true,"cursor":null', '"hasMore":false,"cursor":"x"'),
    *('"hasMore":true,"cursor":"\\u00e9\\n"', '"hasMore":true,"cursor":"é🏥"'),
    *('"hasMore":true,"cursor":"a","new":{"cursor":"b"}',),
    *('"new":1', '"hasMore":null,"cursor":"x"', '"cursor":""', '"cursor":null', '"cursor":"\\ud800"'),
    *('"hasMore":false,"hasMore":true,"cursor":"a"', '"hasMore":true,"cursor":"a","cursor":"b"', '"hasMore":true,"cursor":5'),
    *('"hasMore":1', '"hasMore":"true"', '"hasMore":null', '"cursor":"x"', '"has_more":true,"cursor":"x"', '"hasMore":[]'),
    *('"hasMore":true,"cursor":5,"cursor":"b"', '"hasMore":true,"cursor":"b","cursor":5', '"hasMore":0,"hasMore":true'),
    *('"hasMore":true,"cursor":"\\ud800"', '"hasMore":true,"cursor":"\ud800"', '"hasMore":true,"cursor":"a\nb"'),
    *('"hasMore":tru',),
    *('"hasMore":true,"expressCustomers":[]', '"hasMore":true,"expressCustomers":null'),
    *('"expressCustomers":[5],"hasMore":true',),
    *('"hasMore":true,"cursor":true', '"hasMore":true,"cursor":["x"]', '"hasMore":true,"cursor":{}', '"hasMore":true,'),
]


@pytest.mark.parametrize("rest", RESTS, ids=label)
def test_the_end_of_a_list_is_seen_as_the_model_sees_it(rest):
    agree(a_page(an_object(SOUND), rest=rest))
    agree(f'{{{rest},"expressCustomers":[{an_object(SOUND)}]}}'.encode("utf-8", "surrogatepass"))


PAGE = a_page(an_object(SOUND))
BODIES = [
    *(PAGE + b" \r\n\t", b" \n" + PAGE, json.dumps(json.loads(PAGE), indent=2).encode(), PAGE + b"x", PAGE + PAGE),
    *(PAGE + b"\x00",),
    *(b"\xef\xbb\xbf" + PAGE, PAGE[:-1], PAGE[1:], PAGE + b",", b"[" + PAGE + b"]", PAGE.decode().encode("utf-16"), b""),
    *(b"null",),
    *(PAGE.decode().encode("utf-32"), PAGE.replace(b'"hasMore"', b'"a\xff":1,"hasMore"'), PAGE.replace(b"City", b"C\xffty")),
    *(PAGE.replace(b'"hasMore"', b'"a":"\xff","hasMore"'), PAGE.replace(b'{"createdAt"', b'{"a":"\xed\xa0\x80","createdAt"')),
    *(PAGE.replace(b'{"createdAt"', b'{"a":"\xc0\x80","createdAt"'),),
    *(PAGE.replace(b'{"createdAt"', b'{"a\xf4\x90\x80\x80":1,"createdAt"'),),
    *(PAGE.replace(b"[", b"{"), PAGE.replace(b":", b" : ").replace(b",", b" , "), PAGE.replace(b",", b",\x0b")),
    *(PAGE.replace(b",", b",,"),),
    *(PAGE.replace(b'"expressCustomers":[', b'"expressCustomers":[,'), PAGE.replace(b"]", b",]")),
    *(PAGE.replace(b"radiology", b"r\x00y"),),
    *(b'{"expressCustomers":[],"hasMore":false}', b'{"expressCustomers":{},"hasMore":false}'),
    *(b'{"expressCustomers":null,"hasMore":false}',),
    *(b'{"expressCustomers":"[]","hasMore":false}', b'{"expressCustomers":5,"hasMore":false}', b'{"hasMore":false}', b"{}"),
    *(b'{"express_customers":[],"hasMore":false}', b'{"expressCustomers":[[]],"hasMore":false}'),
    *(b'{"expressCustomers":[null],"hasMore":false}',),
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_is_a_page_only_where_the_model_says_so(body):
    agree(body)


def test_white_space_and_an_empty_list_are_ordinary():
    for body in (*BODIES[:3], b'{"expressCustomers":[],"hasMore":false}'):
        assert agree(body)


# --- any records

MOMENTS = st.datetimes().map(lambda at: f"{at.isoformat()}Z")
NEARLY = st.from_regex(
    r"\d{4}-[01]\d-[0-3]\d[Tt ][0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,8})?(Z|z|[+-][0-2]\d:[0-6]\d)?", fullmatch=True
)
UUIDS = st.uuids().flatmap(lambda key: st.sampled_from([str(key), str(key).upper(), key.hex, key.urn, f"{{{key}}}"]))
FIELDS = {
    "expressCustomerId": st.from_regex(r"cus_[0-9a-fA-F]{31,33}\n?", fullmatch=True) | st.just(EXAMPLE_ID),
    "expressCustomerName": st.text(max_size=5),
    "isActive": st.booleans() | st.integers(0, 1),
    "userCount": st.integers(-2, 2**54) | st.floats(0, 100),
    "createdAt": st.none() | MOMENTS | NEARLY,
    "updatedAt": st.none() | MOMENTS | NEARLY,
    "createdByApiKeyId": st.none() | UUIDS,
    "createdByUserId": st.none() | st.just(USER_ID) | st.text(max_size=3),
    "metadata": st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
}
ODD_RECORDS = st.builds(
    lambda field, value: json.dumps({**EXAMPLE, **field, **value}),
    st.sampled_from(sorted(FIELDS)).flatmap(lambda name: st.fixed_dictionaries({name: FIELDS[name] | JSON})),
    st.dictionaries(st.sampled_from(["new", "name", "id"]), JSON, max_size=1),
)


@given(st.lists(ODD_RECORDS, max_size=3))
def test_any_odd_records_are_taken_as_the_model_takes_them(records):
    agree(a_page(*records))


CHARACTERS = st.text(st.characters(codec="utf-8"), max_size=6)
ORDINARY = st.fixed_dictionaries(
    {
        "expressCustomerId": st.from_regex(r"cus_[0-9a-fA-F]{32}", fullmatch=True),
        "expressCustomerName": CHARACTERS.filter(bool),
        "isActive": st.booleans(),
        "userCount": st.integers(0, LARGEST_COUNT),
        "createdAt": st.none() | MOMENTS,
        "updatedAt": st.none() | MOMENTS,
    },
    optional={
        "createdByApiKeyId": st.none() | st.uuids().map(str),
        "createdByUserId": st.none() | st.from_regex(r"usr_[0-9a-fA-F]{32}", fullmatch=True),
        "metadata": st.none() | st.dictionaries(CHARACTERS, CHARACTERS, max_size=4),
        "new": JSON.filter(lambda value: "\\ud" not in json.dumps(value)),
    },
)


@given(st.lists(ORDINARY, max_size=4), st.booleans())
def test_any_ordinary_records_are_taken_and_as_the_model_takes_them(records, ascii_only):
    assert agree(a_page(*(json.dumps(record, ensure_ascii=ascii_only) for record in records)))


@given(st.binary(max_size=3), st.integers(0, len(PAGE)), st.integers(0, 5))
def test_a_damaged_page_is_taken_only_where_the_model_takes_it(damage, at, gone):
    agree(PAGE[:at] + damage + PAGE[at + gone :])


@pytest.mark.parametrize("month", range(14))
def test_every_day_of_the_calendar_exists_or_not_as_for_the_model(month):
    for year in (1, 4, 100, 400, 1900, 1970, 2000, 2023, 2024, 9999):
        for day in range(33):
            text = f"{year:04}-{month:02}-{day:02}T12:30:59.5Z"
            sound = True
            try:
                datetime.fromisoformat(text).astimezone(UTC)
            except ValueError:
                sound = False
            assert (quick._moments([None, text]) is not None) is sound, text


# --- the pages of the sandbox, and what is made of a page


def test_the_pages_of_the_sandbox_are_read_the_quick_way(sandbox, bodies):
    for body in bodies:
        assert agree(body)


@pytest.fixture
def bodies(sandbox) -> list[bytes]:
    with httpx.Client(base_url=sandbox.base_url, headers={"Authorization": f"Bearer {sandbox.api_key}"}) as client:
        first = client.get("/v1/express", params={"limit": 100})
        return [first.content, client.get("/v1/express", params={"limit": 100, "cursor": first.json()["cursor"]}).content]


@pytest.mark.parametrize("count", ["15.0", "1.5e1", "150e-1", "15.000"])
def test_a_number_of_users_is_whole_however_it_is_written(count):
    page = parse_customer_page(a_page(an_object({**SOUND, "userCount": count})))
    assert [(repr(record.user_count), page.problems) for record in page.customers] == [("15", ())] * 3


def test_a_batch_is_a_sequence_of_its_customers():
    batch = quickly(PAGE)
    assert batch is not None
    example = Customer.model_validate_json(json.dumps(EXAMPLE))
    assert len(batch) == 3
    assert batch == (example,) * 3
    assert batch == CustomerBatch.of([example] * 3)
    assert batch[1] == batch[-1] == example
    assert batch[1:] == [example, example]
    assert batch != (example, example)
    assert batch != (example, example, example.model_copy(update={"is_active": False}))
    assert batch != "abc"
