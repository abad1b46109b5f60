"""`candidates` and `explain`: whom a rule set means, and why. They change nothing; studies are read for them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from datetime import timedelta

import humanize

from lib.cli.console import Console, plain
from lib.cli.exits import Exit
from lib.customers.frame import CustomerFrame
from lib.errors import PlanError
from lib.evidence.listing import summary, to_csv
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import Answer, Facts, Finding
from lib.files import check_new, write_new
from lib.runs.progress import asked_to_wait
from lib.session import Session


def candidates(session: Session, options: Namespace, console: Console) -> Exit:
    """Whom a rule set means, and of whom nobody can tell; with -o as a CSV file."""
    asked = session.workspace.meant_rules(options.rules)
    if options.output is not None:
        check_new(options.output)
    _, found = find(asked, session, console)
    wanted = [answer for answer in (Answer.YES, Answer.UNKNOWN) if options.only in (None, str(answer))]
    told = [one for answer in wanted for one in found if one[1].answer is answer]
    for facts, finding in told:
        record = facts.record
        console.row("candidate", id=record.id, name=record.name, answer=str(finding.answer), why=finding.words)
    lines = [
        f"{facts.record.id}  {plain(facts.record.name, 50)}  {finding.answer}: {plain(finding.words)}"
        for facts, finding in told
    ]
    console.some(f"{plain(summary(asked, found))}:", lines)
    if options.output is not None:
        write_new(options.output, to_csv(told))
        console.row("candidates_file", file=str(options.output), customers=len(told), rules=asked.label, hash=asked.hash)
        console.hint(f"Written to {options.output}. To plan from it, with what the rules said of each:")
        console.hint(
            console.command("plan", "--rules", options.rules, "--action", "deactivate", "--reason", "WHY", "-o", "plan.json")
        )
    return Exit.FINISHED


def explain(session: Session, options: Namespace, console: Console) -> Exit:
    """What each rule set says of one customer, question by question; without RULES, each preset."""
    asked = [session.workspace.meant_rules(one) for one in options.rules] or list(PRESETS)
    frame = _frame(session, console)
    for rules in asked:
        (facts,) = session.evidence.facts(rules, frame, [options.customer], tell=_tell(session, console)) or (None,)
        if facts is None:
            raise PlanError(f"{plain(options.customer, 60)} is not in the list of customers.")
        said = rules.judgement(facts)
        console.row("explained", id=facts.record.id, name=facts.record.name, **said.model_dump(mode="json"))
        console.say(f"{plain(facts.record.name, 60)}: {plain(said.rules)}: {said.answer}")
        for one in said.answers:
            console.say(f"  {one.answer:<8} {plain(one.question)}: {plain(one.seen, 400)}")
    return Exit.FINISHED


def find(rules: RuleSet, session: Session, console: Console) -> tuple[CustomerFrame, list[tuple[Facts, Finding]]]:
    """Every active customer with what the rule set says. Studies are read for it. Raises ApiError."""
    frame = _frame(session, console)
    found = session.evidence.find(rules, frame, _tell(session, console))
    if word := session.evidence.reading.word:
        console.hint(plain(word, 300))
    return frame, found


def _frame(session: Session, console: Console) -> CustomerFrame:
    return session.loads.wait(lambda read: console.progress(f"{read:,} customers read")).frame


def _tell(session: Session, console: Console) -> Callable[[int, int], object]:
    def tell(done: int, total: int) -> None:
        told = [f"Studies of {done:,} of {total:,} customers read"]
        seen = session.evidence.reading.under_way
        if seen is not None and seen.seconds_left is not None:
            told.append(f"{humanize.naturaldelta(timedelta(seconds=max(seen.seconds_left, 1)))} left")
        console.progress(", ".join(filter(None, [*told, asked_to_wait(session.waiting)])))

    return tell
