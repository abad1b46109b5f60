"""The receipt of a run: proof of what was asked, of whom, why, on what evidence, and what each record said
before and after. Pure.

CSV is for people and safe in spreadsheets; JSON lines are exact, for machines; `page` has the one to print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from lib.avara.models import Customer
from lib.evidence.activity import NOT_READ, Activity
from lib.evidence.judgement import Judgement
from lib.journal.proof.chain import ChainCheck, Entry
from lib.journal.proof.replay import Audit
from lib.people import Person
from lib.plans.approval import Standing, Word, approved_by, refused_by
from lib.plans.model import Run, Step, StepState
from lib.plans.plan import Plan, PlannedCustomer, canonical_json
from lib.spreadsheet import Cell, csv_bytes

#: What a rule set said of a customer when it was picked.
JUDGED = ("rule set", "rule set says", "answers", "newest study (UTC)", "studies read (UTC)", "rule set hash")
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
    *JUDGED,
    "run",
    "action",
    "planned by",
    "carried out by",
    "approval",
    "reason",
    "ticket",
    "connection",
    "base URL",
    "filter",
    "plan hash",
    "undo of",
    "checked",
)


@dataclass(frozen=True)
class Proof:
    """What a receipt was checked by when it was made: the whole log's chain, and the run against the log and its plan."""

    chain: ChainCheck
    audit: Audit
    carried_by: tuple[str, ...]  # as the log knows them; who planned is the run's `operator`

    @property
    def wrong(self) -> tuple[str, ...]:
        """All that is wrong with the log or the run, in words."""
        return (*([] if self.chain.ok else [self.chain.words]), *map(str, self.audit.findings))

    def of(self, customer_id: str) -> str:
        """What is wrong with the run or this customer's step, in words, or that nothing is."""
        wrong = [] if self.chain.ok else [self.chain.words]
        wrong += [str(found) for found in self.audit.findings if found.customer_id in ("", customer_id)]
        return " ".join(wrong) or self.audit.words


def approval_of(run: Run) -> str:
    """What a second person said to the run: who, when, until when and with what words; empty where nobody was asked."""
    said = run.approval
    if said is None:
        return ""
    return refused_by(said.refused) if said.refused else approved_by(said.given) if said.given else "asked for, not given"


def summary(run: Run) -> dict[str, Any]:
    """The run without its steps, as plain values; times are ISO 8601 in UTC."""
    told: dict[str, Any] = {name: plain_value(value) for name, value in vars(run).items() if name != "totals"}
    told["totals"] = {state.value: run.totals.count(state) for state in StepState} | {"total": run.totals.total}
    return told


def step_facts(step: Step) -> dict[str, Any]:
    """A step as plain values; records carry the API's own field names."""
    return {name: plain_value(value) for name, value in vars(step).items()}


def entry_facts(entry: Entry) -> dict[str, Any]:
    """A log entry as plain values, from which its hash can be computed again."""
    return {**asdict(entry), "at": entry.at.isoformat(timespec="microseconds")}


def to_csv(run: Run, plan: Plan, steps: Iterable[Step], proof: Proof) -> bytes:
    """One row a customer, in the plan's order, with the run's facts on each row so that a row stands on its own."""
    why = (
        *(run.id, run.action.value, run.operator, ", ".join(proof.carried_by), approval_of(run), run.reason, run.ticket),
        run.connection_label,
        *(run.base_url, run.filter_text, run.plan_hash, run.undo_of),
    )
    return csv_bytes(
        CSV_HEADER, ((*_row(step, plan.customers[step.position]), *why, proof.of(step.customer_id)) for step in steps)
    )


def to_jsonl(run: Run, plan: Plan, steps: Iterable[Step], entries: Iterable[Entry], proof: Proof) -> bytes:
    """The run, its plan, what both were checked by, its steps with both records whole, and its log entries with their hashes:
    one JSON object a line.

    The SHA-256 of what stands in the plan's line as `plan`, written as it is there, is the plan's hash.
    """
    return "".join(f"{line}\n" for line in _lines(run, plan, steps, entries, proof)).encode()


def _lines(run: Run, plan: Plan, steps: Iterable[Step], entries: Iterable[Entry], proof: Proof) -> Iterator[str]:
    yield canonical_json({"kind": "run", **summary(run), "planned_by": run.operator, "carried_by": proof.carried_by})
    yield f'{{"kind":"plan","plan":{plan.canonical()}}}'
    yield canonical_json({"kind": "check", "log": asdict(proof.chain), "tables": asdict(proof.audit)})
    for step in steps:
        planned = plan.customers[step.position]
        judgement = planned.judgement.model_dump(mode="json") if planned.judgement else None
        seen = {"evidence": planned.evidence, "read_at": planned.read_at.isoformat(), "judgement": judgement}
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
        *judged_cells(planned.judgement).values(),
    )


def judged_cells(judgement: Judgement | None) -> dict[str, Cell]:
    """The cells of JUDGED; each question's answer stands with what it saw."""
    if judgement is None:
        return dict.fromkeys(JUDGED)
    answers = "; ".join(f"{one} ({one.seen})" for one in judgement.answers)
    activity = judgement.activity
    studies = (activity.newest, activity.read_at) if activity and activity.why != NOT_READ else (None, None)
    told = (judgement.rules, f"{judgement.answer}, {judgement.words}", answers, *studies, judgement.hash)
    return dict(zip(JUDGED, told, strict=True))


def _metadata(record: Customer | None) -> str | None:
    return None if record is None else canonical_json(record.metadata)


def _yes_no(record: Customer | None) -> str | None:
    return None if record is None else "yes" if record.is_active else "no"


def plain_value(value: object) -> object:
    """As JSON has it: records under the API's own names, times in ISO 8601."""
    match value:
        case Customer():
            return value.model_dump(mode="json", by_alias=True)
        case datetime():
            return value.isoformat()
        case Person():
            return value.name
        case frozenset():
            return sorted(value)
        case Activity() | Standing() | Word():
            return {field.name: plain_value(getattr(value, field.name)) for field in fields(value)}
    return value
