"""A plan that was made in a notebook, with the review that it was made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lib.avara.text import one_line
from lib.files import typed_path, write_new
from lib.notebook import glance
from lib.plans.plan import Plan
from lib.plans.policy import Policy
from lib.plans.subject import Subject


@dataclass(frozen=True, repr=False)
class Proposal:
    """What would be done, to whom and why, and whom it leaves out. Nothing is done before `NotebookSession.run`."""

    plan: Plan
    subject: Subject
    policy: Policy

    def save(self, file: str | Path) -> Path:
        """Write the plan to a new file that the app and the command line open. Raises PlanError where it can't be written."""
        path = typed_path(file)
        write_new(path, self.plan.to_json().encode())
        return path

    def __repr__(self) -> str:
        names = ", ".join(one_line(planned.record.name, 60) for planned in self.plan.customers[:3])
        return f"{self.subject.title}: {names}{'' if len(self.plan.customers) < 4 else ', …'}. Nothing is done yet."

    def _repr_html_(self) -> str:
        return glance.of_plan(self.plan, self.subject, self.policy)
