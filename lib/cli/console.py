"""What the command line writes: lines for people, or one JSON object a line, and a progress line on a terminal."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from io import TextIOWrapper
from typing import Any, TextIO

import humanize

from lib.accounts.arming import NotArmed
from lib.accounts.tables import AccountNotChosen
from lib.avara.text import one_line
from lib.cli.exits import Exit
from lib.errors import ExpressOpsError, ListUnclear, OtherKey, RunNotFound
from lib.plans.model import StepState, Totals
from lib.runs.progress import asked_to_wait

#: Of data on a line for people; JSON lines have all of it.
_LONGEST = 160
#: Lines of a list for people.
AT_MOST = 20
#: Commands that change customers: production is armed for each.
ARMED = frozenset({"apply", "undo", "resume", "retry"})
#: How to say what a list leaves open.
_UNCLEAR = {
    "sheet": "Say it with: --sheet NAME",
    "column": "Say it with: --column NAME",
    "where": "Say it with: --where COLUMN=VALUE (again for other values; * for any)",
}


class Outlet:
    """A standard stream, which may be closed, full or read by nobody any more: then what a command does goes on without it.

    `lost` says why output is missing. A reader that has gone, as in `list | head`, misses nothing.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream, self.lost = stream, ""
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that the terminal can't show is no reason to stop a run

    @property
    def is_terminal(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def write(self, text: str = "", body: bytes = b"") -> None:
        """Write text, or the body of a file; at once."""
        if self._stream is None:
            self.lost = "it is closed"
            return
        try:
            if text:
                self._stream.write(text)
                self._stream.flush()
            if body:
                self._stream.buffer.write(body)
                self._stream.buffer.flush()
        except OSError as exc:
            self.lost = self.lost or ("" if isinstance(exc, BrokenPipeError) else str(exc.strerror))
            # Else the interpreter would try and fail once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


class Console:
    """Results go to `out`, progress and errors to `err`. With `as_json` only JSON, and only to `out`.

    No line holds a character that could steer a terminal.
    """

    def __init__(self, out: Outlet, err: Outlet, *, as_json: bool, account: str = "") -> None:
        self._out, self._err, self.as_json, self._account = out, err, as_json, account
        self._drawn = False
        #: The account's label, where a command that changes customers has to name it.
        self.label = ""

    @property
    def on_terminal(self) -> bool:
        return self._out.is_terminal

    def say(self, line: str = "") -> None:
        """A line for people."""
        self._line(self._out, line)

    def facts(self, named: Mapping[str, object]) -> None:
        """Indented lines for people, a name and its data on each; what is empty is left out."""
        for name, data in named.items():
            if data:
                self.say(f"  {name:<15} {plain(data, 500)}")

    def some(self, title: str, lines: Sequence[str]) -> None:
        """A title and indented lines for people, the first of them if they are many; nothing where there are none."""
        if lines:
            self.say(title)
        for line in lines[:AT_MOST]:
            self.say(f"  {line.rstrip()}")
        if len(lines) > AT_MOST:
            self.say(f"  and {len(lines) - AT_MOST:,} more")

    def row(self, kind: str, **facts: Any) -> None:  # noqa: ANN401  # whatever JSON can hold
        """An object for programs; `kind` says which keys it has. ASCII, so that no data can steer a terminal."""
        if self.as_json:
            self._out.write(json.dumps({"kind": kind, **facts}) + "\n")

    def fail(self, error: ExpressOpsError, code: Exit) -> None:
        """Tell why a command ended, and which command shows more."""
        run_id = getattr(error, "run_id", None)
        self.row("error", error=type(error).__name__, message=error.message, exit=int(code), run_id=run_id)
        self.hint(plain(error.message, 500))
        if run_id is not None:
            self.hint(f"See it with: {self.command('show', run_id)}")
        elif isinstance(error, OtherKey):
            self.hint(f"If it is, say so: {self.command('account')} shows how")
        elif isinstance(error, ListUnclear):
            self.hint(_UNCLEAR[error.needs])
        elif isinstance(error, AccountNotChosen):
            self.hint("Say it before or behind the command: --account NAME")
        elif isinstance(error, NotArmed):
            self.hint(f"Say it behind the command: --arm {shlex.quote(error.label)}")
        elif isinstance(error, RunNotFound):
            self.hint(f"See all with: {self.command('list')}")

    def hint(self, line: str) -> None:
        """What to do next: for people, and apart from the results."""
        self._line(self._err, line)

    def command(self, *words: object) -> str:
        """The command line of these words, to copy into a shell: of the same account, and with the label that arms it."""
        arms = self.label and words[0] in ARMED
        named = ("--account", self._account) if self._account else ()
        return shlex.join(["python", "-m", "lib.runs", *map(str, words), *named, *(("--arm", self.label) if arms else ())])

    def progress(self, line: str) -> None:
        """Draw over the last progress line; nothing where no person watches."""
        if self._err.is_terminal and not self.as_json:
            self._err.write(f"\r{printable(line)}\x1b[K")
            self._drawn = True

    def file(self, body: bytes) -> None:
        """A file, to the standard output."""
        self._out.write(body=body)

    def _line(self, outlet: Outlet, line: str) -> None:
        if self.as_json:
            return
        if self._drawn:
            self._err.write("\r\x1b[K")
            self._drawn = False
        outlet.write(f"{printable(line)}\n")


def printable(line: str) -> str:
    """The line with a blank in the place of every character that could steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in line)


def plain(data: object, limit: int = _LONGEST) -> str:
    """`data` as one printable line: nothing in it can steer a terminal."""
    return one_line(str(data), limit)


def states(totals: Totals) -> str:
    """The states that have steps: "12 verified, 1 skipped, 3 planned"."""
    order = sorted(StepState, key=lambda state: state in (StepState.PLANNED, StepState.IN_FLIGHT))
    told = [f"{totals.count(state):,} {state.value.replace('_', ' ')}" for state in order if totals.count(state)]
    return ", ".join(told)


def progress_line(totals: Totals, rate: float, left: float | None, waiting: float = 0.0) -> str:
    """ "12 of 40, 3.1 a second, 9 seconds left: 12 verified, 28 planned"; `waiting`: seconds that the API asked to wait."""
    parts = [f"{totals.settled:,} of {totals.total:,}"]
    if left is not None and totals.settled < totals.total:
        parts += [f"{rate:,.1f} a second", f"{humanize.naturaldelta(timedelta(seconds=max(left, 1)))} left"]
    parts += [waits] if (waits := asked_to_wait(waiting)) else []
    return f"{', '.join(parts)}: {states(totals)}"
