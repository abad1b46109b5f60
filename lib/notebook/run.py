"""A run as a notebook has it: carried out while the cell waits, with its records as a table and the ways to go on."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from lib.avara.text import count, one_line
from lib.errors import EmptyPlan, IllegalTransition, Interrupted, JournalUnavailable, NotStarted, PlanError
from lib.files import check_new, typed_path, write_new
from lib.notebook import glance
from lib.notebook.proposal import Proposal
from lib.notebook.tables import aftermath_table, changes_of, records_table
from lib.plans.model import Run, RunState, Step, StepState
from lib.receipts.export import Format
from lib.runs.aftermath import NOT_SHOWN, Aftermath
from lib.runs.interrupts import noted
from lib.runs.owner import carrier
from lib.runs.progress import asked_to_wait
from lib.session import Session

#: Seconds between two looks at the journal.
_LOOK = 0.1
_NAMED = 5


class OpenRun:
    """One run of a session. `records` and `state` are as the journal has them now, whoever carries it."""

    def __init__(self, session: Session, run_id: str, remember: Callable[[OpenRun], None]) -> None:
        """`remember` hears of the run whenever it is begun."""
        self._of, self.id, self._remember = session, run_id, remember

    @property
    def _session(self) -> Session:
        if self._of.closed:
            raise NotStarted(f"This session is closed. Open another: ops = open_session(), then ops.open_run({self.id!r})")
        return self._of

    @property
    def now(self) -> Run:
        """The run as the journal has it; interrupted, if the process that carried it is known to be gone."""
        run = self._session.reads.run(self.id)
        if run.state is RunState.RUNNING and self._session.recover():
            run = self._session.reads.run(self.id)
        return run

    @property
    def state(self) -> RunState:
        return self.now.state

    @property
    def records(self) -> pd.DataFrame:
        """Every customer of the run with its record before and after: see `records_table`."""
        return records_table(self._session.reads.every_step_to_show(self.id))

    def resume(self, *, account: str = "") -> OpenRun:
        """Begin the run, or go on with it, and wait. Raises Interrupted once it is paused, and as `Session.resume`.

        `account`: its name, which stands for a second person's approval where nobody signs in and the settings say so.
        """
        if account:
            self._session.confirm_alone(self.id, account)
        return self.carried(lambda: self._session.resume(self.id))

    def retry(self) -> OpenRun:
        """Try what failed, was not applied or is unknown again, and wait."""
        return self.carried(lambda: self._session.retry(self.id))

    def cancel(self) -> OpenRun:
        """End the run; calls in flight are finished and verified, the rest stays as it is."""
        return self.carried(lambda: self._session.cancel(self.id))

    def undo(self, *, reason: str = "", ticket: str = "") -> Proposal:
        """The plan that takes back what the run changed and what is still as it left it; `NotebookSession.run` carries it out.

        Each record is read again for it. Without a reason or ticket it has those of the run. Raises EmptyPlan, and Interrupted.
        """
        with tqdm(unit=" customers", desc="Reading again", file=sys.stdout, leave=False, total=self.now.totals.total) as bar:
            try:
                subject = self._session.review_undo(self.id, tell=lambda read: bar.update(read - bar.n))
            except KeyboardInterrupt:
                raise Interrupted(
                    f"Stopped after {count(bar.n, 'customer')} of {self.id} were read again; nothing was done."
                ) from None
        if not subject.reviewed.in_order:
            left_out = f": {', '.join(subject.left_out)}" if subject.left_out else ""
            raise EmptyPlan(
                f"Nothing that {self.id} changed is still as it left it, so there is nothing to take back{left_out}."
            )
        if not (isinstance(reason, str) and isinstance(ticket, str)):
            raise PlanError("The reason and the ticket are texts.")
        plan = self._session.freeze_undo(subject, reason=reason, ticket=ticket)
        self._session.check(plan, None)
        return Proposal(plan, subject, self._session)

    def did_it_hurt(self) -> pd.DataFrame:
        """Of each customer that the run deactivated whether it has come back to life since, read now; see `aftermath_table`.

        Raises IllegalTransition where it deactivated nobody, OtherConnection, ApiError, and Interrupted.
        """
        with tqdm(unit=" customers", desc="Asking again", file=sys.stdout, leave=False) as bar:

            def tell(found: Sequence[Aftermath], total: int) -> None:
                bar.total = total
                bar.update(len(found) - bar.n)

            try:
                found = self._session.did_it_hurt(self.id, tell)
            except KeyboardInterrupt:
                raise Interrupted(f"Stopped after {count(bar.n, 'customer')} of {self.id}; nothing was changed.") from None
        answers = ", ".join(f"{number:,} {answer}" for answer, number in Counter(one.answer for one in found).items())
        print(f"Did it hurt? {answers}. {NOT_SHOWN}")
        return aftermath_table(found)

    def receipt(self, file: str | Path) -> Path:
        """Write the proof of the run: .html to print, .csv or .jsonl; says what it holds to be wrong.

        Raises ExportRefused for another ending, PlanError where the file is there already, and as `Session.receipt`.
        """
        path = typed_path(file)
        form = Format.of(path)
        check_new(path)
        made = self._session.receipt(self.id, form)
        write_new(path, made.body)
        for words in made.wrong[:_NAMED]:
            print(f"The receipt says: {one_line(words, 400)}")
        return path

    def carried(self, begin: Callable[[], object]) -> OpenRun:
        """Begin, then show how far it is until nobody carries the run any more.

        The first Interrupt pauses it and waits for the calls in flight, the second waits no longer. Both end in Interrupted, so
        that no other cell goes on as if the run had ended.
        """
        self._remember(self)
        self._session.keep_sandbox()
        with noted("SIGINT") as interrupts:
            begin()
            run = self._followed(interrupts)
        if interrupts:
            raise Interrupted(self._told(run))
        print(self._told(run))
        if run.on_canary:
            for step in self._shown(run):
                print(f"  {one_line(step.name, 60)} ({step.customer_id}): {changes_of(step)}")
        return self

    def _followed(self, interrupts: Sequence[int]) -> Run:
        paused, reads = False, self._session.reads
        run = reads.run(self.id)
        done = run.totals.settled
        with tqdm(total=run.totals.total, initial=done, unit=" customers", desc=self.id, file=sys.stdout, leave=False) as bar:
            while run.state is RunState.RUNNING and len(interrupts) < 2:
                if interrupts and not paused:
                    bar.write("Pausing: calls in flight are finished first. Interrupt once more to wait no longer.")
                    with suppress(IllegalTransition):  # it has ended by now, or is another process's to end
                        self._session.pause(self.id)
                    paused = True
                time.sleep(_LOOK)
                with suppress(JournalUnavailable):  # nothing is called while it can't be written; it may be back in a moment
                    run = self.now  # offered, where the process that carried it is gone
                bar.update(run.totals.settled - bar.n)
                bar.set_postfix_str(asked_to_wait(self._session.waiting))
        return run

    def _shown(self, run: Run) -> tuple[Step, ...]:
        most = run.canary if run.on_canary and run.canary else glance.MOST
        steps = self._session.reads.steps_to_show(self.id, limit=most)
        return tuple(step for step in steps if isinstance(step, Step))

    def _told(self, run: Run) -> str:
        """How the run stands, in a line or two."""
        so_far = f"after {run.totals.settled:,} of {run.totals.total:,}"
        states = ", ".join(
            f"{run.totals.count(one):,} {one.value.replace('_', ' ')}" for one in StepState if run.totals.count(one)
        )
        if run.state is RunState.RUNNING:
            open_ = self._session.reads.steps_to_show(self.id, StepState.IN_FLIGHT, limit=_NAMED + 1)
            names = ", ".join(f"{one_line(step.name, 60)} ({step.customer_id})" for step in open_[:_NAMED]) or "nothing"
            more = " and more" if len(open_) > _NAMED else ""
            being = f"is asked to {run.requested}" if run.requested else f"is carried by {carrier(run.owner)}"
            return f"{self.id} {being}, {so_far}. In flight: {names}{more}.\n{self._go_on(run)}"
        words = f"\n{run.damage or run.words}" if run.damage or run.words else ""
        return f"{self.id} is {run.state} {so_far} ({states}).{words}\n{self._go_on(run)}"

    def _go_on(self, run: Run) -> str:
        """What can be done next. The run is `run` where the cell has named it so, and `ops.last` in any case."""
        left, now = count(run.totals.planned, "customer"), self._session.now()
        if run.approval is not None and run.awaits_approval(now):
            how = f" Or confirm it alone: ops.last.resume(account={self._session.connection.label!r})."
            return run.approval.told(now) + (how if self._session.alone_by_name else "")
        if run.totals.in_flight:
            left = (
                f"{left} and reads back the {run.totals.in_flight:,} in flight"
                if run.totals.planned
                else (f"reading back {count(run.totals.in_flight, 'customer')} in flight")
            )
        if run.on_canary:
            first = f"These are the first {run.canary}: look at their records."
            return f"{first} ops.last.resume() takes up the other {left}, ops.last.cancel() leaves them."
        if run.state is RunState.RUNNING:
            return "Its state is told by ops.last; once it is paused, ops.last.resume() goes on and ops.last.cancel() ends it."
        if run.can_resume or (run.state is RunState.PLANNED and not run.damage):
            return f"ops.last.resume() goes on with {left}, ops.last.cancel() ends it."
        ways = [f"ops.last.retry() tries {count(run.totals.retryable, 'customer')} again"] if run.can_retry else []
        ways += ["ops.last.undo() is the way back"] if run.can_undo and not run.undone_by else []
        ways += [f"it was taken back by {run.undone_by}"] if run.undone_by else []
        return "; ".join(["ops.last.records has every record", 'ops.last.receipt("receipt.html") is the proof', *ways]) + "."

    def __repr__(self) -> str:
        return self._told(self.now)

    def _repr_html_(self) -> str:
        self._remember(self)
        run = self.now
        return glance.of_run(run, self._shown(run), self._go_on(run))
