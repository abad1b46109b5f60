"""The worker asks for a second person's word by itself, each time that it takes a run up, by the clock of that moment."""

from datetime import timedelta

import pytest

from lib.errors import JournalDamaged, NotCounted
from lib.plans.approval import ApprovalNeeded, ApprovalRules
from lib.plans.model import Hold, RunState
from lib.plans.policy import Canary, Guarded, Policy, ProtectedCustomers
from lib.plans.words import said
from lib.runs.worker import Worker
from tests.runs.fakes import FINGERPRINT, KIM, NOW, ROBIN, FakeApi, customer, plan_of, script

PATIENCE = 20.0
DAY = timedelta(days=1)
ASKS = Policy(approval=ApprovalRules(from_customers=3), canary=Canary(steps=1, from_size=3))


class Bench:
    """A journal, an API and a worker whose clock is turned by hand."""

    def __init__(self, journal, count=3, policy=ASKS, orders=lambda *_: "ok", **options):
        self.journal, self.now = journal, NOW
        self.api = FakeApi([customer(number, user_count=number) for number in range(1, count + 1)], orders)
        usual = {"now": lambda: self.now, "sleep": lambda _: None, "policy": policy}
        self.worker = Worker(journal, {FINGERPRINT: self.api}.get, **{**usual, **options})
        self.run = journal.record(plan_of(list(self.api.records.values())), NOW, who=ROBIN)

    def approve(self, **fields):
        self.journal.approvals.ask(self.run.id, ("it is large",), who=ROBIN, now=self.now)
        usual = {"hours": 24, "who": KIM, "now": self.now}
        self.journal.approvals.give(self.run.id, self.run.plan_hash, **{**usual, **fields})

    def take_up(self, how, who=ROBIN):
        getattr(self.worker, how)(self.run.id, who=who)
        assert self.worker.join(self.run.id, PATIENCE)
        return self.journal.reads.run(self.run.id)

    def refused(self, how, why, who=ROBIN, error=ApprovalNeeded):
        calls = list(self.api.calls)
        with pytest.raises(error, match=why):
            getattr(self.worker, how)(self.run.id, who=who)
        assert self.api.calls == calls


def test_it_starts_resumes_and_tries_again_only_what_is_approved_at_that_time(journal):
    bench = Bench(journal, orders=script(deactivate="409 ok"))
    bench.refused("submit", "needs the approval of a second person: it has 3 customers")
    bench.approve()
    bench.refused("submit", "somebody else has to start it", who=KIM)
    run = bench.take_up("submit")
    assert (run.state, run.hold) == (RunState.PAUSED, Hold.CANARY)
    bench.now = NOW + DAY
    bench.refused("resume", "which is over")
    bench.approve()
    bench.refused("resume", "somebody else has to start it", who=KIM)
    assert bench.take_up("resume").state is RunState.FINISHED
    bench.now = NOW + 2 * DAY
    bench.refused("retry", "which is over")
    bench.approve()
    run = bench.take_up("retry")
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 3)
    assert journal.audit.all().ok


def test_it_starts_nothing_that_was_refused_and_goes_on_with_nothing_that_was_refused_since(journal):
    bench = Bench(journal)
    bench.approve()
    assert bench.take_up("submit").on_canary
    journal.approvals.refuse(bench.run.id, "Their records look wrong", who=KIM, now=NOW)
    bench.refused("resume", "Kim refused it")
    bench.worker.cancel(bench.run.id, who=KIM)
    assert journal.reads.run(bench.run.id).state is RunState.CANCELLED


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (Policy(approval=ApprovalRules(from_users=6)), "it affects 6 users"),
        (Policy(approval=ApprovalRules(from_percent=15)), "3 of the 20 active"),
        (Policy(protected=ProtectedCustomers(ask=Guarded(metadata={"region": "n*"}))), "3 of its customers"),
    ],
)
def test_it_counts_by_itself_what_the_run_froze(journal, policy, why):
    bench = Bench(journal, policy=policy, active_total=lambda: 20)
    bench.refused("submit", why)


def test_below_what_the_settings_say_nobody_is_asked_unless_somebody_was_when_it_was_recorded(journal):
    assert Bench(journal, count=2).take_up("submit").state is RunState.FINISHED
    bench = Bench(journal, policy=Policy())  # this server's settings ask for nothing
    journal.approvals.ask(bench.run.id, ("it has 3 customers",), who=ROBIN, now=NOW)  # another one's did
    bench.refused("submit", "waits for the approval")


def test_where_the_share_matters_and_nobody_has_counted_nothing_starts(journal):
    caps = {"caps": {"max_percent": 100.0}, "approval": {"from_percent": 50.0}}
    bench = Bench(journal, policy=Policy.model_validate(caps), active_total=lambda: None)
    bench.refused("submit", "active", error=NotCounted)


@pytest.mark.parametrize(("alone", "starts"), [("refuse", False), ("type", True)])
def test_the_accounts_name_typed_by_one_person_does_only_where_the_settings_say_so(journal, alone, starts):
    bench = Bench(journal, policy=Policy(approval=ApprovalRules(from_customers=3, alone=alone)))
    bench.approve(who=ROBIN, alone=True)
    if starts:
        assert bench.take_up("submit").state is RunState.FINISHED
    else:
        bench.refused("submit", "typing the account's name, which does not do here")
        bench.approve()  # a second person can say yes all the same
        assert bench.take_up("submit").state is RunState.FINISHED


def test_the_approval_dies_with_any_change_of_the_run(journal, place):
    bench = Bench(journal)
    bench.approve()
    place.run("UPDATE steps SET name = 'Somebody else' WHERE position = 0")
    bench.refused("submit", "altered", error=JournalDamaged)


def test_a_run_that_its_process_left_is_asked_about_again_too(journal):
    bench = Bench(journal)
    bench.approve()
    journal.claim(bench.run.id, owner="elsewhere:1:dead", now=NOW, who=ROBIN, lease=-1)
    journal.end(bench.run.id, RunState.INTERRUPTED, words=said("Gone."), now=NOW, who=ROBIN)
    bench.now = NOW + DAY
    bench.refused("resume", "which is over")
