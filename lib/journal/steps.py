"""How steps move: the intent before the call, the outcome after it. Many threads share a transaction (see `group`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Update, bindparam, exists, select, update
from sqlalchemy.exc import DataError, IntegrityError

from lib.avara.models import Customer
from lib.errors import JournalUnavailable
from lib.journal.database import Database
from lib.journal.group import GroupCommit
from lib.journal.log import Log, Writing, in_log
from lib.journal.proof.chain import digest
from lib.journal.rows import record_json
from lib.journal.tables import database_now, runs, steps
from lib.people import Person
from lib.plans.model import RunState, Step, StepState, check
from lib.plans.words import NOTHING, Words, said

# Built once: putting a statement together costs more than running it. Parameters that are no bindparam are columns to set.
_MOVE_STEP = update(steps).where(
    steps.c.run_id == bindparam("of_run"), steps.c.position == bindparam("at"), steps.c.state == bindparam("seen")
)
_BEGIN_STEP = _MOVE_STEP.where(
    steps.c.customer_id == bindparam("whom"),
    exists().where(
        runs.c.id == bindparam("of_run"),
        runs.c.state == RunState.RUNNING,
        runs.c.owner == bindparam("mine"),
        runs.c.lease_until > database_now(),
        runs.c.requested.is_(None),
    ),
)
_SETTLE_STEP = _MOVE_STEP.where(exists().where(runs.c.id == bindparam("of_run"), runs.c.owner == bindparam("mine")))

_KEPT = ("state", "words", "attempts", "status", "request_id", "seconds", "settled_at")


@dataclass(frozen=True)
class _Move:
    """A guarded update of one step, and the entries (event, payload) that tell of it."""

    statement: Update
    values: dict[str, Any]
    told: tuple[tuple[str, dict[str, Any]], ...]
    step: Step  # as it will be
    who: Person
    now: datetime

    def write(self, writing: Writing) -> None:
        for event, payload in self.told:
            writing.log(self.step.run_id, event, who=self.who, now=self.now, payload=payload, customer_id=self.step.customer_id)


class _NotAll(Exception):
    """Some update of a group found its step, or its run, changed meanwhile."""


class Steps:
    """How the journal's steps move, for any number of threads."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database, self._log = database, log
        self._together = GroupCommit(self._move_all_or_each, patience=2 * database.write_within)

    def close(self) -> None:
        """Write what is queued, then nothing more."""
        self._together.close()

    def begin(self, step: Step, *, owner: str, now: datetime, who: Person) -> Step:
        """Write the intent to call: planned → in_flight. The call may be made only once this has returned.

        Guarded by the run as well: it must still be running and carried by `owner`, whose lease must hold, so a worker that
        may lose its run to another process sends nothing more; and nobody must have asked for a pause or the end.

        Raises JournalUnavailable when it can't be written, or when the database does not say in time that it is. In the
        second case it may be written after all, behind our back: the step is then found `in_flight` and read back, as after
        a crash, and nothing was sent.
        """
        check(step.state, StepState.IN_FLIGHT)
        begun = replace(step, state=StepState.IN_FLIGHT, attempts=step.attempts + 1, started_at=now, settled_at=None, words="")
        values = {"state": begun.state, "attempts": begun.attempts, "started_at": now, "settled_at": None, "words": ""}
        told = ("attempt", {"attempt": begun.attempts, "before": _seen_of(step.before)})
        self._together.do(
            _Move(_BEGIN_STEP, _guard(step) | values | {"mine": owner, "whom": step.customer_id}, (told,), begun, who, now)
        )
        return begun

    def settle(
        self,
        step: Step,
        to: StepState,
        *,
        now: datetime,
        who: Person,
        words: Words = NOTHING,
        after: Customer | None = None,
        status: int | None = None,
        request_id: str | None = None,
        seconds: float | None = None,
        read_back: bool = False,
        sent: int | None = None,
        owner: str | None = None,
    ) -> Step:
        """Write what became of a step. Facts of the call that are None keep what was written before.

        The step keeps `words` and `after` whole; the log gets their form for it, and digests that prove the whole.
        `read_back`: the record was read after the call had left it open, which the log tells apart. `sent`: how many requests
        left for the intent that this settles; each is an attempt, and the log tells the number unless it is one. Once another
        worker has taken up the run, `owner` is refused: what happened is then found out by reading back.
        """
        check(step.state, to)
        settled = replace(
            step,
            state=to,
            words=words.text,
            attempts=step.attempts if sent is None else step.attempts - 1 + sent,
            after=after or step.after,
            status=status if status is not None else step.status,
            request_id=request_id or step.request_id,
            seconds=round(seconds, 6) if seconds is not None else step.seconds,
            settled_at=None if to is StepState.PLANNED else now,
        )
        values = _guard(step) | {name: getattr(settled, name) for name in _KEPT}
        values["after"] = record_json(settled.after) if settled.after else None
        outcome: dict[str, Any] = {"attempt": step.attempts, "status": status, "request_id": request_id, "seconds": seconds}
        verdict: dict[str, Any] = {"state": to, **in_log(words), "observed": _observed(after) if after else None}
        called = seconds is not None or status is not None
        (outcome if called else verdict).update({} if sent in (None, 1) else {"sent": sent})
        if called and read_back:
            told: tuple[tuple[str, dict[str, Any]], ...] = (("result", outcome), ("verify", verdict))
        elif called:
            told = ((_event(step, to, "result"), outcome | verdict),)
        else:
            told = ((_event(step, to, "verify"), verdict),)
        statement = _MOVE_STEP if owner is None else _SETTLE_STEP
        values |= {} if owner is None else {"mine": owner}
        self._together.do(_Move(statement, values, told, settled, who, now))
        return settled

    def _move_all_or_each(self, moves: Sequence[_Move]) -> Sequence[Exception | None]:
        """Carry out a group in one transaction; where one of them can't, each in its own, so that it fails alone."""
        try:
            with self._log.writing() as writing:
                _move_all(writing, moves)
        except (_NotAll, IntegrityError):
            return [self._move_step(move) for move in moves]
        except JournalUnavailable as exc:
            if not isinstance(exc.__cause__, DataError):  # the journal, not one of the requests, is at fault
                raise
            return [self._move_step(move) for move in moves]
        return [None] * len(moves)

    def _move_step(self, move: _Move) -> Exception | None:
        try:
            with self._log.writing() as writing:
                if writing.db.execute(move.statement, move.values).rowcount != 1:
                    return writing.refuse(move.step.run_id, move.step.state)
                move.write(writing)
        except JournalUnavailable as exc:
            return exc
        except IntegrityError as exc:
            return self._database.unavailable("written", exc)
        return None


def _move_all(writing: Writing, moves: Sequence[_Move]) -> None:
    for statement in (_BEGIN_STEP, _SETTLE_STEP, _MOVE_STEP):
        rows = [move.values for move in moves if move.statement is statement]
        if rows and writing.db.execute(statement, rows).rowcount != len(rows):
            raise _NotAll
    for move in moves:
        move.write(writing)


def _guard(step: Step) -> dict[str, Any]:
    """What guards the move of a step: it must still be as the caller saw it."""
    return {"of_run": step.run_id, "at": step.position, "seen": step.state}


def _seen_of(record: Customer) -> dict[str, Any]:
    """What the log says of a record: never its name or metadata, which may hold anything."""
    updated = record.updated_at.isoformat() if record.updated_at else None
    return {"active": record.is_active, "users": record.user_count, "updated": updated}


def _observed(record: Customer) -> dict[str, Any]:
    """The same, and the digest of the record as the step keeps it."""
    return _seen_of(record) | {"record": digest(record_json(record))}


def _event(step: Step, to: StepState, usual: str) -> str:
    if to is StepState.SKIPPED:
        return "skip"
    if to is StepState.PLANNED:
        return "returned"
    # a planned step that is verified: the reading before its call showed what an earlier call had done
    return "result" if step.state is StepState.PLANNED and to is not StepState.VERIFIED else usual


def give_up(writing: Writing, run_id: str, *, now: datetime, who: Person) -> None:
    """in_flight → unknown, for the steps of a run that ends with nobody who could read their records."""
    words = said("A call was under way when the run was cancelled, and its record was not read since.")
    is_open = steps.c.run_id == run_id, steps.c.state == StepState.IN_FLIGHT
    payload = {"state": StepState.UNKNOWN, **in_log(words)}
    theirs = select(steps.c.customer_id).where(*is_open).order_by(steps.c.position)
    for customer_id in map(str, writing.db.execute(theirs).scalars().all()):  # whatever stands there
        writing.log(run_id, "verify", who=who, now=now, payload=payload, customer_id=customer_id)
    writing.db.execute(update(steps).where(*is_open).values(state=StepState.UNKNOWN, words=words.text, settled_at=now))
