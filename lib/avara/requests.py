"""What can be asked of the API, as plain frozen values: nothing here sends anything.

Paths and names: https://docs.avarasoftware.com and the vendor's official client (`pip install avara`).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lib.avara.models import CUSTOMER_ID_PATTERN
from lib.avara.text import shown
from lib.errors import BadId

LARGEST_PAGE = 100

Severity = Literal["normal", "high", "stat"]


class Unset(enum.Enum):
    """Tells "leave it as it is" from None, which clears."""

    UNSET = enum.auto()


UNSET: Final = Unset.UNSET

_CUSTOMER_ID = re.compile(CUSTOMER_ID_PATTERN)
_USER_ID = re.compile(r"usr_[0-9a-fA-F]{32}")


@dataclass(frozen=True)
class Request:
    """One request. `changes` is True where sending it twice could matter; `customer_id` is the customer it is about, if one."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    json: Mapping[str, object] | None = None
    changes: bool = False
    customer_id: str | None = None


def list_customers(cursor: str | None, limit: int) -> Request:
    """One page of customers; `limit` is 1 to 100, else ValueError. No cursor asks for the first page."""
    return Request("GET", "/v1/express", _page_params(cursor, limit))


def get_customer(customer_id: str) -> Request:
    """Raises BadId, as every request about one customer does."""
    return _about(customer_id, "GET", changes=False)


def create_customer(name: str, metadata: Mapping[str, str] | None) -> Request:
    """Metadata None is left out."""
    body: dict[str, object] = {"expressCustomerName": name}
    if metadata is not None:
        body["metadata"] = dict(metadata)
    return Request("POST", "/v1/express", json=body, changes=True)


def update_customer(customer_id: str, name: str | Unset, metadata: Mapping[str, str] | Unset | None) -> Request:
    """Only what is given is changed; `metadata=None` clears all of it. Raises ValueError where nothing is given."""
    body: dict[str, object] = {}
    if not isinstance(name, Unset):
        body["expressCustomerName"] = name
    if not isinstance(metadata, Unset):
        body["metadata"] = None if metadata is None else dict(metadata)
    if not body:
        raise ValueError("give a name, metadata or both")
    return _about(customer_id, "PATCH", json=body)


def deactivate(customer_id: str) -> Request:
    """No body: the path says it all."""
    return _about(customer_id, "POST", "/deactivate")


def reactivate(customer_id: str) -> Request:
    """No body: the path says it all."""
    return _about(customer_id, "POST", "/reactivate")


def add_user(customer_id: str, user_id: str) -> Request:
    """Raises BadId for either id."""
    return _about(customer_id, "POST", "/users", json={"userId": checked_user_id(user_id)})


def remove_user(customer_id: str, user_id: str) -> Request:
    """A DELETE with a body, as the API has it. Raises BadId for either id."""
    return _about(customer_id, "DELETE", "/users", json={"userId": checked_user_id(user_id)})


def list_viewer_studies(
    cursor: str | None,
    limit: int,
    *,
    customer_id: str | None = None,
    is_cancelled: bool | None = None,
    severity: Severity | None = None,
    status: str | None = None,
) -> Request:
    """What is None is not filtered by."""
    filters = _study_filters(customer_id, is_cancelled, severity)
    if status is not None:
        filters.append(("studyViewerStatus", status))
    return Request("GET", "/v1/viewer/studies", _page_params(cursor, limit, filters), customer_id=customer_id)


def list_autoscribe_studies(
    cursor: str | None,
    limit: int,
    *,
    customer_id: str | None = None,
    is_cancelled: bool | None = None,
    severity: Severity | None = None,
    status: str | Sequence[str] | None = None,
) -> Request:
    """What is None is not filtered by. Several states are sent as one value with commas, as the official client does."""
    filters = _study_filters(customer_id, is_cancelled, severity)
    if status is not None:
        filters.append(("studyReportStatus", status if isinstance(status, str) else ",".join(status)))
    return Request("GET", "/v1/autoScribe/studies", _page_params(cursor, limit, filters), customer_id=customer_id)


def checked_customer_id(text: str) -> str:
    """`text` itself, fit to be part of a path. Raises BadId, which quotes what was seen."""
    if not _CUSTOMER_ID.fullmatch(text):
        raise BadId(f"{shown(text)} is not a customer id. An id is cus_ followed by 32 hexadecimal characters.")
    return text


def checked_user_id(text: str) -> str:
    """`text` itself. Raises BadId, which quotes what was seen."""
    if not _USER_ID.fullmatch(text):
        raise BadId(f"{shown(text)} is not a user id. An id is usr_ followed by 32 hexadecimal characters.")
    return text


def _about(
    customer_id: str, method: str, action: str = "", *, json: Mapping[str, object] | None = None, changes: bool = True
) -> Request:
    path = f"/v1/express/{checked_customer_id(customer_id)}{action}"
    return Request(method, path, json=json, changes=changes, customer_id=customer_id)


def _page_params(cursor: str | None, limit: int, filters: Sequence[tuple[str, str]] = ()) -> tuple[tuple[str, str], ...]:
    if not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"limit must be between 1 and {LARGEST_PAGE}, not {limit}")
    page = [("limit", str(limit))]
    if cursor:
        page.append(("cursor", cursor))
    return (*filters, *page)


def _study_filters(customer_id: str | None, is_cancelled: bool | None, severity: Severity | None) -> list[tuple[str, str]]:  # noqa: FBT001
    filters: list[tuple[str, str]] = []
    if customer_id is not None:
        filters.append(("expressCustomerId", checked_customer_id(customer_id)))
    if is_cancelled is not None:
        filters.append(("isCancelled", "true" if is_cancelled else "false"))
    if severity is not None:
        filters.append(("severity", severity))
    return filters
