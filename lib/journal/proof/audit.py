"""Whether the journal's tables say what its log says, and what each plan says: of one run, or of all of them.

Steps are read a thousand at a time with their entries, so that a run of any size takes the same memory (its plan's text
apart) and no statement takes longer. What can't be read is a finding like what is not as it should be.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Text, select, type_coerce

from lib.avara.models import id_key
from lib.avara.text import one_line
from lib.errors import JournalDamaged, OtherConnection, PlanError, RunNotFound
from lib.journal.accounts import account_of
from lib.journal.database import Database, in_pages
from lib.journal.proof import replay
from lib.journal.proof.approvals import SPOKEN, unapproved
from lib.journal.proof.chain import NO_RUN
from lib.journal.proof.planned import UNREADABLE, NotThePlanError, Planned, id_of, read_planned, unlike_plan
from lib.journal.proof.replay import MOST, Audit, Finding, Told
from lib.journal.rows import activity_json, record_json, to_entry
from lib.journal.tables import as_stored, log, plans, runs, steps
from lib.plans.approval import Said
from lib.plans.model import Step, StepState
from lib.plans.plan import Plan

_LONGEST_ID = 60


class Auditor:
    """Compares the tables of a journal with its log and its plans."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check_plan(self, run_id: str) -> None:
        """Raise JournalDamaged, naming the run and the customer, unless the run and its steps are those of its plan, and the
        plan is the one that the log's first entry of the run names.

        What has become of the steps is not looked at. Raises RunNotFound for a run that is in neither the tables nor the log.
        """
        with self._database.read() as db:
            found = _OneRun(db, run_id, of_plan_only=True)
            first = next(found.findings(), None)
        if not found.known:
            raise RunNotFound
        if first is not None:
            raise _altered(first, run_id)

    def as_planned(self, run_id: str, steps: Iterable[Step]) -> Iterator[Step]:
        """The steps as they come up, each compared with its place in the plan: what `check_plan` found sound can be altered
        while the run runs. Raises JournalDamaged as that does, before it gives a step that is another one.
        """
        with self._database.read() as db:
            plan = _OneRun(db, run_id, of_plan_only=True).planned()
        for step in steps:
            row = {"customer_id": step.customer_id, "name": step.name, "before": record_json(step.before)}
            for words in unlike_plan({**row, "activity": activity_json(step.activity)}, plan.customer(step.position)):
                raise _altered(Finding(run_id, step.customer_id, words), run_id)
            yield step

    def check_undo(self, plan: Plan) -> None:
        """Raise what is wrong with the plan's word that it takes a run back, if it says so.

        RunNotFound or OtherConnection for a run that is not here or of another account, PlanError where the plan's action is
        not the opposite of that run's, or where it holds a customer, whom it names, that the run has not verified.
        """
        with self._database.read() as db:
            check_undo(db, plan)

    def run(self, run_id: str) -> Audit:
        """Compare one run."""
        return self._of([run_id])

    def all(self) -> Audit:
        """Compare every run that the tables or the log know."""
        return self._of(self.run_ids())

    def run_ids(self) -> list[str]:
        """Every run that the tables or the log know."""
        with self._database.read() as db:
            tables, logged = select(runs.c.id), select(log.c.run_id).where(log.c.run_id != NO_RUN).distinct()
            return sorted({str(run_id) for query in (tables, logged) for run_id in db.execute(query).scalars()})

    def planned_since(self, since: datetime, keys: Collection[str] = ()) -> list[str]:
        """The runs that the log says were planned from then on, by one of these keys where there are some, whatever the tables
        say; also those of whom it can't be read by which.
        """
        planned = select(log.c.run_id, log.c.payload).where(log.c.event == "planned", log.c.at >= since)
        with self._database.read() as db:
            found = db.execute(planned.order_by(log.c.seq)).all()
        return [run_id for run_id, payload in found if not keys or _key_in(payload) in (None, *keys)]

    def _of(self, run_ids: Iterable[str]) -> Audit:
        kept: list[Finding] = []
        counts: Counter[str] = Counter()
        for run_id in run_ids:
            with self._database.read() as db:
                one = _OneRun(db, run_id)
                for finding in one.findings():
                    counts["found"] += 1
                    if len(kept) < MOST:
                        kept.append(finding)
            counts.update({"runs": 1, "steps": one.steps, "partly": one.partly})
        return Audit(counts["runs"], counts["steps"], tuple(kept), counts["found"], counts["partly"])


def _key_in(payload: str) -> object:
    """Of the first entry of a run, the fingerprint of the key that planned it; None where it can't be read."""
    try:
        return json.loads(payload)["fingerprint"]
    except UNREADABLE:
        return None


class _OneRun:
    """One run in the tables, in its plan and in the log; how much of it was compared is known once it has been."""

    def __init__(self, db: Connection, run_id: str, *, of_plan_only: bool = False) -> None:
        self._db, self._id, self._of_plan_only = db, run_id, of_plan_only
        self._row = db.execute(as_stored(runs).where(runs.c.id == run_id)).one_or_none()
        self._entries = db.execute(_LOG.where(log.c.run_id == run_id, log.c.customer_id.is_(None)).order_by(log.c.seq)).all()
        self.known = self._row is not None or bool(self._entries)
        self.steps = self.partly = 0

    def findings(self) -> Iterator[Finding]:
        """Whatever is not as it should be."""
        entries, told = [], {}
        try:
            entries = [_told(row) for row in self._entries]
            told = replay.run_row(entries)
        except UNREADABLE:
            yield self._finding("the log's entries of the run as a whole can't be read.")
        if not told:
            yield self._finding("the log does not say that it was planned.")
        plan = None
        try:
            plan = self._plan(told.get("plan_hash"))
        except NotThePlanError as exc:
            yield self._finding(str(exc))
        judged = next((entry.payload.get("judged") for entry in entries if entry.event == "planned"), None)
        if plan is not None and plan.judged() != judged:
            yield self._finding("judgements are not those that the log tells of.")
        yield from self._of_run(told, plan)
        if not self._of_plan_only and any(entry.event == Said.ASKED for entry in entries):
            yield from map(self._finding, self._unapproved())
        retries = [entry.seq for entry in entries if entry.event == "retry"]
        yield from self._of_steps(plan, retries)
        if self.steps != told.get("size", self.steps):
            yield self._finding(f"it has {self.steps:,} steps, by the log {replay.shown(told['size'])}.")

    def _unapproved(self) -> Iterator[str]:
        told = [to_entry(row) for row in self._db.execute(SPOKEN.where(log.c.run_id == self._id))]
        try:
            yield from unapproved(told)
        except UNREADABLE:
            yield "the log's entries of its approval can't be read."

    def planned(self) -> Planned:
        """The plan that the log's first entry of the run names. Raises JournalDamaged."""
        try:
            return self._plan(replay.run_row([_told(row) for row in self._entries]).get("plan_hash"))
        except UNREADABLE as exc:
            words = exc.args[0] if isinstance(exc, NotThePlanError) else "the log's entries of the run can't be read."
            raise _altered(self._finding(words), self._id) from None

    def _plan(self, plan_hash: object) -> Planned:
        kept = self._db.execute(as_stored(plans).where(plans.c.run_id == self._id)).one_or_none()
        return read_planned(None if kept is None else kept.body, plan_hash)

    def _of_run(self, told: Mapping[str, Any], plan: Planned | None) -> Iterator[Finding]:
        if self._row is None:
            yield self._finding("it is gone from the journal's tables; the log knows it.")
            return
        row = self._row._asdict()
        if plan is not None:
            yield from map(self._finding, replay.differences(row, plan.row(), "the plan"))
        if self._of_plan_only:
            told = {name: told[name] for name in ("plan_hash", "size") if name in told}
        self.partly += replay.partly(told)
        yield from map(self._finding, replay.differences(row, told, "the log"))

    def _of_steps(self, plan: Planned | None, retries: Sequence[int]) -> Iterator[Finding]:
        missing = bytearray(b"\1" * len(plan.customers if plan else ()))  # one for each place that no step was found for
        for customer_id, row, entries in self._rows():
            if row is None:
                yield self._finding("the log tells of it, but it has no step.", customer_id)
                continue
            self.steps += 1
            at, unlike = row["position"], False
            if plan is not None:
                planned = plan.customer(at)
                if planned is not None:
                    missing[at] = 0
                for words in unlike_plan(row, planned):
                    unlike = True
                    yield self._finding(words, customer_id)
            if not (self._of_plan_only or unlike):  # of another one the log tells something else anyway
                yield from self._unlike_log(row, entries, retries)
        for at, no_step in enumerate(missing):
            if no_step and plan is not None:
                yield self._finding("has no step, but is in the plan.", id_of(plan.customers[at]))

    def _unlike_log(self, row: Mapping[str, Any], entries: Sequence[Row[Any]], retries: Sequence[int]) -> Iterator[Finding]:
        try:
            told = replay.step_row(map(_told, entries), retries)
        except UNREADABLE:
            yield self._finding("the log's entries of it can't be read.", row["customer_id"])
            return
        self.partly += replay.partly(told)
        for words in replay.differences(row, told, "the log"):
            yield self._finding(words, row["customer_id"])

    def _rows(self) -> Iterator[tuple[object, Mapping[str, Any] | None, Sequence[Row[Any]]]]:
        """Each customer of the tables with the step and its entries in their order; then those that only the log tells of."""
        for page in in_pages(self._db, as_stored(steps).where(steps.c.run_id == self._id), steps.c.position):
            entries = defaultdict(list)
            for entry in () if self._of_plan_only else self._entries_of([step.customer_id for step in page]):
                entries[entry.customer_id].append(entry)
            for step in page:
                yield step.customer_id, step._asdict(), entries[step.customer_id]
        if self._of_plan_only:
            return
        told_of = select(log.c.seq, log.c.customer_id).where(log.c.run_id == self._id, log.c.customer_id.is_not(None))
        without: dict[str, None] = {}
        for page in in_pages(self._db, told_of, log.c.seq):
            ids = {entry.customer_id for entry in page}
            here = select(steps.c.customer_id).where(steps.c.run_id == self._id, steps.c.customer_id.in_(_texts(ids)))
            without |= dict.fromkeys(sorted(ids.difference(self._db.execute(here).scalars()), key=str))
        yield from ((customer_id, None, []) for customer_id in without)

    def _entries_of(self, customer_ids: Sequence[str]) -> Iterable[Row[Any]]:
        theirs = _LOG.add_columns(log.c.customer_id).where(
            log.c.run_id == self._id, log.c.customer_id.in_(_texts(customer_ids))
        )
        return self._db.execute(theirs.order_by(log.c.seq)).all()

    def _finding(self, words: str, customer_id: object = "") -> Finding:
        return Finding(self._id, one_line(str(customer_id), _LONGEST_ID), words)


_LOG = select(log.c.seq, type_coerce(log.c.at, Text).label("at"), log.c.event, log.c.payload)


def _told(row: Row[Any]) -> Told:
    payload = json.loads(row.payload)
    if not isinstance(payload, dict):
        raise TypeError("a payload is an object")
    return Told(row.seq, row.at, row.event, payload)


def _texts(ids: Iterable[object]) -> list[str]:
    """Those that can be asked for: what is no text is nobody's id."""
    return [one for one in ids if isinstance(one, str)]


def _altered(finding: Finding, run_id: str) -> JournalDamaged:
    return JournalDamaged(
        f"{finding} The journal was altered, so nothing is sent for this run and there is no receipt of it. "
        "Cancel this run if it has not ended, keep a copy of the journal, and make a new plan.",
        run_id=run_id,
    )


def check_undo(db: Connection, plan: Plan) -> None:
    if plan.undo_of is None:
        return
    found = db.execute(select(runs.c.fingerprint, runs.c.action).where(runs.c.id == plan.undo_of)).one_or_none()
    if found is None:
        raise RunNotFound("The run that this plan would undo is not in this journal.")
    if account_of(db, found.fingerprint) != account_of(db, plan.fingerprint):
        raise OtherConnection
    if found.action != plan.action.opposite:
        raise PlanError(
            f"This plan would {plan.action} as an undo of {plan.undo_of}, but that run did so itself. Make a new plan."
        )
    changed = select(steps.c.customer_id).where(steps.c.run_id == plan.undo_of, steps.c.state == StepState.VERIFIED)
    verified = {id_key(id_) for id_ in db.execute(changed).scalars()}
    for planned in plan.customers:
        record = planned.record
        if id_key(record.id) not in verified:
            raise PlanError(
                f"This plan would take back {plan.undo_of}, but that run did not change {record.name} ({record.id}) for "
                "certain. Make a new plan."
            )
