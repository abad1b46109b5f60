"""`apply`, `undo`, `resume`, `retry`, `cancel`: the commands that change customers or a run."""

from __future__ import annotations

from argparse import Namespace

from lib.avara.text import count
from lib.cli import planning, rehearsing
from lib.cli.console import Console, plain
from lib.cli.exits import Exit
from lib.cli.follow import carry, tell_end, wait_for
from lib.errors import EmptyPlan, IllegalTransition, PlanError
from lib.people import Right
from lib.plans.approval import ApprovalNeeded
from lib.plans.model import Run, RunState
from lib.plans.plan import Plan
from lib.runs.owner import carrier
from lib.session import Session


def apply(session: Session, options: Namespace, console: Console) -> Exit:
    """Carry out a plan file once its count is confirmed; or rehearse it."""
    rehearsing.check_options(options)
    if options.rehearse:
        return rehearsing.rehearse(session, session.open_plan(options.plan), options, console)
    return _confirm_and_carry(session, session.open_plan(options.plan), options, console, "apply", options.plan)


def undo(session: Session, options: Namespace, console: Console) -> Exit:
    """Plan the opposite for what a run changed and is still as it left it; then save it, or carry it out as `apply` does."""
    run = session.find_run(options.run)
    subject = session.review_undo(run.id, tell=planning.on_read(session, console))
    for words, those in subject.left_out.items():
        console.some(f"{words}:", [f"{one.customer_id}  {plain(one.name, 40)}  {plain(one.why)}" for one in those])
        for one in those:
            console.row("left_alone", id=one.customer_id, name=one.name, words=one.why)
    if not subject.reviewed.in_order:
        raise EmptyPlan(f"Nothing that {run.id} changed is still as it left it, so there is nothing to take back.")
    plan = session.freeze_undo(subject, reason=options.reason, ticket=options.ticket)
    if options.output is not None:
        planning.save(plan, options.output, session, console)
        return Exit.FINISHED
    said = {"--reason": options.reason, "--ticket": options.ticket}
    more = [word for option, text in said.items() if text for word in (option, text)]
    return _confirm_and_carry(session, plan, options, console, "undo", run.id, *more)


def resume(session: Session, options: Namespace, console: Console) -> Exit:
    """Go on with a run that waits to start, is paused or was interrupted, or whose process may be gone: see `wait_for`."""
    run = _taken_up(session, options.run)
    session.check_ours(run)
    run = wait_for(session, console, run)
    if run.state is RunState.FINISHED:  # as a process that died may have left it: all was done but saying so
        return tell_end(session, console, run.id)
    planning.count_active(session, run.action, console)
    return carry(session, console, lambda: session.resume(run.id))


def retry(session: Session, options: Namespace, console: Console) -> Exit:
    """Try what failed, was not applied or is unknown again; the rest of the run is left alone."""
    run = _taken_up(session, options.run)
    session.check_ours(run)
    planning.count_active(session, run.action, console)
    return carry(session, console, lambda: session.retry(run.id))


def cancel(session: Session, options: Namespace, console: Console) -> Exit:
    """End a live run. One that another process carries is asked to end; what is in flight is settled in any case."""
    run = _taken_up(session, options.run)
    if not run.can_cancel:
        raise IllegalTransition(f"{run.id} is {run.state}{' and being cancelled already' if run.live else ''}.", run_id=run.id)

    def begin() -> Run:
        session.cancel(run.id)
        return session.reads.run(run.id)

    if run.state is not RunState.RUNNING:
        carry(session, console, begin)
        return Exit.FINISHED if session.reads.run(run.id).state is RunState.CANCELLED else Exit.PARTLY
    begin()
    console.row("cancel_asked", run_id=run.id, owner=run.owner)
    console.say(f"Asked. {plain(carrier(run.owner))} finishes and verifies the calls in flight, then {run.id} ends.")
    console.hint(f"See it with: {console.command('show', run.id)}")
    return Exit.FINISHED


def _taken_up(session: Session, named: str) -> Run:
    """The run, after the worker has looked for those whose process is gone: such a run is interrupted, not running."""
    session.recover()
    return session.find_run(named)


def _ask(session: Session, plan: Plan) -> None:
    """Whether it may be carried out, before all customers are counted; `Session.record` knows what that makes of it."""
    asks = session.asks(plan.action, [planned.record for planned in plan.customers])
    session.ask(Right.ASK if asks or session.policy.approval.from_percent is not None else Right.RUN)


def _confirm_and_carry(session: Session, plan: Plan, options: Namespace, console: Console, *command: object) -> Exit:
    """Nothing is written before the account, the count and the way to the API are known to be right. `command`: these words."""
    try:
        session.check(plan, None)
    except ApprovalNeeded:  # nothing else is wrong with it
        planning.tell_plan(plan, session, console)
        raise
    planning.tell_plan(plan, session, console)
    wanted, confirmed = len(plan.customers), options.confirm
    if confirmed is None:
        console.hint(f"To carry it out: {console.command(*command, '--confirm', wanted)}")
        raise PlanError(f"Nothing was done. If this is what you want, say how many: --confirm {wanted}")
    if confirmed != wanted:
        raise PlanError(f"Nothing was done: the plan has {count(wanted, 'customer')}, --confirm said {confirmed:,}.")
    _ask(session, plan)
    session.check_fresh(plan)
    session.check(plan, planning.count_active(session, plan.action, console))

    def begin() -> Run:
        run = session.record(plan)
        console.row("recorded", run_id=run.id, plan_hash=plan.hash)
        console.hint(f"Recorded as {run.id}")
        return run if run.approval else session.resume(run.id)

    return carry(session, console, begin)
