"""The arguments of `python -m lib.runs`, and the way from them to a command and its exit code."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.config import VERSION, load_settings
from lib.errors import ExpressOpsError
from lib.runs.cli import carrying, exits, planning, reading
from lib.runs.cli.console import Console
from lib.runs.cli.exits import MEANINGS, Exit
from lib.runs.cli.session import Session
from lib.runs.export import Format
from lib.runs.model import Action, StepState

_DESCRIPTION = """Plan, carry out, check and take back runs from a terminal or a script.

The journal is the one of the app (EXPRESS_OPS_HOME, EXPRESS_OPS_DATABASE_URL); the API's key is AVARA_API_KEY, its address
AVARA_BASE_URL. RUN may be the beginning of an id as long as only one run begins so."""


def parser() -> argparse.ArgumentParser:
    """All commands with their options; the exit codes stand below the help."""
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
    _add_reading(commands)
    _add_carrying(commands)
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="one JSON object a line, for programs")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code, whose meanings `--help` gives."""
    options = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a name that the terminal can't show is no reason to stop a run
    console = Console(sys.stdout, sys.stderr, as_json=options.json)
    try:
        with Session(load_settings()) as session:
            return int(options.command(session, options, console))
    except ExpressOpsError as error:
        code = exits.of_error(error)
        console.fail(error, code)
        return int(code)
    except KeyboardInterrupt:
        console.hint("Stopped before anything was begun.")
        return int(Exit.STOPPED)
    except BrokenPipeError:
        # Whoever read our output has gone, as in `list | head`; the interpreter would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.PARTLY)


def _add_reading(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    listed = _command(commands, "list", reading.list_runs, "the newest runs")
    listed.add_argument("--limit", type=_at_least_one, default=20, metavar="N", help="at most so many (default: %(default)s)")
    shown = _command(commands, "show", reading.show, "one run, and the customers that are not as asked")
    _add_run(shown)
    shown.add_argument(
        "--steps",
        nargs="?",
        const="all",
        choices=["all", *(state.value for state in StepState)],
        metavar="STATE",
        help="every step, or those in one state",
    )
    verified = _command(commands, "verify", reading.verify, "check that nobody altered the log")
    verified.add_argument(
        "--head", type=_hash, metavar="HASH", help="a hash that a receipt shows: the log must still hold its entry"
    )
    exported = _command(commands, "export", reading.export_run, "the receipt of a run; the export is logged")
    _add_run(exported)
    exported.add_argument(
        "--format",
        choices=[form.value for form in Format],
        help="default: as FILE's name ends, else csv (safe in spreadsheets)",
    )
    exported.add_argument("-o", "--output", type=Path, metavar="FILE", help="a new file (default: the standard output)")


def _add_carrying(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    planned = _command(commands, "plan", planning.plan, "write a plan file from a list of ids; changes nothing")
    planned.add_argument(
        "--ids-file", type=Path, required=True, metavar="FILE", help="one id a line, or CSV whose first column is called id"
    )
    planned.add_argument("--action", required=True, choices=[action.value for action in Action])
    planned.add_argument("--reason", required=True, help="why; it goes into the receipt")
    planned.add_argument("--ticket", default="", help="its number elsewhere")
    planned.add_argument(
        "--goes-on", action="store_true", help="after the canary, go on by itself if all of its steps are verified"
    )
    planned.add_argument("-o", "--output", type=Path, required=True, metavar="PLAN", help="a new file, readable by you only")

    applied = _command(commands, "apply", carrying.apply, "carry out a plan file")
    applied.add_argument("plan", type=Path, metavar="PLAN", help="a file of `plan`, of `undo -o` or of the app")
    _add_confirm(applied)
    undone = _command(commands, "undo", carrying.undo, "put back what a run changed and is still as it left it")
    _add_run(undone)
    _add_confirm(undone)
    undone.add_argument("--reason", default="", help="why (default: that it is an undo, and the run's own reason)")
    undone.add_argument("--ticket", default="", help="its number elsewhere (default: the run's own)")
    undone.add_argument("-o", "--output", type=Path, metavar="PLAN", help="write the plan to this new file and do nothing")
    for name, command, words in (
        ("resume", carrying.resume, "go on with a paused, interrupted or not yet started run"),
        ("retry", carrying.retry, "try what failed, was not applied or is unknown again"),
        ("cancel", carrying.cancel, "end a run; calls in flight are finished and verified"),
    ):
        _add_run(_command(commands, name, command, words))


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: object, words: str
) -> argparse.ArgumentParser:
    made = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.", allow_abbrev=False)
    made.set_defaults(command=command)
    return made


def _add_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help="a run's id, or its beginning")


def _add_confirm(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--confirm", type=int, metavar="COUNT", help="how many customers; without it, what would be done is only shown"
    )


def _hash(text: str) -> str:
    wanted = text.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", wanted):
        raise argparse.ArgumentTypeError("must be the 64 hexadecimal characters that a receipt shows")
    return wanted


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
