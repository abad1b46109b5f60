"""One step, from reading the record to writing what became of it."""

import json
import threading
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from lib.avara.limiter import always
from lib.avara.models import RecordProblem, StudyPage
from lib.errors import BadAnswer, IllegalTransition, JournalUnavailable, NoAnswer, NotAuthorized, Withdrawn
from lib.plans.model import Action, RunState, StepState
from lib.plans.policy import Policy
from lib.plans.words import said
from lib.runs.engine import FRESH, LEASE_LOST, carry_out_step, read_back_step
from lib.runs.judge import Trouble
from lib.runs.tools import Tools
from tests.runs.fakes import KIM, NOW, ROBIN, FakeApi, customer, id_of, judgement, plan_of, script, study

OWNER = "host:1:a"


@pytest.fixture
def tools(journal):
    slept = []
    made = Tools(journal, OWNER, now=lambda: NOW, sleep=slept.append, read_back_waits=(0.1, 0.2, 0.4))
    object.__setattr__(made, "slept", slept)
    return made


def carried(tools, api, record=None, *, wanted=always, **fields):
    run = tools.journal.record(plan_of([record or customer()], **fields), NOW, who=ROBIN)
    run = tools.journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    return carry_out_step(run, tools.journal.reads.steps(run.id)[0], api, tools, wanted=wanted)


@pytest.mark.parametrize(
    ("orders", "state", "words", "changes"),
    [
        ({}, "verified", "", 1),
        ({"deactivate": "still"}, "not_applied", "showed the customer active. Read back, the record is still active", 1),
        ({"deactivate": "no-answer"}, "not_applied", "no usable answer came back. Read back, the record is still active", 1),
        ({"deactivate": "no-answer-after"}, "verified", "", 1),
        ({"deactivate": "bad-answer-after"}, "verified", "", 1),
        ({"deactivate": "wrong-id"}, "verified", "", 1),
        ({"deactivate": "500"}, "not_applied", "failed while answering (status 500). Read back", 1),
        ({"deactivate": "409"}, "not_applied", "refused the call", 1),
        ({"deactivate": "404"}, "failed", "knows no such customer", 1),
        ({"deactivate": "no-answer-after", "get": "ok no-answer"}, "unknown", "could not be read back", 1),
        ({"deactivate": "no-answer-after", "get": "ok 500 500 ok"}, "verified", "", 1),
        ({"deactivate": "no-answer", "get": "ok 404"}, "unknown", "no such customer any more", 1),
        ({"deactivate": "401"}, "planned", "refused the key", 1),
        ({"deactivate": "429"}, "planned", "slow down", 1),
        ({"deactivate": "unreachable"}, "planned", "could not be reached", 1),
        ({"get": "401"}, "planned", "", 0),
        ({"get": "unreachable"}, "planned", "", 0),
        ({"get": "500"}, "planned", "", 0),
        ({"get": "404"}, "failed", "No call was made", 0),
    ],
)
def test_where_a_step_ends(tools, orders, state, words, changes):
    api = FakeApi([customer()], script(**orders))
    step, _ = carried(tools, api)
    assert step.state == state
    assert words in step.words
    assert (words == "") == (step.words == "")
    assert len(api.changes()) == changes
    assert tools.journal.reads.step(step.run_id, step.customer_id) == step
    assert tools.journal.log.verify_chain().ok
    assert tools.journal.audit.all().findings == ()


MINUTE = timedelta(minutes=1)
A_STUDY, NONE = [study(NOW)], []
#: As the parser tells of a study whose createdAt is not a date-time with a zone, or that breaks any other rule.
BROKEN = StudyPage((), (RecordProblem(id_of(1), "createdAt", "text", "must have a zone", study_id="stu_1"),), None)
NO_FACT = "A study came in whose time can't be a fact, so the customer may be alive. No call was made."
PICKED = {id_of(1): judgement()}


@pytest.mark.parametrize(
    ("pages", "state", "words", "calls"),
    [
        ([NONE, NONE], "verified", "", "get peek peek deactivate"),
        ([[study(NOW, is_cancelled=True)], NONE], "verified", "", "get peek peek deactivate"),
        ([[study(NOW + 4 * MINUTE)]], "skipped", "A study came in now (2026-03-01 12:04 UTC)", "get peek"),
        *(
            (pages, "skipped", NO_FACT, "get peek peek")
            for odd in ([study(None)], [study(NOW + 10 * MINUTE)], [study(NOW + 120 * MINUTE)], BROKEN)
            for pages in ([odd, NONE], [NONE, odd])
        ),
        ([BROKEN, A_STUDY], "skipped", "A study came in now", "get peek peek"),
        ([A_STUDY, NONE], "skipped", "A study came in now (2026-03-01 12:00 UTC). No call was made.", "get peek"),
        ([NONE, A_STUDY], "skipped", "A study came in now", "get peek peek"),
        ([A_STUDY, NoAnswer()], "skipped", "A study came in now", "get peek"),  # life is proved: nothing more is asked
        ([NotAuthorized(status=403)], "failed", "studies could not be read again", "get peek"),
        ([NONE, BadAnswer()], "failed", "studies could not be read again", "get peek peek"),
        ([NONE, NotAuthorized(status=401)], "planned", "", "get peek peek"),
        ([NoAnswer()], "planned", "", "get peek"),
    ],
)
def test_a_customer_that_was_picked_by_its_studies_is_asked_for_new_ones_right_before_its_call(
    tools, pages, state, words, calls
):
    api = FakeApi([customer()])
    api.studies[id_of(1)] = pages
    step, _ = carried(tools, api, judged=PICKED)
    assert (step.state, " ".join(what for what, _ in api.calls)) == (state, calls)
    assert words in step.words
    assert (words == "") == (step.words == "")
    assert tools.journal.reads.step(step.run_id, step.customer_id) == step
    assert tools.journal.audit.all().findings == ()


@pytest.mark.parametrize(
    ("judged", "policy", "record", "fields"),
    [
        ({}, {}, {}, {}),
        ({id_of(1): judgement().model_copy(update={"activity": None})}, {}, {}, {}),  # picked by rules that ask for none
        (PICKED, {"drift": frozenset({"users"})}, {}, {}),
        (PICKED, {"preflight": False}, {}, {}),
        (PICKED, {}, {"is_active": False}, {"action": Action.REACTIVATE}),
    ],
    ids=["no rule set", "no activity", "left out by the settings", "nothing is read again", "given back"],
)
def test_studies_are_asked_for_only_where_they_speak_for_the_call(tools, judged, policy, record, fields):
    api = FakeApi([customer(**record)])
    api.studies[id_of(1)] = [A_STUDY]
    step, _ = carried(replace(tools, policy=Policy(**policy)), api, customer(**record), judged=judged, **fields)
    assert step.state is StepState.VERIFIED
    assert ("peek", id_of(1)) not in api.calls


def test_what_else_stands_in_the_way_is_found_before_any_study_is_asked_for(tools):
    api = FakeApi([customer(user_count=4)])
    step, _ = carried(tools, api, judged=PICKED)
    assert (step.state, api.calls) == (StepState.SKIPPED, [("get", id_of(1))])


def test_a_verified_step_keeps_both_records_and_the_facts_of_the_call(tools):
    step, trouble = carried(tools, FakeApi([customer()]))
    assert trouble is None
    assert (step.before.is_active, step.after.is_active) == (True, False)
    assert (step.attempts, step.status, step.request_id, step.seconds) == (1, 200, "req_1", 0.01)
    assert step.started_at == step.settled_at == NOW


def test_reactivating_is_the_same_the_other_way_round(tools):
    record = customer(is_active=False)
    api = FakeApi([record])
    step, _ = carried(tools, api, record, action=Action.REACTIVATE)
    assert step.state is StepState.VERIFIED
    assert api.calls[-1] == ("reactivate", id_of(1))


def test_a_record_that_changed_since_the_review_is_not_called(tools):
    api = FakeApi([customer(user_count=4)])
    step, _ = carried(tools, api)
    assert step.state is StepState.SKIPPED
    assert "users was 0, is now 4" in step.words
    assert step.after.user_count == 4
    assert api.changes() == []


def test_a_record_already_as_asked_costs_no_call(tools):
    api = FakeApi([customer(is_active=False)])
    step, _ = carried(tools, api)
    assert (step.state, api.changes()) == (StepState.SKIPPED, [])
    assert "Already inactive" in step.words


def test_readings_after_a_call_are_spaced_and_end_as_soon_as_one_shows_it(tools):
    carried(tools, FakeApi([customer()], script(deactivate="no-answer")))
    assert tools.slept == [0.1, 0.2, 0.4]
    tools.slept.clear()
    carried(tools, FakeApi([customer(2)], script(deactivate="no-answer-after", get="ok 500 ok")), customer(2))
    assert tools.slept == [0.1, 0.2]


def test_the_intent_is_in_the_journal_before_the_call_goes_out(tools):
    seen = []

    class Watched(FakeApi):
        def deactivate(self, customer_id, /, wanted=always, ready=always):
            seen.append(totals())
            return super().deactivate(customer_id, wanted, lambda: ready() and not seen.append(totals()))

    def totals():
        return tools.journal.reads.run(tools.journal.reads.runs()[0].id).totals

    carried(tools, Watched([customer()]))
    assert [totals.in_flight for totals in seen] == [0, 1]  # not while it waits, but before it goes


class Waiting(FakeApi):
    """Calls have to wait, and are refused, as the limiter and the API please; `happens` meanwhile, one after the other."""

    def __init__(self, records, *happens, refuse=0):
        super().__init__(records)
        self.happens, self.refuse = list(happens), refuse

    def deactivate(self, customer_id, /, wanted=always, ready=always):
        for sent in count():
            if self.happens:
                self.happens.pop(0)()
            if not wanted() or not ready():
                raise Withdrawn(sent=sent)
            if not self.refuse:
                return replace(super().deactivate(customer_id), sent=sent + 1)
            self.refuse -= 1
            self.calls.append(("deactivate", customer_id))
        raise AssertionError


def told(tools, step):
    """What the log says of a step."""
    return [(entry.event, json.loads(entry.payload).get("sent", 1)) for entry in tools.journal.log.entries(step.run_id)[2:]]


@pytest.mark.parametrize("clock", [0, 1], ids=["monotonic", "wall"])
def test_a_record_that_grew_old_while_its_call_waited_is_read_again_and_leaves_no_trace(tools, clock):
    """Also where the machine slept meanwhile, so that only one of the clocks went on."""
    now = [0.0, 0.0]

    def an_hour_later():
        now[clock] += FRESH

    api = Waiting([customer()], an_hour_later)
    step, trouble = carried(replace(tools, clocks=lambda: tuple(now)), api)
    assert (step.state, trouble) == (StepState.VERIFIED, None)
    assert [what for what, _ in api.calls] == ["get", "get", "deactivate"]
    assert told(tools, step) == [("attempt", 1), ("result", 1)]


def test_an_api_that_lets_no_call_follow_its_reading_in_time_keeps_no_customer_waiting_for_good(tools):
    """One request in 50 seconds, say: no record could ever be younger than that when its call may go."""
    now = [0.0]

    class Slow(FakeApi):
        def deactivate(self, customer_id, /, wanted=always, ready=always):
            now[0] += 50
            return super().deactivate(customer_id, wanted, ready)

    api = Slow([customer()])
    step, _ = carried(replace(tools, clocks=lambda: tuple(now)), api)
    assert step.state is StepState.VERIFIED
    assert [what for what, _ in api.calls] == ["get", "get", "get", "deactivate"]


def test_a_record_counts_from_when_its_reading_left_not_from_when_it_began_to_wait(tools):
    now = [0.0]

    class Late(FakeApi):
        def get_customer(self, customer_id, /, wanted=always, ready=always):
            now[0] += 10 * FRESH  # in the queue
            return super().get_customer(customer_id, wanted, ready)

    api = Late([customer()])
    step, _ = carried(replace(tools, clocks=lambda: tuple(now)), api)
    assert step.state is StepState.VERIFIED
    assert [what for what, _ in api.calls] == ["get", "deactivate"]


def test_without_a_reading_before_the_call_nothing_grows_old(tools):
    now = iter(range(0, 10**9, 3600))
    api = Waiting([customer()])
    step, _ = carried(replace(tools, policy=Policy(preflight=False), clocks=lambda: (next(now),)), api)
    assert (step.state, api.calls) == (StepState.VERIFIED, [("deactivate", id_of(1))])


def test_a_record_that_grew_old_while_the_api_asked_to_wait_is_read_again_and_what_was_sent_is_counted(tools):
    now = [0.0]
    api = Waiting([customer()], lambda: None, lambda: now.__setitem__(0, FRESH), refuse=1)
    step, trouble = carried(replace(tools, clocks=lambda: tuple(now)), api)
    assert (step.state, trouble, step.attempts) == (StepState.VERIFIED, None, 2)
    assert [what for what, _ in api.calls] == ["get", "deactivate", "get", "deactivate"]
    assert told(tools, step) == [("attempt", 1), ("returned", 1), ("attempt", 1), ("result", 1)]


def test_every_request_that_left_is_an_attempt_in_the_step_and_the_log(tools):
    step, _ = carried(tools, Waiting([customer()], refuse=4))
    assert (step.state, step.attempts) == (StepState.VERIFIED, 5)
    assert told(tools, step) == [("attempt", 1), ("result", 5)]


@pytest.mark.parametrize(("refuse", "sent"), [(0, 0), (1, 1), (2, 2)])
def test_a_call_that_is_not_wanted_any_more_says_what_was_sent_before(tools, refuse, sent):
    run = tools.journal.record(plan_of([customer()]), NOW, who=ROBIN)
    run = tools.journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    paused = []
    api = Waiting([customer()], *[lambda: None] * refuse, lambda: paused.append(1), refuse=refuse)
    step, trouble = carry_out_step(run, tools.journal.reads.steps(run.id)[0], api, tools, wanted=lambda: not paused)
    assert (step.state, trouble, step.attempts, len(api.changes())) == (StepState.PLANNED, None, sent, sent)
    assert ("nothing was sent" in step.words) is False
    assert told(tools, step) == ([("attempt", 1), ("returned", sent)] if sent else [])


@pytest.mark.parametrize(
    ("held", "written"),
    [(0, 0), (1, 0), (2, 1), (3, 1)],
    ids=["it waits", "before the intent", "after the intent", "the connection stands"],
)
def test_no_call_is_made_once_the_lease_may_have_run_out(tools, held, written):
    answers = iter([True] * held)
    api = FakeApi([customer()])
    step, trouble = carried(replace(tools, held=lambda: next(answers, False)), api)
    assert (step.state, step.attempts, api.changes(), trouble) == (StepState.PLANNED, 0, [], Trouble(LEASE_LOST))
    assert told(tools, step) == [("attempt", 1), ("returned", 0)][: 2 * written]


def test_a_customer_that_is_not_admitted_leaves_no_trace_and_is_asked_for_once_its_turn_has_come(tools):
    run = tools.journal.record(plan_of([customer()]), NOW, who=ROBIN)
    run = tools.journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    api, seen = FakeApi([customer()]), []
    step, trouble = carry_out_step(
        run, tools.journal.reads.steps(run.id)[0], api, tools, admit=lambda record: seen.append(record) or said("Too many.")
    )
    assert (step.state, step.attempts, api.changes()) == (StepState.PLANNED, 0, [])
    assert (trouble, seen, told(tools, step)) == (Trouble(said("Too many."), at_once=True), [customer()], [])


def test_trouble_is_told_before_the_record_is_read_back_for_seconds(tools):
    """Else the calls that met trouble would seem to come in a row: those in between are settled long before them."""
    told = []
    tools = replace(tools, sleep=lambda _: told.append("waits"))
    run = tools.journal.record(plan_of([customer()]), NOW, who=ROBIN)
    run = tools.journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    api = FakeApi([customer()], script(deactivate="500"))
    carry_out_step(run, tools.journal.reads.steps(run.id)[0], api, tools, heard=lambda trouble: told.append(trouble.words.text))
    assert told[0].startswith("The API failed")
    assert told[1:] == ["waits"] * 3


def test_no_intent_is_written_for_a_call_that_nobody_wants_any_more(tools):
    api = FakeApi([customer()])
    run = tools.journal.record(plan_of([customer()]), NOW, who=ROBIN)
    run = tools.journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    answers = iter([True, False])  # the reading may go, and then somebody pauses the run
    step, _ = carry_out_step(run, tools.journal.reads.steps(run.id)[0], api, tools, wanted=lambda: next(answers))
    assert (step.state, step.attempts, api.changes()) == (StepState.PLANNED, 0, [])


def test_no_call_is_made_when_the_intent_can_not_be_written(tools, monkeypatch):
    def full(*_, **__):
        raise JournalUnavailable

    monkeypatch.setattr(tools.journal.steps, "begin", full)
    api = FakeApi([customer()])
    with pytest.raises(JournalUnavailable):
        carried(tools, api)
    assert api.changes() == []


@pytest.mark.parametrize("order", ["pause", "cancel", "taken over"])
def test_a_call_is_not_sent_where_another_process_ordered_otherwise_while_its_connection_was_made(tools, order):
    """This process hears of an order when it looks the next time; until the connection stood, it had not."""
    run = tools.journal.record(plan_of([customer()]), NOW, who=ROBIN)
    run = tools.journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)

    def dialled():
        if order == "taken over":
            tools.journal.end(run.id, RunState.INTERRUPTED, words=said("Late."), now=NOW, who=KIM)
            tools.journal.claim(run.id, owner="host:1:b", now=NOW, who=KIM)
        else:
            tools.journal.request(run.id, order, now=NOW, who=KIM)

    class Dialling(FakeApi):
        def deactivate(self, customer_id, /, wanted=always, ready=always):
            assert ready()
            dialled()
            clock[0] += 0.05
            return super().deactivate(customer_id, wanted)

    clock = [1000.0]
    api = Dialling([customer()])
    steps = tools.journal.reads.steps(run.id)
    with nullcontext() if order != "taken over" else pytest.raises(IllegalTransition):  # the other one settles the step
        step, trouble = carry_out_step(run, steps[0], api, replace(tools, clocks=lambda: tuple(clock)))
        assert (step.state, step.attempts, trouble) == (StepState.PLANNED, 0, None)
    assert api.changes() == []


def left_in_flight(tools, state=None):
    run = tools.journal.record(plan_of([customer()]), NOW, who=ROBIN)
    run = tools.journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    step = tools.journal.steps.begin(tools.journal.reads.steps(run.id)[0], owner=OWNER, now=NOW, who=ROBIN)
    if state is not None:
        step = tools.journal.steps.settle(step, state, now=NOW, who=ROBIN, words=said("Why."))
    return run, step


@pytest.mark.parametrize("state", [None, StepState.UNKNOWN])
@pytest.mark.parametrize(
    ("record", "get", "again", "ends"),
    [
        (customer(is_active=False), "ok", False, "verified"),
        (customer(), "ok", False, "not_applied"),
        (customer(), "ok", True, "planned"),
        (customer(), "no-answer", True, "unknown"),
    ],
)
def test_an_open_step_is_read_back_and_never_sent_again(tools, state, record, get, again, ends):
    run, step = left_in_flight(tools, state)
    api = FakeApi([record], script(get=get))
    step, trouble = read_back_step(run, step, api, tools, again=again)
    assert step.state == ends
    assert api.changes() == []
    assert (trouble is not None) == (get == "no-answer")
    assert (trouble.words.text if trouble else "") == (NoAnswer().message if trouble else "")


@pytest.mark.parametrize("what", ["pause", "cancel"])
def test_a_refused_call_is_not_repeated_once_an_order_is_in_the_journal_however_lately(tools, what):
    class Refusing(FakeApi):
        def deactivate(self, customer_id, /, wanted=always, ready=always):
            assert ready()
            tools.journal.request(run.id, what, now=NOW, who=KIM)  # as another process would, while the API asks to wait
            assert not ready()
            raise Withdrawn(sent=1)

    run = tools.journal.record(plan_of([customer()]), NOW, who=ROBIN)
    run = tools.journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    step, trouble = carry_out_step(run, tools.journal.reads.steps(run.id)[0], Refusing([customer()]), tools)
    assert (step.state, step.attempts, trouble) == (StepState.PLANNED, 1, None)


def test_a_call_that_is_stopped_while_its_connection_is_made_is_not_sent(tools):
    """The intent stands in the journal by then: it says that nothing was sent, and the step is planned as before."""
    dialled = threading.Event()

    class Dialling(FakeApi):
        def deactivate(self, customer_id, /, wanted=always, ready=always):
            return super().deactivate(customer_id, wanted, lambda: ready() and not dialled.set())

    api = Dialling([customer()])
    step, trouble = carried(tools, api, wanted=lambda: not dialled.is_set())
    assert (step.state, step.attempts, api.changes(), trouble) == (StepState.PLANNED, 0, [], None)
    assert told(tools, step) == [("attempt", 1), ("returned", 0)]
