"""Customers' records, read fresh from the API a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Protocol

from lib.avara.limiter import Wanted, always
from lib.avara.models import Customer
from lib.errors import ApiError, PlanError
from lib.plans.model import Step, StepState
from lib.plans.plan import Plan
from lib.plans.policy import Policy
from lib.runs.judge import Settled, trouble_of
from lib.runs.preflight import preflight
from lib.runs.several import in_order


class Reader(Protocol):
    """The part of the API client that reads one record. Raises ApiError."""

    def get_customer(self, customer_id: str, /, wanted: Wanted = always) -> Customer: ...


def read_records(
    client: Reader, ids: Iterable[str], on_read: Callable[[int], object] = lambda _: None
) -> dict[str, Customer | ApiError]:
    """Each id's record, or what kept this one from being read; `on_read` hears how many are read, every second at least.

    Raises ApiError where the way to the API is at fault: then nothing is known of the others either.
    """

    def read(customer_id: str, wanted: Wanted) -> Customer | ApiError:
        try:
            return client.get_customer(customer_id, wanted)
        except ApiError as exc:
            if trouble_of(exc) is not None:
                raise
            return exc

    def tell() -> bool:
        on_read(len(found))
        return True

    found: dict[str, Customer | ApiError] = {}
    those = list(ids)
    with closing(in_order(read, those, tell)) as readings:
        for customer_id, outcome in zip(those, readings, strict=True):
            found[customer_id] = outcome
            tell()
    return found


def check_fresh(plan: Plan, client: Reader, policy: Policy, on_read: Callable[[int], object] = lambda _: None) -> None:
    """Read the customers of a saved plan where the settings say not to do so right before each call.

    Raises PlanError, with the first of those whom the run would then have skipped (protected, changed since the review), and
    ApiError as `read_records` does.
    """
    if policy.preflight:
        return
    read = read_records(client, plan.ids, on_read)
    found = []
    for position, planned in enumerate(plan.customers):
        before = planned.record
        step = Step("", position, before.id, before.name, StepState.PLANNED, before)
        verdict = preflight(plan.action, step, read[before.id], policy, exact=plan.undo_of is not None)
        if isinstance(verdict, Settled):
            found.append(f"{before.name} ({before.id}): {verdict.words.text}")
    if found:
        more = f" And {len(found) - 1:,} more of this plan." if len(found) > 1 else ""
        raise PlanError(f"{found[0]}{more} Make a new plan.")
