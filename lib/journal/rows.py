"""How runs, steps and log entries become rows, and rows become them again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from lib.avara.models import Customer
from lib.journal.chain import Entry
from lib.runs.model import Action, Hold, Run, RunState, Step, StepState, Totals
from lib.runs.plan import Plan


def run_row(run_id: str, plan: Plan, now: datetime) -> dict[str, Any]:
    same = ("action", "connection_label", "fingerprint", "base_url", "operator", "reason", "ticket", "filter_text")
    told = {name: getattr(plan, name) for name in (*same, "undo_of", "goes_on")}
    return told | {
        "id": run_id,
        "state": RunState.PLANNED,
        "plan_hash": plan.hash,
        "size": len(plan.customers),
        "created_at": now,
    }


def step_rows(run_id: str, plan: Plan) -> Iterator[dict[str, Any]]:
    for position, planned in enumerate(plan.customers):
        record = planned.record
        yield {
            "run_id": run_id,
            "position": position,
            "customer_id": record.id,
            "name": record.name,
            "state": StepState.PLANNED,
            "before": record_json(record),
        }


def to_step(row: Row[Any]) -> Step:
    told = dict(row._mapping)
    told["state"] = StepState(told["state"])
    told["before"] = Customer.model_validate_json(told["before"])
    told["after"] = None if told["after"] is None else Customer.model_validate_json(told["after"])
    return Step(**told)


def to_run(row: Row[Any], totals: Totals) -> Run:
    told = dict(row._mapping)
    del told["size"], told["lease_until"]
    told["state"], told["action"] = RunState(told["state"]), Action(told["action"])
    told["hold"] = Hold(told["hold"]) if told["hold"] else None
    return Run(**told, totals=totals)


def to_entry(row: Row[*tuple[Any, ...]]) -> Entry:
    return Entry(**row._mapping)


def record_json(record: Customer) -> str:
    """A record as the API would write it."""
    return record.model_dump_json(by_alias=True)
