"""The API's records as typed, frozen values: the one statement of their rules.

quick.py reads ordinary pages of customers without these models; what it takes, and as what, is tested to be what they take.

Source: the API document of the deactivate endpoint, and for nullable dates the vendor's official client, which types
`createdAt` and `updatedAt` as nullable. Unknown fields are ignored (they may appear at any time); a known field of another
type is an error, never converted.

Answers of the API are read with `by_alias=True, by_name=False`: an unknown field that happens to be called `name` or `id`
must not stand in for a missing `expressCustomerName`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

CUSTOMER_ID_PATTERN = r"^cus_[0-9a-fA-F]{32}$"
#: Metadata: pairs a customer, characters of a key and of a value.
MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 50, 100, 1000

CustomerId = Annotated[str, StringConstraints(pattern=CUSTOMER_ID_PATTERN)]
_UserId = Annotated[str, StringConstraints(pattern=r"^usr_[0-9a-fA-F]{32}$")]
StudyId = Annotated[str, StringConstraints(pattern=r"^stu_[0-9a-fA-F]{32}$")]
MetadataKey = Annotated[str, StringConstraints(max_length=LONGEST_KEY)]
MetadataValue = Annotated[str, StringConstraints(max_length=LONGEST_VALUE)]
#: Beyond this a JSON number is not exact in most languages (RFC 8259, section 6), and no 64-bit column could hold much more.
LARGEST_COUNT = 2**53 - 1

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _in_utc(value: object) -> object:
    """Read here because pydantic alone would also convert digits in quotes ("1705309200"), even in strict mode."""
    if isinstance(value, str):
        if not _RFC_3339.fullmatch(value):
            raise ValueError("must be a date-time with an offset, such as 2024-01-15T09:00:00Z")
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError:
            raise ValueError("must be a date-time that exists") from None
    if isinstance(value, datetime) and value.tzinfo is not None:
        try:
            return value.astimezone(UTC)
        except OverflowError:
            raise ValueError("must be a date-time between the years 1 and 9999 in UTC") from None
    return value


UtcDatetime = Annotated[AwareDatetime, BeforeValidator(_in_utc)]


def _whole(value: object) -> object:
    """JSON has one type of numbers: 15.0 is 15, and 15.5 is left as it is, for pydantic to refuse."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def id_key(customer_id: str) -> str:
    """What two ids of one customer have in common: upper and lower case are the same in them.

    Wherever ids are compared it is by this; wherever one is shown or sent, it is as the API wrote it.
    """
    return customer_id if customer_id.islower() else customer_id.lower()  # most are: a list keeps each text once


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,  # pydantic's own text would quote the record
    )


class Customer(_Record):
    """One Express customer. Times are UTC; `metadata` is empty where the API leaves it out or sends null."""

    id: CustomerId = Field(alias="expressCustomerId")
    name: str = Field(alias="expressCustomerName", min_length=1)
    is_active: bool
    user_count: Annotated[int, BeforeValidator(_whole)] = Field(ge=0, le=LARGEST_COUNT)
    created_at: UtcDatetime | None
    updated_at: UtcDatetime | None
    created_by_api_key_id: UUID | None = None
    created_by_user_id: _UserId | None = None
    metadata: Annotated[
        dict[MetadataKey, MetadataValue],
        Field(max_length=MOST_PAIRS),
        BeforeValidator(lambda value: {} if value is None else value),
    ] = Field(default_factory=dict)


class CustomerReference(_Record):
    """The customer that a study belongs to; the name that comes with it is left out, the customer's own record has it."""

    id: CustomerId = Field(alias="expressCustomerId")


class Study(_Record):
    """When one study of a customer was made and changed. Nothing about the patient is ever read into memory as a value.

    The dates may be null, as for a customer, and the customer is null for a study without one (source: the official client).
    """

    id: StudyId = Field(alias="studyId")
    express_customer: CustomerReference | None = None
    created_at: UtcDatetime | None
    updated_at: UtcDatetime | None
    is_cancelled: bool
    cancelled_at: UtcDatetime | None = None

    @property
    def customer_id(self) -> str | None:
        return self.express_customer.id if self.express_customer else None


@dataclass(frozen=True)
class RecordProblem:
    """One record that breaks a rule: which customer, which field (the API's name), and what was seen.

    `study_id` is None where the record is a customer; for a study it is the study's id, empty where that can't be read.
    """

    customer_id: str
    field: str
    seen: str
    rule: str
    study_id: str | None = None

    def __str__(self) -> str:
        whose = self.customer_id or "A customer without an id"
        if self.study_id is not None:
            whose = f"Study {self.study_id or 'without an id'} of {self.customer_id or 'an unknown customer'}"
        return f"{whose}: {self.field} {self.rule} (seen: {self.seen})"


@dataclass(frozen=True)
class CustomerPage:
    """One page of the list: the sound records in the API's order, the problems, and the cursor of the next page, if any.

    `customers` is a tuple, or a CustomerBatch (batch.py), which can be taken apart by columns.
    """

    customers: Sequence[Customer]
    problems: tuple[RecordProblem, ...]
    next_cursor: str | None
    is_cut_off: Literal[False] = False  # a list of customers that does not say where it goes on is at its end


@dataclass(frozen=True)
class StudyPage:
    """One page of a list of studies, as CustomerPage. `is_cut_off`: the list goes on, and does not say where."""

    studies: tuple[Study, ...]
    problems: tuple[RecordProblem, ...]
    next_cursor: str | None
    is_cut_off: bool = False

    @property
    def unreadable(self) -> int:
        """How many studies break a rule; of those without an id each problem counts, since nobody can tell them apart."""
        ids = [one.study_id for one in self.problems]
        return len({id_ for id_ in ids if id_}) + sum(not id_ for id_ in ids)
