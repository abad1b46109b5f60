"""What a notebook shows of a plan and of a run, as HTML that reads in light and in dark; every value is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lib.avara.models import Customer
from lib.avara.times import to_minute
from lib.plans.model import Run, Step, StepState
from lib.plans.plan import Plan
from lib.plans.policy import Policy
from lib.plans.review import WarningKind
from lib.plans.subject import Subject
from lib.plans.terms import terms
from lib.receipts.page import shown

#: Customers that are shown; the tables have all.
MOST = 20


def of_plan(plan: Plan, subject: Subject, policy: Policy) -> str:
    """Who would be acted on and why, what deserves a look, who is left out, and what the plan may do."""
    warnings = {kind.those: subject.reviewed.counted(kind) for kind in WarningKind}
    return _PAGES.get_template("plan.html").render(
        plan=plan, subject=subject, terms=terms(plan, policy), warnings=warnings, most=MOST
    )


def of_run(run: Run, steps: Sequence[Step], go_on: str) -> str:
    """How a run stands, its counts, each record before and after, and how to go on."""
    counts = {state.value.replace("_", " "): run.totals.count(state) for state in StepState}
    return _PAGES.get_template("run.html").render(run=run, steps=steps, counts=counts, go_on=go_on, most=MOST)


def _fields(before: Customer, after: Customer | None) -> list[tuple[str, str, str]]:
    """Each field's name, its value before, and that after where it differs."""
    was, now = _values(before), _values(after or before)
    return [(name, was.get(name, "not set"), now.get(name, "not set")) for name in was | now]


def _values(record: Customer) -> dict[str, str]:
    told = {
        "status": "active" if record.is_active else "inactive",
        "users": f"{record.user_count:,}",
        "updated": to_minute(record.updated_at) or "unknown",
    }
    return told | {f"metadata {key}": value for key, value in sorted(record.metadata.items())}


_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, finalize=shown, undefined=StrictUndefined, trim_blocks=True
)
_PAGES.filters["fields"] = _fields
