"""`apply PLAN --rehearse`: the plan carried out on a sandbox made of today's list, and a report; the API hears of nothing."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from lib.cli import exits, planning
from lib.cli.console import Console, progress_line
from lib.cli.exits import Exit
from lib.errors import PlanError
from lib.plans.model import StepState
from lib.plans.plan import Plan
from lib.rehearsal.conditions import Conditions
from lib.rehearsal.report import Report, words_of
from lib.runs.interrupts import noted
from lib.session import Session

#: Seconds between two looks.
_LOOK = 0.25
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def check_options(options: Namespace) -> None:
    """Raise PlanError where something is chosen for a rehearsal, and none was asked for."""
    if not options.rehearse and (options.rate_limit is not None or options.latency_ms is not None or options.fault):
        raise PlanError("Nothing was done: --rate-limit, --latency-ms and --fault are for --rehearse alone.")


def rehearse(session: Session, plan: Plan, options: Namespace, console: Console) -> Exit:
    """Whatever is not chosen is as the API was so far. Ctrl-C ends it; the report is then of what was seen."""
    session.check(plan, None)
    view = session.loads.wait(planning.on_read(session, console))
    chosen = _chosen(session.rehearsals.seen, options)
    with noted(*_SIGNALS) as stop:
        rehearsal = session.rehearsals.begin(plan, view, chosen)
        console.hint(f"As seen so far: {session.rehearsals.met}.")
        console.hint(
            f"Rehearsing on this machine; nothing is sent to the API. {words_of(rehearsal.expected)}; Ctrl-C ends it early."
        )
        while not rehearsal.wait(_LOOK):
            if stop:
                rehearsal.cancel()
            now = rehearsal.progress
            rate = now.totals.settled / now.seconds if now.seconds else 0.0
            console.progress(progress_line(now.totals, rate, now.left, now.waiting))
    if rehearsal.report is None:
        raise rehearsal.failure or PlanError("The rehearsal has no report.")
    _tell(rehearsal.report, console)
    return exits.of_run(rehearsal.report.run, [step for step in rehearsal.report.left if step.state is StepState.SKIPPED])


def _chosen(seen: Conditions, options: Namespace) -> Conditions:
    limit = {} if options.rate_limit is None else {"rate_limit": options.rate_limit}
    latency = {} if options.latency_ms is None else {"latency": options.latency_ms / 1000}
    return replace(seen, faults=tuple(options.fault) or seen.faults, **limit, **latency)


def _tell(report: Report, console: Console) -> None:
    console.row(
        "rehearsal",
        plan_hash=report.plan.hash,
        whole=report.whole,
        state=report.run.state.value,
        words=report.run.words,
        seconds=round(report.seconds, 1),
        expected_seconds=None if report.expected is None else round(report.expected, 1),
        seconds_waited=round(report.waited, 1),
        requests=report.requests,
        conditions=list(report.conditions.words),
        totals={state.value: report.totals.count(state) for state in StepState},
        met=[{"what": one.what, "requests": one.requests, "customers": dict(one.customers)} for one in report.met],
    )
    for step in report.left:
        console.row("rehearsed", id=step.customer_id, name=step.name, state=step.state.value, words=step.words)
    for line in str(report).splitlines():
        console.say(line)
