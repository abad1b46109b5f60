"""Records as the API sends them, and strategies for what it might send."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

EXAMPLE_ID = "cus_1234567890abcdef1234567890abcdef"
OTHER_ID = "cus_" + "b" * 32
USER_ID = "usr_1234567890abcdef1234567890abcdef"
STUDY_ID = "stu_" + "c" * 32

#: The record of the API's own documentation.
EXAMPLE: dict[str, Any] = {
    "createdAt": "2024-01-15T09:00:00Z",
    "expressCustomerId": EXAMPLE_ID,
    "expressCustomerName": "City Medical Center - Radiology Department",
    "isActive": True,
    "updatedAt": "2024-03-15T14:20:00Z",
    "userCount": 15,
    "createdByApiKeyId": "550e8400-e29b-41d4-a716-446655440000",
    "createdByUserId": USER_ID,
    "metadata": {"department": "radiology", "region": "northeast"},
}

STUDY: dict[str, Any] = {
    "studyId": STUDY_ID,
    "expressCustomer": {"expressCustomerId": EXAMPLE_ID, "expressCustomerName": "City Medical Center"},
    "createdAt": "2024-01-15T09:00:00Z",
    "updatedAt": None,
    "isCancelled": False,
    "cancelledAt": None,
}

#: Any JSON value, in the shapes that code trips over: lone surrogates, huge numbers, ids and dates that are nearly right.
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(
        ["\ud800", EXAMPLE_ID, EXAMPLE_ID + "\n", "2024-01-15T09:00:00Z", "1705309200", "0001-01-01T00:00:00+14:00"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
