"""Canary, caps, protected customers, breaker and probe, as a whole run shows them."""

import pytest

from lib.errors import CapExceeded, IllegalTransition, NotCounted
from lib.gate import Gate
from lib.people import Person, SignIn
from lib.plans.model import Action, Hold, RunState, StepState
from lib.plans.policy import Canary, Caps, Policy, ProtectedCustomers, Thresholds
from lib.runs.worker import Worker
from tests.runs.fakes import FINGERPRINT, KIM, NOW, ROBIN, FakeApi, customer, id_of, plan_of

PATIENCE = 20.0
CANARY = Policy(canary=Canary(steps=3, from_size=5))


class Bench:
    def __init__(self, journal, records, policy, orders=lambda *_: "ok", **options):
        self.journal, self.records, self.policy = journal, records, policy
        self.api = FakeApi(records, orders)
        self.worker = self.another_worker(policy, **options)

    def another_worker(self, policy, **options):
        usual = {"now": lambda: NOW, "sleep": lambda _: None, "concurrency": 4}
        return Worker(self.journal, {FINGERPRINT: self.api}.get, policy=policy, **{**usual, **options})

    def record(self, **fields):
        return self.journal.record(plan_of(self.records, **fields), NOW, who=ROBIN)

    def carried(self, run=None, **fields):
        run = run or self.worker.submit(self.record(**fields).id, who=ROBIN)
        assert self.worker.join(run.id, PATIENCE)
        return self.journal.reads.run(run.id)


def customers(count, **fields):
    return [customer(number, **fields) for number in range(1, count + 1)]


def events(bench, run):
    return [entry.event for entry in bench.journal.log.entries(run.id)]


def test_a_large_run_holds_after_its_canary_and_a_person_lets_it_go_on(journal):
    bench = Bench(journal, customers(8), CANARY)
    run = bench.carried()
    assert (run.state, run.hold, run.totals.verified, run.totals.planned) == (RunState.PAUSED, Hold.CANARY, 3, 5)
    assert run.words.startswith("The first 3 customers are done: 3 verified.")
    assert sorted(bench.api.changes()) == [id_of(1), id_of(2), id_of(3)]
    assert "canary" in events(bench, run)
    assert (run.on_canary, run.canary) == (True, 3)  # whoever looks at it knows which ones they are
    resumed = bench.worker.resume(run.id, who=ROBIN)
    assert (resumed.on_canary, resumed.canary) == (False, None)
    run = bench.carried(resumed)
    assert (run.state, run.hold, run.totals.verified) == (RunState.FINISHED, None, 8)


def test_a_start_that_another_one_came_before_does_not_let_the_run_go_on_from_its_canary(journal):
    """Two people press *Start*: while the second one's is being counted, the first one's holds for a look already."""
    bench, carried = Bench(journal, customers(8), CANARY), []

    def count():
        carried.append(bench.carried(bench.worker.submit(run.id, who=ROBIN)))
        return 100

    late, run = bench.another_worker(CANARY, active_total=count), bench.record()
    with pytest.raises(IllegalTransition, match="it has changed meanwhile, and it is paused now"):
        late.submit(run.id, who=KIM)
    assert carried[0].on_canary
    assert journal.reads.run(run.id) == carried[0]
    assert len(bench.api.changes()) == 3


def test_a_small_run_has_no_canary(journal):
    assert Bench(journal, customers(4), CANARY).carried().state is RunState.FINISHED


@pytest.mark.parametrize(("orders", "state"), [("ok", RunState.FINISHED), ("still", RunState.PAUSED)])
def test_a_run_goes_on_by_itself_only_if_that_was_chosen_and_all_are_verified(journal, orders, state):
    bench = Bench(journal, customers(8), CANARY)
    bench.api.script = lambda what, id_, _nth: orders if (what, id_) == ("deactivate", id_of(2)) else "ok"
    run = bench.carried(goes_on=True)
    assert run.state is state
    assert (run.hold is Hold.CANARY) == (orders == "still")
    assert "canary" in events(bench, run)


def test_trouble_within_the_canary_does_not_end_it(journal):
    bench = Bench(journal, customers(8), CANARY)
    bench.api.script = lambda what, _id, _nth: "401" if what == "deactivate" and len(bench.api.changes()) == 2 else "ok"
    run = bench.carried()
    assert run.hold is Hold.BREAKER
    bench.api.script = lambda *_: "ok"
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.hold, run.totals.verified) == (Hold.CANARY, 3)


def test_the_step_that_goes_first_after_a_pause_is_one_of_the_canary(journal):
    policy = Policy(canary=Canary(steps=2, from_size=4), breaker=Thresholds(in_a_row=2))
    bench = Bench(journal, customers(8), policy, lambda what, *_: "no-answer-after" if what != "get" else "ok", concurrency=1)
    run = bench.carried()
    assert (run.hold, run.totals.verified) == (Hold.BREAKER, 2)
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.hold, len(bench.api.changes())) == (Hold.CANARY, 2)


@pytest.mark.parametrize(
    ("caps", "active", "words"),
    [
        (Caps(max_customers=4), 50, "5 customers; one run may have at most 4"),
        (Caps(max_users=9), 50, "10 users; one run may affect at most 9"),
        (Caps(max_percent=10), 49, "which is 4"),
    ],
)
def test_caps_are_counted_again_when_a_run_starts(journal, caps, active, words):
    bench = Bench(journal, customers(5, user_count=2), Policy(caps=caps), active_total=lambda: active)
    run = bench.record()
    with pytest.raises(CapExceeded, match=words):
        bench.worker.submit(run.id, who=ROBIN)
    assert bench.api.calls == []
    assert journal.reads.run(run.id).state is RunState.PLANNED


def test_nothing_is_deactivated_before_the_active_customers_are_counted(journal):
    bench = Bench(journal, customers(5), Policy(), active_total=lambda: None)
    run = bench.record()
    with pytest.raises(NotCounted, match="not counted yet"):
        bench.worker.submit(run.id, who=ROBIN)
    assert journal.reads.run(run.id).state is RunState.PLANNED
    unlimited = bench.another_worker(Policy(caps=Caps(max_percent=100)), active_total=lambda: None)
    unlimited.submit(run.id, who=ROBIN)
    assert unlimited.join(run.id, PATIENCE)


def test_a_retry_counts_no_users_twice(journal):
    policy = Policy(caps=Caps(max_users=10))
    bench = Bench(journal, customers(5, user_count=2), policy, lambda what, *_: "still" if what == "deactivate" else "ok")
    run = bench.carried()
    assert run.totals.not_applied == 5
    bench.api.script = lambda *_: "ok"
    run = bench.carried(bench.worker.retry(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 5)


@pytest.mark.parametrize("answer", ["404", "bad-answer"])
def test_answers_that_say_the_same_of_every_customer_pause_the_run(journal, answer):
    """A login page in the way, or a gateway that knows no address, must not burn through the list."""
    policy = Policy(breaker=Thresholds(in_a_row=3))
    bench = Bench(journal, customers(20), policy, lambda *_: answer, concurrency=1)
    run = bench.carried()
    assert (run.state, run.hold, run.totals.failed, run.totals.planned) == (RunState.PAUSED, Hold.BREAKER, 3, 17)
    assert "3 steps in a row met trouble" in run.words


def test_a_cancelled_run_reads_back_what_is_unknown(journal):
    policy = Policy(breaker=Thresholds(in_a_row=1))
    bench = Bench(journal, customers(3), policy, concurrency=1)
    bench.api.script = lambda what, _id, nth: {"deactivate": "no-answer-after", "get": "unreachable" if nth else "ok"}[what]
    run = bench.carried()
    assert (run.state, run.totals.unknown) == (RunState.PAUSED, 1)
    bench.api.script = lambda *_: "ok"
    bench.worker.cancel(run.id, who=ROBIN)
    run = bench.carried(run)
    assert (run.state, run.totals.verified, run.totals.planned) == (RunState.CANCELLED, 1, 2)


def test_the_log_names_who_had_the_run_carried_out(journal):
    bench = Bench(journal, customers(2), Policy())
    run = bench.record(operator="Sam")
    bench.carried(bench.worker.submit(run.id, who=KIM))
    who = {entry.event: entry.who for entry in journal.log.entries(run.id)}
    assert who == {"planned": "Robin", "approved": "Kim", "attempt": "Kim", "result": "Kim", "finish": "Express Ops"}


def test_a_resumed_run_counts_what_it_has_deactivated_as_active_before(journal):
    bench = Bench(journal, customers(6), Policy(caps=Caps(max_percent=50), canary=Canary(steps=3, from_size=1)))
    bench.worker = bench.another_worker(
        bench.policy, active_total=lambda: 12 - sum(not record.is_active for record in bench.api.records.values())
    )
    run = bench.carried()
    assert bench.carried(bench.worker.resume(run.id, who=ROBIN)).state is RunState.FINISHED


def test_users_that_came_since_the_review_count(journal):
    policy = Policy(drift=frozenset({"active"}), caps=Caps(max_users=10))
    bench = Bench(journal, customers(5, user_count=2), policy)
    bench.api.records = {id_: record.model_copy(update={"user_count": 4}) for id_, record in bench.api.records.items()}
    run = bench.carried()
    assert (run.state, run.hold, run.totals.verified, run.totals.planned) == (RunState.PAUSED, Hold.CAP, 2, 3)
    assert "12 users would be affected; one run may affect at most 10" in run.words
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.hold, len(bench.api.changes())) == (Hold.CAP, 2)


@pytest.mark.parametrize("preflight", [True, False])
def test_a_protected_customer_is_skipped_in_words(journal, preflight):
    protected = ProtectedCustomers(ids=frozenset({id_of(2)}), metadata={"tier": "gold"})
    bench = Bench(journal, customers(3), Policy(protected=protected, preflight=preflight))
    if preflight:  # it has become protected since the plan was made
        bench.api.records[id_of(3)] = customer(3, metadata={"region": "north", "tier": "Gold"})
    run = bench.carried()
    assert run.totals.skipped == (2 if preflight else 1)
    assert journal.reads.step(run.id, id_of(2)).words == "Protected: its id is in the settings. No call was made."
    assert id_of(2) not in bench.api.changes()


def test_without_preflight_a_step_is_one_request(journal):
    bench = Bench(journal, customers(4), Policy(preflight=False))
    assert bench.carried().totals.verified == 4
    assert {what for what, _ in bench.api.calls} == {"deactivate"}


def test_what_counts_as_a_change_is_a_setting(journal):
    bench = Bench(journal, customers(2), Policy(drift=frozenset({"name"})))
    bench.api.records[id_of(1)] = customer(1, user_count=9, metadata={})
    bench.api.records[id_of(2)] = customer(2, name="Renamed")
    run = bench.carried()
    assert [step.state for step in journal.reads.steps(run.id)] == [StepState.VERIFIED, StepState.SKIPPED]


@pytest.mark.parametrize("fault", ["500", "no-answer", "no-answer-after"])
def test_calls_that_break_in_a_row_pause_the_run_although_each_was_settled(journal, fault):
    policy = Policy(breaker=Thresholds(in_a_row=3))
    bench = Bench(journal, customers(20), policy, lambda what, *_: fault if what == "deactivate" else "ok", concurrency=1)
    run = bench.carried()
    assert (run.state, run.hold, run.totals.planned) == (RunState.PAUSED, Hold.BREAKER, 17)
    assert "3 steps in a row met trouble" in run.words


def test_a_resumed_run_tries_a_single_step_first(journal):
    policy = Policy(breaker=Thresholds(in_a_row=3))
    bench = Bench(journal, customers(20), policy, lambda *_: "unreachable", concurrency=1)
    run = bench.carried()
    bench.worker, calls = bench.another_worker(policy, concurrency=8), len(bench.api.calls)
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.hold) == (RunState.PAUSED, Hold.BREAKER)
    assert "first step after resuming" in run.words
    assert len(bench.api.calls) == calls + 1
    bench.api.script = lambda *_: "ok"
    assert bench.carried(bench.worker.resume(run.id, who=ROBIN)).totals.verified == 20


def test_an_undo_is_not_held_up_by_the_share_of_active_customers(journal):
    policy = Policy(caps=Caps(max_percent=1))
    bench = Bench(journal, customers(5, is_active=False), policy, active_total=lambda: 0)
    assert bench.carried(action=Action.REACTIVATE).totals.verified == 5


@pytest.mark.parametrize("moment", ["get", "deactivate"])
@pytest.mark.parametrize(
    ("settings", "words"),
    [("read_only = true", "Express Ops is read-only now"), ("read_only = 1", "settings.toml can't be used any more")],
)
def test_a_run_holds_before_its_next_call_once_the_settings_let_nothing_be_changed(journal, tmp_path, settings, words, moment):
    """Whether that was written while a record was read, or while a call was under way: that one is finished and verified."""

    def orders(what, customer_id, nth):
        if (what, customer_id, nth) == (moment, id_of(3), 0):
            (tmp_path / "settings.toml").write_text(settings)
        return "ok"

    bench = Bench(journal, customers(8), Policy(), orders, concurrency=1, site=Gate(tmp_path, lambda: NOW))
    run = bench.carried()
    called = 2 if moment == "get" else 3
    assert (run.state, run.totals.verified, len(bench.api.changes())) == (RunState.PAUSED, called, called)
    assert (run.totals.in_flight, run.totals.unknown) == (0, 0)
    assert words in run.words
    (tmp_path / "settings.toml").write_text("")
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 8)


@pytest.mark.parametrize("moment", ["get", "deactivate"])
@pytest.mark.parametrize(
    ("people", "holds"),
    [
        ('viewer = ["robin@example.com"]\noperator = ["kim@example.com"]', True),
        ('operator = ["kim@example.com"]', True),
        ("", True),  # the table is gone: nobody gets in by that
        ('operator = ["group:operations"]', False),
    ],
    ids=["viewer by now", "nobody by now", "no table", "by the group"],
)
def test_a_run_holds_before_its_next_call_once_its_person_may_run_nothing_any_more(journal, tmp_path, people, holds, moment):
    """That their login is over meanwhile, or was ended, says nothing of the run: they have gone home."""
    robin = SignIn(NOW, "robin@example.com", groups=frozenset({"operations"}), key="k")
    gate = Gate(tmp_path, lambda: NOW)
    gate.end(robin)

    def orders(what, customer_id, nth):
        if (what, customer_id, nth) == (moment, id_of(3), 0):
            (tmp_path / "settings.toml").write_text(f"[people]\n{people}\n")
        return "ok"

    (tmp_path / "settings.toml").write_text('[people]\noperator = ["robin@example.com", "kim@example.com"]\n')
    bench = Bench(journal, customers(8), Policy(), orders, concurrency=1, site=gate)
    run = bench.carried(bench.worker.submit(bench.record().id, who=Person("Robin", "by login", robin)))
    if not holds:
        assert (run.state, run.totals.verified) == (RunState.FINISHED, 8)
        return
    called = 2 if moment == "get" else 3
    assert (run.state, run.totals.verified, len(bench.api.changes())) == (RunState.PAUSED, called, called)
    assert (run.totals.in_flight, run.totals.unknown) == (0, 0)
    assert "Robin may not run anything any more" in run.words
    assert bench.carried(bench.worker.resume(run.id, who=KIM)).totals.verified == 8
