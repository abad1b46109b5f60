"""`apply`, `undo`, `resume`, `retry`, `cancel`: the commands that change customers or a run."""

from __future__ import annotations

from argparse import Namespace
from contextlib import suppress

from lib.avara.text import count
from lib.cli import planning
from lib.cli.console import Console, command, plain
from lib.cli.exits import Exit
from lib.cli.files import read_plan
from lib.cli.follow import carry, tell_end, wait_for
from lib.cli.session import Session
from lib.errors import AlreadyStarted, ApiError, EmptyPlan, IllegalTransition, NotFound, PlanError
from lib.plans.model import Action, Run, RunState
from lib.plans.plan import Plan
from lib.plans.policy import check_caps
from lib.plans.undo import undo_plan
from lib.runs.owner import carrier
from lib.runs.records import check_fresh


def apply(session: Session, options: Namespace, console: Console) -> Exit:
    """Carry out a plan file once its count is confirmed."""
    return _confirm_and_carry(session, read_plan(options.plan), options.confirm, console)


def undo(session: Session, options: Namespace, console: Console) -> Exit:
    """Plan the opposite for what a run changed and is still as it left it; then save it, or carry it out as `apply` does."""
    run = session.run(options.run)
    if not run.can_undo:
        raise IllegalTransition(f"{run.id} is {run.state} and has nothing verified to take back yet.", run_id=run.id)
    session.check_ours(run)
    steps = list(session.journal.reads.every_step(run.id))
    read_at = session.now()
    read = session.read([step.customer_id for step in steps if step.after is not None], console)
    current = {customer_id: record for customer_id, record in read.items() if not isinstance(record, ApiError)}
    found = undo_plan(run, steps, current, read_at)
    for one in found.left_alone:
        console.row("left_alone", id=one.customer_id, name=one.name, words=one.why)
    told = [f"{one.customer_id}  {plain(one.name, 40)}  {plain(one.why)}" for one in found.left_alone]
    console.some(f"{count(len(told), 'customer')} left alone:", told)
    if not found.customers:
        raise EmptyPlan(f"Nothing that {run.id} changed is still as it left it, so there is nothing to take back.")
    plan = session.plan(
        found.customers,
        found.action,
        reason=options.reason or f"Undo of {run.id}: {run.reason}",
        ticket=options.ticket or run.ticket,
        filter_text=f"undo of {run.id}",
        undo_of=run.id,
        left_alone=found.untouched,
    )
    if options.output is not None:
        planning.save(plan, options.output, session, console)
        return Exit.FINISHED
    return _confirm_and_carry(session, plan, options.confirm, console)


def resume(session: Session, options: Namespace, console: Console) -> Exit:
    """Go on with a run that waits to start, is paused or was interrupted, or whose process may be gone: see `wait_for`."""
    run = _taken_up(session, options.run)
    session.check_ours(run)
    run = wait_for(session, console, run)
    if run.state is RunState.FINISHED:  # as a process that died may have left it: all was done but saying so
        return tell_end(session, console, run.id)
    begin = session.worker.submit if run.state is RunState.PLANNED else session.worker.resume
    return carry(session, console, lambda: begin(run.id, who=session.operator))


def retry(session: Session, options: Namespace, console: Console) -> Exit:
    """Try what failed, was not applied or is unknown again; the rest of the run is left alone."""
    run = _taken_up(session, options.run)
    session.check_ours(run)
    return carry(session, console, lambda: session.worker.retry(run.id, who=session.operator))


def cancel(session: Session, options: Namespace, console: Console) -> Exit:
    """End a live run. One that another process carries is asked to end; what is in flight is settled in any case."""
    run = _taken_up(session, options.run)
    if not run.can_cancel:
        raise IllegalTransition(f"{run.id} is {run.state}{' and being cancelled already' if run.live else ''}.", run_id=run.id)

    def begin() -> Run:
        session.worker.cancel(run.id, who=session.operator)
        return session.journal.reads.run(run.id)

    if run.state is not RunState.RUNNING:
        carry(session, console, begin)
        return Exit.FINISHED if session.journal.reads.run(run.id).state is RunState.CANCELLED else Exit.PARTLY
    begin()
    console.row("cancel_asked", run_id=run.id, owner=run.owner)
    console.say(f"Asked. {plain(carrier(run.owner))} finishes and verifies the calls in flight, then {run.id} ends.")
    console.hint(f"See it with: {command('show', run.id)}")
    return Exit.FINISHED


def _taken_up(session: Session, named: str) -> Run:
    """The run, after the worker has looked for those whose process is gone: such a run is interrupted, not running."""
    _ = session.worker
    return session.run(named)


def _confirm_and_carry(session: Session, plan: Plan, confirmed: int | None, console: Console) -> Exit:
    """Nothing is written before the account, the count and the way to the API are known to be right."""
    plan.check_account(session.keys, session.connection.base_url)
    _check_new(session, plan)
    session.journal.audit.check_undo(plan)
    planning.tell_plan(plan, session, console)
    check_caps(plan, session.policy, None)  # what can be said without counting the account's customers
    wanted = len(plan.customers)
    if confirmed is None:
        raise PlanError(f"Nothing was done. If this is what you want, say how many: --confirm {wanted}")
    if confirmed != wanted:
        raise PlanError(f"Nothing was done: the plan has {count(wanted, 'customer')}, --confirm said {confirmed:,}.")
    _reach(session, plan)
    check_fresh(plan, session.client, session.policy)
    check_caps(plan, session.policy, session.active_total if plan.action is Action.DEACTIVATE else None)

    def begin() -> Run:
        run = session.journal.record(plan, session.now(), who=session.operator)
        console.row("recorded", run_id=run.id, plan_hash=plan.hash)
        console.hint(f"Recorded as {run.id}")
        return session.worker.submit(run.id, who=session.operator)

    return carry(session, console, begin)


def _check_new(session: Session, plan: Plan) -> None:
    """The journal refuses a second start in any case; this says it before anybody is asked to confirm."""
    for run_id in session.journal.reads.run_ids(f"run_{plan.hash[:16]}", limit=1):
        run = session.journal.reads.run(run_id)
        raise AlreadyStarted(f"This plan was already started as {run.id}, which is {run.state}.", run_id=run.id)


def _reach(session: Session, plan: Plan) -> None:
    """One reading shows whether the API answers this key, before a run is recorded. Raises ApiError."""
    with suppress(NotFound):  # the run will say so of this customer
        session.client.get_customer(plan.ids[0])
