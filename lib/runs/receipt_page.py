"""The receipt of a run as one HTML page to print or to file. Pure.

The page stands alone: no script, nothing fetched, and every piece of data goes through `_data`, so a customer's name can
neither become markup nor turn the text around it.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain

from lib.avara.models import Customer
from lib.journal.chain import ChainCheck, Entry
from lib.runs.model import Run, Step, StepState
from lib.runs.plan import Plan, PlannedCustomer

_WORDS = {
    StepState.VERIFIED: "verified: the record, read after the call, says what was asked for",
    StepState.SKIPPED: "skipped: no call was made",
    StepState.NOT_APPLIED: "not applied: the record, read after the call, does not say what was asked for",
    StepState.FAILED: "failed: refused or gone, nothing was changed",
    StepState.UNKNOWN: "unknown: a call was sent and the record could not be read since",
    StepState.IN_FLIGHT: "in flight: a call is under way, or was when the run stopped",
    StepState.PLANNED: "planned: not started",
}
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #111; background: #fff }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 .25rem } h2 { font-size: 1.1rem; margin: 1.75rem 0 .5rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid #ccc; padding: .3rem .5rem; text-align: left; vertical-align: top; overflow-wrap: break-word }
thead { display: table-header-group } tr { break-inside: avoid } td.n, th.n { text-align: right }
code { font: 12px/1.4 ui-monospace, monospace; overflow-wrap: anywhere }
p.bad { border: 2px solid; padding: .5rem; font-weight: bold }
.facts th { width: 11rem; font-weight: 600 } .changed { font-weight: 700; text-decoration: underline } small { color: #444 }
@media print { body { margin: 0; max-width: none; font-size: 10px } code { font-size: 9px } }
"""


def to_html(
    run: Run, plan: Plan, steps: Iterable[Step], entries: Iterable[Entry], check: ChainCheck, *, made_at: datetime
) -> bytes:
    """A UTF-8 page: who, what, when, why, counts that add up, each step before and after, and whether the log is sound.

    `entries` is the run's log, of which the page shows what concerns the whole run; `check` is of the whole log.
    """
    parts = chain(_head(run, made_at), _body(run, plan, steps, entries, check))
    return "".join(f"{part}\n" for part in parts).encode("utf-8", errors="replace")


def _head(run: Run, made_at: datetime) -> Iterator[str]:
    title = f"Receipt of {run.id}"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>{_data(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    noun = "customer" if run.totals.total == 1 else "customers"
    yield f"<h1>{_data(run.action.value.capitalize())} {run.totals.total:,} {noun}: {_data(run.state.value)}</h1>"
    yield f"<p>{_data(title)}, made {_time(made_at)}.</p>"


def _body(run: Run, plan: Plan, steps: Iterable[Step], entries: Iterable[Entry], check: ChainCheck) -> Iterator[str]:
    yield from _facts(run)
    yield from _counts(run)
    yield from _left_alone(plan)
    yield from _log(check)
    yield from _events(entries)
    yield from _steps(plan, steps)
    yield "</body>\n</html>"


def _facts(run: Run) -> Iterator[str]:
    facts = {
        "Who": run.operator,
        "What": f"{run.action.value} {run.totals.total:,}",
        "Why": run.reason,
        "Ticket": run.ticket,
        "Picked by": run.filter_text,
        "Account": f"{run.connection_label} ({run.base_url})" if run.base_url else run.connection_label,
        "Recorded": _time(run.created_at),
        "Started": _time(run.started_at),
        "Ended": _time(run.finished_at),
        "How it stands": run.words,
        "Takes back": run.undo_of,
        "Taken back by": run.undone_by,
        "Plan hash": run.plan_hash,
    }
    yield '<h2>The run</h2>\n<table class="facts">'
    for name, value in facts.items():
        if value:
            yield f"<tr><th>{name}</th><td>{_data(value)}</td></tr>"
    yield "</table>"


def _counts(run: Run) -> Iterator[str]:
    yield "<h2>What became of the customers</h2>\n<table>"
    for state, words in _WORDS.items():
        yield f'<tr><td>{words}</td><td class="n">{run.totals.count(state):,}</td></tr>'
    yield f'<tr><th>Customers in the plan</th><th class="n">{run.totals.total:,}</th></tr>\n</table>'


def _left_alone(plan: Plan) -> Iterator[str]:
    """Whom this undo does not touch, and why."""
    if plan.left_alone:
        yield "<h2>Left alone by this undo</h2>\n<table>"
        yield from (
            f"<tr><td><code>{_data(one.customer_id)}</code></td><td>{_data(one.why)}</td></tr>" for one in plan.left_alone
        )
        yield "</table>"


def _log(check: ChainCheck) -> Iterator[str]:
    yield "<h2>The log</h2>"
    if check.ok:
        yield f"<p>Checked while this receipt was made: all {check.entries:,} entries hold together.</p>"
    else:
        yield f'<p class="bad">The log does not hold together. {_data(check.words)}</p>'
    yield f"<p>Hash of entry {check.entries:,}: <code>{_data(check.head)}</code></p>"


def _events(entries: Iterable[Entry]) -> Iterator[str]:
    yield '<table>\n<thead><tr><th>When (UTC)</th><th>What</th><th>Who</th><th class="n">Entry</th></tr></thead>'
    for entry in entries:
        if entry.customer_id is None:
            cells = (_time(entry.at), entry.event, entry.who)
            told = "".join(f"<td>{_data(cell)}</td>" for cell in cells)
            yield f'<tr>{told}<td class="n">{entry.seq:,}</td></tr>'
    yield "</table>"


def _steps(plan: Plan, steps: Iterable[Step]) -> Iterator[str]:
    heads = ("#", "Customer", "Evidence", "Result", "Before", "After", "Call")
    yield "<h2>Each customer</h2>\n<table>"
    yield f"<thead><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead>"
    for step in steps:
        words = f"<br>{_data(step.words)}" if step.words else ""
        cells = (
            f"{step.position + 1:,}",
            f"{_data(step.name)}<br><code>{_data(step.customer_id)}</code>",
            _evidence(plan.customers[step.position]),
            f"{_data(step.state.value.replace('_', ' '))}{words}",
            _record(step.before, step.before),
            _record(step.after, step.before),
            _call(step),
        )
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    yield "</table>"


def _evidence(planned: PlannedCustomer) -> str:
    return "<br>".join(_data(told) for told in (*planned.evidence, f"read {_time(planned.read_at)}"))


def _record(record: Customer | None, before: Customer) -> str:
    """Its fields, one a line; those that differ from `before` underlined."""
    if record is None:
        return "not read"
    was = dict(_fields(before))
    now = dict(_fields(record))
    lines = []
    for name in now | dict.fromkeys(was, ""):
        line = f"{_data(name)}: {_data(now.get(name, 'not set'))}"
        lines.append(line if now.get(name) == was.get(name) else f'<span class="changed">{line}</span>')
    return "<br>".join(lines)


def _fields(record: Customer) -> Iterator[tuple[str, str]]:
    yield "status", "active" if record.is_active else "inactive"
    yield "users", f"{record.user_count:,}"
    yield "name", record.name
    yield "updated", _time(record.updated_at) or "unknown"
    for key, value in sorted(record.metadata.items()):
        yield f"metadata {key}", value


def _call(step: Step) -> str:
    if not step.attempts:
        return "none"
    facts = [f"{step.attempts} sent" if step.attempts > 1 else "1 sent", _time(step.started_at)]
    facts += [f"HTTP {step.status}"] if step.status is not None else ["no answer"]
    facts += [f"request {step.request_id}"] if step.request_id else []
    facts += [f"{step.seconds:.2f} s"] if step.seconds is not None else []
    return "<br>".join(_data(fact) for fact in facts)


def _time(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _data(text: str) -> str:
    """`text` as HTML that shows its characters; controls show as a mark, and what sets the direction ends with it."""
    seen = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in ("Cc", "Cs") else char for char in text)
    return html.escape(seen) if seen.isascii() else f"<bdi>{html.escape(seen)}</bdi>"
