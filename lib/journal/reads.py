"""What can be read of runs and steps. Reading never waits for a writer (SQLite in WAL mode, PostgreSQL by nature)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, exists, func, or_, select, type_coerce

from lib.avara.models import id_key
from lib.errors import JournalDamaged, RunNotFound
from lib.journal.database import PAGE, Database
from lib.journal.log import TAKEN_UP
from lib.journal.proof.approvals import standings
from lib.journal.rows import to_run, to_step
from lib.journal.tables import as_stored, database_now, log, plans, runs, steps
from lib.plans.model import DamagedStep, Run, RunState, Step, StepState, Totals
from lib.plans.plan import Plan

States = StepState | Iterable[StepState] | None
_Keys = Callable[[], Collection[str]]
_ENTRIES_AT_ONCE = 5000
_ORDERS = select(runs.c.state, runs.c.owner, runs.c.requested).where(runs.c.id == bindparam("of_run"))
_LEASES = select(runs.c.id, runs.c.owner, runs.c.lease_until, runs.c.lease_until - database_now()).where(
    runs.c.state == RunState.RUNNING
)


@dataclass(frozen=True)
class Lease:
    """Who carries a running run: the worker's name, and until when it surely does, by the database's clock.

    `left` is in seconds; below zero the process is gone, or can't reach the database. `until` grows with each renewal.
    """

    run_id: str
    owner: str
    until: float
    left: float


@dataclass(frozen=True)
class Orders:
    """What a worker must know before it takes the next step: the run's state, who carries it, what was asked for."""

    state: RunState
    owner: str | None
    requested: str | None


class Reads:
    """The reading half of the journal, for any number of threads. Every method raises JournalUnavailable."""

    def __init__(self, database: Database, of: _Keys | None = None, but: _Keys = tuple) -> None:
        self._database, self._of, self._but = database, of, but

    def of(self, keys: _Keys, but: _Keys) -> Reads:
        """The same, but lists and counts tell only of runs of these keys, and nothing tells of runs of the keys `but`."""
        return Reads(self._database, keys, but)

    def runs(
        self,
        limit: int = 100,
        *,
        offset: int = 0,
        state: RunState | None = None,
        text: str = "",
        since: datetime | None = None,
        keys: Collection[str] = (),
    ) -> tuple[Run, ...]:
        """The newest runs first: of all or of one state, those that `text` finds (see `run_counts`), were recorded `since` then
        or made by one of these keys.
        """
        query = self._those(as_stored(runs) if state is None else as_stored(runs).where(runs.c.state == state))
        query = query.where(_found_by(text)) if text else query
        query = query if since is None else query.where(runs.c.created_at >= since)
        query = query.where(runs.c.fingerprint.in_(keys)) if keys else query
        return self._runs(query.order_by(runs.c.created_at.desc(), runs.c.id).limit(limit).offset(offset))

    def run_counts(self, text: str = "") -> dict[RunState, int]:
        """How many runs are in each state that has some.

        With `text` of those that have it in their id, ticket, reason, the names of who planned or carried them or of their
        customers; whose customer's id it is; or that were recorded, started or ended on that day, or at that time of it.
        """
        query = self._those(select(runs.c.state, func.count()).group_by(runs.c.state))
        with self._database.read() as db:
            rows = db.execute(query.where(_found_by(text)) if text else query).all()
        return {RunState(state): number for state, number in rows if state in set(RunState)}

    def live_runs(self, *states: RunState) -> tuple[Run, ...]:
        """The runs in one of these states, oldest first."""
        query = self._those(as_stored(runs).where(runs.c.state.in_(states)))
        return self._runs(query.order_by(runs.c.created_at, runs.c.id))

    def undos(self, *run_ids: str) -> tuple[Run, ...]:
        """The runs that were to take one of these back, oldest first, whatever came of them."""
        return self._runs(as_stored(runs).where(runs.c.undo_of.in_(run_ids), self._seen).order_by(runs.c.created_at, runs.c.id))

    def leases(self, run_id: str | None = None) -> tuple[Lease, ...]:
        """Who carries the running runs (or this one), oldest run first, and for how long unless the lease is renewed."""
        query = _LEASES if run_id is None else _LEASES.where(runs.c.id == run_id)
        with self._database.read() as db:
            return tuple(Lease(*row) for row in db.execute(query.order_by(runs.c.created_at, runs.c.id)))

    def left_to_cancel(self) -> tuple[Run, ...]:
        """Interrupted runs whose cancel nobody has carried out yet, oldest first."""
        left = runs.c.state == RunState.INTERRUPTED, runs.c.requested == "cancel"
        return self._runs(as_stored(runs).where(*left).order_by(runs.c.created_at, runs.c.id))

    def run(self, run_id: str) -> Run:
        """The run with its totals. Raises RunNotFound."""
        found = self._runs(as_stored(runs).where(runs.c.id == run_id, self._seen))
        if not found:
            raise RunNotFound
        return found[0]

    def run_ids(self, start: str, *, limit: int = 10) -> tuple[str, ...]:
        """Up to `limit` ids of runs that begin with `start`, in their order: for people who type part of one."""
        query = select(runs.c.id).where(runs.c.id.startswith(start, autoescape=True), self._seen)
        with self._database.read() as db:
            return tuple(db.execute(query.order_by(runs.c.id).limit(limit)).scalars())

    def plan(self, run_id: str) -> Plan:
        """The plan that the run carries out, its hash checked. Raises RunNotFound, PlanError."""
        query = select(plans.c.body).join(runs, runs.c.id == plans.c.run_id).where(plans.c.run_id == run_id, self._seen)
        with self._database.read() as db:
            body = db.execute(query).scalar()
        if body is None:
            raise RunNotFound
        return Plan.from_json(body)

    def orders(self, run_id: str) -> Orders:
        """The run's state, owner and request, without counting its steps. Raises RunNotFound."""
        with self._database.read() as db:
            row = db.execute(_ORDERS, {"of_run": run_id}).one_or_none()
        if row is None:
            raise RunNotFound
        return Orders(RunState(row.state), row.owner, row.requested)

    def steps(self, run_id: str, state: States = None, *, limit: int = PAGE) -> tuple[Step, ...]:
        """Up to `limit` steps in the plan's order, of one state or several.

        Raises JournalDamaged, as whatever gives steps but `steps_to_show`, where one can't be read.
        """
        return tuple(map(_sound, self.steps_to_show(run_id, state, limit=limit)))

    def steps_to_show(
        self,
        run_id: str,
        state: States = None,
        *,
        limit: int = PAGE,
        offset: int = 0,
        after: int = -1,
        verified_last: bool = False,
    ) -> tuple[Step | DamagedStep, ...]:
        """The same, with those that can't be read as such: they must not hide the others from people.

        `after` is the last position already seen. `verified_last`: first those that a person may want to see.
        """
        query = as_stored(steps).where(steps.c.run_id == run_id, steps.c.position > after)
        if state is not None:
            states = (state,) if isinstance(state, StepState) else tuple(state)
            query = query.where(steps.c.state.in_(states))
        order = [steps.c.state == StepState.VERIFIED] if verified_last else []
        with self._database.read() as db:
            rows = db.execute(query.order_by(*order, steps.c.position).limit(limit).offset(offset)).all()
        return tuple(to_step(row) for row in rows)

    def every_step(self, run_id: str, state: States = None) -> Iterator[Step]:
        """All steps in the plan's order, a thousand in memory at a time."""
        return map(_sound, self.every_step_to_show(run_id, state))

    def every_step_to_show(self, run_id: str, state: States = None) -> Iterator[Step | DamagedStep]:
        """The same, as `steps_to_show`."""
        after, batch = -1, tuple[Step | DamagedStep, ...]()
        while after < 0 or len(batch) == PAGE:
            batch = self.steps_to_show(run_id, state, after=after, limit=PAGE)
            yield from batch
            after = batch[-1].position if batch else 0

    def step(self, run_id: str, customer_id: str) -> Step:
        """The step of one customer. Raises RunNotFound when this run has none for it."""
        with self._database.read() as db:
            row = db.execute(as_stored(steps).where(steps.c.run_id == run_id, _has_id(customer_id))).one_or_none()
        if row is None:
            raise RunNotFound("This run has no step for that customer.")
        return _sound(to_step(row))

    def verified_in(self, run_ids: Collection[str]) -> tuple[str, ...]:
        """The ids of the customers that any of these runs verified, each once."""
        query = select(steps.c.customer_id).where(steps.c.run_id.in_(run_ids), steps.c.state == StepState.VERIFIED)
        with self._database.read() as db:
            return tuple(db.execute(query.distinct().order_by(steps.c.customer_id)).scalars())

    def totals(self, run_id: str) -> Totals:
        """How many steps are in each state. Raises RunNotFound."""
        return self.run(run_id).totals

    def settled_since(self, run_id: str, since: datetime) -> tuple[int, datetime | None]:
        """How many steps of a run were settled since then, and when the first of them was."""
        query = select(func.count(), func.min(steps.c.settled_at)).where(steps.c.run_id == run_id, steps.c.settled_at >= since)
        with self._database.read() as db:
            number, first_at = db.execute(query).one()
        return number, first_at

    def left_since(self, entry: int, keys: Collection[str]) -> tuple[int, tuple[Step, ...]]:
        """Steps of runs that these keys made whose record was read since the log's entry of this number, in that order; and
        the number of the last entry looked at. Ask again with that until it stays the same.
        """
        with self._database.read() as db:
            until = min(db.execute(select(func.max(log.c.seq))).scalar() or 0, entry + _ENTRIES_AT_ONCE)
            if until <= entry:
                return entry, ()
            of_step = log.c.customer_id.is_not(None), log.c.event != "attempt"
            told = (
                select(log.c.run_id, log.c.customer_id, func.max(log.c.seq).label("entry"))
                .where(log.c.seq > entry, log.c.seq <= until, *of_step)
                .group_by(log.c.run_id, log.c.customer_id)
                .subquery()
            )
            query = (
                as_stored(steps)
                .join(told, (told.c.run_id == steps.c.run_id) & (told.c.customer_id == steps.c.customer_id))
                .join(runs, runs.c.id == steps.c.run_id)
                .where(runs.c.fingerprint.in_(keys), steps.c.after.is_not(None))
            )
            found = [to_step(row) for row in db.execute(query.order_by(told.c.entry)).all()]
        return until, tuple(step for step in found if isinstance(step, Step))

    def changed_between(self, since: datetime, until: datetime, keys: Collection[str]) -> tuple[tuple[str, Step], ...]:
        """The steps of runs that these keys made which were found changed in that time, in its order, each with who planned
        its run.
        """
        when = steps.c.state == StepState.VERIFIED, steps.c.settled_at >= since, steps.c.settled_at <= until
        query = as_stored(steps).join(runs, runs.c.id == steps.c.run_id).where(runs.c.fingerprint.in_(keys), *when)
        with self._database.read() as db:
            found = [to_step(row) for row in db.execute(query.order_by(steps.c.settled_at)).all()]
            whose = select(runs.c.id, runs.c.operator).where(runs.c.id.in_({step.run_id for step in found}))
            operators = {row.id: row.operator for row in db.execute(whose)}
        return tuple((operators[step.run_id], step) for step in found if isinstance(step, Step))

    def history(
        self, customer: str, *, by_name: bool = False, limit: int | None = None
    ) -> tuple[tuple[Run, Step | DamagedStep], ...]:
        """What happened in every run that planned it to the customer of this id, newest first; `by_name`: or to those with this
        in their names.
        """
        whom = _of_customer(customer) if by_name else _has_id(customer)
        query = as_stored(steps).join(runs, runs.c.id == steps.c.run_id).where(whom, self._seen)
        with self._database.read() as db:
            rows = db.execute(query.order_by(runs.c.created_at.desc(), runs.c.id, steps.c.position).limit(limit)).all()
            found = [to_step(row) for row in rows]
        by_id = {run.id: run for run in self._runs(as_stored(runs).where(runs.c.id.in_([step.run_id for step in found])))}
        return tuple((by_id[step.run_id], step) for step in found)

    @property
    def _seen(self) -> ColumnElement[bool]:
        return runs.c.fingerprint.not_in(self._but())

    def _those(self, query: Select[Any]) -> Select[Any]:
        return query if self._of is None else query.where(runs.c.fingerprint.in_(self._of()))

    def _runs(self, query: Select[Any]) -> tuple[Run, ...]:
        with self._database.read() as db:
            rows = db.execute(query).all()
            counts: dict[str, dict[str, int]] = {row.id: {} for row in rows}
            counted = select(steps.c.run_id, steps.c.state, func.count()).where(steps.c.run_id.in_(counts))
            for run_id, state, number in db.execute(counted.group_by(steps.c.run_id, steps.c.state)):
                counts[run_id][state] = number
            spoken_of = standings(db, counts)
        return tuple(to_run(row, Totals.of(counts[row.id]), spoken_of.get(row.id)) for row in rows)


def _has_id(text: str) -> ColumnElement[bool]:
    """Ids are the same in any case: as the API gave it, and as a person or another version of the API may write it."""
    key = id_key(text)
    return steps.c.customer_id.in_({text, key, key[:4] + key[4:].upper()})  # which an index finds


def _of_customer(text: str) -> ColumnElement[bool]:
    return _has_id(text) | steps.c.name.icontains(text, autoescape=True)


def _found_by(text: str) -> ColumnElement[bool]:
    told = [column.icontains(text, autoescape=True) for column in (runs.c.id, runs.c.operator, runs.c.ticket, runs.c.reason)]
    moment = text.replace(" ", "T")
    times = (runs.c.created_at, runs.c.started_at, runs.c.finished_at)
    days = [type_coerce(time, Text).startswith(moment, autoescape=True) for time in times]
    carried = exists().where(log.c.run_id == runs.c.id, log.c.event.in_(TAKEN_UP), log.c.who.icontains(text, autoescape=True))
    return or_(*told, *days, carried, exists().where(steps.c.run_id == runs.c.id, _of_customer(text)))


def _sound(step: Step | DamagedStep) -> Step:
    if isinstance(step, DamagedStep):
        raise JournalDamaged(f"{step.run_id}, {step.customer_id}: {step.words}", run_id=step.run_id)
    return step
