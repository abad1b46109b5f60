"""A session: one account's customers, journal and worker, and what can be done with them.

Pages, commands and notebooks do their work through it: none of them puts the parts together, or decides by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lib.approvals import Approvals
from lib.avara.models import Customer, id_key
from lib.customers.lists.read import UPLOAD_LIMIT
from lib.customers.lists.report import Taken, take
from lib.customers.reading.shelf import kept_customers
from lib.customers.reading.view import View
from lib.errors import (
    AlreadyStarted,
    ApiError,
    IllegalTransition,
    ListOlderThanRun,
    PlanError,
    RunNotFound,
    UploadUnreadable,
)
from lib.evidence.passed_over import passed_over
from lib.files import read_at_most, shown
from lib.journal.accounts import OtherAccount
from lib.journal.proof.chain import ChainCheck
from lib.journal.proof.replay import Audit
from lib.people import Person, guarded
from lib.plans.evidence import Picked, filters_of, planned
from lib.plans.model import Action, Run, RunState
from lib.plans.plan import Plan, PlannedCustomer, make_plan
from lib.plans.policy import check_caps
from lib.plans.review import Review, review
from lib.plans.subject import Subject
from lib.plans.undo import is_behind, undo_plan
from lib.receipts.export import Format, ReceiptFile, export
from lib.receipts.report import ReportFile, report
from lib.runs.records import check_fresh, read_records
from lib.runs.same_account import SAMPLE, Proof, join, proof

if TYPE_CHECKING:
    from lib.notebook.session import NotebookSession

#: Bytes of a plan: a hundred thousand customers with all their metadata stay below.
_LARGEST_PLAN = 250_000_000
#: Runs that are named where several fit.
_NAMED = 5


@guarded
class Session(Approvals):
    """The verbs of the glossary, on the parts of one account. Any thread may call them, once `open` has been.

    `who` is the person at work where that is another one than the user of this process. Each raises NotAllowed: see `lib.gate`.
    """

    def read(self, ids: Sequence[str], tell: Callable[[int], object] = lambda _: None) -> dict[str, Customer | ApiError]:
        """Each id's record as it is now, or what kept this one from being read; `tell` hears how many are read.

        Raises ApiError where the way to the API is at fault: then nothing is known of the others either.
        """
        return read_records(self.client, ids, tell)

    def read_list(
        self,
        path: Path,
        *,
        column: str = "",
        where: Iterable[tuple[str, str]] = (),
        sheet: str = "",
        tell: Callable[[int], object] = lambda _: None,
    ) -> Taken:
        """A list that somebody sent, and whom it means: see `take`. All customers are read where only that can tell.

        Raises UploadUnreadable, ListUnclear where a person has to say what is meant, and ApiError.
        """
        try:
            source = read_at_most(path, UPLOAD_LIMIT)
        except OSError as exc:
            raise UploadUnreadable(f"{shown(path)} can't be read ({exc.strerror}).") from exc
        return take(source, lambda: self.loads.wait(tell).frame, column=column, where=where, sheet=sheet)

    def open_plan(self, path: Path) -> Plan:
        """The plan of a file. Raises PlanError when it can't be read or was altered."""
        try:
            return Plan.from_json(read_at_most(path, _LARGEST_PLAN), self.now())
        except OSError as exc:
            raise PlanError(f"{shown(path)} can't be read ({exc.strerror}).") from exc

    def find_run(self, named: str) -> Run:
        """The run with this id, or the one whose id begins so (with or without `run_`). Raises RunNotFound."""
        start = named.strip().lower()
        start = start if start.startswith("run_") else f"run_{start}"
        found = self.reads.run_ids(start, limit=_NAMED + 1)
        if not found or start == "run_":
            raise RunNotFound("The journal knows no run with that id.")
        if len(found) > 1 and start not in found:
            more = " and more" if len(found) > _NAMED else ""
            raise RunNotFound(f"Several runs begin with {start}: {', '.join(found[:_NAMED])}{more}. Write more of the id.")
        return self.reads.run(start if start in found else found[0])

    # Before a run

    def review(self, picked: Mapping[str, Picked], view: View, *, without: Sequence[str] = ()) -> Subject:
        """What deactivating these would do, by one view of the list; a person took out `without`. Raises what is in its way."""
        if view.obstacle is not None:
            raise view.obstacle
        known = view.frame.known(picked).tolist()
        missing = tuple(customer_id for customer_id, is_known in zip(picked, known, strict=True) if not is_known)
        records = view.frame.records(picked)
        subject = self.review_of(records, picked, view.read_at or self.now(), Action.DEACTIVATE)
        taken_out = tuple(one for one in view.frame.records(without) if one.id not in picked)
        judged = self.evidence.judged_as((one.judgement for one in picked.values()), view.frame, self.workspace.rules_of)
        others = tuple(passed_over(judged, view.frame, (*picked, *without)))
        return replace(subject, missing=missing, taken_out=taken_out, passed_over=others)

    def review_of(
        self, records: Iterable[Customer], picked: Mapping[str, Picked], read_at: datetime, action: Action
    ) -> Subject:
        """What doing `action` to these customers would do, by their records as read at `read_at` and how each was picked."""
        how, known = {id_key(customer_id): one for customer_id, one in picked.items()}, self.evidence.reading.known
        customers = [planned(one, how[id_key(one.id)], read_at, known.get(id_key(one.id))) for one in records]
        reviewed = self._reviewed(customers, action)
        return Subject(reviewed, filters_of(how[id_key(item.customer.id)] for item in reviewed.in_order))

    def review_plan(self, plan: Plan) -> Subject:
        """What a plan that was made before would do. Nobody is left out of it: `check` says who must not be in it."""
        return Subject(self._reviewed(plan.customers, plan.action, protect=False), plan.filter_text, before=plan.set_aside)

    def review_undo(
        self,
        run_id: str,
        view: View | None = None,
        *,
        without: Sequence[str] = (),
        tell: Callable[[int], object] = lambda _: None,
    ) -> Subject:
        """What taking the run back would do: by a view of the list, else by each record as it is now.

        `without` are left out of it by a person. Raises IllegalTransition where there is nothing to take back, OtherConnection,
        what keeps the view from feeding a plan, and ApiError as `read` does.
        """
        if view is not None and view.obstacle is not None:
            raise view.obstacle
        run = self.reads.run(run_id)
        self.check_ours(run)
        if not run.can_undo:
            done = run.totals.verified
            why = f"{done:,} verified: cancel it first" if done else "nothing verified to take back"
            raise IllegalTransition(f"{run.id} is {run.state}, with {why}.", run_id=run.id)
        steps, read_at = list(self.reads.every_step(run_id)), self.now()
        if view is not None:
            current = {record.id: record for record in view.frame.records(step.customer_id for step in steps)}
            read_at = view.read_at or read_at
            if is_behind(steps, current):
                raise ListOlderThanRun
        else:
            read = self.read([step.customer_id for step in steps if step.after is not None], tell)
            current = {customer_id: record for customer_id, record in read.items() if not isinstance(record, ApiError)}
        undo = undo_plan(run, steps, current, read_at).without(without, "A person left it out of this undo.")
        return Subject(self._reviewed(undo.customers, undo.action), f"undo of {run.id}", undo=undo)

    def freeze(
        self, subject: Subject, *, reason: str, ticket: str = "", goes_on: bool | None = None, who: Person | None = None
    ) -> Plan:
        """The plan of exactly what was reviewed, the safest customers first. Raises EmptyPlan or ReasonMissing."""
        return make_plan(
            subject.reviewed.safest_first,
            action=subject.reviewed.action,
            reason=reason,
            ticket=ticket,
            goes_on=self.policy.canary.goes_on if goes_on is None else goes_on,
            operator=(who or self.operator).name,
            fingerprint=self.connection.fingerprint,
            connection_label=self.connection.label,
            base_url=self.connection.base_url,
            filter_text=subject.filter_text,
            undo_of=subject.about or None,
            left_alone=subject.untouched,
            set_aside=subject.set_aside,
            now=self.now(),
        )

    def freeze_undo(self, subject: Subject, *, reason: str = "", ticket: str = "", who: Person | None = None) -> Plan:
        """As `freeze`, of an undo; without a reason or ticket of its own it has those of the run that it takes back."""
        run = self.reads.run(subject.about)
        why = reason or f"Undo of {run.id}: {run.reason}"
        return self.freeze(subject, reason=why, ticket=ticket or run.ticket, goes_on=False, who=who)

    def count_active(self, action: Action, tell: Callable[[int], object] = lambda _: None) -> int | None:
        """How many customers are active, where a cap on `action` depends on it: the list is read for that, if it is not yet."""
        counts = action is Action.DEACTIVATE and self.policy.counts_active
        return self.loads.wait(tell).active_total if counts else None

    def check(self, plan: Plan, active_total: int | None) -> None:
        """Raise what keeps the plan from starting here: account, time, a run of it, what it undoes, a cap, no second person.

        Without `active_total` the share of the active customers is not checked. The journal and the worker refuse all of it
        too; this says so before anybody is asked to confirm.
        """
        plan.check_account(self.keys, self.connection.base_url)
        plan.check_made(self.now())
        with suppress(RunNotFound):
            run = self.reads.run(f"run_{plan.hash[:16]}")
            raise AlreadyStarted(f"This plan was already started as {run.id}, which is {run.state}.", run_id=run.id)
        self.journal.audit.check_undo(plan)
        check_caps(plan, self.policy, active_total)
        self._asks_or_refuses(plan, active_total)

    def check_fresh(self, plan: Plan) -> None:
        """Raise PlanError where no call of the run reads its customer and one, read now, is not as the plan has it; ApiError
        where the API does not answer this key.
        """
        self.read(plan.ids[:1])  # what is wrong with that customer alone, the run will say
        check_fresh(plan, self.client, self.policy)

    # A run

    def start(self, plan: Plan, *, who: Person | None = None) -> Run:
        """Record the run of the plan and begin it, unless it waits for a second person. Raises as `record` and `resume`."""
        return run if (run := self.record(plan, who=who)).approval else self.resume(run.id, who=who)

    def resume(self, run_id: str, *, who: Person | None = None) -> Run:
        """Begin a recorded run, or go on with one that is held or was interrupted. Raises as `Worker.resume`."""
        run = self.reads.run(run_id)
        self.check_ours(run)
        begin = self.worker.submit if run.state is RunState.PLANNED else self.worker.resume
        with self._asking(run, who or self.operator):
            return begin(run_id, who=who or self.operator)

    def pause(self, run_id: str, *, who: Person | None = None) -> None:
        """Ask a running run to hold once its calls in flight are settled. Raises as `Worker.pause`."""
        self.worker.pause(self.reads.run(run_id).id, who=who or self.operator)

    def cancel(self, run_id: str, *, who: Person | None = None) -> None:
        """End a live run; calls in flight are settled and verified. Raises as `Worker.cancel`."""
        self.worker.cancel(self.reads.run(run_id).id, who=who or self.operator)

    def retry(self, run_id: str, *, who: Person | None = None) -> Run:
        """Try what failed, was not applied or is unknown again. Raises as `Worker.retry`."""
        run = self.reads.run(run_id)
        self.check_ours(run)
        with self._asking(run, who or self.operator):
            return self.worker.retry(run_id, who=who or self.operator)

    def verify(self, head: str = "") -> tuple[ChainCheck, Audit]:
        """Check the log's entries against each other, and every run and step against the log and its plan.

        `head`: the hash of an entry that a receipt shows; the log must still hold it.
        """
        return self.log.verify_chain(head), self.journal.audit.all()

    def receipt(self, run_id: str, form: Format, *, who: Person | None = None) -> ReceiptFile:
        """The proof of a run as a file; that it was taken is logged first. Raises as `export`."""
        return export(self.journal, self.reads.run(run_id).id, form, who=who or self.operator, now=self.now())

    def report(self, named: Sequence[str] = (), since: date | None = None, *, who: Person | None = None) -> ReportFile:
        """What runs were about: these, those recorded since a day (UTC), else today's. Raises RunNotFound, and as `report`."""
        runs, now = [self.find_run(one) for one in named], self.now()
        keys = self.keys if self.account.name or self.settings.api_key or self.sandbox else ()
        day = since or (None if runs else now.date())
        return report(self.journal, runs, who=who or self.operator, now=now, since=day, keys=keys)

    def probe(self) -> int:
        """How many customers the API's first answer holds, of one that was asked for. Raises ApiError."""
        return len(next(self.client.iter_pages(limit=1)).customers)

    def other_accounts(self) -> tuple[OtherAccount, ...]:
        """Other keys that made runs at this address, each with those that are known to be of one account with it."""
        return self.journal.accounts.others(self.connection.fingerprint, self.connection.base_url)

    def proof_of(self, other: OtherAccount) -> Proof:
        """Whom this key must find for the other one to be of the same account. Raises NotSameAccount where nobody can tell."""
        return proof(self.journal, other, kept_customers(self.settings.snapshots, other.keys, SAMPLE))

    def join(self, asked: Proof, *, who: Person | None = None, tell: Callable[[int], object] = lambda _: None) -> None:
        """Look for everybody of the proof, then note that both keys are of one account. Raises as `same_account.join`."""
        join(self.journal, self.client, self.connection, asked, now=self.now, who=who or self.operator, on_read=tell)

    def _reviewed(self, customers: Iterable[PlannedCustomer], action: Action, *, protect: bool = True) -> Review:
        days, guard, ask = self.policy.recent_days, self.policy.protected if protect else None, self.policy.protected.ask
        known, ours = self.evidence.reading.known, self.loads.by_us
        return review(customers, action, self.now(), recent_days=days, protected=guard, ask=ask, studies=known, by_us=ours)


def open_session(account: str = "") -> NotebookSession:
    """The session of a notebook or a Python prompt: of this account of the settings, or of the only one; it says which.

    Raises ConfigError or JournalError in words.
    """
    from lib.notebook.session import NotebookSession  # noqa: PLC0415 - it is built on what stands above

    return NotebookSession.opened(account)
