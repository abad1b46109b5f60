"""Follows a run that this command carries, and ends it in good order on Ctrl-C, SIGTERM or a closed terminal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lib.errors import JournalUnavailable
from lib.runs.cli import exits
from lib.runs.cli.console import Console, count, plain, progress_line, states
from lib.runs.cli.exits import Exit
from lib.runs.cli.session import Session
from lib.runs.model import Run, RunState, Step, StepState, Totals
from lib.runs.pace import WINDOW, pace
from lib.runs.receipt import entry_facts, summary

#: Seconds between two looks at the journal.
_LOOK = 0.25
#: Seconds that calls in flight may take to end after Ctrl-C; what is left then is read back by `resume`.
_STOP_WITHIN = 15.0
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_ENTRIES = 1000
#: Of steps that are not as asked, on lines for people.
_SHOWN = 20


def carry(session: Session, console: Console, begin: Callable[[], Run]) -> Exit:
    """Let the worker take up a run by `begin`, follow it to its end or a signal, and tell how it stands then."""
    with _stop_asked() as stop:
        run = begin()
        _Follower(session, console, run).until_over(stop)
    return tell_end(session, console, run.id)


def tell_end(session: Session, console: Console, run_id: str) -> Exit:
    """How a run stands, which customers are not as asked, and what can be done next."""
    journal = session.journal
    run = journal.reads.run(run_id)
    code = exits.of_run(run, journal.reads.every_step(run_id, StepState.SKIPPED) if run.totals.skipped else ())
    console.row("run", **summary(run))
    console.say(f"{run.id} is {run.state}: {run.totals.settled:,} of {run.totals.total:,} settled ({states(run.totals)})")
    if run.words:
        console.say(f"  {plain(run.words, 500)}")
    _tell_steps(session, console, run)
    console.hint(_next(run))
    return code


def tell_step(console: Console, step: Step) -> None:
    """One customer's step on a line for people."""
    state = step.state.value.replace("_", " ")
    words = f"  {plain(step.words, 300)}" if step.words else ""
    console.say(f"  {step.customer_id}  {state:<11}  {plain(step.name, 40)}{words}")


def _tell_steps(session: Session, console: Console, run: Run) -> None:
    looked_at = frozenset({StepState.SKIPPED, StepState.NOT_APPLIED, StepState.FAILED, StepState.UNKNOWN, StepState.IN_FLIGHT})
    number = sum(run.totals.count(state) for state in looked_at)
    for step in session.journal.reads.steps(run.id, looked_at, limit=_SHOWN):
        tell_step(console, step)
    if number > _SHOWN:
        console.say(f"  and {number - _SHOWN:,} more: python -m lib.runs show {run.id} --steps")


def _next(run: Run) -> str:
    if run.can_resume or run.state is RunState.PLANNED:
        return f"Go on with: python -m lib.runs resume {run.id}"
    if run.can_retry:
        return f"Try {count(run.totals.retryable, 'customer')} again with: python -m lib.runs retry {run.id}"
    return f"Receipt: python -m lib.runs export {run.id} -o receipt.html"


class _Follower:
    """Shows the progress of one run, from the journal."""

    def __init__(self, session: Session, console: Console, run: Run) -> None:
        self._session, self._console, self._run_id = session, console, run.id
        self._seen_entry = 0
        self._seen_totals: Totals | None = None

    def until_over(self, stop: threading.Event) -> None:
        worker = self._session.worker
        while not worker.join(self._run_id, _LOOK):
            self._look()
            if stop.is_set():
                self._console.hint("Stopping: calls in flight are finished and settled first.")
                if not worker.stop(_STOP_WITHIN):
                    self._console.hint("A call did not end in time; `resume` reads its customer back before anything else.")
                break
        self._look()

    def _look(self) -> None:
        now = self._session.now()
        try:
            totals = self._session.journal.reads.totals(self._run_id)
            settled, first_at = self._session.journal.reads.settled_since(self._run_id, now - WINDOW)
            if self._console.as_json:
                self._tell_entries()
        except JournalUnavailable as error:
            # The worker stops calling by itself; it must not be left trying to write for ever with nobody watching.
            self._session.worker.stop(_STOP_WITHIN)
            raise error from None
        going = pace(settled, first_at, now, totals.total - totals.settled)
        rate, left = going.rate, going.seconds_left
        if totals != self._seen_totals:
            self._seen_totals = totals
            counts = {state.value: totals.count(state) for state in StepState}
            facts = {"run_id": self._run_id, "settled": totals.settled, "total": totals.total, "totals": counts}
            seconds = None if left is None else round(left, 1)
            self._console.row("progress", **facts, rate=round(rate, 3), seconds_left=seconds)
        self._console.progress(progress_line(totals, rate, left))

    def _tell_entries(self) -> None:
        while entries := self._session.journal.log.entries(self._run_id, after=self._seen_entry, limit=_ENTRIES):
            for entry in entries:
                self._console.row("entry", **entry_facts(entry))
            self._seen_entry = entries[-1].seq


@contextmanager
def _stop_asked() -> Iterator[threading.Event]:
    """Set by the signals that ask a process to end, in place of what they usually do. Ignored ones stay so (nohup)."""
    asked = threading.Event()
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    ours = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    try:
        for number in ours:
            signal.signal(number, lambda *_: asked.set())
        yield asked
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
