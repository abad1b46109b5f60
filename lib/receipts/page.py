"""The receipt of a run as one HTML page to print or to file: what `page.html` shows, and how a value becomes text of it.

Jinja2 escapes every value, and `shown` makes each fit to be seen: a customer's name can neither become markup nor turn the
text around it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lib.avara.models import Customer
from lib.avara.times import to_second
from lib.evidence.judgement import judged_by
from lib.journal.proof.chain import Entry
from lib.plans.evidence import picked_by
from lib.plans.model import Run, Step, StepState
from lib.plans.plan import Plan
from lib.receipts.rows import Proof, approval_of

_WORDS = {
    StepState.VERIFIED: "verified: the record, read after the call, says what was asked for",
    StepState.SKIPPED: "skipped: no call was made",
    StepState.NOT_APPLIED: "not applied: the record, read after the call, does not say what was asked for",
    StepState.FAILED: "failed: refused or gone, nothing was changed",
    StepState.UNKNOWN: "unknown: a call was sent and the record could not be read since, or is gone",
    StepState.IN_FLIGHT: "in flight: a call is under way, or was when the run stopped",
    StepState.PLANNED: "planned: not started",
}


def to_html(run: Run, plan: Plan, steps: Iterable[Step], entries: Iterable[Entry], proof: Proof, *, made_at: datetime) -> bytes:
    """A UTF-8 page: who, what, when, why, counts that add up, each step before and after, and whether the log proves it.

    `entries` is the run's log, of which the page shows what concerns the whole run.
    """
    counts = [(words, run.totals.count(state)) for state, words in _WORDS.items()]
    page = PAGES.get_template("page.html").generate(
        run=run,
        plan=plan,
        steps=steps,
        entries=entries,
        proof=proof,
        made_at=made_at,
        facts=_facts(run, plan, proof),
        counts=counts,
    )
    return "".join(page).encode("utf-8", errors="replace")


def _facts(run: Run, plan: Plan, proof: Proof) -> dict[str, str | None]:
    return {
        "Planned by": run.operator,
        "Carried out by": ", ".join(proof.carried_by) or "nobody",
        "Approval": approval_of(run),
        "What": f"{run.action.value} {run.totals.total:,}",
        "Why": run.reason,
        "Ticket": run.ticket,
        "Picked by": picked_by(run.filter_text),
        "Judged by": judged_by(planned.judgement for planned in plan.customers),
        "Account": f"{run.connection_label} ({run.base_url})" if run.base_url else run.connection_label,
        "Recorded": to_second(run.created_at),
        "Started": to_second(run.started_at),
        "Ended": to_second(run.finished_at),
        "How it stands": run.words,
        "Takes back": run.undo_of,
        "Taken back by": run.undone_by,
        "Plan hash": run.plan_hash,
    }


def _fields(record: Customer | None, before: Customer) -> Iterator[tuple[str, bool]]:
    """A record's fields, one a line, and whether each differs from `before`."""
    if record is None:
        return
    was, now = _values(before), _values(record)
    for name in now | dict.fromkeys(was, ""):
        yield f"{name}: {now.get(name, 'not set')}", now.get(name) != was.get(name)


def _values(record: Customer) -> dict[str, str]:
    told = {
        "status": "active" if record.is_active else "inactive",
        "users": f"{record.user_count:,}",
        "name": record.name,
        "updated": to_second(record.updated_at) or "unknown",
    }
    return told | {f"metadata {key}": value for key, value in sorted(record.metadata.items())}


def _call(step: Step) -> list[str]:
    if not step.attempts:
        return ["none"]
    facts = [f"{step.attempts} sent" if step.attempts > 1 else "1 sent", to_second(step.started_at)]
    facts += [f"HTTP {step.status}"] if step.status is not None else ["no answer"]
    facts += [f"request {step.request_id}"] if step.request_id else []
    facts += [f"{step.seconds:.2f} s"] if step.seconds is not None else []
    return facts


def shown(value: object) -> str:
    """A value as text that shows its characters; controls show as a mark, and what sets the direction ends with it."""
    if isinstance(value, Markup):  # what a macro of the page made of values that came through here
        return value
    text = str(value)
    seen = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in ("Cc", "Cs") else char for char in text)
    return seen if seen.isascii() else Markup("<bdi>{}</bdi>").format(seen)  # which escapes it


PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    finalize=shown,
    undefined=StrictUndefined,
    trim_blocks=False,
)
PAGES.filters |= {"time": to_second, "fields": _fields, "call": _call}
