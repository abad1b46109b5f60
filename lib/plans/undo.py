"""Which customers of a run can be put back: those it changed that are still as it left them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from lib.avara.models import Customer, id_key
from lib.plans.drift import drift
from lib.plans.model import Action, Run, Step, StepState
from lib.plans.plan import PlannedCustomer, Untouched


@dataclass(frozen=True)
class Undo:
    """What an undo would do. Feed `customers` to `make_plan(action=undo.action, undo_of=undo.undo_of, ...)`."""

    undo_of: str
    action: Action
    customers: tuple[PlannedCustomer, ...]
    left_alone: tuple[Untouched, ...]

    def without(self, ids: Collection[str], why: str) -> Undo:
        """The same undo, but for these customers, whom it leaves alone for this reason."""
        keys = set(map(id_key, ids))
        out = [one.record for one in self.customers if id_key(one.record.id) in keys]
        left = tuple(Untouched(customer_id=one.id, name=one.name, why=why) for one in out)
        rest = tuple(one for one in self.customers if id_key(one.record.id) not in keys)
        return replace(self, customers=rest, left_alone=self.left_alone + left)


def undo_plan(run: Run, steps: Iterable[Step], current: Mapping[str, Customer], read_at: datetime) -> Undo:
    """The undo of `run`: its verified steps whose record in `current` (by id, read at `read_at`) is as the run left it.

    A customer missing from `current` is left alone. Steps that are not verified were not changed by this run for certain,
    so they are left alone as well, each with its reason.
    """
    customers, left_alone = [], []
    found = {id_key(customer_id): record for customer_id, record in current.items()}
    for step in steps:
        record = found.get(id_key(step.customer_id))
        why = _why_not(run, step, record)
        if why or record is None:
            left_alone.append(Untouched(customer_id=step.customer_id, name=step.name, why=why))
        else:
            evidence = (f"{_past(run.action)} by {run.id}", "The same in every field as that run left it")
            customers.append(PlannedCustomer(record=record, evidence=evidence, read_at=read_at))
    return Undo(run.id, run.action.opposite, tuple(customers), tuple(left_alone))


def is_behind(steps: Iterable[Step], current: Mapping[str, Customer]) -> bool:
    """Whether `current` was read before the run had changed all of them: such records tell nothing about an undo."""
    found = {id_key(customer_id): record for customer_id, record in current.items()}
    return any(step.after is not None and _older(found.get(id_key(step.customer_id)), step.after) for step in steps)


def undone(run: Run, undos: Iterable[Run]) -> str:
    """How far these took the run back, in a few words; empty where none of them is of it, or changed anything."""
    of_it = [undo for undo in undos if undo.undo_of == run.id]
    if any(undo.live for undo in of_it):
        return "being taken back"
    done, all_ = sum(undo.totals.verified for undo in of_it), run.totals.verified
    return f"{done:,} of {all_:,} taken back" if 0 < done < all_ else "taken back" if done else ""


def _older(record: Customer | None, left: Customer) -> bool:
    if record is None or record.updated_at is None or left.updated_at is None:
        return False
    return record.updated_at < left.updated_at


def as_left(run: Run, step: Step, record: Customer | None) -> bool:
    """Whether `run` changed this customer and its record, as it is now, is still as the run left it."""
    return not _why_not(run, step, record)


def _why_not(run: Run, step: Step, record: Customer | None) -> str:
    if step.state is not StepState.VERIFIED or step.after is None:
        return f"This run did not change it for certain (its step is {step.state})."
    if record is None:
        return "It could not be read now."
    if record.is_active != run.action.wants_active:
        return f"It is {'active' if record.is_active else 'inactive'} again already."
    changes = drift(step.after, record, exact=True)
    # the names of fields alone: these words get into the log, which holds no values
    return f"Somebody changed it after this run: {', '.join(change.field for change in changes)}." if changes else ""


def _past(action: Action) -> str:
    return "Deactivated" if action is Action.DEACTIVATE else "Reactivated"
