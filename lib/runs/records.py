"""Customers' records, read fresh from the API a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from lib.avara.models import Customer
from lib.errors import ApiError
from lib.runs.judge import trouble_of

#: Readings at a time: enough to hide latency, too few to crowd out those who work in the app.
_AT_ONCE = 4


class Reader(Protocol):
    """The part of the API client that reads one record. Raises ApiError."""

    def get_customer(self, customer_id: str, /) -> Customer: ...


def read_records(
    client: Reader, ids: Iterable[str], on_read: Callable[[int], object] = lambda _: None
) -> dict[str, Customer | ApiError]:
    """Each id's record, or what kept this one from being read; `on_read` hears how many are read.

    Raises ApiError where the way to the API is at fault: then nothing is known of the others either.
    """

    def read(customer_id: str) -> Customer | ApiError:
        try:
            return client.get_customer(customer_id)
        except ApiError as exc:
            if trouble_of(exc) is not None:
                raise
            return exc

    found: dict[str, Customer | ApiError] = {}
    wanted = list(ids)
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="read")
    try:
        for customer_id, record in zip(wanted, pool.map(read, wanted), strict=True):
            found[customer_id] = record
            on_read(len(found))
    finally:
        pool.shutdown(cancel_futures=True)
    return found
