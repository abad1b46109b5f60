"""A run as a notebook has it: carried out while the cell waits, with its records as a table and the ways to go on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from tqdm import tqdm

from lib.avara.text import count
from lib.errors import AlreadyOver, ExportRefused, IllegalTransition
from lib.files import path_of, write_new
from lib.notebook import glance
from lib.notebook.proposal import Proposal
from lib.notebook.tables import records_table
from lib.plans.model import Run, RunState, StepState
from lib.receipts.export import Format
from lib.runs.interrupts import noted
from lib.runs.progress import asked_to_wait

if TYPE_CHECKING:
    from lib.notebook.session import NotebookSession

#: Seconds between two looks at the journal.
_LOOK = 0.1
_IN_FLIGHT = 5


class OpenRun:
    """One run of a session. `records` and `state` are as the journal has them now, whoever carries it."""

    def __init__(self, session: NotebookSession, run_id: str) -> None:
        self._session, self.id = session, run_id

    @property
    def now(self) -> Run:
        """The run as the journal has it."""
        return self._session.journal.reads.run(self.id)

    @property
    def state(self) -> RunState:
        return self.now.state

    @property
    def records(self) -> pd.DataFrame:
        """Every customer of the run with its record before and after: see `records_table`."""
        return records_table(self._session.journal.reads.every_step(self.id))

    def resume(self) -> OpenRun:
        """Begin the run, or go on with it, and wait; Interrupt pauses it. Raises IllegalTransition and as `Session.resume`."""
        return self._carried(lambda: self._session.resume(self.id))

    def retry(self) -> OpenRun:
        """Try what failed, was not applied or is unknown again, and wait."""
        return self._carried(lambda: self._session.retry(self.id))

    def cancel(self) -> OpenRun:
        """End the run; calls in flight are finished and verified, the rest stays as it is."""
        return self._carried(lambda: self._session.cancel(self.id))

    def undo(self, *, reason: str, ticket: str = "") -> Proposal:
        """The plan that takes back what the run changed and what is still as it left it; `Session.run` carries it out."""
        subject = self._session.review_undo(self.id)
        return Proposal(
            self._session.freeze(subject, reason=reason, ticket=ticket, goes_on=False), subject, self._session.policy
        )

    def receipt(self, file: str | Path) -> Path:
        """Write the proof of the run: .html to print, .csv or .jsonl. Raises ExportRefused for another ending, PlanError where
        the file is there already or can't be written, and as `Session.receipt`.
        """
        path = path_of(str(file))
        forms = {f".{form}": form for form in Format}
        if path.suffix.lower() not in forms:
            raise ExportRefused(f"A receipt is {', '.join(forms)}, not {path.name}. Name the file so.")
        write_new(path, self._session.receipt(self.id, forms[path.suffix.lower()]).body)
        return path

    def _carried(self, begin: Callable[[], object]) -> OpenRun:
        """Begin, then show how far it is until nobody carries the run any more. The first Interrupt pauses it and waits for the
        calls in flight, the second one waits no longer.
        """
        with noted("SIGINT") as interrupts:
            begin()
            run = self._followed(interrupts)
        print(self._told(run))
        return self

    def _followed(self, interrupts: Sequence[int]) -> Run:
        heard = 0
        with tqdm(total=self.now.totals.total, unit=" customers", desc=self.id, file=sys.stdout, leave=False) as bar:
            while (run := self.now).state is RunState.RUNNING and len(interrupts) < 2:
                bar.n = run.totals.settled
                bar.set_postfix_str(asked_to_wait(self._session.client.waiting))
                if len(interrupts) > heard:
                    heard = len(interrupts)
                    bar.write(
                        "Pausing: calls in flight are finished first. Interrupt once more to wait no longer.", file=sys.stdout
                    )
                    with suppress(AlreadyOver, IllegalTransition):
                        self._session.pause(self.id)
                time.sleep(_LOOK)
            bar.n = run.totals.settled
            bar.refresh()
        return run

    def _told(self, run: Run) -> str:
        """How the run stands, in a line or two."""
        of = f"{run.totals.settled:,} of {run.totals.total:,}"
        if run.state is RunState.RUNNING:
            open_ = self._session.journal.reads.steps_to_show(self.id, StepState.IN_FLIGHT, limit=_IN_FLIGHT + 1)
            names = ", ".join(f"{step.name} ({step.customer_id})" for step in open_[:_IN_FLIGHT]) or "nothing"
            more = " and more" if len(open_) > _IN_FLIGHT else ""
            return f"{run.id} is still being paused, after {of}. In flight: {names}{more}.\n{self._go_on(run)}"
        over = f"{run.id} is {run.state} after {of}, {run.totals.verified:,} verified."
        return f"{over}\n{self._go_on(run)}"

    def _go_on(self, run: Run) -> str:
        """What can be done next."""
        left = count(run.totals.planned, "customer")
        if run.on_canary:
            first = f"These are the first {run.canary}: look at their records."
            return f"{first} run.resume() takes up the other {left}, run.cancel() leaves them."
        if run.state is RunState.RUNNING:
            return "run.state says when it is paused; then run.resume() goes on and run.cancel() ends it."
        if run.can_resume:
            return f"run.resume() goes on with {left}, run.cancel() ends it."
        if run.can_retry:
            return f"run.retry() tries {count(run.totals.retryable, 'customer')} again."
        if run.can_undo:
            return 'run.records has every record, run.receipt("receipt.html") the proof, run.undo(reason="...") the way back.'
        return "run.records has every record."

    def __repr__(self) -> str:
        return self._told(self.now)

    def _repr_html_(self) -> str:
        run = self.now
        steps = self._session.journal.reads.steps(self.id, limit=run.canary if run.on_canary and run.canary else glance.MOST)
        return glance.of_run(run, steps, self._go_on(run))
