"""Two pairs of eyes, as a session has them: which runs wait for a second person, and what that person can say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlencode

from lib.avara.models import Customer
from lib.avara.text import one_line
from lib.config import secret_of
from lib.errors import JournalUnavailable
from lib.parts import Parts
from lib.people import Person, Right, guarded
from lib.plans.approval import LONGEST, WITHOUT_WORDS, Amount, ApprovalNeeded, MayNotApprove, needs_approval, nobody_else
from lib.plans.model import Action, Run
from lib.plans.plan import Plan
from lib.plans.review import review
from lib.plans.subject import Subject
from lib.runs import webhook
from lib.spelling import visible, what_is_wrong


@guarded
class Approvals(Parts):
    """The parts of an account, and the verbs for a second person. `who` is the person at work, as for all verbs."""

    @property
    def nobody_signs_in(self) -> bool:
        """Whether there is no second person now: on one's own machine. Raises ConfigError."""
        return not self.gate.signs_in

    @property
    def alone_by_name(self) -> bool:
        """Whether one person's word does now, who types the account's name. Raises ConfigError."""
        return self.policy.approval.alone == "type" and self.nobody_signs_in

    def asks(self, action: Action, records: Sequence[Customer], active_total: int | None = None) -> tuple[str, ...]:
        """Why a run of these customers needs a second person's word, in words without names; empty where it needs none.

        Without `active_total` their share of the active customers asks for nothing; the worker looks at that too.
        """
        guarded = sum(bool(self.policy.protected.ask.why(record)) for record in records)
        users = sum(record.user_count for record in records)
        amount = Amount(action, len(records), users, guarded, active_total)
        return needs_approval(self.policy.approval, amount)

    def _asks_or_refuses(self, plan: Plan, active_total: int | None = None) -> tuple[str, ...]:
        """As `asks`; raises ApprovalNeeded where nobody could ever approve it: no one signs in, and the settings refuse it."""
        why = self.asks(plan.action, [planned.record for planned in plan.customers], active_total)
        if why and self.nobody_signs_in and not self.alone_by_name:
            raise ApprovalNeeded(nobody_else(why))
        return why

    def review_waiting(self, run_id: str) -> Subject:
        """What a run that waits would do, as its plan has it, for whoever is to approve it. Raises PlanError, RunNotFound."""
        plan, days, known = self.reads.plan(run_id), self.policy.recent_days, self.evidence.reading.known
        ask, now = self.policy.protected.ask, self.now()
        reviewed = review(plan.customers, plan.action, now, recent_days=days, ask=ask, studies=known)
        return Subject(reviewed, plan.filter_text)

    def record(self, plan: Plan, *, who: Person | None = None) -> Run:
        """Write the run of the plan into the journal, and whether it waits for a second person (`Run.approval`); nothing is
        called yet. Raises as `Journal.record`, OtherConnection, and ApprovalNeeded where there is no second person.
        """
        try:
            plan.check_account(self.keys, self.connection.base_url)
        except JournalUnavailable as error:
            raise JournalUnavailable(f"{error.message} Nothing was recorded, so no call is made.") from error
        active = self.active_total() if self.policy.approval.from_percent is not None else None
        asks = self._asks_or_refuses(plan, active)
        if not asks:  # else nothing is changed before somebody has approved it, and it is taken up then
            self.ask(Right.RUN, who)
        run = self.journal.record(plan, self.now(), who=who or self.operator, asks=asks)
        if asks:
            self._tell_waiting(run)
        return run

    def approve(self, run_id: str, plan_hash: str, words: str = "", *, who: Person | None = None) -> Run:
        """Approve the run of exactly the plan that was seen, for as long as the settings say. Raises MayNotApprove."""
        said, hours = one_line(visible(words), LONGEST), self.policy.approval.hours
        self.check_ours(self.reads.run(run_id))
        person, people = who or self.operator, self.gate.people
        people.check(Right.APPROVE, person, self.now())  # once more: a word without a role would never end with one
        role = people.approves_as(person)
        self.journal.approvals.give(run_id, plan_hash, hours=hours, words=said, who=person, now=self.now(), role=role)
        return self.reads.run(run_id)

    def refuse(self, run_id: str, words: str, *, who: Person | None = None) -> Run:
        """Refuse the run for good, with words, and cancel what is left of it. Raises MayNotApprove."""
        if not visible(words):
            raise MayNotApprove(WITHOUT_WORDS)
        said, person = one_line(visible(words), LONGEST), who or self.operator
        self.reads.run(run_id)
        self.journal.approvals.refuse(run_id, said, who=person, now=self.now())
        if self.reads.run(run_id).can_cancel:
            self.worker.cancel(run_id, who=replace(person, sign_in=None))  # who may refuse it ends it so, without that right
        return self.reads.run(run_id)

    def confirm_alone(self, run_id: str, typed: str, *, who: Person | None = None) -> Run:
        """Where nobody signs in and the settings let one person do it: the account's name, typed, stands for the approval."""
        run = self.reads.run(run_id)
        if not self.alone_by_name:
            raise MayNotApprove("Here a second person has to approve it: the account's name does not do.")
        self.check_ours(run)
        own = self.connection.label  # not the plan's: a file may call it otherwise
        if not typed or what_is_wrong(typed, own):
            raise MayNotApprove(f"Nothing was started: type the account's name, {own}.")
        hours = self.policy.approval.hours
        self.journal.approvals.give(run_id, run.plan_hash, hours=hours, alone=True, who=who or self.operator, now=self.now())
        return self.reads.run(run_id)

    @contextmanager
    def _asking(self, run: Run, who: Person) -> Iterator[None]:
        """Where what is done with the run needs an approval that there is not, ask for it, and raise ApprovalNeeded on."""
        try:
            yield
        except ApprovalNeeded as error:
            approvers = self.gate.people.approver
            if self.journal.approvals.ask(run.id, error.why, who=who, now=self.now(), approvers=approvers):
                self._tell_waiting(run)
            raise

    def _tell_waiting(self, run: Run) -> None:
        """Let the webhook of the settings, if there is one, hear that the run waits: counts and a link, no customer's name."""
        rules = self.policy.approval
        if not rules.webhook:
            return
        asked = {"run": run.id} | ({"account": self.wanted} if self.wanted else {})
        told = {
            "event": "approval asked",
            "run": run.id,
            "action": run.action.value,
            "customers": run.totals.total,
            "plan_hash": run.plan_hash,
            "planned_by": run.operator,
            "link": f"{rules.link.rstrip('/')}/runs?{urlencode(asked)}" if rules.link else "",
        }
        webhook.tell(rules.webhook, lambda: secret_of(rules.secret), told, self.now().timestamp())
