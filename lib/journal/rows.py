"""How runs, steps and log entries become rows, and rows become them again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from lib.avara.models import Customer
from lib.evidence.activity import Activity
from lib.journal.proof.chain import Entry
from lib.plans.approval import Standing
from lib.plans.model import Action, DamagedStep, Hold, Run, RunState, Step, StepState, Totals
from lib.plans.plan import Plan

Reader = Callable[[Any], object]
_ACTIVITY = TypeAdapter(Activity)


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
        record, judged = planned.record, planned.judgement
        yield {
            "run_id": run_id,
            "position": position,
            "customer_id": record.id,
            "name": record.name,
            "state": StepState.PLANNED,
            "before": record_json(record),
            "activity": activity_json(judged.activity if judged else None),
        }


def to_step(row: Row[*tuple[Any, ...]]) -> Step | DamagedStep:
    """The step of a row that was read as it is stored."""
    told, damaged = _read(row, _STEP)
    if damaged:
        words = f"The journal is damaged: what it has as {', '.join(damaged)} of this step can't be read."
        return DamagedStep(str(told["run_id"]), told["position"], str(told["customer_id"]), str(told["name"]), words)
    return Step(**told)


def to_run(row: Row[*tuple[Any, ...]], totals: Totals, approval: Standing | None = None) -> Run:
    """The run of a row that was read as it is stored. It is `damaged` where it can't be read, or its steps don't add up."""
    told, damaged = _read(row, _RUN)
    size = told.pop("size")
    del told["lease_until"]
    words = [f"what it has as {', '.join(damaged)} of this run can't be read"] if damaged else []
    words += [f"it has {totals.total:,} steps, its plan {size:,}"] if totals.total != size else []
    damage = f"The journal is damaged: {'; '.join(words)}." if words else ""
    return Run(**told, totals=totals, damage=damage, approval=approval)


def _read(row: Row[*tuple[Any, ...]], how: Mapping[str, tuple[Reader, object]]) -> tuple[dict[str, Any], list[str]]:
    """Each value read as what its column holds, and which could not be; those are what `how` has in their place."""
    told, damaged = dict(row._mapping), []
    for name, value in told.items():
        read, instead = how.get(name, (_text, ""))
        try:
            told[name] = read(value)
        except (ValueError, TypeError, OverflowError):
            told[name] = instead
            damaged.append(name)
    return told, damaged


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("not a number")
    return value


def _time(value: object) -> datetime:
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError("not in UTC")
    return at


def _or_none(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


_NO_TIME = datetime.min.replace(tzinfo=UTC)
_RUN: Mapping[str, tuple[Reader, object]] = {
    "state": (RunState, RunState.FINISHED),
    "action": (Action, Action.DEACTIVATE),
    "size": (_number, 0),
    "created_at": (_time, _NO_TIME),
    "lease_until": (float, 0.0),
    "hold": (_or_none(Hold), None),
    "canary": (_or_none(_number), None),
    "goes_on": (bool, False),
    **{name: (_or_none(_time), None) for name in ("started_at", "finished_at")},
    **{name: (_or_none(_text), None) for name in ("undo_of", "undone_by", "owner", "requested")},
}
_STEP: Mapping[str, tuple[Reader, object]] = {
    "position": (_number, 0),
    "state": (StepState, StepState.PLANNED),
    "before": (Customer.model_validate_json, None),
    "after": (_or_none(Customer.model_validate_json), None),
    "activity": (_or_none(_ACTIVITY.validate_json), None),
    "attempts": (_number, 0),
    "status": (_or_none(_number), None),
    "seconds": (_or_none(float), None),
    "request_id": (_or_none(_text), None),
    **{name: (_or_none(_time), None) for name in ("started_at", "settled_at")},
}


def to_entry(row: Row[*tuple[Any, ...]]) -> Entry:
    """The entry of a row that was read as it is stored; what can't be read of it is left empty, so that its hash tells."""
    told, _ = _read(row, _ENTRY)
    return Entry(**told)


_ENTRY: Mapping[str, tuple[Reader, object]] = {
    "seq": (_number, 0),
    "at": (_time, _NO_TIME),
    "customer_id": (_or_none(_text), ""),  # which no entry has: none is what those of a whole run have
}


def record_json(record: Customer) -> str:
    """A record as the API would write it."""
    return record.model_dump_json(by_alias=True)


def activity_json(activity: Activity | None) -> str | None:
    """As a plan has it; None where there is none."""
    return None if activity is None else _ACTIVITY.dump_json(activity).decode()
