"""The session of a notebook: tables in and out, progress while it waits, errors in one line."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Self

import pandas as pd
from pydantic import ValidationError
from tqdm import tqdm

from lib.avara.connection import KINDS
from lib.avara.models import id_key
from lib.avara.text import count, one_line
from lib.avara.times import to_minute
from lib.charts import Drawing
from lib.config import load_settings
from lib.customers.filters import describe, matching
from lib.customers.reading.progress import LoadState
from lib.customers.reading.view import View
from lib.errors import EmptyPlan, ExpressOpsError, Interrupted, NotStarted, PlanError, RunNotFound
from lib.evidence.judgement import Judgement
from lib.evidence.listing import summary
from lib.evidence.rule_set import RuleSet
from lib.files import typed_path
from lib.notebook.candidates import candidates_table, explained
from lib.notebook.charts import drawing, what_if_table, whole_days
from lib.notebook.conditions import filter_of
from lib.notebook.errors import show_in_a_line
from lib.notebook.lists import taken_of
from lib.notebook.picked import each_picked, ids_of, note, picked_of
from lib.notebook.proposal import Proposal
from lib.notebook.report import day_of, written
from lib.notebook.run import OpenRun
from lib.notebook.tables import customers_table, runs_table
from lib.plans.evidence import Picked, Way
from lib.plans.model import Action
from lib.plans.plan import Plan
from lib.session import Session

#: Rows of a list of runs, at most.
_MOST_RUNS = 10_000
#: Seconds; what takes no longer shows no bar.
_SOON = 0.3


class NotebookSession:
    """A session's verbs as one types them. Nothing is changed before `run` is told how many customers are meant."""

    #: Of the last list that was taken, what became of every row.
    taken: pd.DataFrame | None = None

    def __init__(self, session: Session) -> None:
        """Of a session that is open. It is closed at the end of the process at the latest."""
        self._session = session
        self._last: OpenRun | None = None
        self._why: dict[str, dict[str, Judgement]] = {}  # a rule set's label → id_key → what it last said of the customer
        atexit.register(self.close)

    @classmethod
    def opened(cls, account: str = "") -> Self:
        """Open it, say which account it is of, and have a notebook show our errors in a line."""
        show_in_a_line()
        session = Session(load_settings(), known="as the user of the notebook", account=account).open()
        print(f"{session.connection.label}: {KINDS[session.connection.environment]}")
        return cls(session)

    def close(self) -> None:
        """Settle the calls in flight and end; harmless a second time."""
        if not self._session.closed:
            atexit.unregister(self.close)
            self._session.close()

    def arm(self, label: str) -> None:
        """Arm production for a while, by its label: `run`, `resume` and `retry` ask for that. Raises NotArmed."""
        print(f"Armed until {to_minute(self._session.arming.arm(str(label), self._session.operator))}.")

    @property
    def last(self) -> OpenRun:
        """The run that was begun or looked at last. Raises RunNotFound where none was."""
        if self._last is None:
            raise RunNotFound("No run was begun or opened here yet. ops.runs() lists all; ops.open_run(id) opens one.")
        return self._last

    def load(self, *, anew: bool = False) -> pd.DataFrame:
        """All customers, one row each: see `customers_table`. Once they have been read they are at hand; `anew` reads again.

        Raises ApiError, also where an earlier list stays at hand, and Interrupted; the next `load` goes on from there.
        """
        view, failure = self._waited(anew=anew)
        if failure is not None:
            raise failure
        shown = self._session.loads.shown
        number = shown.progress().problems if shown else 0
        left_out = f"; without {count(number, 'record')} that can't be read: ops.problems" if number else ""
        print(f"{count(len(view.frame), 'customer')}, read {to_minute(view.read_at)}{left_out}")
        return customers_table(view.frame)

    def _view(self) -> View:
        """The list, read whole; says so where it is an earlier one, because reading again has failed."""
        view, failure = self._waited()
        if failure is not None:
            print(f"{failure.message} Until then: the list read {to_minute(view.read_at)}.")
        return view

    def _waited(self, *, anew: bool = False) -> tuple[View, ExpressOpsError | None]:
        """Waits for the list, goes on with a load that failed or was stopped; and what the newest one failed by."""
        if self._session.closed:
            raise NotStarted("This session is closed. Open another: ops = open_session()")
        self._session.keep_sandbox()
        self._session.loads.start()
        newest = self._session.loads.newest
        if anew:
            self._session.loads.reload()
        elif newest is not None and newest.progress().state in (LoadState.FAILED, LoadState.CANCELLED):
            newest.resume()
        with tqdm(unit=" customers", desc="Reading", file=sys.stdout, leave=False, delay=_SOON) as bar:
            try:
                view = self._session.loads.wait(lambda read: _show(bar, read))
            except KeyboardInterrupt:
                if self._session.loads.under_way is not None:
                    self._session.loads.under_way.cancel()
                raise Interrupted(f"Stopped after {count(bar.n, 'customer')}. ops.load() goes on from there.") from None
        newest = self._session.loads.newest
        return view, None if newest is None else newest.failure

    @property
    def problems(self) -> pd.DataFrame:
        """The records of the list that break a rule, and are not among the customers: whose, which field, what was seen."""
        shown = self._session.loads.shown
        told = ("customer_id", "field", "seen", "rule")
        return pd.DataFrame(
            [[getattr(one, name) for name in told] for one in (shown.problems if shown else ())], columns=list(told)
        )

    def find(self, **conditions: object) -> pd.DataFrame:
        """The customers that match all conditions, named as the fields of `Filter`, longest without an update first.

        Metadata is a dict: `metadata={"region": "west"}`, or several values, `{"region": ["west", "dach"]}`. Of a condition on
        a time, those whose time is unknown are never among them; how many they are is said.

        Raises ViewUnreadable.
        """
        wanted, view = filter_of(conditions), self._view()
        read_at = view.read_at or self._session.now()
        found = matching(view.frame, wanted, read_at)
        doubt = f"; {found.unknown_times:,} more would match, but a date is unknown" if found.unknown_times else ""
        print(f"{len(found.positions):,} of {count(len(view.frame), 'customer')}: {describe(wanted)}{doubt}")
        table = customers_table(view.frame, found.positions).sort_values("updated_at", ignore_index=True)
        note(table, Picked(Way.NOTEBOOK, describe(wanted), read_at))
        return table

    def candidates(self, rules: RuleSet | str | Path) -> pd.DataFrame:
        """The customers that a rule set means, and those of whom nobody can tell: a column each for that and for why.

        `rules`: a preset ("never used", "dormant", "empty shell", "duplicate"), a RuleSet, the name of a saved one, or a file
        of one that ends in .json. The studies of those whom nothing else decides are read for it. Raises UploadUnreadable,
        ApiError, Interrupted.
        """
        asked, view = self._session.workspace.meant_rules(rules), self._view()
        with tqdm(unit=" customers", desc="Reading studies", file=sys.stdout, leave=False, delay=_SOON) as bar:
            try:
                found = self._session.evidence.find(asked, view.frame, lambda done, of: _show(bar, done, of))
            except KeyboardInterrupt:
                raise Interrupted("Stopped. What was read stays: the next ops.candidates(...) goes on from there.") from None
        print(summary(asked, found))
        self._why[asked.label] = {id_key(facts.record.id): asked.judgement(facts) for facts, _ in found}
        return note(candidates_table(view.frame, found), Picked(Way.RULES, asked.label, self._session.now()))

    def explain(self, customer: str, rules: RuleSet | str | Path) -> pd.DataFrame:
        """Each question of a rule set, what it answers for this customer (an id), and what it saw. Raises as `candidates`."""
        asked, view = self._session.workspace.meant_rules(rules), self._view()
        (facts,) = self._session.evidence.facts(asked, view.frame, ids_of(customer)[:1]) or (None,)
        if facts is None:
            raise PlanError(f"{one_line(str(customer), 60)} is not in the list.")
        return explained(asked, facts)

    def what_if(self, rules: RuleSet | str | Path, days: Iterable[int] = range(30, 1100, 5)) -> pd.DataFrame:
        """By each number of days: `candidates`, `unknown`, of what is known of studies. Raises UploadUnreadable, PlanError."""
        asked, view, steps = self._session.workspace.meant_rules(rules), self._view(), whole_days(days)
        return what_if_table(self._session.evidence.what_if(asked, view.frame, steps))

    def chart(self, found: pd.DataFrame | None = None) -> Drawing:
        """How long ago the customers were updated, those of a table beside the others; of a table of `what_if` its curve."""
        return drawing(self._view().frame, found, self._session.now())

    def compare(self, before: date | str, after: date | str | None = None) -> pd.DataFrame:
        """What changed from the last list kept of a day (2026-11-28, UTC) to that of a later one, or until now: a row a change.

        `what` is its kind; `run` and `by` name the run of ours that made it. Raises SnapshotUnusable: none is kept of that day.
        """
        if after is None:
            self._view()
        found = self._session.days.compare(day_of(before), None if after is None else day_of(after))
        print(f"{found.changes.words or 'Nothing changed'}, from {to_minute(found.since)} to {to_minute(found.until)}")
        return found.table.copy()

    def report(self, file: str | Path, *runs: str, since: date | str | None = None) -> Path:
        """Write what runs were about, for somebody who was not there: these, those recorded since a day (UTC), else today's.

        Raises ExportRefused where the file does not end in .html or there is no such run, RunNotFound, and PlanError.
        """
        return written(self._session, file, runs, since)

    def take(
        self, file: str | Path, *, column: str = "", where: Iterable[tuple[str, str]] = (), sheet: str = ""
    ) -> pd.DataFrame:
        """The customers that a colleague's list means for certain; `ops.taken` says what became of every row.

        Raises PlanError where `file` is no path, UploadUnreadable, and ListUnclear where `column`, `where` (pairs of a column
        and a value) or `sheet` has to say what is meant.
        """
        table, self.taken = taken_of(self._session, self._view(), file, column=column, where=where, sheet=sheet)
        return table

    def plan(
        self,
        customers: pd.DataFrame | pd.Series[str] | Iterable[str],
        *,
        reason: str,
        ticket: str = "",
        goes_on: bool | None = None,
    ) -> Proposal:
        """The plan to deactivate these: a table with a column `id`, or ids. It is shown, and nothing is done.

        Raises ApiError, PlanError and its kinds: EmptyPlan says why nobody is left.
        """
        view = self._view()
        how = picked_of(customers) or Picked(Way.NOTEBOOK, read_at=view.read_at)
        said = self._why.get(how.filter_text, {}) if how.way is Way.RULES else {}
        subject = self._session.review(each_picked(customers, how, said), view)
        if not subject.reviewed.in_order:
            left_out = f": {', '.join(subject.left_out)}" if subject.left_out else ""
            raise EmptyPlan(f"There is no customer left to act on{left_out}.")
        try:
            plan = self._session.freeze(subject, reason=reason, ticket=ticket, goes_on=goes_on)
        except (ValidationError, AttributeError, UnicodeError):
            raise PlanError("The reason and the ticket are texts, and goes_on is True or False.") from None
        self._session.check(plan, view.active_total)
        return Proposal(plan, subject, self._session)

    def run(self, plan: Proposal | Plan, *, confirm: int | None = None) -> OpenRun:
        """Carry out a plan once `confirm` says how many customers it has, and wait.

        Raises PlanError where the number is not the plan's, Interrupted once an Interrupt has paused it, and whatever keeps the
        plan from being started.
        """
        frozen = plan.plan if isinstance(plan, Proposal) else plan
        if not isinstance(frozen, Plan):
            raise PlanError("This is no plan. Make one: plan = ops.plan(customers, reason=...)")
        self._session.check(frozen, None)
        wanted = len(frozen.customers)
        if type(confirm) is not int or confirm != wanted:  # True is no number of customers
            said = "" if confirm is None else f", confirm said {one_line(repr(confirm), 40)}"
            how = f"If this is what you want: ops.run(plan, confirm={wanted})"
            raise PlanError(f"Nothing was done: the plan has {count(wanted, 'customer')}{said}. {how}")
        view = self._view()
        self._session.check(frozen, view.active_total if frozen.action is Action.DEACTIVATE else None)
        self._session.check_fresh(frozen)
        return self._opened_run(f"run_{frozen.hash[:16]}").carried(lambda: self._session.start(frozen))

    def open_plan(self, path: str | Path) -> Plan:
        """The plan of a file. Raises PlanError where it can't be read or was altered."""
        return self._session.open_plan(typed_path(path))

    def open_run(self, named: str) -> OpenRun:
        """A run by its id or the beginning of it, as after a restart of the kernel. Raises RunNotFound."""
        self._last = self._opened_run(self._session.find_run(str(named)).id)
        return self._last

    def _opened_run(self, run_id: str) -> OpenRun:
        def remember(run: OpenRun) -> None:
            self._last = run

        return OpenRun(self._session, run_id, remember)

    def runs(self, most: int = 20) -> pd.DataFrame:
        """The newest runs, one row each."""
        if not isinstance(most, int) or most < 1:
            raise PlanError("How many runs are shown is a number from 1 on.")
        return runs_table(self._session.reads.runs(min(most, _MOST_RUNS)))


def _show(bar: tqdm[Any], done: int, of: int | None = None) -> None:
    bar.n, bar.total = done, of
    bar.refresh()
