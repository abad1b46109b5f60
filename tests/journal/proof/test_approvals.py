"""A second person's word is an entry of the chained log, and nothing else is believed."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from lib.errors import IllegalTransition, JournalDamaged, RunNotFound
from lib.people import ITSELF, Person
from lib.plans.approval import ApprovalNeeded, MayNotApprove, Said
from lib.plans.model import RunState
from lib.plans.words import said
from tests.runs.fakes import KIM, NOW, ROBIN, customer, plan_of

WHY = ("it has 2 customers (that is asked from 2 on)",)
SASHA = Person("Sasha", "by login")
DAY = timedelta(days=1)


def record(journal, *, asks=WHY, who=ROBIN, **fields):
    return journal.record(plan_of([customer(1), customer(2)], **fields), NOW, who=who, asks=asks)


def give(journal, run, who=KIM, **fields):
    usual = {"plan_hash": run.plan_hash, "hours": 24, "now": NOW, "words": "Seen"}
    journal.approvals.give(run.id, **{**usual, **fields}, who=who)


def check(journal, run, who=ROBIN, now=NOW, *, alone=False):
    journal.approvals.check(run.id, WHY, who=who, now=now, alone=alone)


def claim(journal, run, who=ROBIN, now=NOW):
    return journal.claim(run.id, owner="here:1:a", now=now, who=who)


def events(journal, run):
    return [entry.event for entry in journal.log.run_entries(run.id)]


def test_a_run_that_waits_says_so_in_every_process_and_one_that_nobody_asked_for_says_nothing(journal, place):
    run, other = record(journal), journal.record(plan_of([customer(3)]), NOW, who=ROBIN)
    for one in (journal, place.open()):
        found = {run.id: run for run in one.reads.runs()}
        assert found[run.id].approval.asked.why == WHY
        assert found[run.id].awaits_approval(NOW)
        assert found[other.id].approval is None
    assert run.needs_person(NOW)
    assert not run.never_started(NOW + DAY)


def test_an_approval_is_one_entry_that_binds_the_plan_names_the_person_and_ends(journal):
    run = record(journal)
    with pytest.raises(ApprovalNeeded, match="waits for the approval"):
        check(journal, run)
    give(journal, run)
    check(journal, run)
    assert events(journal, run) == ["planned", Said.ASKED, Said.GIVEN]
    entry = journal.log.run_entries(run.id)[-1]
    told = {"plan_hash": run.plan_hash, "until": (NOW + DAY).isoformat(), "words": "Seen"}
    assert (entry.who, json.loads(entry.payload), json.loads(entry.context)["known"]) == ("Kim", told, "login")
    with pytest.raises(ApprovalNeeded, match="which is over"):
        check(journal, run, now=NOW + DAY)
    with pytest.raises(ApprovalNeeded, match="somebody else has to start it"):
        check(journal, run, who=KIM)
    with pytest.raises(MayNotApprove, match="It can be started"):
        give(journal, run, who=SASHA)  # it stands: a second one would be noise
    give(journal, run, who=SASHA, now=NOW + DAY)
    check(journal, run, now=NOW + DAY)
    assert journal.log.verify_chain().ok
    assert journal.audit.all().ok


@pytest.mark.parametrize(
    ("who", "fields", "why"),
    [
        (ROBIN, {}, "somebody else has to approve it"),
        (Person("ROBIN ", "another login"), {}, "somebody else has to approve it"),
        (SASHA, {}, "somebody else has to approve it"),  # recorded the plan that Robin had made
        (KIM, {"plan_hash": "b" * 64}, "not the plan of this run"),
    ],
)
def test_what_is_no_second_persons_word_on_this_very_plan_is_not_written(journal, who, fields, why):
    run = record(journal, who=SASHA)
    with pytest.raises(MayNotApprove, match=why):
        give(journal, run, who=who, **fields)
    if who is not KIM:
        with pytest.raises(MayNotApprove, match=why):
            journal.approvals.refuse(run.id, "No", who=who, now=NOW)
    assert events(journal, run) == ["planned", Said.ASKED]


def test_the_log_knows_a_person_again_under_another_name(journal):
    planner, again = Person("mel@example.com", "by login", mark="m1"), Person("f3", "by login", mark="m1")
    run = record(journal, who=planner)
    with pytest.raises(MayNotApprove, match="somebody else"):
        give(journal, run, who=again)
    with pytest.raises(MayNotApprove, match="somebody else"):
        journal.approvals.refuse(run.id, "No", who=again, now=NOW)
    give(journal, run, who=Person("lead@example.com", "by login", mark="m2"))
    with pytest.raises(ApprovalNeeded, match="somebody else has to start it"):
        check(journal, run, who=Person("another@example.com", "by login", mark="m2"))
    check(journal, run, who=again)
    marks = [json.loads(entry.payload).get("mark") for entry in journal.log.run_entries(run.id)]
    assert marks == ["m1", "m1", "m2"]
    assert journal.log.verify_chain().ok
    assert journal.audit.all().ok


def test_an_approval_of_one_run_is_none_of_another_with_the_same_customers(journal):
    run = record(journal)
    give(journal, run)
    journal.cancel(run.id, words=said("No longer wanted."), now=NOW, who=ROBIN)
    again = record(journal, reason="Another reason")
    with pytest.raises(ApprovalNeeded):
        check(journal, again)
    with pytest.raises(MayNotApprove, match="not the plan of this run"):
        give(journal, again, plan_hash=run.plan_hash)
    with pytest.raises(IllegalTransition, match="cancelled"):
        give(journal, run, now=NOW + DAY)


def test_a_refusal_is_for_good_also_after_an_approval(journal):
    run = record(journal)
    give(journal, run)
    journal.approvals.refuse(run.id, "Two of them still read", who=SASHA, now=NOW)
    with pytest.raises(ApprovalNeeded, match="Sasha refused it at 2026-03-01 12:00 UTC: “Two of them still read”"):
        check(journal, run)
    with pytest.raises(MayNotApprove, match="needs a new plan"):
        give(journal, run)
    assert not journal.reads.run(run.id).awaits_approval(NOW)
    assert journal.audit.all().ok


def test_it_is_asked_for_once_and_once_more_when_an_approval_is_over(journal):
    run = record(journal)

    def ask(now):
        return journal.approvals.ask(run.id, WHY, who=ROBIN, now=now)

    assert not ask(NOW)
    give(journal, run)
    assert not ask(NOW)
    assert ask(NOW + DAY)
    assert not ask(NOW + DAY)
    unasked = journal.record(plan_of([customer(7)]), NOW, who=ROBIN)
    with pytest.raises(MayNotApprove, match="Nobody has asked"):
        give(journal, unasked)
    assert journal.approvals.ask(unasked.id, WHY, who=ROBIN, now=NOW)
    with pytest.raises(RunNotFound):
        journal.approvals.refuse("run_0", "No", who=KIM, now=NOW)


def test_an_approval_that_was_put_into_the_table_is_not_believed_and_is_found(journal, place):
    run = record(journal)
    last = journal.log.run_entries(run.id)[-1]
    payload = json.dumps({"plan_hash": run.plan_hash, "until": (NOW + DAY).isoformat()})
    forged = replace(last, seq=last.seq + 1, event=Said.GIVEN.value, who="Kim", payload=payload, previous=last.hash)
    columns = "seq, run_id, at, event, who, payload, context_id, previous, hash"
    told = ("run_id", "event", "who", "payload", "previous")
    values = {name: getattr(forged, name).replace(":", r"\:") for name in told} | {"hash": forged.computed()}
    place.run(
        f"INSERT INTO log ({columns}) SELECT {forged.seq}, '{values['run_id']}', at, '{values['event']}', 'Kim', "
        f"'{values['payload']}', context_id, '{values['previous']}', '{values['hash']}' FROM log WHERE seq = {last.seq}"
    )
    assert journal.reads.run(run.id).approval.given.by.name == "Kim"  # it is on show, and then:
    with pytest.raises(JournalDamaged, match="not chained"):
        check(journal, run)
    assert not journal.log.verify_chain().ok


def test_an_entry_that_was_altered_is_not_believed(journal, place):
    run = record(journal)
    give(journal, run, now=NOW - 2 * DAY)
    place.unguard_the_log()
    place.run(rf"UPDATE log SET payload = replace(payload, '2026-02-28', '2027-02-28') WHERE event = '{Said.GIVEN}'")
    with pytest.raises(JournalDamaged, match="not chained"):
        check(journal, run)


@pytest.mark.parametrize(
    "done",
    [
        "DELETE FROM log WHERE event = 'refusal'",
        "DELETE FROM log WHERE event IN ('refusal', 'export')",  # the end of it, where the note of the last one stays
        "UPDATE log SET event = 'export' WHERE event = 'refusal'",
        "UPDATE log SET run_id = '' WHERE event = 'refusal'",
        r"UPDATE log SET payload = replace(payload, 'Two', 'New') WHERE event = 'refusal'",
    ],
)
def test_a_refusal_can_not_be_taken_out_of_the_log(journal, place, done):
    run = record(journal)
    give(journal, run)
    check(journal, run)
    journal.approvals.refuse(run.id, "Two of them still read", who=SASHA, now=NOW)
    journal.log.note("", "export", now=NOW, who=ROBIN)
    place.unguard_the_log()
    place.run(done)
    with pytest.raises(JournalDamaged, match="taken out or altered"):
        check(journal, run)


def test_verify_finds_a_run_that_was_taken_up_without_an_approval(journal):
    fine, wrong = record(journal), journal.record(plan_of([customer(8)]), NOW, who=ROBIN, asks=WHY)
    give(journal, fine)
    claim(journal, fine)
    assert journal.audit.all().ok
    claim(journal, wrong)
    (finding,) = journal.audit.all().findings
    assert finding.run_id == wrong.id
    assert "although nobody else had approved it" in finding.words


def test_a_run_that_is_taken_up_only_to_be_cancelled_needs_no_approval(journal):
    run = record(journal)
    give(journal, run)
    claim(journal, run)
    journal.end(run.id, RunState.INTERRUPTED, words=said("Gone."), now=NOW, who=ITSELF)
    journal.approvals.refuse(run.id, "Stop", who=SASHA, now=NOW)
    journal.claim(run.id, owner="here:1:a", now=NOW, who=SASHA, cancelling=True)
    assert journal.audit.all().ok
