"""Whether a customer, looked at right before its call, is still what was reviewed. Pure."""

from __future__ import annotations

from datetime import timedelta

from lib.avara.models import Customer, id_key
from lib.avara.times import ago, to_minute
from lib.errors import ApiError, BadAnswer, NotAuthorized, NotFound, Withdrawn
from lib.evidence.activity import Activity
from lib.evidence.studies import reason
from lib.plans.drift import activity, drift
from lib.plans.model import Action, Step, StepState
from lib.plans.policy import Policy
from lib.plans.words import Words, joined, of_error, said
from lib.runs.judge import NotSent, Settled, Trouble, suspicion_of, trouble_of


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
    return Settled(StepState.SKIPPED, said(f"Already {activity(read)}; no call was needed."), after=read)


def _changed(planned: Customer, read: Customer, policy: Policy, *, exact: bool) -> Settled | None:
    changes = drift(planned, read, policy.drift, exact=exact)
    what = Words("; ".join(map(str, changes)), ", ".join(change.field for change in changes))
    words = what.within("Changed since the review: {}. No call was made.")
    return Settled(StepState.SKIPPED, words, after=read) if changes else None


def protection(record: Customer, policy: Policy) -> Settled | None:
    """The end of a step whose customer is protected; None where it is not."""
    why = policy.protected.why(record)
    return Settled(StepState.SKIPPED, why.within("Protected: {}. No call was made."), after=record) if why else None


def revival(before: Activity, seen: Activity | ApiError) -> Settled | NotSent | None:
    """What the newest studies say, read right before the call, of a customer that was picked by what was known `before`.

    A customer whose studies can't be read is not called, as one whose record can't be, nor one with studies whose time can't be
    a fact that were not counted then. A 403 is taken for this customer's: the key has just read its record. Where they could
    not be read for the very same reason when it was picked, whoever picked it was told so, and nothing has changed since.
    """
    if isinstance(seen, ApiError):
        return _unread_studies(seen, before)
    came = before.came_since(seen)
    if came is None:
        words = said("A study came in whose time can't be a fact, so the customer may be alive. No call was made.")
        return Settled(StepState.SKIPPED, words) if before.may_have_come_since(seen) else None
    when = ago(max(seen.read_at - came, timedelta(0)))
    return Settled(StepState.SKIPPED, said(f"A study came in {when} ({to_minute(came)}). No call was made."))


def _unread_studies(error: ApiError, before: Activity) -> Settled | NotSent | None:
    refused = isinstance(error, NotAuthorized) and error.status == 403
    if isinstance(error, Withdrawn) or (trouble_of(error) is not None and not refused):
        return _unread(error)
    if reason(error) == before.why:
        return None
    words = joined(said("Its studies could not be read again before the call, so no call was made:"), of_error(error))
    return Settled(StepState.FAILED, words, trouble=Trouble(of_error(error), doubtful=True))


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
