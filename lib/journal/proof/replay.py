"""What the log says that each row of `runs` and `steps` holds: its entries carried out one after the other. Pure.

Rows are compared as the database gives them, unread, so that a damaged one is a finding like any other.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lib.avara.text import count, one_line
from lib.journal.proof.chain import digest
from lib.journal.tables import plain_text
from lib.plans.model import LIVE, Hold, RunState, StepState

#: Columns that no entry tells of, each with the reason.
NOT_PROVED: Mapping[str, str] = {
    "lease_until": "it is renewed every few seconds while a process carries the run, and says nothing of any customer",
}
#: What each entry with which a run stops leaves it as.
_STOPS: Mapping[str, RunState] = {
    "pause": RunState.PAUSED,
    "canary": RunState.PAUSED,
    "interrupt": RunState.INTERRUPTED,
    "finish": RunState.FINISHED,
    "cancel": RunState.CANCELLED,
}
_AGAIN = (StepState.FAILED, StepState.NOT_APPLIED)
_SHOWN = 80
#: As many findings are kept; of the others it is said how many they are.
MOST = 100


class Told(NamedTuple):
    """An entry, as far as it says how a row stands. `at` is text, as in the tables."""

    seq: int
    at: str
    event: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """Something in the tables that is not what the log, or the plan, says; with no customer, of the run as a whole."""

    run_id: str
    customer_id: str
    words: str

    def __str__(self) -> str:
        return f"{self.run_id}{f', {self.customer_id}' if self.customer_id else ''}: {self.words}"


@dataclass(frozen=True)
class Audit:
    """What was compared, and what is not as it should be: the first hundred findings, and how many there are in all.

    `partly` is how many rows were written by an older version that did not log all of what they hold: what it did log is so.
    """

    runs: int
    steps: int
    findings: tuple[Finding, ...] = ()
    found: int = 0
    partly: int = 0

    @property
    def ok(self) -> bool:
        return not self.found

    @property
    def words(self) -> str:
        """The result in a sentence or two; the findings have their own."""
        compared = f"{count(self.runs, 'run')} with {count(self.steps, 'customer')}"
        told = f"Compared with the log and the plans: {compared}, all as they say."
        if self.found:
            most = f", of which {len(self.findings)} are named" if self.found > len(self.findings) else ""
            told = f"The journal was altered: of {compared}, {self.found:,} things are not as the log and the plans say{most}."
        older = f" Of {count(self.partly, 'row')} an older version did not log everything, so not all of it is proved."
        return told + (older if self.partly else "")


@dataclass(frozen=True)
class Digest:
    """A text of which the log holds only the SHA-256, because it may hold data."""

    sha256: str

    def __str__(self) -> str:
        return "something else"


@dataclass(frozen=True)
class Partly:
    """What an older version wrote down of a text (None: nothing); that the rest is as it was can't be proved."""

    observed: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in (self.observed or {}).items())


def step_row(entries: Iterable[Told], retries: Iterable[int]) -> dict[str, Any]:
    """A step's row by its entries and those of its run (by number) that took up again what had failed."""
    row: dict[str, Any] = {"state": StepState.PLANNED, "words": "", "attempts": 0, "after": None}
    row |= dict.fromkeys(("status", "request_id", "started_at", "settled_at", "seconds"))
    waiting = deque(retries)
    for entry in entries:
        while waiting and waiting[0] < entry.seq:
            waiting.popleft()
            _try_again(row)
        _carry_out(row, entry)
    if waiting:
        _try_again(row)
    return row


def _try_again(row: dict[str, Any]) -> None:
    if row["state"] in _AGAIN:
        row |= {"state": StepState.PLANNED, "settled_at": None}


def _carry_out(row: dict[str, Any], entry: Told) -> None:
    told = entry.payload
    if entry.event == "attempt":
        row |= {"state": StepState.IN_FLIGHT, "attempts": told.get("attempt"), "started_at": entry.at}
        row |= {"settled_at": None, "words": ""}
        return
    row |= {"status": told["status"]} if "status" in told else {}
    row |= {"request_id": plain_text(told["request_id"])} if told.get("request_id") else {}
    row |= {"seconds": round(told["seconds"], 6)} if "seconds" in told else {}
    row["attempts"] += told.get("sent", 1) - 1  # an older version wrote false for none
    if "state" in told:
        said = "" if "said" not in told and not told.get("words") else _said(told)  # an older version's: there were none
        row |= {"state": told["state"], "words": said}
        row["settled_at"] = None if told["state"] == StepState.PLANNED else entry.at
    if observed := told.get("observed"):
        row["after"] = Digest(observed["record"]) if "record" in observed else Partly(observed)


def _said(told: Mapping[str, Any]) -> object:
    if "said" not in told:
        return Partly()
    return Digest(told["said"]) if told["said"] else ""


def run_row(entries: Iterable[Told]) -> dict[str, Any]:
    """A run's row by the entries that tell of it as a whole, but for what its plan says; empty where none says that it was
    planned.
    """
    row: dict[str, Any] = {}
    for entry in entries:
        told = entry.payload
        if entry.event == "planned":
            row = {"state": RunState.PLANNED, "plan_hash": told.get("plan_hash"), "size": told.get("customers")}
            row |= {"created_at": entry.at, "words": ""}
            row |= dict.fromkeys(("started_at", "finished_at", "undone_by", "owner", "requested", "hold", "canary"))
        elif row:
            row |= _moved(row, entry)
    return row


def _moved(row: Mapping[str, Any], entry: Told) -> dict[str, Any]:
    """What an entry changes of a run's row."""
    told = entry.payload
    match entry.event:
        case "approved" | "resume" | "retry":
            return _going(row, entry)
        case "pause asked" | "cancel asked":
            return {"requested": entry.event.removesuffix(" asked")}
        case "canary" if "hold" not in told:  # it goes on by itself
            return {"canary": None}
        case "undo":
            return {"undone_by": told.get("undone_by")}
    state = _STOPS.get(entry.event)
    if state is None:
        return {}
    kept = "cancel" if row["requested"] == "cancel" and "said" in told else None  # an older version forgot it
    stopped = {"hold": told.get("hold"), "requested": kept} if state in LIVE else {"requested": None, "finished_at": entry.at}
    return {"state": state, "words": _said(told), **stopped}


def _going(row: Mapping[str, Any], entry: Told) -> dict[str, Any]:
    told = entry.payload
    going = {
        "state": RunState.RUNNING,
        "owner": told.get("owner"),
        "requested": told.get("requested"),
        "hold": None,
        "words": "",
    }
    match entry.event:
        case "approved":
            return {**going, "started_at": entry.at, "canary": told.get("canary")}
        case "resume":
            return {**going, "canary": None if row["hold"] == Hold.CANARY else row["canary"]}
    return {**going, "finished_at": None}


def differences(row: Mapping[str, Any], told: Mapping[str, Any], by: str) -> Iterator[str]:
    """Each column of `row` that is not as `told`, in words: what it says, and what `by` (the log, the plan) says."""
    for name, expected in told.items():
        if not _same(row[name], expected):
            yield f"{name} says {shown(row[name])}, {by} {shown(expected)}."


def partly(told: Mapping[str, Any]) -> bool:
    """Whether an older version left out something that would prove all of the row."""
    return any(isinstance(value, Partly) for value in told.values())


def _same(stands: object, expected: object) -> bool:
    if isinstance(expected, Digest):
        return isinstance(stands, str) and digest(stands) == expected.sha256
    if isinstance(expected, Partly):
        return expected.observed is None or _observed(stands) == expected.observed
    return stands == expected


def _observed(stands: object) -> object:
    """What an older version wrote down of a record."""
    try:
        record = json.loads(stands)  # type: ignore[arg-type]  # what is no text raises TypeError
        updated = record["updatedAt"]
        return {
            "active": record["isActive"],
            "users": record["userCount"],
            "updated": updated and updated.replace("Z", "+00:00"),
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def shown(value: object) -> str:
    """A value of a row for a line of words: quoted, short, with no control character."""
    if value is None or isinstance(value, Digest):
        return "nothing" if value is None else str(value)
    return f"“{one_line(str(value), _SHOWN)}”"
