"""The session of a notebook: tables in and out, progress while it waits, errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import pandas as pd
from pydantic import ValidationError
from tqdm import tqdm

from lib.avara.text import count
from lib.avara.times import to_minute
from lib.charts import Drawing, bars
from lib.config import Settings
from lib.customers.counts import by_age
from lib.customers.filters import Filter, describe, matching
from lib.customers.lists.columns import described
from lib.customers.reading.load import LoadState
from lib.customers.reading.loads import View
from lib.errors import ExpressOpsError, ListUnclear, LoadIncomplete, PlanError, ViewUnreadable
from lib.files import path_of
from lib.notebook.proposal import Proposal
from lib.notebook.run import OpenRun
from lib.notebook.tables import customers_table
from lib.plans.evidence import Picked, Way
from lib.plans.model import Action
from lib.plans.plan import Plan
from lib.session import Session

_PICKED = "express_ops_picked"
#: Seconds; what takes no longer shows no bar.
_SOON = 0.3


class NotebookSession(Session):
    """The verbs of a session as one types them. Nothing is changed before `run` is told how many customers are meant."""

    @classmethod
    def opened(cls, settings: Settings) -> Self:
        """Open it, say which account it is of, and have a notebook show our errors in a line."""
        _show_errors_in_a_line()
        session = cls(settings, known="as the user of the notebook").open()
        made_up = "made-up customers" if session.sandbox else "real customers"
        print(f"{session.connection.label}: {made_up}")
        return session

    def load(self, *, anew: bool = False) -> pd.DataFrame:
        """All customers, one row each: see `customers_table`. Once they have been read they are at hand; `anew` reads again.

        Raises ApiError, and LoadIncomplete after an Interrupt; the next `load` goes on from there.
        """
        if anew:
            self.loads.reload()
        view = self._view()
        self._tell_of_load(len(view.frame))
        return customers_table(view.frame)

    def _view(self) -> View:
        """The list, read whole: waits for it where it is not yet, goes on with a load that failed or was stopped."""
        self.loads.start()
        newest = self.loads.newest
        if newest is not None and newest.progress().state in (LoadState.FAILED, LoadState.CANCELLED):
            newest.resume()
        with tqdm(unit=" customers", desc="Reading", file=sys.stdout, leave=False, delay=_SOON) as bar:
            try:
                return self.loads.wait(lambda read: _show(bar, read))
            except KeyboardInterrupt:
                if self.loads.under_way is not None:
                    self.loads.under_way.cancel()
                raise LoadIncomplete(f"Stopped after {count(bar.n, 'customer')}. ops.load() goes on from there.") from None

    @property
    def problems(self) -> pd.DataFrame:
        """The records of the list that break a rule, and are not among the customers: whose, which field, what was seen."""
        shown = self.loads.shown
        told = ("customer_id", "field", "seen", "rule")
        return pd.DataFrame(
            [[getattr(one, name) for name in told] for one in (shown.problems if shown else ())], columns=list(told)
        )

    def find(self, **conditions: object) -> pd.DataFrame:
        """The customers that match all conditions, named as the fields of `Filter`, longest without an update first.

        Those whose time is unknown are never among them; how many that are is said. Raises ViewUnreadable.
        """
        try:
            wanted = Filter.model_validate(conditions)
        except ValidationError as exc:
            wrong = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors())
            raise ViewUnreadable(
                f"These conditions can't be used: {wrong}. There are: {', '.join(Filter.model_fields)}."
            ) from None
        view = self._view()
        read_at = view.read_at or self.now()
        found = matching(view.frame, wanted, read_at)
        doubt = f"; {found.unknown_times:,} more would match, but a date is unknown" if found.unknown_times else ""
        print(f"{len(found.positions):,} of {count(len(view.frame), 'customer')}: {describe(wanted)}{doubt}")
        table = customers_table(view.frame, found.positions).sort_values("updated_at", ignore_index=True)
        table.attrs[_PICKED] = Picked(Way.NOTEBOOK, describe(wanted), read_at)
        return table

    def chart(self, found: pd.DataFrame | None = None) -> Drawing:
        """How long ago the customers were updated: the active and the inactive, or those of a table and the others."""
        frame = self._view().frame
        chart = bars(by_age(frame, self.now(), None if found is None else frame.positions(found["id"])))
        return Drawing(chart.properties(width=600, height=220, title="Customers by the time since their last update"))

    def take(
        self, file: str | Path, *, column: str = "", where: Iterable[tuple[str, str]] = (), sheet: str = ""
    ) -> pd.DataFrame:
        """The customers that a colleague's list means for certain; what became of the other rows is in `attrs["rows"]`.

        Raises UploadUnreadable, and ListUnclear where `column`, `where` or `sheet` has to say what is meant.
        """
        path = path_of(str(file))
        taken = self.read_list(path, column=column, where=where, sheet=sheet)
        view = self._view()
        print(", ".join(f"{number:,} {kind}" for kind, number in taken.report.counts.items()))
        table = customers_table(view.frame, view.frame.positions(taken.report.found))
        how = described(taken.table, taken.choice)
        table.attrs[_PICKED] = Picked(Way.LISTED, f"{path.name}{how and f', {how}'}", view.read_at)
        table.attrs["rows"] = pd.DataFrame(taken.report.entries)
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

        Raises LoadIncomplete, EmptyPlan, ReasonMissing, CapExceeded, ProtectedCustomer.
        """
        view = self._view()
        ids = customers["id"] if isinstance(customers, pd.DataFrame) else customers
        how = getattr(customers, "attrs", {}).get(_PICKED) or Picked(Way.NOTEBOOK, read_at=view.read_at)
        subject = self.review(dict.fromkeys(map(str, ids), how), view)
        plan = self.freeze(subject, reason=reason, ticket=ticket, goes_on=goes_on)
        self.check(plan, view.active_total)
        return Proposal(plan, subject, self.policy)

    def run(self, plan: Proposal | Plan, *, confirm: int | None = None) -> OpenRun:
        """Carry out a plan once `confirm` says how many customers it has, and wait; Interrupt pauses it.

        Raises PlanError where the number is not the plan's, and whatever keeps the plan from being started.
        """
        frozen = plan.plan if isinstance(plan, Proposal) else plan
        deactivates = frozen.action is Action.DEACTIVATE
        self.check(frozen, self._view().active_total if deactivates else None)
        wanted = len(frozen.customers)
        if confirm != wanted:
            said = "" if confirm is None else f", confirm said {confirm}"
            how = f"If this is what you want: ops.run(plan, confirm={wanted})"
            raise PlanError(f"Nothing was done: the plan has {count(wanted, 'customer')}{said}. {how}")
        self.check_fresh(frozen)
        return OpenRun(self, self.record(frozen).id).resume()

    def open_run(self, named: str) -> OpenRun:
        """A run by its id or the beginning of it, as after a restart of the kernel. Raises RunNotFound."""
        return OpenRun(self, self.find_run(named).id)

    def runs(self, most: int = 20) -> pd.DataFrame:
        """The newest runs, one row each."""
        told = [
            (
                run.id,
                run.state.value,
                run.action.value,
                run.totals.total,
                run.totals.verified,
                run.operator,
                run.reason,
                run.created_at,
            )
            for run in self.journal.reads.runs(most)
        ]
        return pd.DataFrame(told, columns=["id", "state", "action", "customers", "verified", "operator", "reason", "recorded"])

    def _tell_of_load(self, customers: int) -> None:
        number = len(self.problems)
        left_out = f"; without {count(number, 'record')} that can't be read: ops.problems" if number else ""
        print(f"{count(customers, 'customer')}, read {to_minute(self.now())}{left_out}")


def _show(bar: tqdm[Any], read: int) -> None:
    bar.n = read
    bar.refresh()


def _show_errors_in_a_line() -> None:
    """In IPython our errors are their words alone: what happened, to whom, what to do. Elsewhere nothing is changed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return

    def told(shell: Any, _: object, error: ExpressOpsError, *__: object, **___: object) -> list[str]:  # noqa: ANN401 - IPython's
        words = error.message
        if isinstance(error, ListUnclear):
            words += f" Say it with: {error.needs}=..."
        shell._showtraceback(type(error), error, [words])
        return [words]

    shell.set_custom_exc((ExpressOpsError,), told)
