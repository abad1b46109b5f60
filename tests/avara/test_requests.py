from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara import requests
from lib.avara.requests import Request, checked_customer_id
from lib.errors import BadId
from tests.avara.records import EXAMPLE_ID, USER_ID

PATH = f"/v1/express/{EXAMPLE_ID}"


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (requests.list_customers(None, 100), Request("GET", "/v1/express", (("limit", "100"),))),
        (requests.list_customers("", 1), Request("GET", "/v1/express", (("limit", "1"),))),
        (requests.list_customers("abc=", 50), Request("GET", "/v1/express", (("limit", "50"), ("cursor", "abc=")))),
        (requests.get_customer(EXAMPLE_ID), Request("GET", PATH, customer_id=EXAMPLE_ID)),
        (requests.deactivate(EXAMPLE_ID), Request("POST", f"{PATH}/deactivate", changes=True, customer_id=EXAMPLE_ID)),
        (requests.reactivate(EXAMPLE_ID), Request("POST", f"{PATH}/reactivate", changes=True, customer_id=EXAMPLE_ID)),
        (
            requests.list_studies("viewer", None, 100, EXAMPLE_ID),
            Request(
                "GET",
                "/v1/viewer/studies",
                (("expressCustomerId", EXAMPLE_ID), ("limit", "100")),
                customer_id=EXAMPLE_ID,
                about_patients=True,
            ),
        ),
        (
            requests.list_studies("autoScribe", "c", 5, last=True),
            Request("GET", "/v1/autoScribe/studies", (("limit", "5"), ("cursor", "c")), about_patients=True, last=True),
        ),
    ],
    ids=lambda value: f"{value.method} {value.path}",
)
def test_a_request_is_exactly_what_the_api_documents(built, expected):
    assert built == expected


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_page_size_outside_1_to_100_is_refused(limit):
    with pytest.raises(ValueError, match="between 1 and 100"):
        requests.list_customers(None, limit)


BAD_IDS = [
    "",
    "cus_",
    "cus_1",
    EXAMPLE_ID + "\n",
    EXAMPLE_ID + "/users",
    "../../v1/keys",
    USER_ID,
    "cus_" + "１" * 32,
    "cus_%2e",
]


@pytest.mark.parametrize("text", BAD_IDS)
@pytest.mark.parametrize(
    "build",
    [
        requests.get_customer,
        requests.deactivate,
        requests.reactivate,
        *(partial(requests.list_studies, product, None, 1) for product in requests.PRODUCTS),
    ],
)
def test_an_ill_formed_id_never_becomes_part_of_a_request(build, text):
    with pytest.raises(BadId):
        build(text)


@given(st.text())
def test_no_other_text_passes_and_an_id_passes_unchanged(text):
    with pytest.raises(BadId) as refusal:
        checked_customer_id(text)
    assert refusal.value.message.isprintable()
    assert len(refusal.value.message) < 700  # a pasted novel is cut (each character may be escaped)
    assert checked_customer_id("cus_" + "0aF9" * 8) == "cus_" + "0aF9" * 8


def test_the_refusal_quotes_what_was_seen_in_short():
    with pytest.raises(BadId, match=r"^'cus_12' is not a customer id\. An id is cus_ followed by 32 hexadecimal characters\.$"):
        checked_customer_id("cus_12")
    with pytest.raises(BadId, match=r"^'x{60}'… \(5000 characters\) is not a customer id"):
        checked_customer_id("x" * 5000)
