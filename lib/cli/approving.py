"""`approve`, `refuse`: a second person's word on a run that waits for it."""

from __future__ import annotations

from argparse import Namespace

from lib.avara.text import count
from lib.cli import planning
from lib.cli.console import Console, plain
from lib.cli.exits import Exit
from lib.errors import PlanError
from lib.receipts.rows import summary
from lib.session import Session

#: Seconds to wait for the calls of a refused run to be read back; `resume` or `cancel` do it later else.
_PATIENCE = 15.0


def approve(session: Session, options: Namespace, console: Console) -> Exit:
    """Show the plan of a run that waits, and approve exactly that once its count is confirmed."""
    run = session.find_run(options.run)
    plan = session.reads.plan(run.id)
    planning.tell_plan(plan, session, console)
    wanted = len(plan.customers)
    if options.confirm != wanted:
        said = "" if options.confirm is None else f" The plan has {count(wanted, 'customer')}."
        raise PlanError(f"Nothing was approved.{said} If you have looked at all of it, say how many: --confirm {wanted}")
    by_name = bool(options.alone)
    run = session.confirm_alone(run.id, options.alone) if by_name else session.approve(run.id, plan.hash, options.words)
    return _tell(session, run.id, console, f"To start it: {console.command('resume', run.id)}")


def refuse(session: Session, options: Namespace, console: Console) -> Exit:
    """Refuse a run for good, with words for whoever planned it; what is left of it is cancelled."""
    run = session.find_run(options.run)
    session.refuse(run.id, options.words)
    session.wait(run.id, _PATIENCE)  # what was in flight is read back before it ends
    return _tell(session, run.id, console, f"See it with: {console.command('show', run.id)}")


def _tell(session: Session, run_id: str, console: Console, hint: str) -> Exit:
    run = session.reads.run(run_id)
    console.row("run", **summary(run))
    console.say(f"{run.id} is {run.state}. {plain(run.approval.told(session.now()), 900) if run.approval else ''}")
    console.hint(hint)
    return Exit.FINISHED
