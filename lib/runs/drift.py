"""Whether a record, read right before its call, is still what was reviewed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from lib.avara.models import Customer, id_key
from lib.errors import ApiError, BadAnswer, NotFound, Withdrawn
from lib.runs.judge import NotSent, Settled, suspicion_of, trouble_of
from lib.runs.model import Action, Step, StepState
from lib.runs.policy import DriftField, Policy
from lib.runs.words import Words, joined, of_error, said


@dataclass(frozen=True)
class Change:
    """One field that differs between the review and now, both sides in words. A metadata field is `metadata: <key>`."""

    field: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.field} was {self.before}, is now {self.after}"


def drift(
    planned: Customer,
    now_read: Customer,
    matters: Collection[DriftField] = ("active", "users", "name", "metadata"),
    *,
    exact: bool = False,
) -> tuple[Change, ...]:
    """What changed in a way that matters; `exact`: whatever differs does, be it only the time of the last update.

    Two times that are both unknown say nothing, and equal ones excuse no other difference.
    """
    return tuple(
        Change(field, before, after)
        for kind, field, before, after in _fields(planned, now_read)
        if before != after and (exact or kind in matters)
    )


def _fields(planned: Customer, now_read: Customer) -> Iterator[tuple[str, str, str, str]]:
    """Each field: its kind in the settings (empty where it is none), its name, and both sides in words."""
    yield "", "last update", _time(planned.updated_at), _time(now_read.updated_at)
    yield "active", "status", _activity(planned), _activity(now_read)
    yield "users", "users", f"{planned.user_count:,}", f"{now_read.user_count:,}"
    yield "name", "name", _quoted(planned.name), _quoted(now_read.name)
    for key in sorted(planned.metadata.keys() | now_read.metadata.keys()):
        yield "metadata", f"metadata: {key}", _quoted(planned.metadata.get(key)), _quoted(now_read.metadata.get(key))
    yield "", "created", _time(planned.created_at), _time(now_read.created_at)
    yield "", "created by key", _id(planned.created_by_api_key_id), _id(now_read.created_by_api_key_id)
    yield "", "created by user", _id(planned.created_by_user_id), _id(now_read.created_by_user_id)


def preflight(
    action: Action,
    step: Step,
    read: Customer | ApiError,
    policy: Policy = Policy(),  # noqa: B008 - frozen
    *,
    exact: bool = False,
) -> Settled | NotSent | None:
    """What the reading right before the call says about the step; None: nothing stands in the way of the call.

    `exact`: only a record that is the same in every field as when the plan was made is called, as an undo must have it.
    """
    planned = step.before
    if isinstance(read, ApiError):
        return _unread(read)
    if id_key(read.id) != id_key(planned.id):
        return _unread(BadAnswer("The API sent the record of another customer."))
    if read.is_active == action.wants_active:
        return _as_asked(step, read)
    return protection(read, policy) or _changed(planned, read, policy, exact=exact)


def _as_asked(step: Step, read: Customer) -> Settled:
    if step.called_before:
        late = said("An earlier call of this run took effect after all; no other was needed.")
        return Settled(StepState.VERIFIED, late, after=read)
    return Settled(StepState.SKIPPED, said(f"Already {_activity(read)}; no call was needed."), after=read)


def _changed(planned: Customer, read: Customer, policy: Policy, *, exact: bool) -> Settled | None:
    changes = drift(planned, read, policy.drift, exact=exact)
    what = Words("; ".join(map(str, changes)), ", ".join(change.field for change in changes))
    words = what.within("Changed since the review: {}. No call was made.")
    return Settled(StepState.SKIPPED, words, after=read) if changes else None


def protection(record: Customer, policy: Policy) -> Settled | None:
    """The end of a step whose customer is protected; None where it is not."""
    why = policy.protected.why(record)
    return Settled(StepState.SKIPPED, why.within("Protected: {}. No call was made."), after=record) if why else None


def _unread(error: ApiError) -> Settled | NotSent:
    if isinstance(error, Withdrawn):
        return NotSent(of_error(error))
    trouble = trouble_of(error)
    if trouble is not None:
        return NotSent(trouble.words, trouble)
    words = joined(said("The record could not be read before the call, so no call was made:"), of_error(error))
    if isinstance(error, NotFound):
        words = said("The API knows no such customer any more. No call was made.")
    return Settled(StepState.FAILED, words, trouble=suspicion_of(error))


def _quoted(text: str | None) -> str:
    return "not set" if text is None else f"“{text}”"


def _time(at: datetime | None) -> str:
    return "unknown" if at is None else f"{at.isoformat(' ').removesuffix('+00:00')} UTC"


def _id(value: object) -> str:
    return "not set" if value is None else str(value).lower()


def _activity(record: Customer) -> str:
    return "active" if record.is_active else "inactive"
