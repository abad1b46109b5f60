"""A plan is frozen, named by its hash, and can't be had without customers or a reason."""

import hashlib
import json
from datetime import timedelta, timezone

import pytest
from pydantic import ValidationError

from lib.errors import EmptyPlan, PlanError, ReasonMissing
from lib.plans.model import Action
from lib.plans.plan import Plan, Untouched, canonical_json
from tests.runs.fakes import NOW, customer, id_of, plan_of

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
}


@pytest.mark.parametrize("depth", NOT_IN_A_PLAN)
def test_what_no_plan_has_is_refused_by_name_at_any_depth(depth):
    left = [Untouched(customer_id=id_of(2), why="Asked so.")]
    told = json.loads(plan_of([customer(1)], left_alone=left).to_json())
    NOT_IN_A_PLAN[depth](told)["approved_by"] = "Kim"
    with pytest.raises(PlanError, match=r"No plan has this: .*approved_by"):
        Plan.from_json(json.dumps(told))


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
