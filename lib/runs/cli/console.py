"""What the command line writes: lines for people, or one JSON object a line, and a progress line on a terminal."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, TextIO

import humanize

from lib.avara.text import one_line
from lib.errors import ExpressOpsError
from lib.runs.cli.exits import Exit
from lib.runs.model import StepState, Totals

#: Of data on a line for people; JSON lines have all of it.
_LONGEST = 160


class Console:
    """Writes to two streams: results to `out`, progress and errors to `err`. With `as_json` only JSON, and only to `out`."""

    def __init__(self, out: TextIO, err: TextIO, *, as_json: bool) -> None:
        self._out, self._err, self.as_json = out, err, as_json
        self._live = err.isatty() and not as_json
        self._drawn = False

    def say(self, line: str = "") -> None:
        """A line for people."""
        if not self.as_json:
            self._wipe()
            self._out.write(f"{line}\n")
            self._out.flush()

    def row(self, kind: str, **facts: Any) -> None:  # noqa: ANN401  # whatever JSON can hold
        """An object for programs; `kind` says which keys it has. ASCII, so that no data can steer a terminal."""
        if self.as_json:
            self._out.write(json.dumps({"kind": kind, **facts}) + "\n")
            self._out.flush()

    def fail(self, error: ExpressOpsError, code: Exit) -> None:
        """Tell why a command ended."""
        run_id = getattr(error, "run_id", None)
        self.row("error", error=type(error).__name__, message=error.message, exit=int(code), run_id=run_id)
        if not self.as_json:
            self._wipe()
            self._err.write(f"{plain(error.message, 500)}\n")

    def hint(self, line: str) -> None:
        """What to do next: for people, and apart from the results."""
        if not self.as_json:
            self._wipe()
            self._err.write(f"{line}\n")
            self._err.flush()

    def progress(self, line: str) -> None:
        """Draw over the last progress line; nothing where no person watches."""
        if self._live:
            self._err.write(f"\r{line}\x1b[K")
            self._err.flush()
            self._drawn = True

    def write_bytes(self, body: bytes) -> None:
        """A file, to the standard output."""
        self._out.flush()
        self._out.buffer.write(body)
        self._out.flush()

    def _wipe(self) -> None:
        if self._drawn:
            self._err.write("\r\x1b[K")
            self._err.flush()
            self._drawn = False


def plain(data: object, limit: int = _LONGEST) -> str:
    """`data` as one printable line: nothing in it can steer a terminal."""
    return one_line(str(data), limit)


def count(number: int, noun: str, plural: str = "") -> str:
    """(1, "customer") → "1 customer"; (12480, "customer") → "12,480 customers"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def states(totals: Totals) -> str:
    """The states that have steps: "12 verified, 1 skipped, 3 planned"."""
    order = sorted(StepState, key=lambda state: state in (StepState.PLANNED, StepState.IN_FLIGHT))
    told = [f"{totals.count(state):,} {state.value.replace('_', ' ')}" for state in order if totals.count(state)]
    return ", ".join(told)


def progress_line(totals: Totals, rate: float, left: float | None) -> str:
    """ "12 of 40, 3.1 a second, 9 seconds left: 12 verified, 28 planned"."""
    parts = [f"{totals.settled:,} of {totals.total:,}"]
    if left is not None and totals.settled < totals.total:
        parts += [f"{rate:,.1f} a second", f"{humanize.naturaldelta(timedelta(seconds=max(left, 1)))} left"]
    return f"{', '.join(parts)}: {states(totals)}"


def ago(at: datetime, now: datetime) -> str:
    return humanize.naturaltime(now - at)
