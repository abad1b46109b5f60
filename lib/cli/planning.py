"""`plan`: from a list of customers to a plan file, with each record as it is now."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from lib.avara.models import Customer
from lib.avara.text import count
from lib.avara.times import to_minute
from lib.cli.console import Console, plain
from lib.cli.evidence import find
from lib.cli.exits import Exit
from lib.customers.lists.columns import described
from lib.customers.lists.report import Entry, Kind, Report, to_csv
from lib.errors import ApiError, NotFound, PlanError
from lib.evidence.listing import summary
from lib.evidence.rules import Answer
from lib.files import shown, write_new
from lib.plans.evidence import Picked, Way
from lib.plans.model import Action
from lib.plans.plan import Plan
from lib.plans.review import WarningKind
from lib.plans.subject import Subject
from lib.plans.terms import terms
from lib.runs.progress import asked_to_wait
from lib.session import Session


@dataclass(frozen=True)
class _LeftOut:
    """What is not in the plan, and why: one of the kinds of `_KINDS`."""

    kind: str
    text: str
    words: str = ""


#: Kind → how it is told, and whether the plan is then not all of what was asked for.
_KINDS = {
    "set_aside": ("already as asked, set aside", False),
    "repeated": ("given more than once, planned once", False),
    "not_meant": ("not meant by the list", False),
    "protected": ("protected, never touched", True),
    "unknown": ("unknown to the API", True),
    "unreadable": ("with a record that can't be read", True),
    "several": ("with the name of several customers, none of them planned", True),
    "near": ("with nearly the name of a customer, not planned", True),
    "disputed": ("contradicted by the list itself, not planned", True),
    "ill_formed": ("neither one id nor a name", True),
    "empty": ("without id or name", True),
}


def plan(session: Session, options: Namespace, console: Console) -> Exit:
    """Write a plan of those customers of `--ids-file`, or whom `--rules` mean, that are not as asked yet."""
    if (options.ids_file is None) == (options.rules is None):
        raise PlanError("Say whom to plan: --ids-file FILE or --rules RULES, one of them.")
    began, action = session.now(), Action(options.action)
    picked, report = (_listed if options.rules is None else _meant)(session, options, console, began)
    records = session.read(tuple(picked), on_read(session, console))
    if options.report:
        write_new(options.report, _reported(report, records, action, session))
        console.hint(f"What became of each row of the list: {options.report}")
    subject = session.review_of((one for one in records.values() if isinstance(one, Customer)), picked, began, action)
    unread = tuple((id_, record.message) for id_, record in records.items() if isinstance(record, ApiError))
    subject = replace(subject, unread=unread)
    left_out = [_left_out(entry) for entry in report.entries if entry.kind is not Kind.FOUND]
    left_out += _not_planned(records, subject)
    _tell_left_out(left_out, console)
    made = session.freeze(
        subject, reason=options.reason, ticket=options.ticket, goes_on=options.goes_on or session.policy.canary.goes_on
    )
    session.check(made, None)
    save(made, options.output, session, console)
    return Exit.PARTLY if any(_KINDS[one.kind][1] for one in left_out) else Exit.FINISHED


def _listed(session: Session, options: Namespace, console: Console, began: datetime) -> tuple[dict[str, Picked], Report]:
    """The customers of a list, and what became of its rows."""
    taken = session.read_list(
        options.ids_file,
        column=options.column,
        where=options.where,
        sheet=options.sheet,
        tell=on_read(session, console),
    )
    listed = {entry.ids[0]: entry for entry in taken.report.of(Kind.FOUND)}
    console.row("ids", file=str(options.ids_file), ids=len(listed), rows=len(taken.report.entries))
    for remark in taken.table.remarks:
        console.hint(plain(remark, 300))
    how, name = described(taken.table, taken.choice), shown(Path(options.ids_file.name))
    return dict.fromkeys(listed, Picked(Way.LISTED, f"{name}{how and f', {how}'}", began)), taken.report


def _meant(session: Session, options: Namespace, console: Console, began: datetime) -> tuple[dict[str, Picked], Report]:
    """Those for whom a rule set says yes, each with all that it says. A report of rows there is none."""
    if options.report or options.column or options.where or options.sheet:
        raise PlanError("--report, --column, --where and --sheet are about a list: leave them out beside --rules.")
    rules = session.workspace.meant_rules(options.rules)
    _, found = find(rules, session, console)
    console.hint(plain(summary(rules, found), 300))
    return {
        facts.record.id: Picked(Way.RULES, rules.label, began, rules.judgement(facts))
        for facts, finding in found
        if finding.answer is Answer.YES
    }, Report(())


def _reported(report: Report, records: Mapping[str, Customer | ApiError], action: Action, session: Session) -> bytes:
    """What became of each row of the list, by the records as read now, as a CSV file."""

    def known(ids: Iterable[str]) -> list[Customer]:
        others = [customer_id for customer_id in ids if customer_id not in records]
        read = [record for record in records.values() if isinstance(record, Customer)]
        return [*read, *(session.loads.frame().records(others) if others else ())]

    def settled(entry: Entry) -> Entry:
        record = records.get(entry.ids[0]) if entry.kind is Kind.FOUND else None
        if isinstance(record, NotFound):
            return entry._replace(kind=Kind.UNKNOWN, ids=())
        inactive = isinstance(record, Customer) and not record.is_active
        return entry._replace(kind=Kind.ALREADY) if inactive and action is Action.DEACTIVATE else entry

    return to_csv(replace(report, entries=tuple(map(settled, report.entries))), known)


def _left_out(entry: Entry) -> _LeftOut:
    maybe = entry.ids if entry.kind in (Kind.SEVERAL, Kind.NEAR) else ()
    return _LeftOut(entry.kind.name.lower(), entry.text, f"row {entry.line}{': perhaps ' * bool(maybe)}{', '.join(maybe)}")


def save(made: Plan, path: Path, session: Session, console: Console) -> None:
    """Write the plan file and say what it holds and how to start it. Raises PlanError where it can't be written."""
    write_new(path, made.to_json().encode())
    tell_plan(made, session, console)
    console.row("plan_file", file=str(path), plan_hash=made.hash)
    if (why := session.gate.unchanging) is not None:
        console.hint(f"Written to {path}. It can't be carried out here: {why.message}")
        return
    carry_out = console.command("apply", path, "--confirm", len(made.customers))
    console.hint(f"Written to {path}. To carry it out: {carry_out}")


def on_read(session: Session, console: Console) -> Callable[[int], object]:
    """What tells how many customers have been read, and what the reading waits for."""

    def tell(read: int) -> None:
        waits = asked_to_wait(session.waiting)
        console.progress(f"{read:,} customers read{waits and f', {waits}'}")

    return tell


def count_active(session: Session, action: Action, console: Console) -> int | None:
    """How many customers are active, where a cap depends on it: the list is read for that. Raises ApiError."""
    return session.count_active(action, on_read(session, console))


def tell_plan(made: Plan, session: Session, console: Console) -> None:
    """What the plan will do, to whom, where and why."""
    reviewed = session.review_plan(made).reviewed
    console.row(
        "plan",
        **made.model_dump(mode="json", exclude={"customers"}),
        plan_hash=made.hash,
        customers=len(made.customers),
        users_affected=made.users_affected,
        caps=session.policy.caps.model_dump(),
        canary=session.policy.canary.of(len(made.customers)),
        warnings={kind.value: reviewed.counted(kind) for kind in WarningKind},
    )
    act = f"{made.action.value.capitalize()} {count(len(made.customers), 'customer')}"
    console.say(f"{act} of {plain(session.connection.label)} ({plain(session.connection.base_url)})")
    looks = [f"{number:,} {kind.those}" for kind in WarningKind if (number := reviewed.counted(kind))]
    facts = {
        "users affected": f"{made.users_affected:,}",
        "reason": made.reason,
        "ticket": made.ticket,
        "planned": f"{to_minute(made.created_at)} by {made.operator}",
        **terms(made, session.policy),
        "look at": ", ".join(looks) or "nothing stands out",
    }
    console.facts(facts)
    told = [(item.customer, "; ".join(warning.words for warning in item.warnings)) for item in reviewed.items]
    console.some("Customers:", [f"{customer.id}  {plain(customer.name, 50)}  {plain(words)}" for customer, words in told])


def _not_planned(records: Mapping[str, Customer | ApiError], subject: Subject) -> Iterator[_LeftOut]:
    for customer_id, why in subject.unread:
        unknown = isinstance(records[customer_id], NotFound)
        yield _LeftOut("unknown", customer_id) if unknown else _LeftOut("unreadable", customer_id, why)
    for record in subject.reviewed.set_aside:
        yield _LeftOut("set_aside", record.id, record.name)
    for record, why in subject.reviewed.protected:
        yield _LeftOut("protected", record.id, f"{record.name}: {why}")


def _tell_left_out(left_out: list[_LeftOut], console: Console) -> None:
    for one in left_out:
        console.row(one.kind, id=one.text, words=one.words)
    for kind, (told, _) in _KINDS.items():
        those = [one for one in left_out if one.kind == kind]
        console.some(f"{len(those):,} {told}:", [f"{plain(one.text, 60)}  {plain(one.words)}" for one in those])
