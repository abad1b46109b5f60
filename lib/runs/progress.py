"""How fast a run goes and how long it was carried, from what the journal knows, so that whoever looks sees the same. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import humanize

from lib.journal.log import TAKEN_UP
from lib.journal.proof.chain import Entry

#: What was settled before this says nothing of the present: a pause, a slower hour.
WINDOW = timedelta(seconds=30)

_BEGINS = frozenset(TAKEN_UP)
_ENDS = frozenset({"pause", "canary", "interrupt", "finish", "cancel"})


@dataclass(frozen=True)
class Progress:
    """Steps a second, and the seconds left at that rate (None while too little has settled to tell)."""

    rate: float = 0.0
    seconds_left: float | None = None


def progress(settled: int, first_at: datetime | None, now: datetime, to_do: int) -> Progress:
    """The progress of a run of which `settled` steps settled within WINDOW, the first of them at `first_at`."""
    if settled < 2 or first_at is None:
        return Progress()
    rate = (settled - 1) / max((now - first_at).total_seconds(), 1.0)
    return Progress(rate, to_do / rate)


def asked_to_wait(seconds: float) -> str:
    """ "the API asked to wait, 41 seconds left"; empty where it did not, or not for long enough to be told."""
    return f"the API asked to wait, {humanize.naturaldelta(timedelta(seconds=seconds))} left" if seconds >= 1 else ""


def time_carried(entries: Iterable[Entry], before: Callable[[Entry], datetime | None]) -> timedelta:
    """How long somebody carried the run, by the log entries of the run as a whole: pauses and waiting do not count.

    `before` gives the time of the entry before one. A process that is gone was last heard of then: that it is gone may have
    been noticed a day later.
    """
    carried, began = timedelta(), None
    for entry in entries:
        if entry.event in _BEGINS:
            began = entry.at
        elif began is not None and entry.event in _ENDS and not _went_on(entry):
            ended = before(entry) if entry.event == "interrupt" else None
            carried, began = carried + max((ended or entry.at) - began, timedelta()), None
    return carried


def last_taken_up(entries: Iterable[Entry]) -> datetime | None:
    """When the run was started or taken up last. What was settled before says nothing of its pace since."""
    return max((entry.at for entry in entries if entry.event in _BEGINS), default=None)


def taken_up_under(entries: Sequence[Entry]) -> str:
    """The hash of the settings of the process that took the run up last; empty where none is written down."""
    last = next((entry.payload for entry in reversed(entries) if entry.event in _BEGINS), "{}")
    try:
        return str(json.loads(last).get("settings", ""))
    except (ValueError, AttributeError):  # it was altered, which others say
        return ""


def _went_on(entry: Entry) -> bool:
    """A canary without a hold: the run went on by itself."""
    return entry.event == "canary" and not json.loads(entry.payload).get("hold")
