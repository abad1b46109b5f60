from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara import requests
from lib.avara.requests import UNSET, Request, checked_customer_id, checked_user_id
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
            requests.create_customer("A", None),
            Request("POST", "/v1/express", json={"expressCustomerName": "A"}, changes=True),
        ),
        (
            requests.create_customer("A", {"k": "v"}),
            Request("POST", "/v1/express", json={"expressCustomerName": "A", "metadata": {"k": "v"}}, changes=True),
        ),
        (
            requests.update_customer(EXAMPLE_ID, "B", UNSET),
            Request("PATCH", PATH, json={"expressCustomerName": "B"}, changes=True, customer_id=EXAMPLE_ID),
        ),
        (
            requests.update_customer(EXAMPLE_ID, UNSET, None),  # null clears all metadata
            Request("PATCH", PATH, json={"metadata": None}, changes=True, customer_id=EXAMPLE_ID),
        ),
        (
            requests.update_customer(EXAMPLE_ID, UNSET, {}),
            Request("PATCH", PATH, json={"metadata": {}}, changes=True, customer_id=EXAMPLE_ID),
        ),
        (
            requests.add_user(EXAMPLE_ID, USER_ID),
            Request("POST", f"{PATH}/users", json={"userId": USER_ID}, changes=True, customer_id=EXAMPLE_ID),
        ),
        (
            requests.remove_user(EXAMPLE_ID, USER_ID),
            Request("DELETE", f"{PATH}/users", json={"userId": USER_ID}, changes=True, customer_id=EXAMPLE_ID),
        ),
        (
            requests.list_viewer_studies(
                None, 100, customer_id=EXAMPLE_ID, is_cancelled=False, severity="stat", status="complete"
            ),
            Request(
                "GET",
                "/v1/viewer/studies",
                (
                    ("expressCustomerId", EXAMPLE_ID),
                    ("isCancelled", "false"),
                    ("severity", "stat"),
                    ("studyViewerStatus", "complete"),
                    ("limit", "100"),
                ),
                customer_id=EXAMPLE_ID,
            ),
        ),
        (
            requests.list_autoscribe_studies("c", 5, is_cancelled=True, status=["assigned", "completed"]),
            Request(
                "GET",
                "/v1/autoScribe/studies",
                (("isCancelled", "true"), ("studyReportStatus", "assigned,completed"), ("limit", "5"), ("cursor", "c")),
            ),
        ),
        (
            requests.list_autoscribe_studies(None, 5, status="assigned"),
            Request("GET", "/v1/autoScribe/studies", (("studyReportStatus", "assigned"), ("limit", "5"))),
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


def test_an_update_of_nothing_is_refused():
    with pytest.raises(ValueError, match="give a name, metadata or both"):
        requests.update_customer(EXAMPLE_ID, UNSET, UNSET)


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
        lambda text: requests.update_customer(text, "x", UNSET),
        lambda text: requests.add_user(text, USER_ID),
        lambda text: requests.remove_user(text, USER_ID),
        lambda text: requests.list_viewer_studies(None, 1, customer_id=text),
        lambda text: requests.list_autoscribe_studies(None, 1, customer_id=text),
        lambda text: requests.add_user(EXAMPLE_ID, text.replace("usr_", "usr-")),
    ],
)
def test_an_ill_formed_id_never_becomes_part_of_a_request(build, text):
    with pytest.raises(BadId):
        build(text)


@given(st.text())
def test_no_other_text_passes_and_an_id_passes_unchanged(text):
    for check, prefix in ((checked_customer_id, "cus_"), (checked_user_id, "usr_")):
        with pytest.raises(BadId) as refusal:
            check(text)
        assert refusal.value.message.isprintable()
        assert len(refusal.value.message) < 700  # a pasted novel is cut (each character may be escaped)
        assert check(prefix + "0aF9" * 8) == prefix + "0aF9" * 8


def test_the_refusal_quotes_what_was_seen_in_short():
    with pytest.raises(BadId, match=r"^'cus_12' is not a customer id\. An id is cus_ followed by 32 hexadecimal characters\.$"):
        checked_customer_id("cus_12")
    with pytest.raises(BadId, match=r"^'x{60}'… \(5000 characters\) is not a user id"):
        checked_user_id("x" * 5000)
