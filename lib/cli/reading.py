"""`list`, `show`, `verify`, `export`: the commands that change no run (an export is logged)."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Collection, Iterable

from lib.avara.text import count
from lib.avara.times import ago, to_second
from lib.cli.console import AT_MOST, Console, plain, states
from lib.cli.exits import Exit
from lib.cli.follow import LOOKED_AT, tell_step
from lib.errors import ExportRefused, OtherConnection
from lib.files import check_new, write_new
from lib.plans.evidence import picked_by
from lib.plans.model import DamagedStep, Run, RunState, Step, StepState
from lib.plans.undo import undone
from lib.receipts.export import Format
from lib.receipts.rows import plain_value, step_facts, summary
from lib.runs.aftermath import NOT_SHOWN
from lib.runs.ending import CANCEL_ONLY, NEVER_STARTED, where_stopped
from lib.runs.heartbeat import is_lost
from lib.runs.owner import carrier
from lib.session import Session

_GONE = "its process is gone"


def list_runs(session: Session, options: Namespace, console: Console) -> Exit:
    """The newest runs, one a line."""
    runs, gone, now = session.reads.runs(options.limit), _without_process(session), session.now()
    keys, undos = _keys(session), session.reads.undos(*(run.id for run in runs if run.undone_by))
    for run in runs:
        console.row("run", **summary(run))
        who = f"{plain(run.operator, 30)}, {ago(now - run.created_at)}"
        needs = f"  {_GONE}" if run.id in gone else "  needs a person" if run.needs_person(now) else ""
        needs = "  waiting for approval" if run.awaits_approval(now) else needs
        needs = f"  {plain(run.damage)}" if run.damage else needs
        back = undone(run, undos)
        console.say(
            f"{run.id}  {run.state:<11}  {run.action} {run.totals.total:,} ({states(run.totals)})  "
            f"{plain(run.connection_label, 40)}{_key(run, keys)}  {who}{needs}{back and f'  {back}'}"
        )
    if not runs:
        console.hint("The journal holds no run yet.")
    return Exit.FINISHED


def show(session: Session, options: Namespace, console: Console) -> Exit:
    """One run, and the steps that a person may want to see; with --steps all of them, or those of one state."""
    run = session.find_run(options.run)
    console.row("run", **summary(run))
    _tell_run(run, session, console)
    if options.hurt:
        _tell_aftermath(run, session, console)
        return Exit.FINISHED
    number, steps = _steps(run, session, options, console)
    for shown, step in enumerate(steps):
        if options.steps is None and not console.as_json and shown == AT_MOST:
            console.say(f"  and {number - AT_MOST:,} more (--steps shows all)")
            break
        if isinstance(step, DamagedStep):
            console.row("damaged_step", **vars(step))
            console.say(f"  {plain(step.customer_id, 60)}  damaged  {plain(step.name, 50)}: {plain(step.words)}")
        else:
            console.row("step", **step_facts(step))
            tell_step(console, step)
    return Exit.FINISHED


def _tell_aftermath(run: Run, session: Session, console: Console) -> None:
    """Whether customers that the run deactivated have come back to life since; those that have not are only counted."""
    found = session.did_it_hurt(run.id, lambda found, total: console.progress(f"{len(found):,} of {total:,} asked again"))
    for one in found:
        console.row("aftermath", hurt=one.answer, **{name: plain_value(value) for name, value in vars(one).items()})
    for one in (one for one in found if one.hurt is not False):
        console.say(f"  {one.customer_id}  {one.answer:<7}  {plain(one.name, 50)}: {plain(one.words, 400)}")
    answers = Counter(one.answer for one in found)
    console.say(f"Did it hurt? {', '.join(f'{number:,} {answer}' for answer, number in answers.items())}. {NOT_SHOWN}")


def _steps(run: Run, session: Session, options: Namespace, console: Console) -> tuple[int, Iterable[Step | DamagedStep]]:
    """How many steps to show, and those: as asked, else what a person may want to see. While it holds, that is its canary."""
    every = options.steps == "all" or (console.as_json and options.steps is None)
    if run.on_canary and run.canary and options.steps is None and not every:
        console.facts({"look at": f"the first {count(run.canary, 'customer')}, then resume or cancel"})
        return run.canary, session.reads.steps_to_show(run.id, limit=run.canary)
    wanted = None if every else {StepState(options.steps)} if options.steps else LOOKED_AT
    number = run.totals.total if wanted is None else sum(run.totals.count(state) for state in wanted)
    return number, session.reads.every_step_to_show(run.id, wanted)


def verify(session: Session, options: Namespace, console: Console) -> Exit:
    """Check every entry of the log against the one before it, and every run and step against the log and its plan; with
    --head, that the log still holds the entry a receipt shows.
    """
    check, audit = session.verify(options.head or "")
    console.row("check", ok=check.ok, entries=check.entries, head=check.head, broken_at=check.broken_at, words=check.words)
    if check.ok:
        console.say(f"The log is sound: {count(check.entries, 'entry', 'entries')} in order.")
    else:
        console.say(f"The log was altered. {plain(check.words, 200)} The {check.entries:,} before it are in order.")
    console.say(f"Hash of entry {check.entries:,}: {check.head}")
    console.row("audit", ok=audit.ok, runs=audit.runs, steps=audit.steps, found=audit.found, partly=audit.partly)
    for finding in audit.findings:
        console.row("finding", **vars(finding))
        console.say(plain(str(finding), 400))
    console.say(audit.words)
    return Exit.FINISHED if check.ok and audit.ok else Exit.BROKEN_LOG


def export_run(session: Session, options: Namespace, console: Console) -> Exit:
    """The receipt of a run, to a new file or to the standard output. What it says to be wrong is told here too."""
    run = session.find_run(options.run)
    form = _form_of(options)
    if options.output is None and console.on_terminal:
        # A receipt holds what the API sent, to the letter; cleaned for a terminal it would be none.
        raise ExportRefused("A receipt is not written to a terminal. Write it to a file (-o receipt.html), or pipe it on.")
    if options.output is not None:
        check_new(options.output)
    made = session.receipt(run.id, form)
    if options.output is None:
        console.file(made.body)
    else:
        write_new(options.output, made.body)
        console.row("receipt", run_id=run.id, file=str(options.output), format=form.value, wrong=made.wrong)
        console.say(f"Written to {options.output}")
    for words in made.wrong[:AT_MOST]:
        console.hint(f"The receipt says: {plain(words, 400)}")
    return Exit.BROKEN_LOG if made.wrong else Exit.FINISHED


def _without_process(session: Session) -> frozenset[str]:
    """Runs that nobody carries any more, although the next start of a worker has yet to mark them interrupted."""
    return frozenset(lease.run_id for lease in session.reads.leases() if is_lost(lease))


def _form_of(options: Namespace) -> Format:
    """As --format says, else as the file's name ends, else CSV. Raises ExportRefused for an ending that stands for no form."""
    if options.format is not None:
        return Format(options.format)
    named = options.output is not None and options.output.suffix
    return Format.of(options.output) if named else Format.CSV


def _stands(run: Run, session: Session) -> str:
    if run.id in _without_process(session):
        return f"{_GONE}; resume goes on"
    waits = run.awaits_approval(session.now())
    return NEVER_STARTED if run.never_started(session.now()) else run.words or ("waiting for approval" if waits else "")


def _keys(session: Session) -> frozenset[str]:
    """The fingerprints of the account's keys; none where no key is set, since these commands need no API."""
    return session.keys if session.settings.api_key is not None else frozenset()


def _key(run: Run, keys: Collection[str]) -> str:
    """Which key made the run, where it is of another account than `keys`."""
    return f", key {run.fingerprint[:8]}" if keys and run.fingerprint not in keys else ""


def _not_ours(run: Run, session: Session) -> str:
    """Why the key in use can't go on with the run, and what can be done, in words; empty where it can or none is set."""
    try:
        if _keys(session):
            session.check_ours(run)
    except OtherConnection as error:
        return f"{error.message} {CANCEL_ONLY}" if run.live else error.message
    return ""


def _where_it_stopped(run: Run, session: Session) -> str:
    if run.state is RunState.RUNNING or not run.totals.settled or not run.totals.planned:
        return ""
    (first,) = session.reads.steps_to_show(run.id, StepState.PLANNED, limit=1)
    return where_stopped(first, run.totals.planned)


def _tell_run(run: Run, session: Session, console: Console) -> None:
    now = session.now()
    console.say(f"{run.id}  {run.state}: {run.action} {count(run.totals.total, 'customer')}")
    not_ours = _not_ours(run, session)
    waits = run.awaits_approval(now)
    undos = session.reads.undos(run.id)
    is_taken_back = any(undo.live or undo.totals.verified == run.totals.verified for undo in undos)
    allowed = {
        "approve": waits,
        "refuse": waits,
        "resume": run.can_resume and not waits,
        "retry": run.can_retry,
        "cancel": run.can_cancel,
        "undo": run.can_undo and not is_taken_back,
    }
    if not_ours:
        allowed = {"cancel": run.can_cancel}
    console.facts(
        {
            "settled": f"{run.totals.settled:,} of {run.totals.total:,} ({states(run.totals)})",
            "stands": _stands(run, session),
            "stopped": _where_it_stopped(run, session),
            "account": f"{run.connection_label} ({run.base_url}), key {run.fingerprint[:8]}",
            "key": not_ours,
            "reason": run.reason,
            "ticket": run.ticket,
            "picked by": picked_by(run.filter_text),
            "damage": run.damage,
            "planned by": run.operator,
            "approval": run.approval.told(now, is_over=not run.live) if run.approval else "",
            "carried by": ", ".join(session.log.carriers(run.id)),
            "recorded": f"{to_second(run.created_at)}, {ago(now - run.created_at)}",
            "started": to_second(run.started_at),
            "ended": to_second(run.finished_at),
            "process": carrier(run.owner) if run.state is RunState.RUNNING else "",
            "takes back": run.undo_of,
            "taken back by": "; ".join(
                f"{undo.id}, {undo.state}: {undo.totals.verified:,} of {count(run.totals.verified, 'customer')}"
                for undo in undos
            ),
            "plan hash": run.plan_hash,
            "possible now": ", ".join(name for name, may in allowed.items() if may) or "export",
        }
    )
