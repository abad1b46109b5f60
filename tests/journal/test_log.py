"""The log says who, what, when, where, why and with what outcome, and shows it when somebody alters it."""

import hashlib
import json
from itertools import pairwise

import pytest
from sqlalchemy.exc import DBAPIError

from lib.errors import BadAnswer, Conflict, Rejected, ServiceBroken
from lib.plans.model import Action, RunState, StepState
from lib.plans.policy import Canary, Caps, Policy, ProtectedCustomers
from lib.plans.words import Words, said
from lib.runs.worker import Worker
from tests.runs.fakes import NOW, ROBIN, FakeApi, customer, plan_of

OWNER = "host:1:a"


def begin(journal, step):
    return journal.steps.begin(step, owner=OWNER, now=NOW, who=ROBIN)


def settle(journal, step, state, **facts):
    return journal.steps.settle(step, state, now=NOW, who=ROBIN, **facts)


def started(journal, *numbers, **fields):
    run = journal.record(plan_of([customer(number) for number in numbers], **fields), NOW, who=ROBIN)
    return journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)


def told(entry):
    return json.loads(entry.payload)


def test_each_thing_that_happens_to_a_run_is_an_entry(place):
    journal = place.open()
    run = started(journal, *range(1, 6))
    steps = [begin(journal, step) for step in journal.reads.steps(run.id)[:4]]
    after = customer(1, is_active=False)
    settle(journal, steps[0], StepState.VERIFIED, after=after, status=200, request_id="req_1", seconds=0.1)
    settle(journal, steps[1], StepState.VERIFIED, after=after, status=500, seconds=0.1, read_back=True)
    settle(journal, steps[2], StepState.NOT_APPLIED, after=customer(3), words=said("Still active."))
    settle(journal, steps[3], StepState.PLANNED, words=said("Slow down."), status=429, seconds=0.1)
    settle(journal, journal.reads.steps(run.id)[4], StepState.SKIPPED, words=said("Renamed since."))
    journal.request(run.id, "pause", now=NOW, who=ROBIN)
    journal.end(run.id, RunState.PAUSED, words=said("Paused."), now=NOW, who=ROBIN, requested="pause")
    journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)
    journal.record(plan_of([after], action=Action.REACTIVATE, undo_of=run.id), NOW, who=ROBIN)
    journal.log.note(run.id, "export", now=NOW, who=ROBIN, format="csv")
    assert [entry.event for entry in journal.log.entries(run.id)] == [
        *("planned", "approved", "attempt", "attempt", "attempt", "attempt"),
        *("result", "result", "verify", "verify", "returned", "skip"),
        *("pause asked", "pause", "resume", "finish", "undo", "export"),
    ]
    assert journal.log.verify_chain().ok


def test_an_entry_tells_who_what_when_where_why_and_the_outcome(place):
    journal = place.open(version="1.2.3")
    plan = plan_of([customer(1, user_count=7)], ticket="OPS-7", base_url="https://api.example")
    run = journal.record(plan, NOW, who=ROBIN)
    journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    step = begin(journal, journal.reads.steps(run.id)[0])
    after = customer(1, is_active=False, user_count=7, updated_at=NOW)
    settle(journal, step, StepState.VERIFIED, after=after, status=200, request_id="req_9", seconds=0.25)
    attempt, result = journal.log.entries(run.id)[-2:]
    assert (result.who, result.at, result.seq, result.customer_id) == ("Robin", NOW, 4, step.customer_id)
    assert told(attempt)["before"] == {"active": True, "users": 7, "updated": step.before.updated_at.isoformat()}
    outcome = {"attempt": 1, "status": 200, "request_id": "req_9", "seconds": 0.25, "state": "verified", "said": ""}
    record = hashlib.sha256(after.model_dump_json(by_alias=True).encode()).hexdigest()
    assert told(result) == outcome | {"observed": {"active": False, "users": 7, "updated": NOW.isoformat(), "record": record}}
    context = json.loads(result.context)
    assert context.pop("host")
    where = {"base_url": "https://api.example", "connection_label": "sandbox", "fingerprint": plan.fingerprint}
    why = {"action": "deactivate", "plan_hash": plan.hash, "reason": "Contract ended", "ticket": "OPS-7"}
    assert context == {"known": "login", "version": "1.2.3"} | where | why


def test_a_plan_that_somebody_else_records_names_both(journal):
    run = journal.record(plan_of([customer(1)], operator="Sam"), NOW, who=ROBIN)
    planned = journal.log.entries(run.id)[0]
    assert (planned.event, planned.who, json.loads(planned.context)["known"]) == ("planned", "Robin", "login")
    assert (run.operator, told(planned)["operator"]) == ("Sam", "Sam")


SECRET = "John Doe 1950-01-01"
QUOTING = f"The API refused the request (status 422). It said: {SECRET}"


def carried_out(journal, records, api, policy=Policy(), **fields):  # noqa: B008 - frozen
    """A run over a scripted API, as the worker carries it."""
    run = journal.record(plan_of(records, filter_text=f"contact is {SECRET}", **fields), NOW, who=ROBIN)
    worker = Worker(journal, lambda _: api, policy=policy, concurrency=1, sleep=lambda _: None, read_back_waits=(0.0,))
    worker.submit(run.id, who=ROBIN)
    worker.join(run.id)
    worker.stop()
    return journal.reads.run(run.id)


def drifted(journal):
    now_read = customer(1, name=f"Clinic of {SECRET}", metadata={"contact": "somebody else"})
    return carried_out(journal, [customer(1, name=SECRET, metadata={"contact": SECRET})], FakeApi([now_read]))


def protected(journal):
    policy = Policy(protected=ProtectedCustomers(metadata={"contact": "John*"}))
    records = [customer(1, metadata={"contact": SECRET})]
    return carried_out(journal, records, FakeApi(records), policy)


def refused(journal):
    api = FakeApi([customer(1, name=SECRET)])
    api.deactivate = raising(Rejected(QUOTING, status=422))
    return carried_out(journal, [customer(1, name=SECRET)], api)


def unreadable(journal):
    api = FakeApi([customer(1)])
    api.get_customer = raising(BadAnswer(QUOTING, status=200))
    return carried_out(journal, [customer(1)], api)


def not_read_back(journal):
    api = FakeApi([customer(1)])
    api.deactivate = raising(Conflict(QUOTING, status=409))
    api.get_customer = raising(BadAnswer(QUOTING, status=200))
    return carried_out(journal, [customer(1)], api, Policy(preflight=False))


def held_for_trouble(journal):
    records = [customer(number) for number in range(1, 9)]
    api = FakeApi(records)
    api.deactivate = raising(ServiceBroken(QUOTING, status=503))
    return carried_out(journal, records, api)


def held_for_the_cap(journal):
    records = [customer(1, name=SECRET, user_count=7)]
    policy = Policy(caps=Caps(max_users=6), preflight=True, drift=())
    return carried_out(journal, [customer(1, name=SECRET)], FakeApi(records), policy, reason="Capped")


def held_for_the_canary(journal):
    records = [customer(number, name=SECRET) for number in range(1, 4)]
    return carried_out(journal, records, FakeApi(records), Policy(canary=Canary(steps=2, from_size=1)))


def cancelled(journal):
    run = held_for_the_canary(journal)
    return journal.cancel(run.id, words=Words(f"Cancelled for {SECRET}.", ""), now=NOW, who=ROBIN)


def raising(error):
    def call(_customer_id, *asked):
        for may_go in asked:
            may_go()
        raise error

    return call


@pytest.mark.parametrize(
    ("happens", "event", "said"),
    [
        (drifted, "skip", "Changed since the review: name, metadata: contact. No call was made."),
        (protected, "skip", "Protected: its metadata has a value of contact that the settings protect. No call was made."),
        (refused, "result", "Rejected, status 422."),
        (unreadable, "result", "The record could not be read before the call, so no call was made: BadAnswer, status 200."),
        (
            not_read_back,
            "verify",
            "The API refused the call: Conflict, status 409. It could not be read back: BadAnswer,",
        ),
        (held_for_trouble, "pause", "5 steps in a row met trouble. ServiceBroken, status 503. Paused after"),
        (held_for_the_cap, "pause", "7 users would be affected; one run may affect at most 6. Paused after 0 of 1"),
        (held_for_the_canary, "canary", "The first 2 customers are done: 2 verified."),
        (cancelled, "cancel", None),
    ],
)
def test_names_and_metadata_stay_out_of_the_log(journal, happens, event, said):
    run = happens(journal)
    entries = journal.log.entries(run.id)
    everything = "".join(entry.payload + entry.context for entry in entries)
    assert not any(part in everything for part in ("Clinic", "John", "north", "somebody else"))
    words = next(told(entry) for entry in reversed(entries) if entry.event == event).get("words", "")
    assert words.startswith(said) if said else not words


def test_people_read_the_whole_words_beside_the_step_and_the_run(journal):
    run = drifted(journal)
    assert run.filter_text == f"contact is {SECRET}"
    assert f"is now “Clinic of {SECRET}”" in journal.reads.steps(run.id)[0].words
    assert QUOTING in journal.reads.steps(refused(journal).id)[0].words
    assert SECRET in held_for_the_cap(journal).words


def test_how_a_run_stood_when_it_stopped_is_in_the_log(journal):
    run = held_for_the_canary(journal)
    assert told(journal.log.entries(run.id)[-1])["steps"] == {"verified": 2, "planned": 1}


def test_what_entries_share_is_kept_once(journal, place):
    run = started(journal, *range(1, 40))
    for step in journal.reads.steps(run.id):
        settle(journal, begin(journal, step), StepState.VERIFIED, status=200, seconds=0.1, after=step.before)
    assert place.run("SELECT count(*) FROM log") == [(80,)]
    assert len(place.run("SELECT id FROM log_contexts")) == 1  # all were known by a login
    lengths = place.run("SELECT max(length(payload)) FROM log WHERE event IN ('attempt', 'result')")
    assert lengths[0][0] < 300  # a quarter of it proves the whole record


def test_a_name_with_characters_that_one_engine_refuses_is_no_obstacle(journal):
    run = journal.record(plan_of([customer(1, name="Clinic\0One")]), NOW, who=ROBIN)
    journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    step = settle(
        journal, begin(journal, journal.reads.steps(run.id)[0]), StepState.FAILED, words=said("No\0"), status=400, seconds=0.1
    )
    assert journal.reads.steps(run.id)[0].before.name == "Clinic\0One"
    assert journal.reads.steps(run.id)[0].state is step.state is StepState.FAILED
    assert journal.log.verify_chain().ok


SWAP = (
    "UPDATE log SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3)",
    "UPDATE log SET seq = -seq WHERE seq < 0",
)


@pytest.mark.parametrize(
    ("tamper", "broken_at"),
    [
        (["UPDATE log SET who = 'Nobody' WHERE seq = 2"], 2),
        (["UPDATE log SET payload = '{}' WHERE seq = 1"], 1),
        (["UPDATE log SET at = '2026-03-01T12:00:01.000000+00:00' WHERE seq = 3"], 3),
        (["UPDATE log_contexts SET body = replace(body, 'Contract ended', 'Fraud')"], 1),
        (["DELETE FROM log_contexts"], 1),
        (["UPDATE log SET context_id = NULL WHERE seq = 3"], 3),
        (["DELETE FROM log WHERE seq = 2"], 2),
        (["DELETE FROM log WHERE seq = 2", "UPDATE log SET seq = 2 WHERE seq = 3"], 2),
        (["DELETE FROM log WHERE seq = 3"], 3),
        (["DELETE FROM log"], 1),
        (SWAP, 2),
    ],
    ids=[
        "who",
        "payload",
        "time",
        "why",
        "whys gone",
        "why hidden",
        "removed",
        "gap closed",
        "tail cut",
        "emptied",
        "reordered",
    ],
)
def test_an_altered_log_shows_where(journal, place, tamper, broken_at):
    run = started(journal, 1)
    begin(journal, journal.reads.steps(run.id)[0])
    assert journal.log.verify_chain().entries == 3
    place.unguard_the_log()
    place.run(*tamper)
    check = journal.log.verify_chain()
    assert (check.ok, check.broken_at) == (False, broken_at)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE log SET who = 'Nobody'", "DELETE FROM log", "UPDATE log_contexts SET body = '{}'", "DELETE FROM log_contexts"],
)
def test_the_database_itself_refuses_to_change_the_log(journal, place, statement):
    started(journal, 1)
    with pytest.raises(DBAPIError, match="append-only"):
        place.run(statement)


def test_postgresql_refuses_to_empty_the_log_as_well(postgresql):
    place = postgresql.new_place()
    started(place.open(), 1)
    with pytest.raises(DBAPIError, match="append-only"):
        place.run("TRUNCATE log")
    place.close()


def test_each_entry_carries_the_hash_of_the_one_before(journal):
    run = started(journal, 1, 2)
    entries = journal.log.entries(run.id)
    assert all(one.hash == two.previous for one, two in pairwise(entries))
