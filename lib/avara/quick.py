"""The quick way to read a page of customers: nearly as fast as it comes, and only for pages in which all is sound and ordinary.

The rules are stated in models.py, for people and for every problem that is put in words. They are known here a second time, in
a form that can be checked for many records at once. What this module returns is exactly what the model would have read; on
any doubt (a broken rule, but also an unusual way to write a date or a UUID) it returns None, and the model decides. The tests
of this module hold the two against each other, value by value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from lib.avara.batch import CustomerBatch
from lib.avara.models import CUSTOMER_ID_PATTERN, LARGEST_COUNT, LONGEST_KEY, LONGEST_VALUE, MOST_PAIRS, USER_ID_PATTERN

_Key = Annotated[str, Meta(max_length=LONGEST_KEY)]
_Value = Annotated[str, Meta(max_length=LONGEST_VALUE)]


class _Row(msgspec.Struct, gc=False, rename="camel"):
    """The types and sizes of a record; what is text by a pattern (ids, times, UUIDs) is checked by columns."""

    express_customer_id: str
    express_customer_name: Annotated[str, Meta(min_length=1)]
    is_active: bool
    user_count: Annotated[int, Meta(ge=0, le=LARGEST_COUNT)]
    created_at: str | None
    updated_at: str | None
    created_by_api_key_id: str | None = None
    created_by_user_id: str | None = None
    metadata: Annotated[dict[_Key, _Value], Meta(max_length=MOST_PAIRS)] | None = None


class QuickPage(msgspec.Struct, gc=False, rename="camel"):
    """A page of which nothing but types and sizes was checked."""

    express_customers: list[_Row]
    has_more: bool
    cursor: str | None = None


_PAGE: Final = msgspec.json.Decoder(QuickPage)
#: pydantic reads no number of more than 4300 digits, wherever it stands. So many in a row hold such a block of nothing else.
_DIGITS_EVERY, _DIGITS = 4096, 128
_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def _each(pattern: str) -> re.Pattern[str]:
    """Matches any number of texts of the pattern, a comma after each."""
    return re.compile(f"(?:{pattern.removeprefix('^').removesuffix('$')},)*+")


_CUSTOMER_IDS: Final = _each(CUSTOMER_ID_PATTERN)
_USER_IDS: Final = _each(USER_ID_PATTERN)
#: As `str` of a UUID writes it. The model also takes capitals, braces, and no hyphens at all.
_UUIDS: Final = _each(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: UTC to the microsecond. The model also takes other offsets, lower case, a space, and more digits. There is no year 0.
_TIMES: Final = _each(r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")


def decoded(body: bytes) -> QuickPage | None:
    """Where the list goes on, and the records as they came. None where the body is no page, or an odd one."""
    with suppress(*_ERRORS):
        page = _PAGE.decode(body)
        # msgspec passes over what it has no field for: it would not notice there what no model ever sees, either.
        if not body.isascii():
            body.decode()
        if not any(body[at : at + _DIGITS].isdigit() for at in range(0, len(body) - _DIGITS, _DIGITS_EVERY)):
            return page
    return None


def checked(page: QuickPage) -> CustomerBatch | None:
    """All records of the page, if every one is sound and written the usual way; else None."""
    rows = page.express_customers
    ids = [row.express_customer_id for row in rows]
    users = [row.created_by_user_id for row in rows]
    keys = [row.created_by_api_key_id for row in rows]
    if not (_all(_CUSTOMER_IDS, ids) and _all(_USER_IDS, _given(users)) and _all(_UUIDS, _given(keys))):
        return None
    times = _moments([row.created_at for row in rows] + [row.updated_at for row in rows])
    if times is None:
        return None
    return CustomerBatch(
        id=ids,
        name=[row.express_customer_name for row in rows],
        is_active=[row.is_active for row in rows],
        user_count=[row.user_count for row in rows],
        created_at=times[: len(rows)],
        updated_at=times[len(rows) :],
        created_by_api_key_id=keys,
        created_by_user_id=users,
        metadata=[row.metadata or {} for row in rows],
    )


def _given(texts: Iterable[str | None]) -> list[str]:
    return [text for text in texts if text is not None]


def _all(pattern: re.Pattern[str], texts: list[str]) -> bool:
    """Whether each text is of the pattern, seen in one look at all of them. No pattern has a comma, so no text may have one."""
    joined = ",".join([*texts, ""])
    return pattern.fullmatch(joined) is not None and joined.count(",") == len(texts)


def _moments(texts: list[str | None]) -> npt.NDArray[np.datetime64] | None:
    if not _all(_TIMES, _given(texts)):
        return None
    with suppress(ValueError):  # a day or an hour that does not exist
        return np.array([None if text is None else text[:-1] for text in texts], dtype="datetime64[us]")
    return None
