"""Which steps are those of a plan: the plan as its text says it, customer by customer, and how a step differs from it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lib.journal.proof import replay
from lib.journal.tables import plain_text
from lib.plans.plan import judged_in

#: What reading something raises that is not what it should be.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


class NotThePlanError(ValueError):
    """What is kept as a run's plan is not the one that the log names; the message says how."""


class _Kept(msgspec.Struct):
    """A plan as it is kept: its hash, and its text as it was written."""

    hash: str
    plan: msgspec.Raw


class Planned(msgspec.Struct):
    """What a plan says of its run; each customer is left as its text."""

    action: str
    customers: list[msgspec.Raw]
    reason: str
    ticket: str
    filter_text: str
    operator: str
    fingerprint: str
    connection_label: str
    base_url: str
    undo_of: str | None = None
    goes_on: bool = False

    def row(self) -> dict[str, object]:
        """The columns of its run that it tells of."""
        told = {name: value for name, value in msgspec.structs.asdict(self).items() if name != "customers"}
        return {name: plain_text(value) if isinstance(value, str) else value for name, value in told.items()}

    def judged(self) -> dict[str, Any] | None:
        """What the log must say of its judgements."""
        return judged_in((_id(one), one["judgement"]) for one in map(_decoded, self.customers) if "judgement" in one)

    def customer(self, position: object) -> msgspec.Raw | None:
        """Whom it has at this place; None where it has none."""
        return self.customers[position] if isinstance(position, int) and 0 <= position < len(self.customers) else None


def read_planned(body: str | None, plan_hash: object) -> Planned:
    """The plan of a kept text, which must be the one of this hash. Raises NotThePlanError."""
    if body is None:
        raise NotThePlanError("its plan is gone.")
    try:
        kept = msgspec.json.decode(body, type=_Kept)
        plan = msgspec.json.decode(kept.plan, type=Planned)
    except UNREADABLE:
        raise NotThePlanError("its plan can't be read.") from None
    if not hashlib.sha256(kept.plan).hexdigest() == kept.hash == plan_hash:
        raise NotThePlanError("its plan was altered: it is not the one whose hash stands in the log.")
    return plan


def unlike_plan(row: Mapping[str, Any], customer: msgspec.Raw | None) -> Iterator[str]:
    """How a step, by the columns of its row, is not the one of its place in the plan, in words."""
    if customer is None:
        yield "has a step, but is not in the plan."
        return
    planned = _decoded(customer)
    told = {"customer_id": _id(planned), "name": plain_text(planned["record"]["expressCustomerName"])}
    yield from replay.differences(row, told, "the plan")
    if not _holds(row["before"], planned["record"]):
        yield "before is not the record of the plan."
    if not _holds(row["activity"], (planned.get("judgement") or {}).get("activity")):
        yield "activity is not that of the plan."


def id_of(customer: msgspec.Raw) -> object:
    return _id(_decoded(customer))


def _holds(stored: str | None, planned: object) -> bool:
    """Whether a column holds exactly this, with its types: in Python 1 is true and 1.0."""
    try:
        return _exactly(None if stored is None else msgspec.json.decode(stored)) == _exactly(planned)
    except UNREADABLE:
        return False


def _exactly(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _decoded(customer: msgspec.Raw) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(customer)
    return decoded


def _id(planned: Mapping[str, Any]) -> Any:  # noqa: ANN401  # whatever stands there
    return planned["record"]["expressCustomerId"]
