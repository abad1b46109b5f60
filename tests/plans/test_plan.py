"""A plan is frozen, named by its hash, and can't be had without customers or a reason."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from lib.errors import EmptyPlan, PlanError, ReasonMissing
from lib.evidence.activity import Activity
from lib.plans.model import Action
from lib.plans.plan import Plan, Untouched, canonical_json
from tests.runs.fakes import NOW, customer, id_of, judgement, plan_of

HOSTILE = customer(2, name='=1+1 "مستشفى" 🏥 <b>', metadata={"é": "\u2028", "a": '{"x":1}'}, updated_at=None)


def test_a_plan_survives_the_file_it_is_saved_in():
    plan = plan_of([customer(1), HOSTILE], ticket="OPS-7", filter_text="no users", undo_of="run_1")
    opened = Plan.from_json(plan.to_json())
    assert opened == plan
    assert opened.hash == plan.hash
    assert opened.ids == (id_of(1), id_of(2))


def test_the_same_plan_has_the_same_hash_and_a_later_one_another():
    assert plan_of([HOSTILE]).hash == plan_of([HOSTILE]).hash
    assert plan_of([HOSTILE]).hash != plan_of([HOSTILE], now=NOW + timedelta(microseconds=1)).hash


def test_the_hash_does_not_depend_on_the_time_zone_of_the_clock():
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    assert plan_of([HOSTILE], now=tokyo).hash == plan_of([HOSTILE]).hash


@pytest.mark.parametrize(
    "change",
    [
        {"action": Action.REACTIVATE},
        {"reason": "Another reason"},
        {"ticket": "OPS-8"},
        {"operator": "Kim"},
        {"fingerprint": "f" * 16},
        {"filter_text": "region = south"},
        {"undo_of": "run_1"},
        {"base_url": "https://other.example"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_hash_covers_every_field(change):
    assert plan_of([HOSTILE], **change).hash != plan_of([HOSTILE]).hash


def test_the_hash_covers_the_records_and_their_order():
    one, two = customer(1), customer(2)
    hashes = {plan_of(records).hash for records in ([one, two], [two, one], [one], [one, customer(2, user_count=1)])}
    assert len(hashes) == 4


@pytest.mark.parametrize("reason", ["", "  \n\t", "\u200b\u00ad", " \u2800\u3164\ufe0f\x1b "])
def test_a_reason_is_required(reason):
    with pytest.raises(ReasonMissing):
        plan_of([customer()], reason=reason)


def test_a_plan_needs_a_customer():
    with pytest.raises(EmptyPlan):
        plan_of([])


def test_a_customer_is_in_a_plan_once_whatever_the_case_of_its_id():
    twin = customer(0xAB).model_copy(update={"id": "cus_" + f"{0xAB:032X}"})
    with pytest.raises(PlanError, match="more than once"):
        plan_of([customer(0xAB), twin])


def test_a_plan_file_with_a_customer_twice_is_refused_with_its_name():
    told = json.loads(plan_of([customer(1), customer(2)]).to_json())
    told["plan"]["customers"] += told["plan"]["customers"][:1]
    told["hash"] = hashlib.sha256(canonical_json(told["plan"]).encode()).hexdigest()
    with pytest.raises(PlanError, match=rf"Clinic 1 \({id_of(1)}\) is in this plan more than once"):
        Plan.from_json(json.dumps(told))


NOT_IN_A_PLAN = {
    "envelope": lambda told: told,
    "plan": lambda told: told["plan"],
    "customer": lambda told: told["plan"]["customers"][0],
    "record": lambda told: told["plan"]["customers"][0]["record"],
    "left alone": lambda told: told["plan"]["left_alone"][0],
    "set aside": lambda told: told["plan"]["set_aside"][0],
}


@pytest.mark.parametrize("depth", NOT_IN_A_PLAN)
def test_what_no_plan_has_is_refused_by_name_at_any_depth(depth):
    left = [Untouched(customer_id=id_of(2), why="Asked so.")]
    told = json.loads(plan_of([customer(1)], left_alone=left, set_aside=left).to_json())
    NOT_IN_A_PLAN[depth](told)["approved_by"] = "Kim"
    with pytest.raises(PlanError, match=r"No plan has this: .*approved_by"):
        Plan.from_json(json.dumps(told))


def test_whom_a_review_set_aside_is_part_of_the_plan_and_absent_where_there_is_nobody():
    left = Untouched(customer_id=id_of(2), why="Asked so.")
    plain, told = plan_of([customer(1)], left_alone=[left]), plan_of([customer(1)], left_alone=[left], set_aside=[left])
    assert not {"set_aside", "name", "number"} & (plain_plan := json.loads(plain.canonical())).keys()
    assert plain_plan["left_alone"] == [{"customer_id": id_of(2), "why": "Asked so."}]
    assert plain.hash != told.hash
    assert Plan.from_json(told.to_json()) == told
    for altered in ({"why": "Another reason."}, {"number": 2}, {"name": "Clinic 9"}):
        assert plan_of([customer(1)], left_alone=[left], set_aside=[left.model_copy(update=altered)]).hash != told.hash


SEEN = Activity(NOW, NOW - timedelta(days=400), (0, 0, 0, 214), 3, 1, whole=True)
MINUTE, FAR = timedelta(minutes=1), datetime.max.replace(tzinfo=UTC)
TIMES = {
    "the plan": lambda at: {"now": at},
    "its record was read": lambda at: {"read_at": at},
    "its studies were read": lambda at: {"activity": {"read_at": at}},
    "its newest study came in": lambda at: {"activity": {"newest": at}},
}


def told_at(what, at):
    """A plan file, made at NOW of a record and of studies that were read then, but for one time."""
    usual = {"now": NOW, "read_at": NOW, "activity": {}} | TIMES[what](at)
    activity = replace(SEEN, **usual["activity"])
    told = json.loads(plan_of([customer(1)], judged={id_of(1): judgement(SEEN)}).to_json())
    one = told["plan"]["customers"][0]
    one["read_at"] = json_time(usual["read_at"])
    one["judgement"]["activity"] = TypeAdapter(Activity).dump_python(activity, mode="json")
    told["plan"]["created_at"] = json_time(usual["now"])
    return written(told["plan"])


def json_time(at):
    return TypeAdapter(datetime).dump_python(at, mode="json")


def written(plan):
    """The file of this plan, with its hash: what anybody can make who knows how."""
    return json.dumps({"hash": hashlib.sha256(canonical_json(plan).encode()).hexdigest(), "plan": plan})


@pytest.mark.parametrize("what", TIMES)
@pytest.mark.parametrize(("later", "refused"), [(-MINUTE, False), (5 * MINUTE, False), (6 * MINUTE, True), (FAR - NOW, True)])
def test_no_time_of_a_plan_file_is_later_than_what_it_comes_before(what, later, refused):
    file = told_at(what, NOW + later)
    if refused:
        with pytest.raises(PlanError, match="is yet to come" if what == "the plan" else rf"Clinic 1 \({id_of(1)}\): {what}"):
            Plan.from_json(file, NOW)
    else:
        assert Plan.from_json(file, NOW).ids == (id_of(1),)


def test_a_plan_without_judgements_is_written_as_it_was_before_there_were_any():
    assert "judgement" not in plan_of([HOSTILE]).canonical()
    assert plan_of([HOSTILE], judged={HOSTILE.id: judgement()}).hash != plan_of([HOSTILE]).hash


@pytest.mark.parametrize("activity", [None, SEEN, Activity(NOW, why="403")])
def test_a_judgement_survives_the_file_of_its_plan(activity):
    judged = judgement().model_copy(update={"activity": activity, "words": "=1+1 \u202e مستشفى", "answers": ()})
    plan = plan_of([customer(1), HOSTILE], judged={HOSTILE.id: judged})
    opened = Plan.from_json(plan.to_json())
    assert [planned.judgement for planned in opened.customers] == [None, judged]
    assert (opened.hash, opened.judged) == (plan.hash, plan.judged)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        *((("rules",), value) for value in ("", " \u200b", None, 1, "x" * 2001)),
        *((("hash",), value) for value in ("", "0" * 63, "0" * 65, "G" * 64, f"{'0' * 64}\n", None)),
        *((("answer",), value) for value in ("", "YES", "maybe", "yes\n", True, None)),
        *((("words",), value) for value in ("x" * 10_000_000, 3, ["a"])),
        (("answers",), [{"question": "q", "answer": "yes", "seen": "s"}] * 101),
        (("answers",), [{"question": "q", "answer": "yes", "seen": "s", "more": 1}]),
        (("answers", 0, "seen"), "x" * 2001),
        *((("activity", "read_at"), value) for value in ("2026-03-01T12:00:00", "yesterday", 1772366400, None)),
        *((("activity", "newest"), value) for value in ("2026-03-01", float("nan"), 0)),
        *((("activity", "counts"), value) for value in ([], [0, 0, 0], [0] * 5, [0, 0, 0, -1], [0, 0, 0, 1.5], [True] * 4)),
        *((("activity", "counts"), [0, 0, 0, value]) for value in (float("nan"), float("inf"), 2**70, "1")),
        *((("activity", "cancelled"), value) for value in (-1, 0.5, "0", None)),
        *((("activity", "whole"), value) for value in (1, "true", None)),
        (("activity", "why"), "x" * 2001),
        (("activity", "patient"), "Jo"),
        (("activity",), []),
        (("approved_by",), "Kim"),
    ],
    ids=str,
)
def test_a_judgement_that_is_none_is_refused_as_any_other_damage_of_a_plan_file(at, value):
    told = json.loads(plan_of([customer(1)], judged={id_of(1): judgement(SEEN)}).to_json())
    place = told["plan"]["customers"][0]["judgement"]
    for name in at[:-1]:
        place = place[name]
    place[at[-1]] = value
    told["hash"] = hashlib.sha256(json.dumps(told["plan"], sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    with pytest.raises(PlanError, match="not a plan"):
        Plan.from_json(json.dumps(told))


def test_the_log_has_one_hash_over_all_judgements_and_those_of_the_rule_sets_but_nothing_of_what_they_saw():
    judged = {id_of(number): judgement(hash=f"{number % 2:064x}", words=f"saw {number}") for number in (1, 2, 3)}
    told = plan_of([customer(number) for number in range(1, 5)], judged=judged).judged
    assert (told["customers"], told["rule_sets"]) == (3, [f"{0:064x}", f"{1:064x}"])
    assert "saw" not in str(told)
    judged[id_of(2)] = judgement(hash=f"{0:064x}", words="saw something else")
    assert plan_of([customer(number) for number in range(1, 5)], judged=judged).judged["hash"] != told["hash"]
    assert plan_of([customer(1)]).judged is None


def test_a_name_that_is_there_twice_and_a_field_under_another_name_are_refused():
    text = plan_of([customer(1)]).to_json()
    for other in (
        text.replace('"reason":', '"reason":"Another","reason":'),
        text.replace('"expressCustomerName":', '"name":"Other","expressCustomerName":'),
    ):
        with pytest.raises(PlanError, match="not a plan"):
            Plan.from_json(other)


def test_a_plan_file_without_a_reason_to_see_is_refused():
    told = json.loads(plan_of([customer(1)]).to_json())
    told["plan"]["reason"] = "\u200b"
    with pytest.raises(ReasonMissing):
        Plan.from_json(json.dumps(told))


def test_a_plan_never_changes():
    with pytest.raises(ValidationError):
        plan_of([customer()]).reason = "other"


def altered(text):
    told = json.loads(text)
    told["plan"]["customers"][0]["record"]["userCount"] = 99
    return json.dumps(told)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (altered(plan_of([customer()]).to_json()), "altered"),
        ("", "not a plan"),
        ("[]", "not a plan"),
        ("null", "not a plan"),
        ('{"hash":"x","plan":{}}', "not a plan"),
        (plan_of([customer()]).to_json().replace('"version":1', '"version":2'), "not a plan"),
        (plan_of([customer()]).to_json()[:-9], "not a plan"),
    ],
)
def test_a_file_that_is_no_whole_plan_is_refused_in_words(text, says):
    with pytest.raises(PlanError, match=says):
        Plan.from_json(text)


def test_canonical_json_sorts_keys_and_leaves_no_space():
    assert canonical_json({"b": [1, None, True], "a": {"d": "é", "c": 1.5}}) == '{"a":{"c":1.5,"d":"é"},"b":[1,null,true]}'
