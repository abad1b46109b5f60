"""After a rotation: a real sandbox that two keys open, and a run that the older one left in the middle."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.errors import NotAuthorized, NotSameAccount, OtherConnection
from lib.plans.model import Action, RunState, StepState
from lib.plans.policy import Caps, Policy
from lib.plans.words import said
from lib.runs.same_account import SAMPLE, join, proof
from lib.runs.worker import Worker
from tests.runs.fakes import NOW, ROBIN, customer, id_of, plan_of

PATIENCE = 60.0
OLD, NEW = "key-of-last-year", "key-of-this-year"


class Rotation:
    """A journal, a sandbox with two keys, and a worker that has the new one."""

    def __init__(self, journal, server):
        self.journal, self.server = journal, server
        self.old, self.here = (Connection(server.base_url, SecretStr(key), "sandbox", "sandbox") for key in (OLD, NEW))
        self.client = AvaraClient(self.here, sleep=lambda _: None)
        self.worker = Worker(
            journal,
            lambda key: self.client if journal.accounts.same(key, self.here.fingerprint) else None,
            policy=Policy(caps=Caps(max_percent=100, max_users=1_000_000)),
            read_back_waits=(0.0,),
        )
        self.active = [record for page in self.client.iter_pages() for record in page.customers if record.is_active]

    def close(self):
        self.worker.stop(PATIENCE)
        self.client.close()

    def interrupted(self, records):
        """A run of the old key whose process died while its first call was under way."""
        fields = {"fingerprint": self.old.fingerprint, "base_url": self.old.base_url}
        run = self.journal.record(plan_of(records, **fields), NOW, who=ROBIN)
        self.journal.claim(run.id, owner="gone", now=NOW, who=ROBIN)
        self.journal.steps.begin(self.journal.reads.steps(run.id)[0], owner="gone", now=NOW, who=ROBIN)
        return self.journal.end(run.id, RunState.INTERRUPTED, words=said("Gone."), now=NOW, who=ROBIN)

    def ended(self, records):
        return self.journal.cancel(self.interrupted(records).id, words=said("Over."), now=NOW, who=ROBIN)

    @property
    def other(self):
        """The account of the old key, as long as nobody has said that it is this one."""
        return self.journal.accounts.others(self.here.fingerprint, self.here.base_url)[0]

    @property
    def joined(self):
        return self.journal.accounts.same(self.old.fingerprint, self.here.fingerprint)

    def join(self, kept=(), **options):
        asked = proof(self.journal, self.other, kept)
        join(self.journal, self.client, self.here, asked, now=lambda: NOW, who=ROBIN, **options)
        return asked.checked

    def carried(self, run):
        assert self.worker.join(run.id, PATIENCE)
        return self.journal.reads.run(run.id)


@pytest.fixture
def rotation(journal, start_sandbox):
    made = Rotation(journal, start_sandbox(customers=250, api_key=OLD, more_keys=[NEW]))
    yield made
    made.close()


def test_what_an_older_key_left_goes_on_and_is_undone_under_the_new_one(rotation):
    run = rotation.interrupted(rotation.active[:3])
    with pytest.raises(OtherConnection):
        rotation.worker.resume(run.id, who=ROBIN)
    before = len(rotation.server.calls())
    kept = rotation.active[5]
    checked = rotation.join(kept=[(kept.id, kept.name)])
    assert (checked.live, checked.kept, checked.ended) == (3, 1, 0)
    calls = {(call.operation, call.customer_id) for call in rotation.server.calls()[before:]}
    assert calls == {("get", record.id) for record in (*rotation.active[:3], kept)}
    run = rotation.carried(rotation.worker.resume(run.id, who=ROBIN))
    if run.can_retry:  # of the call that was under way
        run = rotation.carried(rotation.worker.retry(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 3)
    left = [step.after for step in rotation.journal.reads.steps(run.id)]
    fields = {"fingerprint": rotation.here.fingerprint, "action": Action.REACTIVATE, "undo_of": run.id}
    undo = rotation.journal.record(plan_of(left, **fields), NOW, who=ROBIN)
    assert rotation.carried(rotation.worker.submit(undo.id, who=ROBIN)).totals.verified == 3
    assert rotation.journal.log.verify_chain().ok


def test_until_then_it_can_be_cancelled_and_nothing_is_sent(rotation):
    run = rotation.interrupted(rotation.active[:3])
    before = rotation.server.calls()
    rotation.worker.cancel(run.id, who=ROBIN)
    run = rotation.journal.reads.run(run.id)
    assert (run.state, run.totals.unknown, run.totals.planned) == (RunState.CANCELLED, 1, 2)
    assert rotation.server.calls() == before
    (step,) = rotation.journal.reads.steps(run.id, StepState.UNKNOWN)
    assert "not read since" in step.words


def test_where_nothing_is_live_and_no_list_is_kept_customers_of_ended_runs_show_it(rotation):
    rotation.ended(rotation.active[: SAMPLE + 5])
    read = []
    assert rotation.join(on_read=read.append).ended == read[-1] == SAMPLE
    assert rotation.joined


@pytest.mark.parametrize("where", ["a live run", "the kept list", "an ended run"])
def test_a_customer_that_the_new_key_does_not_find_keeps_the_accounts_apart_and_is_named(rotation, where):
    known, stranger = rotation.active[:2], customer(1)
    kept = [(stranger.id, stranger.name)] if where == "the kept list" else []
    make = rotation.ended if where == "an ended run" else rotation.interrupted
    run = make(known if kept else [*known, stranger])
    with pytest.raises(NotSameAccount) as refused:
        rotation.join(kept)
    assert f"Clinic 1 ({id_of(1)}) of {'the kept list' if kept else run.id} was not found" in refused.value.message
    assert not rotation.joined
    assert rotation.journal.log.entries("") == ()


def test_a_foreign_key_is_told_apart_after_few_readings(rotation):
    rotation.interrupted([customer(number) for number in range(1, 400)])
    before = len(rotation.server.calls())
    with pytest.raises(NotSameAccount):
        rotation.join()
    assert len(rotation.server.calls()) - before <= SAMPLE


def test_without_any_customer_to_look_for_nothing_shows_it(rotation):
    rotation.ended(rotation.active[:1])
    with pytest.raises(NotSameAccount, match="Nothing shows"):
        proof(rotation.journal, replace(rotation.other, keys=frozenset({"0" * 16})), ())


def test_a_key_that_the_api_refuses_proves_nothing(rotation):
    rotation.interrupted(rotation.active[:2])
    rotation.server.sandbox.faults.revoked = True
    with pytest.raises(NotAuthorized):
        rotation.join()
    assert not rotation.joined
