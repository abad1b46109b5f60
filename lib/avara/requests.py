"""What can be asked of the API, as plain frozen values: nothing here sends anything.

Paths and names: https://docs.avarasoftware.com and the vendor's official client (`pip install avara`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lib.avara.models import CUSTOMER_ID_PATTERN
from lib.avara.text import shown
from lib.errors import BadId

LARGEST_PAGE = 100
#: The products of the vendor in which studies are; each has a list of its own.
Product = Literal["viewer", "autoScribe"]
PRODUCTS: tuple[Product, ...] = ("viewer", "autoScribe")

_CUSTOMER_ID = re.compile(CUSTOMER_ID_PATTERN)


@dataclass(frozen=True)
class Request:
    """One request. `changes` is True where sending it twice could matter; `customer_id` is the customer it is about, if one.

    `about_patients`: the API may speak of patients in its answer, so nothing that it says is quoted. `last`: it goes after all
    others that wait for their turn.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    changes: bool = False
    customer_id: str | None = None
    about_patients: bool = False
    last: bool = False


def list_customers(cursor: str | None, limit: int) -> Request:
    """One page of customers; `limit` is 1 to 100, else ValueError. No cursor asks for the first page."""
    return Request("GET", "/v1/express", _page_params(cursor, limit))


def get_customer(customer_id: str) -> Request:
    """Raises BadId."""
    return Request("GET", _path(customer_id), customer_id=customer_id)


def deactivate(customer_id: str) -> Request:
    """Raises BadId."""
    return _change(customer_id, "deactivate")


def reactivate(customer_id: str) -> Request:
    """Raises BadId."""
    return _change(customer_id, "reactivate")


def list_studies(
    product: Product, cursor: str | None, limit: int, customer_id: str | None = None, *, last: bool = False
) -> Request:
    """One page of the studies of one product: of one customer, or of all. Raises as `list_customers`, and BadId."""
    of = () if customer_id is None else (("expressCustomerId", checked_customer_id(customer_id)),)
    asked = (*of, *_page_params(cursor, limit))
    return Request("GET", f"/v1/{product}/studies", asked, customer_id=customer_id, about_patients=True, last=last)


def checked_customer_id(text: str) -> str:
    """`text` itself, fit to be part of a path. Raises BadId, which quotes what was seen."""
    if not _CUSTOMER_ID.fullmatch(text):
        raise BadId(f"{shown(text)} is not a customer id. An id is cus_ followed by 32 hexadecimal characters.")
    return text


def _change(customer_id: str, action: str) -> Request:
    """No body: the path says it all."""
    return Request("POST", f"{_path(customer_id)}/{action}", changes=True, customer_id=customer_id)


def _path(customer_id: str) -> str:
    return f"/v1/express/{checked_customer_id(customer_id)}"


def _page_params(cursor: str | None, limit: int) -> tuple[tuple[str, str], ...]:
    if not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"limit must be between 1 and {LARGEST_PAGE}, not {limit}")
    page = ("limit", str(limit))
    return (page, ("cursor", cursor)) if cursor else (page,)
