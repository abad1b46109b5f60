"""The receipt of a run: proof of what was asked, of whom, why, on what evidence, and what each record said
before and after. Pure.

CSV is for people and safe in spreadsheets; JSON lines are exact, for machines; `receipt_page` has the one to print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from lib.avara.models import Customer
from lib.journal.chain import Entry
from lib.runs.model import Run, Step, StepState
from lib.runs.plan import Plan, PlannedCustomer, canonical_json
from lib.spreadsheet import Cell, csv_bytes

CSV_HEADER = (
    "customer id",
    "name",
    "result",
    "what happened",
    "active before",
    "active after",
    "users before",
    "users after",
    "updated before (UTC)",
    "updated after (UTC)",
    "attempts",
    "HTTP status",
    "request id",
    "started (UTC)",
    "settled (UTC)",
    "seconds",
    "name after",
    "metadata before",
    "metadata after",
    "created (UTC)",
    "evidence",
    "read (UTC)",
    "run",
    "action",
    "operator",
    "reason",
    "ticket",
    "connection",
    "base URL",
    "filter",
    "plan hash",
    "undo of",
)


def summary(run: Run) -> dict[str, Any]:
    """The run without its steps, as plain values; times are ISO 8601 in UTC."""
    told: dict[str, Any] = {name: _plain(value) for name, value in vars(run).items() if name != "totals"}
    told["totals"] = {state.value: run.totals.count(state) for state in StepState} | {"total": run.totals.total}
    return told


def step_facts(step: Step) -> dict[str, Any]:
    """A step as plain values; records carry the API's own field names."""
    return {name: _plain(value) for name, value in vars(step).items()}


def entry_facts(entry: Entry) -> dict[str, Any]:
    """A log entry as plain values, from which its hash can be computed again."""
    return {**asdict(entry), "at": entry.at.isoformat(timespec="microseconds")}


def to_csv(run: Run, plan: Plan, steps: Iterable[Step]) -> bytes:
    """One row a customer, in the plan's order, with the run's facts on each row so that a row stands on its own."""
    why = (
        *(run.id, run.action.value, run.operator, run.reason, run.ticket, run.connection_label),
        *(run.base_url, run.filter_text, run.plan_hash, run.undo_of),
    )
    return csv_bytes(CSV_HEADER, ((*_row(step, plan.customers[step.position]), *why) for step in steps))


def to_jsonl(run: Run, plan: Plan, steps: Iterable[Step], entries: Iterable[Entry]) -> bytes:
    """The run, its plan, its steps with both records whole, and its log entries with their hashes: one JSON object a line.

    The SHA-256 of what stands in the plan's line as `plan`, written as it is there, is the plan's hash.
    """
    return "".join(f"{line}\n" for line in _lines(run, plan, steps, entries)).encode()


def _lines(run: Run, plan: Plan, steps: Iterable[Step], entries: Iterable[Entry]) -> Iterator[str]:
    yield canonical_json({"kind": "run", **summary(run)})
    yield f'{{"kind":"plan","plan":{plan.canonical()}}}'
    for step in steps:
        planned = plan.customers[step.position]
        seen = {"evidence": planned.evidence, "read_at": planned.read_at.isoformat()}
        yield canonical_json({"kind": "step", **step_facts(step), **seen})
    for entry in entries:
        yield canonical_json({"kind": "entry", **entry_facts(entry)})


def _row(step: Step, planned: PlannedCustomer) -> tuple[Cell, ...]:
    before, after = step.before, step.after
    return (
        step.customer_id,
        step.name,
        step.state.value,
        step.words,
        _yes_no(before),
        _yes_no(after),
        before.user_count,
        after.user_count if after else None,
        before.updated_at,
        after.updated_at if after else None,
        step.attempts,
        step.status,
        step.request_id,
        step.started_at,
        step.settled_at,
        step.seconds,
        after.name if after else None,
        _metadata(before),
        _metadata(after),
        before.created_at,
        "; ".join(planned.evidence),
        planned.read_at,
    )


def _metadata(record: Customer | None) -> str | None:
    return None if record is None else canonical_json(record.metadata)


def _yes_no(record: Customer | None) -> str | None:
    return None if record is None else "yes" if record.is_active else "no"


def _plain(value: object) -> object:
    match value:
        case Customer():
            return value.model_dump(mode="json", by_alias=True)
        case datetime():
            return value.isoformat()
    return value
