"""Reading the studies of one customer, only as far as it takes to be certain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from lib.avara.limiter import Wanted, always
from lib.avara.models import StudyPage
from lib.avara.requests import PRODUCTS, Product
from lib.errors import ApiError, NotAuthorized, Unreachable, Withdrawn
from lib.evidence.activity import Activity


class Studies(Protocol):
    """The part of the API client that reads studies. Raises ApiError; Withdrawn once a page is not `wanted` any more."""

    def iter_studies(
        self, product: Product, customer_id: str | None = None, /, *, wanted: Wanted = always, last: bool = False
    ) -> Iterator[StudyPage]: ...


def read_studies(
    client: Studies, customer_id: str, read_at: datetime, within: int | None, wanted: Wanted, *, last: bool = False
) -> tuple[Activity, ApiError | None]:
    """A customer's activity by both lists of its studies, and what kept the rest of them from being read.

    Reading ends as soon as one study proves activity within so many days of `read_at`: then `whole` is false, and the counts
    are of what was read. None: every study is read. `last`: after all other requests that wait. Raises Withdrawn once it is
    not `wanted` any more.
    """
    seen = Activity(read_at)
    try:
        for product in PRODUCTS:
            for page in client.iter_studies(product, customer_id, wanted=wanted, last=last):
                seen = seen.seen(page.studies).with_unreadable(page.unreadable)
                if within is not None and seen.within(within, read_at):
                    return seen, None
    except Withdrawn:
        raise
    except ApiError as error:
        return seen, error
    return seen.completed(), None


def reason(error: ApiError) -> str:
    """Why studies could not be read, short enough for a sentence about a customer."""
    if error.status == 403:
        return "this key may not read its studies (403)"
    words = error.message.partition(". ")[0].partition(" (HTTP ")[0].rstrip(".")
    return f"{words[:1].lower()}{words[1:]}" + (f" ({error.status})" if (error.status or 0) >= 400 else "")


def is_of_all(error: ApiError) -> bool:
    """Whether an error says nothing of the one customer: the way to the API, or the key, is at fault."""
    return isinstance(error, Unreachable) or (isinstance(error, NotAuthorized) and error.status == 401)
