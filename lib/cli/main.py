"""The arguments of `python -m lib.runs`, and the way from them to a command and its exit code."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from datetime import date
from functools import partial
from io import StringIO
from operator import methodcaller
from pathlib import Path
from typing import TypeVar

from lib.cli import account, approving, carrying, evidence, exits, planning, reading, reporting
from lib.cli.console import Console, Outlet, printable
from lib.cli.exits import MEANINGS, Exit
from lib.config import VERSION, load_settings
from lib.errors import ConfigError, ExpressOpsError
from lib.files import path_of
from lib.plans.model import Action, StepState
from lib.receipts.export import Format
from lib.session import Session

_T = TypeVar("_T")

_DESCRIPTION = """Plan, carry out, check and take back runs from a terminal or a script.

The journal is the one of the app (EXPRESS_OPS_HOME, EXPRESS_OPS_DATABASE_URL); the account is one of settings.toml,
else that of AVARA_API_KEY at AVARA_BASE_URL. RUN may be the beginning of an id as long as only one run begins so."""


def _fitting(pattern: str, words: str, become: Callable[[str], _T]) -> Callable[[str], _T]:
    def checked(text: str) -> _T:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(words)
        return become(text)

    return checked


def _path(text: str) -> Path:
    try:
        return path_of(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


_number = _fitting("[0-9]{1,9}", "must be a whole number of at most 9 digits", int)
_from_one = _fitting("[1-9][0-9]{0,8}", "must be a whole number from 1 on, of at most 9 digits", int)
_text = _fitting(r"[^\0\ud800-\udfff]*", "holds what is no text (UTF-8)", str)
_hash = _fitting("[0-9a-fA-F]{64}", "must be the 64 hexadecimal characters that a receipt shows", str.lower)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a day: 2026-11-28") from None


def _where(text: str) -> tuple[str, str]:
    column, equals, value = _text(text).partition("=")
    if not (column and equals):
        raise argparse.ArgumentTypeError("must be a column's name, = and a value: decision=deactivate")
    return column, value


#: Adds an argument to a parser.
_argument = partial(methodcaller, "add_argument")

_RUN = _argument("run", type=_text, metavar="RUN", help="a run's id, or its beginning")
_CONFIRM = _argument(
    "--confirm", type=_number, metavar="COUNT", help="how many customers; without it, what would be done is only shown"
)
_STATES, _FORMATS, _ACTIONS = ([member.value for member in kind] for kind in (StepState, Format, Action))
_LIST = _argument("--limit", type=_from_one, default=20, metavar="N", help="at most so many (default: %(default)s)")
_SHOW = _argument(
    "--steps", nargs="?", const="all", choices=["all", *_STATES], metavar="STATE", help="every step, or those in one state"
)
_HURT = _argument(
    "--hurt", action="store_true", help="ask the API whether those that it deactivated have come back to life since"
)
_VERIFY = _argument("--head", type=_hash, metavar="HASH", help="a hash that a receipt shows: the log must still hold its entry")
_EXPORT = (
    _RUN,
    _argument("--format", choices=_FORMATS, help="default: as FILE's name ends, else csv (safe in spreadsheets)"),
    _argument("-o", "--output", type=_path, metavar="FILE", help="a new file (default: the standard output)"),
)
_RULES = "a preset's name, a saved rule set's, or a file that ends in .json"
_PLAN = (
    _argument(
        "--ids-file",
        type=_path,
        metavar="FILE",
        help="a list of ids or names: text, CSV, Excel, OpenDocument, JSON, JSON lines or a Markdown table",
    ),
    _argument(
        "--rules", type=_text, metavar="RULES", help="instead of a list: whom a rule set means, with what it says of each"
    ),
    _argument("--column", default="", type=_text, metavar="NAME", help="the column that holds the customers"),
    _argument(
        "--where",
        action="append",
        default=[],
        type=_where,
        metavar="COLUMN=VALUE",
        help="only rows with this value, * for any; repeat it for other values or columns",
    ),
    _argument("--sheet", default="", type=_text, metavar="NAME", help="the sheet of a workbook"),
    _argument("--report", type=_path, metavar="FILE", help="what became of each row of the list, to this new CSV file"),
    _argument("--action", required=True, choices=_ACTIONS),
    _argument("--reason", required=True, type=_text, help="why; it goes into the receipt"),
    _argument("--ticket", default="", type=_text, help="its number elsewhere"),
    _argument("--goes-on", action="store_true", help="after the first steps, go on by itself if all of them are verified"),
    _argument("-o", "--output", type=_path, required=True, metavar="PLAN", help="a new file, readable by you only"),
)
_APPLY = (
    _argument("plan", type=_path, metavar="PLAN", help="a file of `plan`, of `undo -o` or of the app"),
    _CONFIRM,
    _argument(
        "--rehearse", action="store_true", help="on a sandbox made of today's list, and report; the API hears of nothing"
    ),
    _argument(
        "--rate-limit", type=_text, metavar="LIMIT", help="of that sandbox: 10 a second, 600/60 (default: as seen so far)"
    ),
    _argument("--latency-ms", type=_number, metavar="N", help="that its answers take (default: as seen so far)"),
    _argument(
        "--fault",
        action="append",
        default=[],
        type=_text,
        metavar="NAME[=RATE]",
        help="of its answers; repeatable: reset-after=0.1 (default: as seen so far)",
    ),
)
_UNDO = (
    _RUN,
    _CONFIRM,
    _argument("--reason", default="", type=_text, help="why (default: that it is an undo, and the run's own reason)"),
    _argument("--ticket", default="", type=_text, help="its number elsewhere (default: the run's own)"),
    _argument("-o", "--output", type=_path, metavar="PLAN", help="write the plan to this new file and do nothing"),
)
_ACCOUNT = _argument(
    "--same",
    type=_text,
    metavar="KEY",
    help="the key whose fingerprint begins so is of this account too: said once the key in use has found its customers",
)
_REPORT = (
    _argument(
        "runs", nargs="*", type=_text, metavar="RUN", help="a run's id, or its beginning (default: the runs of today, UTC)"
    ),
    _argument("--since", type=_day, metavar="DATE", help="also all runs recorded on this day (2026-11-28, UTC) or later"),
    _argument("-o", "--output", type=_path, required=True, metavar="FILE", help="a new .html file, readable by you only"),
)
_CANDIDATES = (
    _argument("rules", type=_text, metavar="RULES", help=_RULES),
    _argument("-o", "--csv", dest="output", type=_path, metavar="FILE", help="all of them, to this new CSV file"),
    _argument("--yes", dest="only", action="store_const", const="yes", help="only those for whom the rules say yes"),
    _argument("--unknown", dest="only", action="store_const", const="unknown", help="only those of whom nobody can tell"),
)
_EXPLAIN = (
    _argument("customer", type=_text, metavar="CUSTOMER", help="its id"),
    _argument("rules", nargs="*", type=_text, metavar="RULES", help=f"{_RULES}; without it, each preset"),
)
_WORDS = _argument("--words", default="", type=_text, metavar="TEXT", help="what you say to it; a refusal needs it")
_ALONE = _argument(
    "--alone",
    default="",
    type=_text,
    metavar="ACCOUNT",
    help="where nobody signs in: the account's name, by whoever planned it",
)
_NAMED = _argument(
    "--account", default=argparse.SUPPRESS, type=_text, metavar="NAME", help="of settings.toml; needed where there are several"
)
_ARM = _argument(
    "--arm", default="", type=_text, metavar="LABEL", help="the account's label: production is changed by no other word"
)
_JSON = _argument("--json", action="store_true", help="one JSON object a line, for programs")

_COMMANDS: dict[str, tuple[Callable[[Session, argparse.Namespace, Console], Exit], str, Sequence[methodcaller]]] = {
    "list": (reading.list_runs, "the newest runs", (_LIST,)),
    "show": (reading.show, "one run, and the customers that are not as asked", (_RUN, _SHOW, _HURT)),
    "verify": (reading.verify, "check that nobody altered the log", (_VERIFY,)),
    "export": (reading.export_run, "the receipt of a run; the export is logged", _EXPORT),
    "candidates": (evidence.candidates, "whom a rule set means; reads studies, changes nothing", _CANDIDATES),
    "explain": (evidence.explain, "what rule sets say of a customer, and what they saw", _EXPLAIN),
    "report": (reporting.report, "what runs were about, for somebody who was not there; it is logged as an export", _REPORT),
    "plan": (planning.plan, "write a plan file from a list of ids or names, or a rule set; changes nothing", _PLAN),
    "apply": (carrying.apply, "carry out a plan file", (*_APPLY, _ARM)),
    "undo": (carrying.undo, "put back what a run changed and is still as it left it", (*_UNDO, _ARM)),
    "resume": (carrying.resume, "go on with a paused, interrupted or not yet started run", (_RUN, _ARM)),
    "retry": (carrying.retry, "try what failed, was not applied or is unknown again", (_RUN, _ARM)),
    "cancel": (carrying.cancel, "end a run; calls in flight are finished and verified", (_RUN,)),
    "approve": (approving.approve, "say yes to a run that somebody else planned", (_RUN, _CONFIRM, _WORDS, _ALONE, _ARM)),
    "refuse": (approving.refuse, "say no to a run that somebody else planned, for good; it is cancelled", (_RUN, _WORDS)),
    "account": (account.account, "which keys are of this account; changes nothing without --same", (_ACCOUNT,)),
}


def parser() -> argparse.ArgumentParser:
    """All commands with their arguments; the exit codes stand below the help."""
    codes = "\n".join(f"  {code.value:>3}  {words}" for code, words in MEANINGS.items())
    made = argparse.ArgumentParser(
        prog="python -m lib.runs",
        description=_DESCRIPTION,
        epilog=f"Exit codes\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=VERSION)
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    made.add_argument("--account", default="", type=_text, metavar="NAME", help="as behind the command")
    for name, (command, words, arguments) in _COMMANDS.items():
        one = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.", allow_abbrev=False)
        one.set_defaults(command=command)
        for add in (*arguments, _NAMED, _JSON):
            add(one)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code, whose meanings `--help` gives."""
    out, err = Outlet(sys.stdout), Outlet(sys.stderr)
    code = _run(arguments, out, err)
    if out.lost:
        err.write(f"Not all output could be written ({out.lost}).\n")
        code = code or Exit.PARTLY
    return int(code)


def _run(arguments: Sequence[str] | None, out: Outlet, err: Outlet) -> Exit:
    help_, words = StringIO(), StringIO()
    try:
        with redirect_stdout(help_), redirect_stderr(words):
            options = parser().parse_args(arguments)
    except SystemExit as ended:
        out.write(help_.getvalue())
        err.write("".join(f"{printable(line)}\n" for line in words.getvalue().splitlines()))
        return Exit(int(ended.code or 0))
    console = Console(out, err, as_json=options.json, account=options.account)
    try:
        known = "as the user of the command line"
        with Session(load_settings(), known=known, account=options.account, hosts_sandbox=False) as session:
            with suppress(ConfigError):  # whoever needs the account hears of it
                console.label = session.account.label if session.account.production else ""
            if getattr(options, "arm", ""):
                session.arming.arm(options.arm, session.operator)
            return Exit(options.command(session, options, console))
    except ExpressOpsError as error:
        code = exits.of_error(error)
        console.fail(error, code)
        return code
    except KeyboardInterrupt:
        console.hint("Stopped before anything was begun.")
        return Exit.STOPPED
