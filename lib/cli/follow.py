"""Follows a run that this command carries, and ends it in good order on Ctrl-C, SIGTERM or a closed terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import ceil

from lib.avara.text import count
from lib.cli import exits
from lib.cli.console import AT_MOST, Console, plain, progress_line, states
from lib.cli.exits import Exit
from lib.errors import IllegalTransition, JournalUnavailable
from lib.plans.model import Run, RunState, Step, StepState, Totals
from lib.receipts.rows import entry_facts, summary
from lib.runs.interrupts import noted
from lib.runs.owner import carrier
from lib.runs.progress import WINDOW, progress
from lib.session import Session

#: Seconds between two looks at the journal.
_LOOK = 0.25
#: Seconds that calls in flight may take to end after Ctrl-C; what is left then is read back by `resume`.
_STOP_WITHIN = 15.0
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_ENTRIES = 1000
#: What people are shown unasked: not steps that went as asked, or did not come up yet.
LOOKED_AT = frozenset(StepState) - {StepState.VERIFIED, StepState.PLANNED}


def carry(session: Session, console: Console, begin: Callable[[], Run]) -> Exit:
    """Let the worker take up a run by `begin`, follow it to its end or a signal, and tell how it stands then."""
    with noted(*_SIGNALS) as stop:
        run = begin()
        _Follower(session, console, run).until_over(stop)
    return tell_end(session, console, run.id)


def wait_for(session: Session, console: Console, run: Run) -> Run:
    """The run once nobody has it: one that another process carries is waited for, with a countdown, until its lease runs out.

    Raises IllegalTransition when that process renews the lease: it is at work.
    """
    reads, seen = session.reads, session.reads.leases(run.id)
    for lease in seen:
        console.row("waiting", run_id=run.id, owner=lease.owner, seconds=round(max(lease.left, 0.0), 1))
        console.hint(f"Another process has {run.id} ({plain(carrier(lease.owner))}); waiting whether it is heard of again.")
    while (now := reads.leases(run.id)) and [lease.until for lease in now] == [lease.until for lease in seen]:
        console.progress(f"It can be resumed in {max(ceil(now[0].left), 0)} s")
        time.sleep(_LOOK)
        session.recover()
    if now:
        where = plain(carrier(now[0].owner))
        raise IllegalTransition(
            f"{run.id} is at work in {where}. See it with: {console.command('show', run.id)}", run_id=run.id
        )
    return reads.run(run.id)


def tell_end(session: Session, console: Console, run_id: str) -> Exit:
    """How a run stands, which customers are not as asked, and what can be done next."""
    reads = session.reads
    run = reads.run(run_id)
    code = exits.of_run(run, reads.every_step(run_id, StepState.SKIPPED) if run.totals.skipped else ())
    console.row("run", **summary(run))
    console.say(f"{run.id} is {run.state}: {run.totals.settled:,} of {run.totals.total:,} settled ({states(run.totals)})")
    if run.words:
        console.say(f"  {plain(run.words, 500)}")
    if waits := run.awaits_approval(session.now()) and run.approval:
        console.say(f"  {plain(waits.told(session.now()), 900)}")
    number = sum(run.totals.count(state) for state in LOOKED_AT)
    for step in reads.steps(run.id, LOOKED_AT, limit=AT_MOST):
        tell_step(console, step)
    if number > AT_MOST:
        console.say(f"  and {number - AT_MOST:,} more: {console.command('show', run.id, '--steps')}")
    somebody_else = (
        f"Somebody else looks at it and says: {console.command('approve', run.id)}, or {console.command('refuse', run.id)}"
    )
    console.hint(somebody_else if waits else _next(run, console))
    return code


def tell_step(console: Console, step: Step) -> None:
    """One customer's step on a line for people."""
    state = step.state.value.replace("_", " ")
    words = f"  {plain(step.words, 300)}" if step.words else ""
    console.say(f"  {step.customer_id}  {state:<11}  {plain(step.name, 40)}{words}")


def _next(run: Run, console: Console) -> str:
    if run.state is RunState.RUNNING:
        return f"Another process has it ({plain(carrier(run.owner))}). See it with: {console.command('show', run.id)}"
    if run.can_resume or run.state is RunState.PLANNED:
        return f"Go on with: {console.command('resume', run.id)}"
    if run.can_retry:
        return f"Try {count(run.totals.retryable, 'customer')} again with: {console.command('retry', run.id)}"
    return f"Receipt: {console.command('export', run.id, '-o', 'receipt.html')}"


class _Follower:
    """Shows the progress of one run, from the journal."""

    def __init__(self, session: Session, console: Console, run: Run) -> None:
        self._session, self._console, self._run_id = session, console, run.id
        self._seen_entry = 0
        self._seen_totals: Totals | None = None

    def until_over(self, stop: Sequence[int]) -> None:
        while not self._session.wait(self._run_id, _LOOK):
            self._look()
            if stop:
                self._console.hint("Stopping: calls in flight are finished and settled first.")
                if not self._session.stop(_STOP_WITHIN):
                    self._console.hint("A call did not end in time; `resume` reads its customer back before anything else.")
                break
        self._look()

    def _look(self) -> None:
        now = self._session.now()
        try:
            totals = self._session.reads.totals(self._run_id)
            settled, first_at = self._session.reads.settled_since(self._run_id, now - WINDOW)
            if self._console.as_json:
                self._tell_entries()
        except JournalUnavailable as error:
            # The worker stops calling by itself; it must not be left trying to write for ever with nobody watching.
            self._session.stop(_STOP_WITHIN)
            raise error from None
        going = progress(settled, first_at, now, totals.total - totals.settled)
        if totals != self._seen_totals:
            self._seen_totals = totals
            counts = {state.value: totals.count(state) for state in StepState}
            facts = {"run_id": self._run_id, "settled": totals.settled, "total": totals.total, "totals": counts}
            left = None if going.seconds_left is None else round(going.seconds_left, 1)
            self._console.row("progress", **facts, rate=round(going.rate, 3), seconds_left=left)
        self._console.progress(progress_line(totals, going.rate, going.seconds_left, self._session.waiting))

    def _tell_entries(self) -> None:
        while entries := self._session.log.entries(self._run_id, after=self._seen_entry, limit=_ENTRIES):
            for entry in entries:
                self._console.row("entry", **entry_facts(entry))
            self._seen_entry = entries[-1].seq
