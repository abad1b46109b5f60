"""`report`: what some runs were about, as one page for somebody who was not there."""

from __future__ import annotations

from argparse import Namespace

from lib.avara.text import count
from lib.cli.console import AT_MOST, Console, plain
from lib.cli.exits import Exit
from lib.files import check_new, write_new
from lib.receipts.report import check_is_page
from lib.session import Session


def report(session: Session, options: Namespace, console: Console) -> Exit:
    """The report of these runs, of those recorded since a day, else of today's; to a new file."""
    check_is_page(options.output)
    check_new(options.output)
    made = session.report(options.runs, options.since)
    write_new(options.output, made.body)
    console.row("report", file=str(options.output), runs=made.runs, wrong=made.wrong)
    console.say(f"Written to {options.output}: {count(len(made.runs), 'run')}")
    for words in made.wrong[:AT_MOST]:
        console.hint(f"The report says: {plain(words, 400)}")
    return Exit.BROKEN_LOG if made.wrong else Exit.FINISHED
