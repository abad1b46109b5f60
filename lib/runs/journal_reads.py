"""What can be read from the journal. Reading never waits for a writer (SQLite in WAL mode, PostgreSQL by nature)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lib.errors import JournalError, JournalUnavailable, RunNotFound
from lib.runs import chain
from lib.runs.chain import ChainCheck, Entry
from lib.runs.journal_open import copy_before_upgrade, open_engine, prepare
from lib.runs.journal_tables import (
    database_now,
    log,
    log_contexts,
    log_head,
    plans,
    runs,
    steps,
    to_entry,
    to_run,
    to_step,
)
from lib.runs.model import Run, RunState, Step, StepState, Totals
from lib.runs.plan import Plan

_ORDERS = select(runs.c.state, runs.c.owner, runs.c.requested).where(runs.c.id == bindparam("of_run"))  # read before each step
_ENTRIES = select(
    *(column for column in log.c if column.name != "context_id"), func.coalesce(log_contexts.c.body, "").label("context")
).outerjoin(log_contexts, log_contexts.c.id == log.c.context_id)


@dataclass(frozen=True)
class Orders:
    """What a worker must know before it takes the next step: the run's state, who carries it, what was asked for."""

    state: RunState
    owner: str | None
    requested: str | None


class JournalReads:
    """The opened journal and its reading half. Safe for any number of threads."""

    def __init__(self, where: str | Path, *, version: str = "", patience: float = 10.0) -> None:
        """Open the journal at a file path or database URL; a new one is made, an older one migrated after a copy.

        `version` of this program goes into the log; `patience` is how many seconds to wait for a lock. Raises
        JournalUnavailable when it can't be opened, JournalError when a newer version wrote it.
        """
        self.closed = False
        self._version = version
        self._engine = open_engine(where, patience=patience)
        # On PostgreSQL each statement of a transaction sees its own moment, unless it is told to see one.
        one_moment = {} if self._engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._reader = self._engine.execution_options(**one_moment)
        try:
            copy_before_upgrade(self._engine)
            with self._engine.connect() as db, db.execution_options(writes=True).begin():
                prepare(db)
        except (SQLAlchemyError, OSError, self._engine.dialect.dbapi.Error) as exc:  # type: ignore[union-attr]  # it has one
            raise self._unavailable("opened", exc) from exc

    def close(self) -> None:
        """Close all connections to the database. Whoever works with this journal in the background stops."""
        self.closed = True
        self._engine.dispose()

    def runs(self, limit: int = 100, *, offset: int = 0, state: RunState | None = None) -> tuple[Run, ...]:
        """The newest runs first, of all or of one state."""
        query = select(runs) if state is None else select(runs).where(runs.c.state == state)
        return self._runs(query.order_by(runs.c.created_at.desc(), runs.c.id).limit(limit).offset(offset))

    def run_counts(self) -> dict[RunState, int]:
        """How many runs are in each state that has some."""
        with self._read() as db:
            rows = db.execute(select(runs.c.state, func.count()).group_by(runs.c.state)).all()
        return {RunState(state): number for state, number in rows}

    def live_runs(self, *states: RunState) -> tuple[Run, ...]:
        """The runs in one of these states, oldest first."""
        return self._runs(select(runs).where(runs.c.state.in_(states)).order_by(runs.c.created_at, runs.c.id))

    def undos(self, run_id: str) -> tuple[Run, ...]:
        """The runs that were to take this run back, oldest first, whatever came of them."""
        return self._runs(select(runs).where(runs.c.undo_of == run_id).order_by(runs.c.created_at, runs.c.id))

    def expired_runs(self) -> tuple[Run, ...]:
        """The running runs whose lease has run out, by the database's clock: their process is gone, or can't reach it."""
        expired = runs.c.state == RunState.RUNNING, runs.c.lease_until < database_now()
        return self._runs(select(runs).where(*expired).order_by(runs.c.created_at, runs.c.id))

    def run(self, run_id: str) -> Run:
        """The run with its totals. Raises RunNotFound."""
        found = self._runs(select(runs).where(runs.c.id == run_id))
        if not found:
            raise RunNotFound
        return found[0]

    def run_ids(self, start: str, *, limit: int = 10) -> tuple[str, ...]:
        """Up to `limit` ids of runs that begin with `start`, in their order: for people who type part of one."""
        query = select(runs.c.id).where(runs.c.id.startswith(start, autoescape=True)).order_by(runs.c.id).limit(limit)
        with self._read() as db:
            return tuple(db.execute(query).scalars())

    def plan(self, run_id: str) -> Plan:
        """The plan that the run carries out, its hash checked. Raises RunNotFound, PlanError."""
        with self._read() as db:
            body = db.execute(select(plans.c.body).where(plans.c.run_id == run_id)).scalar()
        if body is None:
            raise RunNotFound
        return Plan.from_json(body)

    def orders(self, run_id: str) -> Orders:
        """The run's state, owner and request, without counting its steps. Raises RunNotFound."""
        with self._read() as db:
            row = db.execute(_ORDERS, {"of_run": run_id}).one_or_none()
        if row is None:
            raise RunNotFound
        return Orders(RunState(row.state), row.owner, row.requested)

    def steps(
        self,
        run_id: str,
        state: StepState | Iterable[StepState] | None = None,
        *,
        limit: int = 1000,
        offset: int = 0,
        after: int = -1,
    ) -> tuple[Step, ...]:
        """Up to `limit` steps in the plan's order, of one state or several; `after` is the last position already seen."""
        query = select(steps).where(steps.c.run_id == run_id, steps.c.position > after)
        if state is not None:
            states = (state,) if isinstance(state, StepState) else tuple(state)
            query = query.where(steps.c.state.in_(states))
        with self._read() as db:
            rows = db.execute(query.order_by(steps.c.position).limit(limit).offset(offset)).all()
        return tuple(to_step(row) for row in rows)

    def every_step(self, run_id: str, state: StepState | Iterable[StepState] | None = None) -> Iterator[Step]:
        """All steps in the plan's order, a thousand in memory at a time."""
        after = -1
        while batch := self.steps(run_id, state, after=after):
            yield from batch
            after = batch[-1].position

    def step(self, run_id: str, customer_id: str) -> Step:
        """The step of one customer. Raises RunNotFound when this run has none for it."""
        with self._read() as db:
            row = db.execute(select(steps).where(steps.c.run_id == run_id, steps.c.customer_id == customer_id)).one_or_none()
        if row is None:
            raise RunNotFound("This run has no step for that customer.")
        return to_step(row)

    def totals(self, run_id: str) -> Totals:
        """How many steps are in each state. Raises RunNotFound."""
        return self.run(run_id).totals

    def settled_since(self, run_id: str, since: datetime) -> tuple[int, datetime | None]:
        """How many steps of a run were settled since then, and when the first of them was."""
        query = select(func.count(), func.min(steps.c.settled_at)).where(steps.c.run_id == run_id, steps.c.settled_at >= since)
        with self._read() as db:
            number, first_at = db.execute(query).one()
        return number, first_at

    def entries(self, run_id: str, *, after: int = 0, limit: int | None = None) -> tuple[Entry, ...]:
        """The log of one run, oldest first; `after` is the last number (`seq`) already seen, `limit` the most to read."""
        query = _ENTRIES.where(log.c.run_id == run_id, log.c.seq > after).order_by(log.c.seq).limit(limit)
        with self._read() as db:
            rows = db.execute(query).all()
        return tuple(to_entry(row) for row in rows)

    def run_entries(self, run_id: str) -> tuple[Entry, ...]:
        """What the log says of a run as a whole (planned, approved, paused ...), oldest first; nothing of its steps."""
        query = _ENTRIES.where(log.c.run_id == run_id, log.c.customer_id.is_(None)).order_by(log.c.seq)
        with self._read() as db:
            return tuple(to_entry(row) for row in db.execute(query).all())

    def step_entries(self, run_id: str, *, limit: int, offset: int = 0) -> tuple[int, tuple[Entry, ...]]:
        """How many entries tell of the run's steps, and some of them, newest first."""
        of_steps = log.c.run_id == run_id, log.c.customer_id.is_not(None)
        query = _ENTRIES.where(*of_steps).order_by(log.c.seq.desc()).limit(limit).offset(offset)
        with self._read() as db:
            number = db.execute(select(func.count()).select_from(log).where(*of_steps)).scalar_one()
            return number, tuple(to_entry(row) for row in db.execute(query).all())

    def history(self, customer_id: str) -> tuple[tuple[Run, Step], ...]:
        """What happened to one customer in every run that planned it, newest first."""
        query = select(steps).join(runs, runs.c.id == steps.c.run_id).where(steps.c.customer_id == customer_id)
        with self._read() as db:
            found = [to_step(row) for row in db.execute(query.order_by(runs.c.created_at.desc())).all()]
        by_id = {run.id: run for run in self._runs(select(runs).where(runs.c.id.in_([step.run_id for step in found])))}
        return tuple((by_id[step.run_id], step) for step in found)

    def verify_chain(self, shown: str = "") -> ChainCheck:
        """Check every entry of the log against the one before it, a thousand in memory at a time.

        `shown`: the hash of an entry that a receipt shows; the log must still hold it.
        """
        with self._read() as db:
            head = db.execute(select(log_head)).one()
            rows = db.execution_options(yield_per=1000).execute(_ENTRIES.order_by(log.c.seq))
            return chain.verify((to_entry(row) for row in rows), head.seq, head.hash, shown=shown)

    def _runs(self, query: Select[Any]) -> tuple[Run, ...]:
        with self._read() as db:
            rows = db.execute(query).all()
            counts: dict[str, dict[StepState, int]] = {row.id: {} for row in rows}
            counted = select(steps.c.run_id, steps.c.state, func.count()).where(steps.c.run_id.in_(counts))
            for run_id, state, number in db.execute(counted.group_by(steps.c.run_id, steps.c.state)):
                counts[run_id][StepState(state)] = number
        return tuple(to_run(row, self._checked(row, Totals.of(counts[row.id]))) for row in rows)

    @staticmethod
    def _checked(row: Row[Any], totals: Totals) -> Totals:
        if totals.total != row.size:
            raise JournalError(f"The journal is damaged: {row.id} has {totals.total} steps, its plan {row.size}.")
        return totals

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        try:
            with self._reader.connect() as db, db.begin():
                yield db
        except SQLAlchemyError as exc:
            raise self._unavailable("read", exc) from exc

    def _unavailable(self, what: str, exc: Exception) -> JournalUnavailable:
        here = self._engine.dialect.name == "sqlite"
        look = "Check the data folder's disk and permissions." if here else "Check the database server and the way to it."
        so = "" if what == "read" else ", so no call is made"
        return JournalUnavailable(f"The journal can't be {what} ({_cause(exc)}){so}. {look}")


def _cause(exc: Exception) -> str:
    """The database's own words, in one line; they name no credentials."""
    told = str(exc.orig) if isinstance(exc, DBAPIError) else "" if isinstance(exc, SQLAlchemyError) else str(exc)
    return told.splitlines()[0].rstrip(".") if told else type(exc).__name__
