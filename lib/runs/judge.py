"""What an answer, or the lack of one, says about a step. Pure: the engine asks, and obeys.

The status code proves nothing (the API's own example of a deactivation answers 200 with `isActive: true`); only a record
with the right id that says what was asked for does. Where the answer does not hold one, the record is read back, several
times: reads may lag, and a call that timed out may still be under way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lib.avara.models import Customer, id_key
from lib.errors import (
    ApiError,
    BadAnswer,
    Conflict,
    NoAnswer,
    NotAuthorized,
    NotFound,
    RateLimited,
    Rejected,
    ServiceBroken,
    Unreachable,
    Withdrawn,
)
from lib.plans.model import Action, StepState
from lib.plans.words import NOTHING, Words, joined, of_error, said

#: The `why` of a step that a dead process left in flight.
INTERRUPTED = said("The run was interrupted while this call was under way.")
#: The `why` of a step whose call is long over and could not be read back then.
LEFT_OPEN = said("An earlier call left the outcome open.")


@dataclass(frozen=True)
class Settled:
    """The step ends in `state`. `words` say why unless it is verified; `after` is the record last read, if any."""

    state: StepState
    words: Words = NOTHING
    after: Customer | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True)
class ReadBack:
    """The outcome is open: read the record. `why` says what the call brought; `seen` is the record it showed, if any."""

    why: Words
    seen: Customer | None = None


@dataclass(frozen=True)
class Trouble:
    """The way to the API, not this customer, is at fault. `at_once`: nothing else can succeed either, hold the run now.

    `doubtful`: it may be this customer's own fault, too (gone, refused, an answer that can't be read). One alone says
    nothing; but a login page in the way, or a gateway that knows no address, answers every customer so.
    """

    words: Words
    at_once: bool = False
    doubtful: bool = False


@dataclass(frozen=True)
class NotSent:
    """The call certainly changed nothing, for a reason that is not this customer's: the step is still to be done.

    No trouble where the call was not made because we did not want it any more.
    """

    words: Words
    trouble: Trouble | None = None


def judge(action: Action, customer_id: str, answer: Customer | ApiError) -> Settled | ReadBack | NotSent:
    """What the answer to the call (the record it shows, or the error it ended in) means for the step."""
    if isinstance(answer, Customer):
        return _judge_record(action, customer_id, answer)
    if isinstance(answer, Withdrawn):
        return NotSent(of_error(answer))
    trouble = trouble_of(answer)
    if trouble is not None and not answer.may_have_applied:
        return NotSent(trouble.words, trouble)
    if isinstance(answer, Rejected) and not isinstance(answer, Conflict):
        return Settled(StepState.FAILED, of_error(answer))
    return ReadBack(_brought(answer))


def _judge_record(action: Action, customer_id: str, record: Customer) -> Settled | ReadBack:
    if id_key(record.id) != id_key(customer_id):
        return ReadBack(said("The answer was about another customer."))
    if record.is_active == action.wants_active:
        return Settled(StepState.VERIFIED, after=record)
    return ReadBack(said(f"The API said yes, but its answer showed the customer {_activity(record)}."), seen=record)


def judge_read_back(action: Action, customer_id: str, why: Words, read: Customer | ApiError, tries_left: int) -> Settled | None:
    """What a reading after the call means; None asks for another one. `why` says what the call itself had brought."""
    if isinstance(read, Customer) and id_key(read.id) != id_key(customer_id):
        read = BadAnswer("The API sent the record of another customer.")
    if isinstance(read, Customer) and read.is_active == action.wants_active:
        return Settled(StepState.VERIFIED, after=read)
    if isinstance(read, NotFound):
        return Settled(StepState.UNKNOWN, joined(why, said("Read back, the API knows no such customer any more.")))
    if tries_left > 0 and not isinstance(read, NotAuthorized):
        return None
    if isinstance(read, Customer):
        still = said(f"Read back, the record is still {_activity(read)}.")
        return Settled(StepState.NOT_APPLIED, joined(why, still), after=read)
    unread = joined(why, said("It could not be read back:"), of_error(read))
    return Settled(StepState.UNKNOWN, unread, trouble=trouble_of(read))


def trouble_of(error: ApiError) -> Trouble | None:
    """The channel trouble that an error is a sign of; None where it says something about the one customer."""
    match error:
        case NotAuthorized():
            return Trouble(of_error(error), at_once=True)
        case Unreachable() | RateLimited() | NoAnswer() | ServiceBroken():
            return Trouble(of_error(error))
    return None


def suspicion_of(error: ApiError) -> Trouble | None:
    """As trouble_of, and doubtful trouble for what might be the channel's fault although it was this customer's answer."""
    trouble = trouble_of(error)
    if trouble is None and isinstance(error, BadAnswer | Rejected) and not isinstance(error, Conflict):
        return Trouble(of_error(error), doubtful=True)
    return trouble


def keeping(settled: Settled, seen: Customer | None) -> Settled:
    """`settled`, showing at least the record that the call's own answer showed."""
    return settled if settled.after is not None or seen is None else replace(settled, after=seen)


def _brought(error: ApiError) -> Words:
    match error:
        case NoAnswer():
            return said("The call was sent but no usable answer came back.")
        case ServiceBroken():
            status = f" (status {error.status})" if error.status else ""
            return said(f"The API failed while answering{status}.")
        case Conflict():
            return joined(said("The API refused the call:"), of_error(error))
    return joined(said("The answer to the call can't be read:"), of_error(error))


def _activity(record: Customer) -> str:
    return "active" if record.is_active else "inactive"
