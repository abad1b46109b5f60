"""The quick way to read a page of customers: nearly as fast as it comes, and only for pages in which all is sound and ordinary.

The rules are stated in models.py, for people and for every problem that is put in words. They are known here a second time, in
a form that can be checked for many records at once. What this module returns is exactly what the model would have read; on
any doubt (a broken rule, but also an unusual way to write a date or a UUID) it returns None, and the model decides. The tests
of this module hold the two against each other, value by value.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Meta

from lib.avara.batch import CustomerBatch
from lib.avara.models import LARGEST_COUNT, LONGEST_KEY, LONGEST_VALUE, MOST_PAIRS

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
    # How long keys are is seen later: msgspec gives the same key as the same object only where it has no rule for it.
    metadata: Annotated[dict[str, _Value], Meta(max_length=MOST_PAIRS)] | None = None


class QuickPage(msgspec.Struct, gc=False, rename="camel"):
    """A page of which nothing but types and sizes was checked."""

    express_customers: list[_Row]
    has_more: bool | None = None
    cursor: str | None = None


#: numpy knows a year 0, the model does not.
_YEAR_1: Final = np.datetime64("0001-01-01", "us")
_PAGE: Final = msgspec.json.Decoder(QuickPage)
#: pydantic reads no number of more than 4300 digits, wherever it stands. So many in a row hold such a block of nothing else.
_DIGITS_EVERY, _DIGITS = 4096, 128
_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


class _Form:
    """How a text must be written, checked for many texts at once.

    Digits (of base 10, or 16) count as 0, so that all sound texts look like one of `examples`; `prefix` is what they begin
    with, where a digit of base 16 in it would count as one.
    """

    def __init__(self, digits: bytes, *examples: bytes, prefix: bytes = b"") -> None:
        self._zeros, self._prefix = bytes.maketrans(digits, b"0" * len(digits)), prefix
        self._sound = frozenset(example.translate(self._zeros) for example in examples)

    def fits(self, texts: list[str]) -> bool:
        """Whether each text is of this form."""
        joined = ",".join(texts).encode()
        if self._prefix and joined.count(self._prefix) != len(texts):
            return False
        seen = joined.translate(self._zeros)
        first = seen.partition(b",")[0]  # most lists are written alike from their first text to their last
        if first in self._sound and seen == b",".join([first] * len(texts)):
            return True
        each = seen.split(b",") if texts else []
        return len(each) == len(texts) and self._sound.issuperset(each)


_CUSTOMER_IDS: Final = _Form(b"0123456789abcdefABCDEF", b"cus_" + b"0" * 32, prefix=b"cus_")
_USER_IDS: Final = _Form(b"0123456789abcdefABCDEF", b"usr_" + b"0" * 32)
#: As `str` of a UUID writes it. The model also takes capitals, braces, and no hyphens at all.
_UUIDS: Final = _Form(b"0123456789abcdef", b"00000000-0000-0000-0000-000000000000")
#: UTC to the microsecond. The model also takes other offsets, lower case, a space, and more digits.
_TIMES: Final = _Form(
    b"0123456789", b"0000-00-00T00:00:00Z", *(b"0000-00-00T00:00:00." + b"0" * digits + b"Z" for digits in range(1, 7))
)


def decoded(body: bytes) -> QuickPage | None:
    """Where the list goes on, and the records as they came. None where the body is no page, or an odd one."""
    with suppress(*_ERRORS):
        page = _PAGE.decode(body)
        return page if _is_plain(body) else None
    return None


def _is_plain(body: bytes) -> bool:
    """Whether the model would read all of it. msgspec passes over what it has no field for, and over what is wrong there."""
    if not (body.isascii() or _is_utf_8(body)):
        return False
    return not any(body[at : at + _DIGITS].isdigit() for at in range(0, len(body) - _DIGITS, _DIGITS_EVERY))


def checked(page: QuickPage) -> CustomerBatch | None:
    """All records of the page, if every one is sound and written the usual way; else None."""
    rows = page.express_customers
    ids, names, active, counts, created, updated, keys, users, metadata = _columns(rows)
    if not (_CUSTOMER_IDS.fits(ids) and _USER_IDS.fits(_given(users)) and _UUIDS.fits(_given(keys))):
        return None
    times = _moments(created + updated)
    pairs = [each or {} for each in metadata]
    if times is None or max(map(len, set().union(*pairs)), default=0) > LONGEST_KEY:
        return None
    return CustomerBatch(
        id=ids,
        name=names,
        is_active=active,
        user_count=counts,
        created_at=times[: len(rows)],
        updated_at=times[len(rows) :],
        created_by_api_key_id=keys,
        created_by_user_id=users,
        metadata=pairs,
    )


def _columns(rows: list[_Row]) -> list[list[Any]]:
    """The fields of all rows, one list a field, in the order in which `_Row` has them."""
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, rows), strict=True)]
    return columns or [[] for _ in _Row.__struct_fields__]


def _is_utf_8(body: bytes) -> bool:
    """Arrow sees in a few microseconds what takes Python, which would make a text of it, five times as long."""
    ends = np.array([0, len(body)], dtype=np.int64)
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, pa.py_buffer(ends), pa.py_buffer(body)])
    with suppress(pa.ArrowInvalid):
        text.validate(full=True)
        return True
    return False


def _given(texts: Iterable[str | None]) -> list[str]:
    return [text for text in texts if text is not None]


def _moments(texts: list[str | None]) -> npt.NDArray[np.datetime64] | None:
    if not _TIMES.fits(_given(texts)):
        return None
    with suppress(ValueError):  # a day or an hour that does not exist
        times = np.array([None if text is None else text[:-1] for text in texts], dtype="datetime64[us]")
        return None if (times < _YEAR_1).any() else times
    return None
