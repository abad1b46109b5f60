"""A plan that was made in a notebook, with the review that it was made of."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from lib.avara.text import one_line
from lib.errors import PlanError
from lib.files import typed_path, write_new
from lib.notebook import glance
from lib.plans.plan import Plan
from lib.plans.subject import Subject
from lib.rehearsal.report import Report, words_of
from lib.session import Session

#: Seconds between two looks at a rehearsal.
_LOOK = 0.2


@dataclass(frozen=True, repr=False)
class Proposal:
    """What would be done, to whom and why, and whom it leaves out. Nothing is done before `NotebookSession.run`."""

    plan: Plan
    subject: Subject
    session: Session

    def save(self, file: str | Path) -> Path:
        """Write the plan to a new file that the app and the command line open. Raises PlanError where it can't be written."""
        path = typed_path(file)
        write_new(path, self.plan.to_json().encode())
        return path

    def rehearse(
        self, *, rate_limit: str | None = None, latency_ms: float | None = None, faults: Iterable[str] | None = None
    ) -> Report:
        """Carry it out on a sandbox made of today's list, on this machine; the API hears of nothing. Shows what came of it.

        `rate_limit` ("10" a second), `latency_ms` and `faults`, those of the sandbox (["reset-after=0.1"]), are as the API was
        so far unless they are told. An Interrupt ends it; the report is then of what was seen. Raises PlanError, ApiError.
        """
        seen = self.session.rehearsals.seen
        try:
            latency = seen.latency if latency_ms is None else float(latency_ms) / 1000
            told = (faults,) if isinstance(faults, str) else seen.faults if faults is None else tuple(map(str, faults))
        except (TypeError, ValueError):
            raise PlanError('Write it like rate_limit="10", latency_ms=120, faults=["reset-after=0.1"].') from None
        limit = seen.rate_limit if rate_limit is None else str(rate_limit)
        chosen = replace(seen, rate_limit=limit, latency=latency, faults=told)
        rehearsal = self.session.rehearsals.begin(self.plan, self.session.loads.wait(), chosen)
        print(f"The API as seen so far: {self.session.rehearsals.met}.")
        print(f"Nothing is sent to the API. {words_of(rehearsal.expected)}.")
        with tqdm(total=len(self.plan.customers), unit=" customers", desc="Rehearsing", file=sys.stdout, leave=False) as bar:
            try:
                while not rehearsal.wait(_LOOK):
                    bar.n = rehearsal.progress.totals.settled
                    bar.refresh()
            except KeyboardInterrupt:
                rehearsal.close()
        if rehearsal.report is None:
            raise rehearsal.failure or PlanError("It did not end in time. Its report is lost.")
        return rehearsal.report

    def __repr__(self) -> str:
        names = ", ".join(one_line(planned.record.name, 60) for planned in self.plan.customers[:3])
        return f"{self.subject.title}: {names}{'' if len(self.plan.customers) < 4 else ', …'}. Nothing is done yet."

    def _repr_html_(self) -> str:
        return glance.of_plan(self.plan, self.subject, self.session.policy)
