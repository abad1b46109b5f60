from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib import errors
from lib.avara import requests
from lib.avara.reply import Reply, bad_answer, is_throttle, no_answer, quote, raise_unless_ok, retry_after, unreachable
from lib.errors import ApiError
from tests.avara.records import EXAMPLE_ID

NOW = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
READ = requests.get_customer(EXAMPLE_ID)
LIST = requests.list_customers(None, 100)
CHANGE = requests.deactivate(EXAMPLE_ID)


def reply(status: int = 500, body: object = b"", **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, NOW)


def error_of(status: int, body: object = b"", request=READ, **headers: str) -> ApiError:
    with pytest.raises(ApiError) as raised:
        raise_unless_ok(request, reply(status, body, **headers))
    return raised.value


@pytest.mark.parametrize(
    ("status", "error_class", "may_have_applied"),
    [
        (100, errors.BadAnswer, True),
        (301, errors.BadAnswer, True),
        (303, errors.BadAnswer, True),  # "see other" is what some servers answer to a POST that they carried out
        (304, errors.BadAnswer, True),
        (400, errors.Rejected, False),
        (401, errors.NotAuthorized, False),
        (403, errors.NotAuthorized, False),
        (404, errors.NotFound, False),
        (405, errors.Rejected, False),
        (408, errors.NoAnswer, True),  # gave up waiting: no proof that nothing was applied
        (409, errors.Conflict, False),
        (418, errors.Rejected, False),
        (422, errors.Rejected, False),
        (429, errors.RateLimited, False),
        (500, errors.ServiceBroken, True),
        (503, errors.ServiceBroken, True),
        (599, errors.ServiceBroken, True),
        (600, errors.BadAnswer, True),
    ],
)
def test_each_status_means_one_error(status, error_class, may_have_applied):
    error = error_of(status, request=CHANGE)
    assert type(error) is error_class
    assert error.may_have_applied is may_have_applied
    assert (error.status, error.method, error.path) == (status, "POST", f"/v1/express/{EXAMPLE_ID}/deactivate")


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_success_is_no_error(status):
    raise_unless_ok(READ, reply(status))


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        (CHANGE, 500, "The API failed while answering. A change may have been applied: read the customer again."),
        (READ, 500, "The API failed to answer. Try again in a moment."),
        (READ, 401, "The API refused the key. Check AVARA_API_KEY, or the key of this account in the settings."),
        (READ, 403, "The API does not allow this key to do that."),
        (READ, 404, "The API knows no such customer. It may have been removed."),
        (LIST, 404, "The API has nothing at this address. Check AVARA_BASE_URL."),
        (CHANGE, 400, "The API refused the request. Nothing was changed."),
    ],
)
def test_the_message_says_what_happened_and_what_to_do_next(request_, status, says):
    message = error_of(status, request=request_).message
    assert message.startswith(says)
    assert message.endswith(f"(HTTP {status}, {request_.method} {request_.path})")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"message": "Customer is locked"}, "Customer is locked"),
        ({"error": "Customer is locked"}, "Customer is locked"),
        ({"error": {"code": "locked", "message": "Customer is locked"}}, "Customer is locked"),
        ({"detail": "Customer is locked"}, "Customer is locked"),
        ({"detail": "second", "message": "first"}, "first"),
        ({"message": "", "detail": "Customer is locked"}, "Customer is locked"),
        ({"message": 5, "error": ["x"]}, '{"message": 5, "error": ["x"]}'),
        ({"message": "two\nlines\u202e"}, "two lines"),
        (["odd"], '["odd"]'),
        (b"plain text", "plain text"),
        (b"<html><title>502 Bad Gateway</title><body><h1>nginx</h1>", "502 Bad Gateway nginx"),
        (b"\xff\xfe\x00", "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
        (b"", ""),
        ({"message": "m" * 5000}, "m" * 299 + "…"),
        (b"[" * 100_000, "[" * 299 + "…"),  # deeper than any parser goes
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_the_api_said_is_quoted_whatever_its_shape(body, said):
    assert quote(reply(400, body)) == said
    message = error_of(400, body).message
    assert (f'The API said: "{said}"' in message) if said else ("The API said" not in message)


def test_a_redirect_names_where_it_points_and_what_to_do_but_not_the_rest_of_the_address():
    message = error_of(308, location="https://me:pw@elsewhere.example:8443/v1/express?token=abc#x").message
    assert message == (
        "The API sent us on to https://elsewhere.example:8443/v1/express. That is never followed, because the key would go "
        f"along. Check AVARA_BASE_URL. (HTTP 308, GET /v1/express/{EXAMPLE_ID})"
    )


@pytest.mark.parametrize(
    ("status", "location", "says"),
    [
        (302, "/login", "The API sent us on to /login. That"),
        (302, "//other.example", "The API sent us on to https://other.example. That"),
        (302, "https://[::1", "The API sent us on to an address that can't be read. That"),
        (302, "http://", "The API sent us on to an address that can't be read. That"),
        (304, "", "The API answered that what was asked for is elsewhere, and not where."),
        (300, "", "The API answered that what was asked for is elsewhere, and not where."),
    ],
)
def test_a_redirect_that_names_no_whole_address_is_told_as_what_it_is(status, location, says):
    assert error_of(status, location=location).message.startswith(says)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "3"}, 3),
        ({"retry_after": "0"}, 0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "-4"}, 0),
        ({"retry_after": "Mon, 02 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry_after": "Mon, 02 Nov 2026 11:00:00 GMT"}, 0),  # already past
        ({"retry_after": "Mon, 02 Nov 2026 12:00:30 -0000"}, 30),
        # the server's clock is an hour ahead: its own Date tells how long it means
        ({"retry_after": "Mon, 02 Nov 2026 13:00:30 GMT", "date": "Mon, 02 Nov 2026 13:00:00 GMT"}, 30),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"retry_after_ms": "soon", "retry_after": "9"}, 9),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "Mon, 99 Nov 2026 12:00:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_seconds_as_a_date_and_in_milliseconds(headers, seconds):
    assert retry_after(reply(429, **headers)) == seconds
    assert error_of(429, **headers).retry_after == seconds


DATES = st.from_regex(r"\w{3}, \d\d (Jan|Feb|Dec|\w{3}) \d{1,6} \d\d:\d\d:\d\d ([+-]\d{1,30}|GMT|\w{1,5})", fullmatch=True)
HEADERS = st.text(max_size=40) | DATES | st.integers().map(str) | st.floats().map(str) | st.from_regex(r"[-+0-9eE._]+")


@given(HEADERS, HEADERS, HEADERS)
@example("Mon, 01 Jan 2024 00:00:00 +99999999999999", "", "")
@example("", "Mon, 01 Jan 2024 00:00:00 +99999999999999", "")
@example("1e300", "", "")
@example("", "", "1e308")
def test_no_retry_after_ends_in_another_error_or_in_a_wait_that_no_clock_can_bear(text, date, milliseconds):
    asked = reply(429, retry_after=text, date=date, retry_after_ms=milliseconds)
    seconds = retry_after(asked)
    assert seconds is None or 0 <= seconds <= 366 * 86_400
    with pytest.raises(errors.RateLimited):
        raise_unless_ok(READ, asked)


@pytest.mark.parametrize(
    "header", [{"retry_after": "7"}, {"retry_after_ms": "7000"}, {"retry_after": "Mon, 02 Nov 2026 12:00:07 GMT"}]
)
def test_a_403_with_a_time_to_wait_is_a_throttle_and_says_nothing_of_the_key(header):
    error = error_of(403, **header)
    assert (type(error), error.retry_after, error.may_have_applied) == (errors.RateLimited, 7, False)
    assert error.message.startswith("The API asked us to slow down.")
    assert is_throttle(reply(403, **header))
    assert is_throttle(reply(429))
    assert not is_throttle(reply(403))
    assert not is_throttle(reply(503, **header))  # the API is down: a sign of another kind


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
@pytest.mark.parametrize("request_", [READ, CHANGE], ids=["read", "change"])
def test_the_wait_that_was_asked_for_is_told_and_nobody_is_told_to_try_again_sooner(status, request_):
    words = error_of(status, request=request_, retry_after="3599.5").message
    assert "It asked to wait 3,600 s" in words
    assert "moment" not in words


@pytest.mark.parametrize(("text", "meaning"), [("true", True), ("false", False), (" True ", True), ("maybe", None), ("", None)])
def test_x_should_retry_is_true_false_or_nothing(text, meaning):
    assert reply(500, x_should_retry=text).should_retry is meaning


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [({"x_request_id": "req_1"}, "req_1"), ({"request_id": "req_2"}, "req_2"), ({"x_request_id": "a\x07b"}, "a b"), ({}, None)],
)
def test_the_request_id_is_kept_for_the_receipt(headers, request_id):
    error = error_of(500, **headers)
    assert error.request_id == request_id
    assert request_id is None or f"request {request_id})" in error.message


@pytest.mark.parametrize(
    ("request_", "advice"),
    [
        (READ, "Try again in a moment."),
        (CHANGE, "The change may have been applied: read the customer again."),
    ],
)
def test_after_an_unusable_answer_the_advice_fits_what_was_asked(request_, advice):
    assert advice in bad_answer(request_, reply(200), "Odd.").message
    assert advice in no_answer(request_, "no answer came").message
    assert "so nothing was sent." in unreachable(request_, "No network").message
