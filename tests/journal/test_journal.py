"""The journal forbids what must not happen, keeps what did, and shows when somebody altered it."""

import threading
from contextlib import nullcontext
from datetime import timedelta

import pytest

from lib.errors import (
    AlreadyStarted,
    IllegalTransition,
    JournalDamaged,
    OtherConnection,
    PlanError,
    RunNotFound,
    RunsOverlap,
)
from lib.journal.drafts import Save
from lib.journal.proof.chain import NO_RUN
from lib.plans.evidence import Picked, Way
from lib.plans.model import Action, RunState, StepState
from lib.plans.words import said
from tests.runs.fakes import FINGERPRINT, KIM, NOW, ROBIN, customer, id_of, plan_of

OWNER = "host:1:a"


def started(journal, *numbers, **fields):
    run = journal.record(plan_of([customer(number) for number in numbers], **fields), NOW, who=ROBIN)
    return journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)


def begin(journal, step, owner=OWNER):
    return journal.steps.begin(step, owner=owner, now=NOW, who=ROBIN)


def settle(journal, step, state, **facts):
    return journal.steps.settle(step, state, now=NOW, who=ROBIN, **facts)


def test_a_recorded_run_can_be_read_back_whole(journal):
    plan = plan_of([customer(1, name="مستشفى 🏥"), customer(2, updated_at=None)], ticket="OPS-7", filter_text="no users")
    run = journal.record(plan, NOW, who=ROBIN)
    assert run.state is RunState.PLANNED
    assert (run.operator, run.reason, run.ticket, run.filter_text) == ("Robin", "Contract ended", "OPS-7", "no users")
    assert run.totals.planned == run.totals.total == 2
    assert run.created_at == NOW
    assert journal.reads.runs() == (run,)
    assert journal.reads.plan(run.id) == plan
    assert [step.before for step in journal.reads.steps(run.id)] == [planned.record for planned in plan.customers]
    assert journal.reads.step(run.id, id_of(2)).position == 1
    assert [entry.event for entry in journal.log.entries(run.id)] == ["planned"]
    assert journal.log.verify_chain().ok


def test_it_is_all_there_after_a_restart(journal, place):
    run = started(journal, 1, 2)
    settle(
        journal, begin(journal, journal.reads.step(run.id, id_of(1))), StepState.VERIFIED, after=customer(1, is_active=False)
    )
    journal.close()
    again = place.open()
    assert again.reads.run(run.id) == journal.reads.run(run.id)
    assert again.reads.steps(run.id)[0].after == customer(1, is_active=False)
    assert again.log.verify_chain().ok


def test_the_same_plan_never_starts_twice(journal):
    plan = plan_of([customer()])
    first = journal.record(plan, NOW, who=ROBIN)
    with pytest.raises(AlreadyStarted) as refused:
        journal.record(plan, NOW + timedelta(hours=1), who=ROBIN)
    assert refused.value.run_id == first.id
    journal.cancel(first.id, words=said(""), now=NOW, who=ROBIN)
    with pytest.raises(AlreadyStarted):
        journal.record(plan, NOW, who=ROBIN)
    assert len(journal.reads.runs()) == 1


def test_a_customer_is_held_by_one_live_run_of_a_connection(journal):
    first = journal.record(plan_of([customer(1), customer(2)]), NOW, who=ROBIN)
    overlapping = plan_of([customer(2), customer(3)], reason="Other")
    with pytest.raises(RunsOverlap, match=first.id) as refused:
        journal.record(overlapping, NOW, who=ROBIN)
    assert refused.value.run_id == first.id
    assert len(journal.reads.runs()) == 1
    journal.record(plan_of([customer(2)], fingerprint="f" * 16), NOW, who=ROBIN)  # another account has its own customers
    journal.cancel(first.id, words=said(""), now=NOW, who=ROBIN)
    assert journal.record(overlapping, NOW, who=ROBIN).state is RunState.PLANNED


@pytest.mark.parametrize("end", [RunState.FINISHED, RunState.CANCELLED, RunState.PAUSED, RunState.INTERRUPTED])
def test_only_an_ended_run_lets_its_customers_go(journal, end):
    run = started(journal, 1)
    journal.end(run.id, end, words=said(""), now=NOW, who=ROBIN)
    other = plan_of([customer(1)], reason="Other")
    if end in (RunState.FINISHED, RunState.CANCELLED):
        journal.record(other, NOW, who=ROBIN)
    else:
        with pytest.raises(RunsOverlap):
            journal.record(other, NOW, who=ROBIN)


def test_of_many_threads_that_record_overlapping_plans_exactly_one_wins(journal):
    plans = [plan_of([customer(1), customer(number)], reason=f"Reason {number}") for number in range(2, 10)]
    outcomes = []

    def record(plan):
        try:
            outcomes.append(journal.record(plan, NOW, who=ROBIN).id)
        except RunsOverlap as exc:
            outcomes.append(exc)

    threads = [threading.Thread(target=record, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(outcomes) == 8
    assert [run.id for run in journal.reads.runs()] == winners
    assert len(winners) == 1


def test_of_many_threads_that_begin_a_step_exactly_one_may_call(journal):
    run = started(journal, 1)
    step = journal.reads.step(run.id, id_of(1))
    won, refused = [], []

    def take():
        try:
            won.append(begin(journal, step))
        except IllegalTransition as exc:
            refused.append(exc)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refused)) == (1, 7)
    assert journal.reads.step(run.id, id_of(1)).attempts == 1


def test_a_worker_that_lost_its_run_sends_nothing_more(journal):
    run = started(journal, 1)
    step = journal.reads.step(run.id, id_of(1))
    with pytest.raises(IllegalTransition):
        begin(journal, step, owner="host:2:b")
    journal.end(run.id, RunState.PAUSED, words=said(""), now=NOW, who=ROBIN)
    with pytest.raises(IllegalTransition):
        begin(journal, step)
    assert journal.reads.step(run.id, id_of(1)).state is StepState.PLANNED


def test_a_stale_step_moves_nothing(journal):
    run = started(journal, 1)
    stale = begin(journal, journal.reads.step(run.id, id_of(1)))
    settle(journal, stale, StepState.VERIFIED, after=customer(1, is_active=False))
    with pytest.raises(IllegalTransition):
        settle(journal, stale, StepState.NOT_APPLIED)
    assert journal.reads.step(run.id, id_of(1)).state is StepState.VERIFIED


def test_moves_of_a_run_that_the_table_forbids_are_refused(journal):
    run = started(journal, 1)
    with pytest.raises(IllegalTransition):
        journal.claim(run.id, owner="host:2:b", now=NOW, who=KIM)
    with pytest.raises(IllegalTransition):
        journal.cancel(run.id, words=said(""), now=NOW, who=KIM)
    journal.end(run.id, RunState.CANCELLED, words=said(""), now=NOW, who=ROBIN)
    for refused in (
        lambda: journal.claim(run.id, owner=OWNER, now=NOW, who=KIM),
        lambda: journal.retry(run.id, owner=OWNER, now=NOW, who=KIM),
        lambda: journal.request(run.id, "pause", now=NOW, who=KIM),
        lambda: journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=KIM),
    ):
        with pytest.raises(IllegalTransition):
            refused()
    assert journal.reads.run(run.id).state is RunState.CANCELLED


def test_a_late_pause_does_not_take_the_place_of_a_cancel(journal):
    run = started(journal, 1)
    for what in ("pause", "pause", "cancel"):
        journal.request(run.id, what, now=NOW, who=KIM)
        assert journal.reads.orders(run.id).requested == what
    with pytest.raises(IllegalTransition):
        journal.request(run.id, "pause", now=NOW, who=KIM)
    assert journal.reads.orders(run.id).requested == "cancel"


def test_runs_are_counted_and_read_by_state_and_page(journal):
    recorded = [journal.record(plan_of([customer(n)], now=NOW), NOW + timedelta(hours=n), who=ROBIN).id for n in range(1, 6)]
    journal.cancel(recorded[1], words=said(""), now=NOW, who=ROBIN)
    assert journal.reads.run_counts() == {RunState.PLANNED: 4, RunState.CANCELLED: 1}
    assert [run.id for run in journal.reads.runs(2, offset=1, state=RunState.PLANNED)] == [recorded[3], recorded[2]]
    assert [run.id for run in journal.reads.runs(2, offset=3)] == [recorded[1], recorded[0]]


def test_an_unknown_run_is_named_so(journal):
    for ask in (journal.reads.run, journal.reads.plan, journal.reads.orders, journal.reads.totals):
        with pytest.raises(RunNotFound):
            ask("run_x")
    with pytest.raises(RunNotFound):
        journal.claim("run_x", owner=OWNER, now=NOW, who=ROBIN)


def test_a_retry_takes_only_what_may_be_tried_again_and_holds_it(journal):
    run = started(journal, 1, 2, 3, 4)
    ends = [StepState.VERIFIED, StepState.NOT_APPLIED, StepState.UNKNOWN, StepState.FAILED]
    for step, end in zip(journal.reads.steps(run.id), ends, strict=True):
        settle(journal, begin(journal, step), end)
    journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)
    journal.retry(run.id, owner=OWNER, now=NOW, who=ROBIN)
    states = [step.state for step in journal.reads.steps(run.id)]
    assert states == [StepState.VERIFIED, StepState.PLANNED, StepState.UNKNOWN, StepState.PLANNED]
    journal.record(plan_of([customer(1)], reason="Other"), NOW, who=ROBIN)
    with pytest.raises(RunsOverlap):
        journal.record(plan_of([customer(2)], reason="Other"), NOW, who=ROBIN)


def test_a_retry_is_refused_when_another_run_holds_a_customer_by_now(journal):
    run = started(journal, 1)
    settle(journal, begin(journal, journal.reads.steps(run.id)[0]), StepState.NOT_APPLIED)
    journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)
    other = journal.record(plan_of([customer(1)], reason="Other"), NOW, who=ROBIN)
    with pytest.raises(RunsOverlap, match=other.id):
        journal.retry(run.id, owner=OWNER, now=NOW, who=ROBIN)
    assert journal.reads.run(run.id).state is RunState.FINISHED
    assert journal.reads.steps(run.id)[0].state is StepState.NOT_APPLIED


def test_an_undo_and_its_run_point_at_each_other(journal):
    run = started(journal, 1)
    settle(journal, begin(journal, journal.reads.steps(run.id)[0]), StepState.VERIFIED, after=customer(1, is_active=False))
    journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)
    undo = journal.record(plan_of([customer(1, is_active=False)], action=Action.REACTIVATE, undo_of=run.id), NOW, who=ROBIN)
    assert undo.undo_of == run.id
    assert journal.reads.run(run.id).undone_by == undo.id


@pytest.mark.parametrize(
    ("fields", "error"),
    [({"undo_of": "run_x"}, RunNotFound), ({"undo_of": "run", "fingerprint": "f" * 16}, OtherConnection)],
)
def test_an_undo_of_a_run_that_is_not_here_is_refused(journal, fields, error):
    run = journal.record(plan_of([customer(2)]), NOW, who=ROBIN)
    fields["undo_of"] = fields["undo_of"].replace("run_x", "run_0") if error is RunNotFound else run.id
    with pytest.raises(error):
        journal.record(plan_of([customer(1)], **fields), NOW, who=ROBIN)


@pytest.mark.parametrize(
    ("number", "fields", "words"),
    [
        (2, {"action": Action.REACTIVATE}, r"did not change Clinic 2 \(cus_0+2\)"),  # skipped by that run
        (3, {"action": Action.REACTIVATE}, r"did not change Clinic 3 \(cus_0+3\)"),  # not in it at all
        (1, {"action": Action.DEACTIVATE}, "did so itself"),
    ],
)
def test_only_the_opposite_for_whom_the_run_verified_is_an_undo(journal, number, fields, words):
    run = started(journal, 1, 2)
    one, two = journal.reads.steps(run.id)
    settle(journal, begin(journal, one), StepState.VERIFIED, after=customer(1, is_active=False))
    settle(journal, two, StepState.SKIPPED)
    journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)
    plan = plan_of([customer(number)], undo_of=run.id, now=NOW + timedelta(days=1), **fields)
    with pytest.raises(PlanError, match=words):
        journal.audit.check_undo(plan)
    with pytest.raises(PlanError, match=words):
        journal.record(plan, NOW, who=ROBIN)
    assert len(journal.reads.runs()) == 1
    assert journal.reads.run(run.id).undone_by is None


def test_history_tells_every_run_of_a_customer_newest_first(journal):
    first = started(journal, 1, 2)
    journal.end(first.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)
    later = NOW + timedelta(days=1)
    second = journal.record(plan_of([customer(2)], now=later), later, who=ROBIN)
    assert [(run.id, step.customer_id) for run, step in journal.reads.history(id_of(2))] == [
        (second.id, id_of(2)),
        (first.id, id_of(2)),
    ]
    assert journal.reads.history(id_of(9)) == ()
    assert journal.reads.history(id_of(2).upper()) == journal.reads.history(id_of(2))


def test_a_customer_is_found_whatever_case_its_id_had_in_a_run(journal):
    written = id_of(10)[:4] + id_of(10)[4:].upper()
    run = journal.record(plan_of([customer(10).model_copy(update={"id": written})]), NOW, who=ROBIN)
    for asked in (written, id_of(10)):
        assert [step.customer_id for _, step in journal.reads.history(asked)] == [written]
        assert journal.reads.step(run.id, asked).customer_id == written
        assert sum(journal.reads.run_counts(asked).values()) == 1


def test_whom_runs_verified_is_told_once_however_many_of_them_did(journal):
    ids = []
    for number, state in enumerate((StepState.VERIFIED, StepState.VERIFIED, StepState.NOT_APPLIED)):
        run = journal.record(plan_of([customer(1), customer(2)], now=NOW + timedelta(days=number)), NOW, who=ROBIN)
        run = journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
        first, second = journal.reads.steps(run.id)
        settle(journal, begin(journal, first), StepState.VERIFIED, after=first.before)
        settle(journal, begin(journal, second), state, after=second.before)
        journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)
        ids.append(run.id)
    assert journal.reads.verified_in(ids) == (id_of(1), id_of(2))
    assert journal.reads.verified_in(ids[2:]) == (id_of(1),)
    assert journal.reads.verified_in([]) == ()


def test_what_runs_left_of_customers_is_told_once_in_the_order_of_the_log(journal, monkeypatch):
    monkeypatch.setattr("lib.journal.reads._ENTRIES_AT_ONCE", 2)
    run = started(journal, 1, 2, 3)
    began = [begin(journal, step) for step in journal.reads.steps(run.id)]
    settle(journal, began[1], StepState.VERIFIED, after=customer(2, is_active=False))
    settle(journal, began[0], StepState.UNKNOWN)  # its record could not be read

    def told(entry, keys=(FINGERPRINT,)):
        found = []
        while (seen := journal.reads.left_since(entry, keys))[0] != entry:
            entry = seen[0]
            found += [(step.customer_id, step.state, step.after.is_active) for step in seen[1]]
        return found, entry

    first, entry = told(0)
    assert first == [(id_of(2), StepState.VERIFIED, False)]
    assert told(entry) == ([], entry)
    settle(journal, journal.reads.step(run.id, id_of(1)), StepState.NOT_APPLIED, after=customer(1))
    settle(journal, began[2], StepState.VERIFIED, after=customer(3, is_active=False))
    assert told(entry)[0] == [(id_of(1), StepState.NOT_APPLIED, True), (id_of(3), StepState.VERIFIED, False)]
    assert told(0, keys=("another account",)) == ([], told(entry)[1])


def test_what_runs_changed_between_two_moments_is_told_with_who_planned_it(journal):
    run = started(journal, 1, 2, 3)
    began = [begin(journal, step) for step in journal.reads.steps(run.id)]
    settle(journal, began[0], StepState.VERIFIED, after=customer(1, is_active=False))
    settle(journal, began[1], StepState.NOT_APPLIED, after=customer(2))
    (step,) = journal.reads.steps(run.id, StepState.VERIFIED)
    moment = timedelta(microseconds=1)

    def told(since, until, keys=(FINGERPRINT,)):
        return [(who, found.customer_id) for who, found in journal.reads.changed_between(since, until, keys)]

    assert told(step.settled_at, step.settled_at) == [("Robin", id_of(1))]
    assert told(step.settled_at + moment, step.settled_at + timedelta(days=1)) == []
    assert told(step.settled_at - timedelta(days=1), step.settled_at - moment) == []
    assert told(step.settled_at, step.settled_at, ("another account",)) == []


def test_steps_come_in_order_by_state_in_pages_and_all_one_by_one(journal):
    run = started(journal, *range(1, 8))
    for step in journal.reads.steps(run.id)[::2]:
        begin(journal, step)
    assert [step.position for step in journal.reads.steps(run.id, StepState.IN_FLIGHT)] == [0, 2, 4, 6]
    assert [step.position for step in journal.reads.steps_to_show(run.id, limit=2, offset=3)] == [3, 4]
    assert [step.position for step in journal.reads.steps_to_show(run.id, StepState.PLANNED, after=1)] == [3, 5]
    assert [step.position for step in journal.reads.every_step(run.id)] == list(range(7))


def test_a_plan_of_several_batches_is_recorded_whole(journal):
    run = journal.record(plan_of([customer(number) for number in range(1, 2502)]), NOW, who=ROBIN)
    assert run.totals.planned == 2501
    assert journal.reads.orders(run.id).state is RunState.PLANNED
    assert run.fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    ("damage", "ask"),
    [
        ("DELETE FROM log_head", "note"),
        ("UPDATE views SET saved_at = 'soon'", "views"),
        ("UPDATE views SET saved_at = ''", "views"),
        ("UPDATE drafts SET saved_at = 'soon'", "drafts"),
    ],
)
def test_what_can_not_be_read_of_the_tables_is_told_in_words(place, damage, ask):
    journal = place.open()
    journal.record(plan_of([customer(1)]), NOW, who=ROBIN)
    journal.views.save(FINGERPRINT, {FINGERPRINT}, "mine", "body", who=ROBIN, now=NOW)
    journal.drafts.save(Save("one", FINGERPRINT, "Robin", NOW, {id_of(1): Picked(Way.LISTED)}))
    place.run(damage)
    asks = {
        "note": lambda: journal.log.note(NO_RUN, "export", now=NOW, who=ROBIN),
        "views": lambda: journal.views.saved([FINGERPRINT]),
        "drafts": lambda: journal.drafts.heads([FINGERPRINT]),
        "runs": journal.reads.runs,
        "left": lambda: journal.reads.left_since(0, {FINGERPRINT}),
    }
    for name, each in asks.items():
        with pytest.raises(JournalDamaged, match="damaged") if name == ask else nullcontext():
            each()
