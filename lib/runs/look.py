"""The look at a customer right before its call: its record, and its newest studies where it was picked by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lib.avara.limiter import Wanted, always
from lib.avara.models import Customer
from lib.errors import ApiError
from lib.evidence.activity import Activity
from lib.plans.model import Action, Run, Step
from lib.runs.judge import NotSent, Settled
from lib.runs.preflight import preflight, protection, revival
from lib.runs.tools import Client, Tools


def look(
    run: Run, step: Step, client: Client, tools: Tools, wanted: Wanted
) -> tuple[Customer, Sequence[float], Settled | NotSent | None]:
    """The freshest record there is, when its request left, and what stands in the way of the call, if anything does.

    Studies are asked for last, and only where nothing else stands in the way: ahead of all other readings, as the call is that
    follows them, so that the record does not get old meanwhile.
    """
    policy, left = tools.policy, [tools.clocks()]
    protected = protection(step.before, policy)
    if protected is not None or not policy.preflight:
        return step.before, left[-1], protected

    def leaves() -> bool:  # it may have waited for its turn, too
        left.append(tools.clocks())
        return True

    read = read_record(client, step.customer_id, wanted, leaves)
    verdict = preflight(run.action, step, read, policy, exact=run.undo_of is not None)
    if isinstance(read, ApiError):
        return step.before, left[-1], verdict
    if verdict is None and step.activity is not None and "activity" in policy.drift and run.action is Action.DEACTIVATE:
        verdict = revival(step.activity, _newest(client, step.customer_id, step.activity, tools, wanted))
        verdict = replace(verdict, after=read) if isinstance(verdict, Settled) else verdict
    return read, left[-1], verdict


def read_record(client: Client, customer_id: str, wanted: Wanted = always, ready: Wanted = always) -> Customer | ApiError:
    """The record as it is now, or what kept it from being read."""
    try:
        return client.get_customer(customer_id, wanted, ready)
    except ApiError as exc:
        return exc


def _newest(client: Client, customer_id: str, before: Activity, tools: Tools, wanted: Wanted) -> Activity | ApiError:
    """What the first page of each list shows, as far as it takes to prove life; their order being unknown, that is never
    proof of the opposite.
    """
    seen = Activity(tools.now())
    try:
        for page in client.peek_studies(customer_id, wanted):
            seen = replace(seen, read_at=tools.now()).seen(page.studies)  # it may have waited for its turn
            seen = seen.with_unreadable(page.unreadable)
            if before.came_since(seen):
                break
    except ApiError as exc:
        return seen if before.may_have_come_since(seen) else exc
    return seen
