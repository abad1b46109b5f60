"""Which keys are of one account is what the log says: holds and undos follow it, and nothing else is believed."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from lib.errors import JournalDamaged, NotSameAccount, OtherConnection, RunsOverlap
from lib.journal.accounts import Checked
from lib.plans.model import Action, RunState, StepState
from lib.plans.words import said
from tests.runs.fakes import FINGERPRINT, KIM, NOW, ROBIN, customer, plan_of

HERE = "https://api.example"
OLD, NEW, THIRD = FINGERPRINT, "f" * 16, "3" * 16


def record(journal, *numbers, key=OLD, base_url=HERE, **fields):
    plan = plan_of([customer(number) for number in numbers], fingerprint=key, base_url=base_url, **fields)
    return journal.record(plan, fields.get("now", NOW), who=ROBIN)


def join(journal, new=NEW, old=OLD, **fields):
    other = next(one for one in journal.accounts.others(new, HERE) if old in one.keys)
    live = [run.id for run in journal.reads.live_runs(*(state for state in RunState)) if run.live]
    usual = {"base_url": HERE, "found_in": live, "checked": Checked(live=1, kept=2, ended=0), "now": NOW, "who": KIM}
    journal.accounts.join(other, new, **{**usual, **fields})


def test_a_key_that_nobody_has_spoken_of_is_an_account_of_its_own(journal):
    record(journal, 1)
    assert journal.accounts.keys(OLD) == {OLD}
    assert journal.accounts.keys(NEW) == {NEW}
    assert not journal.accounts.same(OLD, NEW)
    record(journal, 1, key=NEW)  # and holds the same customer without standing in the way


def test_keys_that_are_said_to_be_one_account_are_so_in_every_process_and_the_log_says_who_said_it(journal, place):
    record(journal, 1)
    join(journal)
    for one in (journal, place.open()):
        assert one.accounts.keys(OLD) == one.accounts.keys(NEW) == {OLD, NEW}
        assert one.accounts.same(NEW, OLD)
        assert not one.accounts.same(NEW, THIRD)
    (entry,) = (entry for entry in journal.log.entries("") if entry.event == "same account")
    assert entry.who == "Kim"
    told = {
        "account": OLD,
        "keys": [OLD, NEW],
        "old": OLD,
        "new": NEW,
        "base_url": HERE,
        "live": 1,
        "kept": 2,
        "ended": 0,
    }
    assert json.loads(entry.payload) == told
    assert journal.log.verify_chain().ok
    (other,) = journal.accounts.others(THIRD, HERE)
    journal.accounts.join(other, NEW, base_url=HERE, found_in=(), checked=Checked(0, 0, 0), now=NOW, who=KIM)
    assert journal.log.entries("") == (entry,)  # to say it once more changes nothing


def test_accounts_that_are_joined_bring_all_their_keys(journal):
    record(journal, 1)
    record(journal, 2, key=THIRD)
    join(journal, new=NEW, old=THIRD)
    join(journal, new=NEW, old=OLD)
    assert journal.accounts.keys(THIRD) == journal.accounts.keys(OLD) == {OLD, NEW, THIRD}
    with pytest.raises(RunsOverlap):
        record(journal, 2, reason="Under the first key")


def test_from_then_on_two_runs_of_the_account_can_not_hold_the_same_customer(journal):
    held = record(journal, 1)
    join(journal)
    with pytest.raises(RunsOverlap) as refused:
        record(journal, 1, 2, key=NEW)
    assert refused.value.run_id == held.id
    again = record(journal, 2, key=NEW)
    with pytest.raises(RunsOverlap) as refused:
        record(journal, 2)
    assert refused.value.run_id == again.id


def test_two_accounts_whose_live_runs_hold_the_same_customer_stay_apart_until_one_is_cancelled(journal):
    ours, theirs = record(journal, 1, 2), record(journal, 2, 3, key=NEW)
    with pytest.raises(RunsOverlap) as refused:
        join(journal)
    assert ours.id in refused.value.message
    assert theirs.id in refused.value.message
    assert not journal.accounts.same(OLD, NEW)
    assert journal.log.entries("") == ()
    journal.cancel(theirs.id, words=said("Cancelled."), now=NOW, who=ROBIN)
    join(journal)
    assert journal.accounts.same(OLD, NEW)


def test_a_live_run_whose_customers_were_not_looked_for_keeps_them_apart(journal):
    checked = record(journal, 1)
    late = record(journal, 2)
    with pytest.raises(NotSameAccount, match=late.id):
        join(journal, found_in={checked.id})
    assert not journal.accounts.same(OLD, NEW)


def test_an_undo_is_of_the_account(journal):
    run = record(journal, 1)
    journal.claim(run.id, owner="a", now=NOW, who=ROBIN)
    begun = journal.steps.begin(journal.reads.steps(run.id)[0], owner="a", now=NOW, who=ROBIN)
    journal.steps.settle(begun, StepState.VERIFIED, now=NOW, who=ROBIN, after=customer(1, is_active=False))
    journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)
    undo = {"key": NEW, "action": Action.REACTIVATE, "undo_of": run.id}
    with pytest.raises(OtherConnection):
        record(journal, 1, **undo)
    join(journal)
    assert journal.reads.run(run.id).undone_by is None
    assert journal.reads.run(record(journal, 1, **undo).undo_of).undone_by is not None
    assert journal.audit.all().ok


def test_the_other_accounts_of_an_address_are_told_with_their_runs(journal):
    later = NOW + timedelta(days=1)
    ended = record(journal, 1)
    journal.cancel(ended.id, words=said(""), now=NOW, who=ROBIN)
    record(journal, 2, now=later)
    record(journal, 3, key=THIRD)
    record(journal, 4, key="4" * 16, base_url="https://elsewhere.example")
    record(journal, 5, key=NEW)
    first, second = journal.accounts.others(NEW, HERE)
    assert (first.name, first.runs, first.live, first.newest) == (OLD, 2, 1, later)
    assert (second.name, second.runs, second.live, second.newest) == (THIRD, 1, 1, NOW)
    join(journal, new=THIRD)
    (both,) = journal.accounts.others(NEW, HERE)
    assert (both.keys, both.runs, both.live) == ({OLD, THIRD}, 3, 2)
    assert [seen.run_id for seen in journal.accounts.customers_of_ended_runs(both.keys, 9)] == [ended.id]
    assert {seen.name for seen in journal.accounts.customers_of_live_runs(both.keys)} == {"Clinic 2", "Clinic 3"}


@pytest.mark.parametrize("spelt", ["HTTPS://Api.Example", "https://api.example:443", "https://api.example/"])
def test_the_runs_of_an_account_whose_address_was_spelt_otherwise_are_offered(journal, spelt):
    record(journal, 1, base_url=spelt)
    record(journal, 2, base_url="no address")
    (other,) = journal.accounts.others(NEW, "https://api.example")
    assert (other.name, other.runs) == (OLD, 1)


@pytest.mark.parametrize(
    "payload", ["[1]", "{", "null", "{}", '{"keys": [[1]], "account": "a"}', '{"keys": 1, "account": "a"}']
)
def test_a_word_on_keys_that_can_not_be_read_joins_nobody_hides_no_run_and_lets_nothing_new_in(journal, place, payload):
    known = record(journal, 1)
    columns = "at, 'same account', NULL, who, :told, context_id, previous, hash".replace(":told", f"'{payload}'")
    place.run(f"INSERT INTO log SELECT 99, '', {columns} FROM log")
    assert journal.accounts.keys(NEW) == {NEW}
    assert [one.runs for one in journal.accounts.others(NEW, HERE)] == [1]
    with pytest.raises(JournalDamaged, match="which keys are of one account"):
        record(journal, 2)
    with pytest.raises(JournalDamaged, match="which keys are of one account"):
        join(journal)
    assert [run.id for run in journal.reads.runs()] == [known.id]


def test_a_word_on_keys_that_is_not_chained_to_the_log_joins_nobody_although_it_reads_well(journal, place):
    """Whoever may write to the database can compute an entry's own hash, and name the one before it."""
    record(journal, 1)
    record(journal, 2, key=NEW)
    last = max((entry for run in journal.reads.runs() for entry in journal.log.entries(run.id)), key=lambda entry: entry.seq)
    told = json.dumps({"account": OLD, "keys": [OLD, NEW]}, separators=(",", ":"))
    about = {"run_id": "", "event": "same account", "customer_id": None, "payload": told, "previous": last.hash}
    own = replace(last, seq=last.seq + 1, **about).computed()
    told = told.replace(":", "\\:")  # which would be a parameter
    row = f"seq + 1, '', at, 'same account', NULL, who, '{told}', context_id, hash, '{own}'"
    columns = "seq, run_id, at, event, customer_id, who, payload, context_id, previous, hash"
    place.run(f"INSERT INTO log ({columns}) SELECT {row} FROM log WHERE seq = {last.seq}")
    assert [entry.hash for entry in journal.log.entries("")] == [own]
    assert journal.accounts.keys(NEW) == {NEW}
    with pytest.raises(JournalDamaged):
        record(journal, 3)
