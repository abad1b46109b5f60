"""The journal: every run, step and log entry, in one database, SQLite or PostgreSQL. All SQL is in this package.

Every write is one transaction that moves a state and appends to the log. A move is guarded in its WHERE by the state it
starts from, so of two writers exactly one wins and the other hears IllegalTransition.

An order (`requested`: "pause" or "cancel") stays with its run until a state obeys it. A pause is obeyed by whatever makes the
run stand still; a cancel only by the run's end, so that it outlives the process that was to carry it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from lib.errors import AlreadyStarted, JournalUnavailable, RunsOverlap
from lib.journal.accounts import Accounts, account_of
from lib.journal.database import PAGE, Database, Refusal
from lib.journal.drafts import Drafts
from lib.journal.holds import hold, holder
from lib.journal.lists.shared import Lists
from lib.journal.log import Log, Writing
from lib.journal.proof.approvals import Approvals, note_asked
from lib.journal.proof.audit import Auditor, check_undo
from lib.journal.reads import Reads
from lib.journal.rows import run_row, step_rows
from lib.journal.rule_sets import RuleSets
from lib.journal.steps import Steps, give_up
from lib.journal.tables import database_now, holds, plans, runs, steps
from lib.journal.views import Views
from lib.people import Person
from lib.plans.model import LIVE, RETRYABLE, Hold, Run, RunState, StepState, run_states_before
from lib.plans.plan import Plan
from lib.plans.words import Words

#: Seconds that a lease holds unless it is renewed: long enough for a slow database, short enough to wait for.
LEASE_SECONDS = 15.0

_STANDS = select(runs.c.started_at, runs.c.hold, runs.c.requested).where(runs.c.id == bindparam("of_run"))
_RUN_EVENTS = {
    RunState.PAUSED: "pause",
    RunState.INTERRUPTED: "interrupt",
    RunState.FINISHED: "finish",
    RunState.CANCELLED: "cancel",
}


class Journal:
    """The opened journal, for any number of threads and processes: how runs move, and its parts.

    `where` is a file path or a database URL, `version` this program's, for the log; `patience` is how many seconds to wait for
    a lock. Raises JournalUnavailable when it can't be opened, JournalError when a newer version wrote it.
    """

    def __init__(self, where: str | Path, *, version: str = "", patience: float = 10.0) -> None:
        self._database = Database(where, patience=patience)
        self.reads = Reads(self._database)
        self.log = Log(self._database, version=version)
        self.steps = Steps(self._database, self.log)
        self.audit = Auditor(self._database)
        self.accounts = Accounts(self._database, self.log)
        self.approvals = Approvals(self._database, self.log)
        self.views = Views(self._database)
        self.drafts = Drafts(self._database)
        self.rule_sets = RuleSets(self._database)
        self.lists = Lists(self._database)

    @property
    def closed(self) -> bool:
        return self._database.closed

    @property
    def refusal(self) -> Refusal | None:
        """Why nothing can be written, if the last attempt of this process failed, and since when."""
        return self._database.refusal

    def close(self) -> None:
        """Write what is queued, then close all connections. Whoever works with this journal in the background stops."""
        self.drafts.close()
        self.steps.close()
        self.views.close()
        self._database.close()

    def record(self, plan: Plan, now: datetime, *, who: Person, asks: Sequence[str] = ()) -> Run:
        """Write the run of `plan`, all its steps and its hold on their customers; nothing is called yet.

        `who` records it: a plan file may be applied by somebody else than the operator whom it names. `asks`: why a second
        person has to approve it, if so.

        Raises AlreadyStarted (with `run_id`) for a plan that has a run, RunsOverlap (with `run_id`) when a live run of the
        same account holds one of its customers, and as `Auditor.check_undo`.
        """
        run_id = f"run_{plan.hash[:16]}"
        try:
            with self.log.writing() as writing:
                db = writing.db
                check_undo(db, plan)
                db.execute(insert(runs).values(**run_row(run_id, plan, now)))
                db.execute(insert(plans).values(run_id=run_id, body=plan.to_json()))
                rows = step_rows(run_id, plan)
                while some := list(islice(rows, PAGE)):
                    db.execute(insert(steps), some)
                hold(db, run_id, account_of(db, plan.fingerprint), plan.ids)
                if plan.undo_of is not None:
                    db.execute(update(runs).where(runs.c.id == plan.undo_of).values(undone_by=run_id))
                    writing.log(plan.undo_of, "undo", who=who, now=now, payload={"undone_by": run_id})
                writing.log(run_id, "planned", who=who, now=now, payload=_told_of(plan))
                if asks:
                    note_asked(writing, run_id, asks, who=who, now=now)
        except IntegrityError as exc:
            raise self._standing_in_the_way(plan.hash, plan.fingerprint, plan.ids) from exc
        return self.reads.run(run_id)

    def claim(
        self,
        run_id: str,
        *,
        owner: str,
        now: datetime,
        who: Person,
        cancelling: bool = False,
        canary: int | None = None,
        settings: str | None = None,
        lease: float = LEASE_SECONDS,
        seen: Run | None = None,
    ) -> Run:
        """planned, paused or interrupted → running, carried by `owner` for `lease` seconds unless renewed.

        `seen`: only if it stands as it did there: another one may have begun it since, and it holds for a look by now.
        `cancelling`: only to settle what was in flight, as with a run whose cancel was not carried out yet. `canary` is how
        many first steps it holds after, at its first start only; one that holds so does no more. `settings`: their hash.
        """
        before = {seen.state} if seen else run_states_before(RunState.RUNNING) - {RunState.FINISHED}
        with self.log.writing() as writing:
            started, hold, order = writing.db.execute(_STANDS, {"of_run": run_id}).one_or_none() or (None, None, None)
            requested = "cancel" if cancelling or order == "cancel" else None
            values = _carried_by(owner, lease) | {"requested": requested, "started_at": started or now}
            if started is None or hold == Hold.CANARY:
                values["canary"] = None if started else canary
            as_seen = [runs.c.hold.is_not_distinct_from(seen.hold)] if seen else []
            self._move_run(writing, run_id, RunState.RUNNING, *as_seen, before=before, values=values)
            payload = {"owner": owner, "requested": requested, "canary": canary, "settings": settings}
            writing.log(run_id, "resume" if started else "approved", who=who, now=now, payload=payload)
        return self.reads.run(run_id)

    def retry(
        self, run_id: str, *, owner: str, now: datetime, who: Person, settings: str | None = None, lease: float = LEASE_SECONDS
    ) -> Run:
        """finished → running: failed and not applied steps become planned again, unknown ones wait to be read back.

        Raises RunsOverlap when another live run holds one of these customers by now.
        """
        again, fingerprint, ids = RETRYABLE - {StepState.UNKNOWN}, "", []
        try:
            with self.log.writing() as writing:
                db = writing.db
                values = _carried_by(owner, lease) | {"requested": None, "finished_at": None}
                self._move_run(writing, run_id, RunState.RUNNING, before={RunState.FINISHED}, values=values)
                fingerprint = db.execute(select(runs.c.fingerprint).where(runs.c.id == run_id)).scalar_one()
                chosen = steps.c.run_id == run_id, steps.c.state.in_(RETRYABLE)
                ids = list(db.execute(select(steps.c.customer_id).where(*chosen)).scalars())
                hold(db, run_id, account_of(db, fingerprint), ids)
                db.execute(
                    update(steps)
                    .where(steps.c.run_id == run_id, steps.c.state.in_(again))
                    .values(state=StepState.PLANNED, settled_at=None)
                )
                payload = {"owner": owner, "settings": settings, "steps": len(ids)}
                writing.log(run_id, "retry", who=who, now=now, payload=payload)
        except IntegrityError as exc:
            raise self._standing_in_the_way("", fingerprint, ids) from exc
        return self.reads.run(run_id)

    def request(self, run_id: str, what: str, *, now: datetime, who: Person) -> None:
        """Ask whoever carries a running run to "pause" or "cancel" it once the calls in flight are settled.

        A cancel takes the place of a pause, never the other way round: then IllegalTransition is raised.
        """
        with self.log.writing() as writing:
            guarded = update(runs).where(runs.c.id == run_id, runs.c.state == RunState.RUNNING)
            if what == "pause":
                guarded = guarded.where(runs.c.requested.is_distinct_from("cancel"))
            if writing.db.execute(guarded.values(requested=what)).rowcount != 1:
                raise writing.refuse(run_id, RunState.PAUSED if what == "pause" else RunState.CANCELLED)
            writing.log(run_id, f"{what} asked", who=who, now=now, payload={})

    def end(
        self,
        run_id: str,
        to: RunState,
        *,
        words: Words,
        now: datetime,
        who: Person,
        owner: str | None = None,
        hold: Hold | None = None,
        requested: str | None = None,
        expired: bool = False,
    ) -> Run:
        """running → paused, interrupted, finished or cancelled; only if `owner` carries it, where one is given.

        `requested` is what was asked for when this was decided: where it is something else by now, IllegalTransition is
        raised and the caller decides again. `expired`: only if the lease has run out, by the database's clock. `hold` is what
        holds a paused run. One for the canary is the only one: the next start goes on without it.
        """
        over = to not in LIVE
        with self.log.writing() as writing:
            values = {
                "words": words.text,
                "requested": "cancel" if requested == "cancel" and not over else None,
                "hold": hold,
                "lease_until": 0,
                "finished_at": now if over else None,
            }
            guards = [runs.c.requested.is_not_distinct_from(requested)]
            guards += [] if owner is None else [runs.c.owner == owner]
            guards += [runs.c.lease_until < database_now()] if expired else []
            self._move_run(writing, run_id, to, *guards, before={RunState.RUNNING}, values=values)
            event = "canary" if hold is Hold.CANARY else _RUN_EVENTS[to]
            writing.log_words(run_id, event, words, now=now, who=who, hold=hold)
        return self.reads.run(run_id)

    def pass_canary(self, run_id: str, *, words: Words, now: datetime, who: Person, owner: str) -> None:
        """Note that a running run goes on by itself after its canary; it holds for it no more."""
        with self.log.writing() as writing:
            running = RunState.RUNNING
            self._move_run(writing, run_id, running, runs.c.owner == owner, before={running}, values={"canary": None})
            writing.log_words(run_id, "canary", words, now=now, who=who)

    def cancel(self, run_id: str, *, words: Words, now: datetime, who: Person) -> Run:
        """planned, paused or interrupted → cancelled, for a run that nobody carries.

        Nothing is read back: a call that is still open becomes `unknown`.
        """
        before = run_states_before(RunState.CANCELLED) - {RunState.RUNNING}
        with self.log.writing() as writing:
            values = {"words": words.text, "finished_at": now, "requested": None}
            self._move_run(writing, run_id, RunState.CANCELLED, before=before, values=values)
            give_up(writing, run_id, now=now, who=who)
            writing.log_words(run_id, _RUN_EVENTS[RunState.CANCELLED], words, now=now, who=who)
        return self.reads.run(run_id)

    def renew(self, owner: str, lease: float, run_ids: Iterable[str] | None = None) -> frozenset[str]:
        """Let the leases of `owner`, on these runs or all of its, hold for `lease` seconds from now, by the database's clock.

        The runs whose leases they are: a run that is missing has ended, or is another one's by now.
        """
        mine = update(runs).where(runs.c.owner == owner, runs.c.state == RunState.RUNNING)
        if run_ids is not None:
            mine = mine.where(runs.c.id.in_(tuple(run_ids)))
        with self.log.writing() as writing:
            renewed = mine.values(lease_until=database_now() + lease).returning(runs.c.id)
            return frozenset(writing.db.execute(renewed).scalars())

    def _move_run(
        self,
        writing: Writing,
        run_id: str,
        to: RunState,
        *only_if: ColumnElement[bool],
        before: Iterable[RunState],
        values: dict[str, Any],
    ) -> None:
        guarded = update(runs).where(runs.c.id == run_id, runs.c.state.in_(tuple(before)), *only_if)
        if writing.db.execute(guarded.values(state=to, **values)).rowcount != 1:
            raise writing.refuse(run_id, to)
        if to not in LIVE:
            writing.db.execute(holds.delete().where(holds.c.run_id == run_id))

    def _standing_in_the_way(
        self, plan_hash: str, fingerprint: str, ids: Iterable[str]
    ) -> AlreadyStarted | RunsOverlap | JournalUnavailable:
        """Which run made the database refuse an insert."""
        with self._database.read() as db:
            same = db.execute(select(runs.c.id).where(runs.c.plan_hash == plan_hash)).scalar()
            if same is not None:
                return AlreadyStarted(run_id=same)
            other = holder(db, account_of(db, fingerprint), ids)
            if other is not None:
                return RunsOverlap(
                    f"{other} has not ended and holds some of these customers. Wait for it, or cancel it first.", run_id=other
                )
        return JournalUnavailable("The journal refused this run for a reason that is gone by now. Try again.")


def _carried_by(owner: str, lease: float) -> dict[str, Any]:
    return {"owner": owner, "lease_until": database_now() + lease, "hold": None, "words": ""}


def _told_of(plan: Plan) -> dict[str, Any]:
    """What the log says of a plan: all but customers, names and the filter, which may hold any value; its hash binds them."""
    without = dict.fromkeys(("customers", "filter_text", "set_aside"), True)
    told = plan.model_dump(mode="json", exclude={**without, "left_alone": {"__all__": {"name"}} if plan.left_alone else True})
    told |= {"plan_hash": plan.hash, "customers": len(plan.customers), "users_affected": plan.users_affected}
    return told | {"judged": plan.judged}
