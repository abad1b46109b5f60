"""A plan: the frozen list of customers, with the records and the evidence as seen, that one run will act on.

A plan is named by the SHA-256 of its canonical JSON. Its creation time is part of it, so two plans made on purpose differ,
while the same plan confirmed twice (a double click, a file opened again) has the same hash and can't start a second run.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lib.avara.models import Customer, UtcDatetime, id_key
from lib.avara.text import one_line
from lib.errors import EmptyPlan, OtherConnection, PlanError, ReasonMissing
from lib.plans.model import Action
from lib.spelling import visible


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class PlannedCustomer(_Frozen):
    """One customer of a plan: the record as seen, why it was picked, and when both were read (UTC)."""

    record: Customer
    evidence: tuple[str, ...] = ()
    read_at: UtcDatetime


class Untouched(_Frozen):
    """A customer of the run that an undo takes back whom it leaves alone, and why: in words without data, which get logged."""

    customer_id: str
    why: str


class Plan(_Frozen):
    """What one run will do, to whom, and why. Made by `make_plan`; never changed afterwards.

    However it is made or read, a customer that is there twice raises PlanError, with its name, and a reason that shows nothing
    raises ReasonMissing.
    """

    version: Literal[1] = 1
    action: Action
    customers: tuple[PlannedCustomer, ...] = Field(min_length=1)
    reason: str
    ticket: str = ""
    filter_text: str = ""
    operator: str  # who planned it; who carries it out is known by the process that does
    fingerprint: str
    connection_label: str
    base_url: str = ""
    created_at: UtcDatetime
    undo_of: str | None = None
    goes_on: bool = False  # after the canary, by itself, if all its steps are verified
    left_alone: tuple[Untouched, ...] = ()  # of the run that it undoes

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        counts = Counter(map(id_key, self.ids))
        repeated = next((one.record for one in self.customers if counts[id_key(one.record.id)] > 1), None)
        if repeated is not None:
            more = f"{len(self.ids) - len(counts):,} too many in all"
            raise PlanError(f"{repeated.name} ({repeated.id}) is in this plan more than once ({more}). Remove the repeats.")
        if not visible(self.reason):
            raise ReasonMissing
        return self

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, as 64 hexadecimal characters."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    def canonical(self) -> str:
        """The plan as canonical JSON; records carry the API's own field names."""
        # Left out where there is none: plans made before there was this choice keep their hash.
        exclude = {name for name in ("goes_on", "left_alone") if not getattr(self, name)}
        return canonical_json(self.model_dump(mode="json", by_alias=True, exclude=exclude))

    def to_json(self) -> str:
        """The plan and its hash as a file that `from_json` opens again."""
        return f'{{"hash":"{self.hash}","plan":{self.canonical()}}}'

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """The plan of a file that `to_json` wrote. Raises PlanError: unreadable, altered, with a repeat, or with something that
        no plan has, whose name it says.
        """
        try:
            envelope = json.loads(text, object_pairs_hook=_each_name_once)
            said, body = envelope.pop("hash"), envelope.pop("plan")
            plan = cls.model_validate_json(json.dumps(body), extra="forbid", by_alias=True, by_name=False)
        except ValidationError as exc:
            unknown = [".".join(map(str, one["loc"])) for one in exc.errors() if one["type"] == "extra_forbidden"]
            raise PlanError(_unreadable(*unknown)) from exc
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
            raise PlanError(_unreadable()) from exc
        if envelope:
            raise PlanError(_unreadable(*envelope))
        if said != plan.hash:
            raise PlanError("This plan was altered after it was saved: its contents do not match its hash. Make a new plan.")
        return plan

    def check_account(self, keys: Collection[str], here: str) -> None:
        """Raise OtherConnection unless one of `keys` (fingerprints) made it: those of the account at base URL `here`."""
        if self.fingerprint not in keys:
            raise OtherConnection.of("This plan", fingerprint=self.fingerprint, base_url=self.base_url, here=here)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(planned.record.id for planned in self.customers)

    @property
    def users_affected(self) -> int:
        return sum(planned.record.user_count for planned in self.customers)


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(named := dict(pairs)) != len(pairs):
        raise ValueError("a name is there twice")
    return named


def _unreadable(*unknown: str) -> str:
    what = "This file is not a plan of Express Ops, or of a version that it does not know."
    return f"{what} No plan has this: {', '.join(one_line(name, 60) for name in unknown[:3])}." if unknown else what


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:  # noqa: ANN401  # whatever JSON can hold
    """JSON with sorted keys and no whitespace, in the manner of RFC 8785: equal values give equal text."""
    return _CANONICAL.encode(value)


def make_plan(
    customers: Sequence[PlannedCustomer],
    *,
    action: Action,
    reason: str,
    operator: str,
    fingerprint: str,
    connection_label: str,
    now: datetime,
    base_url: str = "",
    ticket: str = "",
    filter_text: str = "",
    undo_of: str | None = None,
    goes_on: bool = False,
    left_alone: Sequence[Untouched] = (),
) -> Plan:
    """The plan to do `action` to `customers`, in their order.

    Raises EmptyPlan, ReasonMissing (blank), or PlanError when a customer is there twice.
    """
    if not customers:
        raise EmptyPlan
    return Plan(
        action=action,
        customers=tuple(customers),
        reason=reason.strip(),
        ticket=ticket.strip(),
        filter_text=filter_text,
        operator=operator,
        fingerprint=fingerprint,
        connection_label=connection_label,
        base_url=base_url,
        created_at=now.astimezone(UTC),
        undo_of=undo_of,
        goes_on=goes_on,
        left_alone=tuple(left_alone),
    )
