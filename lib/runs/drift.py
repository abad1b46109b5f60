"""Whether a record, read right before its call, is still what was reviewed. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from lib.avara.models import Customer
from lib.errors import ApiError, BadAnswer, NotFound
from lib.runs.judge import NotSent, Settled, trouble_of
from lib.runs.model import Action, StepState
from lib.runs.policy import DriftField, Policy
from lib.runs.words import Words, joined, of_error


@dataclass(frozen=True)
class Change:
    """One field that differs between the review and now, both sides in words. A metadata field is `metadata: <key>`."""

    field: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.field} was {self.before}, is now {self.after}"


def drift(
    planned: Customer, now_read: Customer, matters: Collection[DriftField] = ("active", "users", "name", "metadata")
) -> tuple[Change, ...]:
    """What changed in a way that matters."""
    changes = []
    if "active" in matters and now_read.is_active != planned.is_active:
        changes.append(Change("status", _activity(planned), _activity(now_read)))
    if "users" in matters and now_read.user_count != planned.user_count:
        changes.append(Change("users", f"{planned.user_count:,}", f"{now_read.user_count:,}"))
    if "name" in matters and now_read.name != planned.name:
        changes.append(Change("name", _quoted(planned.name), _quoted(now_read.name)))
    keys = planned.metadata.keys() | now_read.metadata.keys() if "metadata" in matters else ()
    for key in sorted(keys):
        before, after = planned.metadata.get(key), now_read.metadata.get(key)
        if before != after:
            changes.append(Change(f"metadata: {key}", _quoted(before), _quoted(after)))
    return tuple(changes)


def preflight(
    action: Action,
    planned: Customer,
    read: Customer | ApiError,
    policy: Policy = Policy(),  # noqa: B008 - frozen
) -> Settled | NotSent | None:
    """What the reading right before the call says about the step; None: nothing stands in the way of the call."""
    if isinstance(read, ApiError):
        return _unread(read)
    if read.id.lower() != planned.id.lower():
        return _unread(BadAnswer("The API sent the record of another customer."))
    if read.is_active == action.wants_active:
        return Settled(StepState.SKIPPED, Words(f"Already {_activity(read)}; no call was needed."), after=read)
    spared = protection(read, policy)
    if spared is not None:
        return spared
    changes = drift(planned, read, policy.drift)
    if changes:
        what = Words("; ".join(map(str, changes)), ", ".join(change.field for change in changes))
        return Settled(StepState.SKIPPED, what.within("Changed since the review: {}. No call was made."), after=read)
    return None


def protection(record: Customer, policy: Policy) -> Settled | None:
    """The end of a step whose customer is protected; None where it is not."""
    why = policy.protected.why(record)
    return Settled(StepState.SKIPPED, why.within("Protected: {}. No call was made."), after=record) if why else None


def _unread(error: ApiError) -> Settled | NotSent:
    if isinstance(error, NotFound):
        return Settled(StepState.FAILED, Words("The API knows no such customer any more. No call was made."))
    trouble = trouble_of(error)
    if trouble is not None:
        return NotSent(trouble)
    unread = Words("The record could not be read before the call, so no call was made:")
    return Settled(StepState.FAILED, joined(unread, of_error(error)))


def _quoted(text: str | None) -> str:
    return "not set" if text is None else f"“{text}”"


def _activity(record: Customer) -> str:
    return "active" if record.is_active else "inactive"
