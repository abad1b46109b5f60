"""A review warns about what deserves a look and sets aside what is already as asked."""

from datetime import UTC, datetime, timedelta

import pytest

from lib.avara.models import Customer, id_key
from lib.evidence.activity import Activity
from lib.evidence.judgement import Answered
from lib.plans.evidence import Picked, Way, filters_of
from lib.plans.model import Action
from lib.plans.plan import PlannedCustomer, make_plan
from lib.plans.policy import Caps, Policy, ProtectedCustomers, check_amount
from lib.plans.review import Review, WarningKind, review
from lib.plans.terms import terms
from tests.runs.fakes import NEVER, NOW, customer, id_of, judgement

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def review_of(records: list[Customer], action: Action = Action.DEACTIVATE, **facts: object) -> Review:
    return review([PlannedCustomer(record=record, read_at=NOW) for record in records], action, NOW, **facts)


def names(reviewed: Review) -> list[str]:
    return [item.customer.name[-1] for item in reviewed.items]


@pytest.mark.parametrize(
    ("record", "action", "kinds", "words"),
    [
        (customer(), Action.DEACTIVATE, [], []),
        (customer(user_count=1), Action.DEACTIVATE, ["has_users"], ["Has 1 user"]),
        (customer(user_count=1204), Action.DEACTIVATE, ["has_users"], ["Has 1,204 users"]),
        (customer(updated_at=NOW - 30 * DAY), Action.DEACTIVATE, ["changed_recently"], ["Changed 30 days ago"]),
        (customer(updated_at=NOW - 31 * DAY), Action.DEACTIVATE, [], []),
        (customer(updated_at=NOW - DAY), Action.DEACTIVATE, ["changed_recently"], ["Changed 1 day ago"]),
        (customer(updated_at=NOW + DAY / 1000), Action.DEACTIVATE, ["changed_recently"], ["Changed today"]),
        (customer(updated_at=NOW + DAY), Action.DEACTIVATE, ["never_dated"], ["When it last changed is unknown"]),
        (customer(updated_at=EPOCH), Action.DEACTIVATE, ["never_dated"], ["When it last changed is unknown"]),
        (customer(updated_at=None), Action.DEACTIVATE, ["never_dated"], ["When it last changed is unknown"]),
        (customer(is_active=False, user_count=3), Action.REACTIVATE, [], []),
    ],
)
def test_warnings(record, action, kinds, words):
    (item,) = review_of([record], action).items
    assert [warning.kind for warning in item.warnings] == kinds
    assert [warning.words for warning in item.warnings] == words


def test_what_a_run_of_ours_changed_says_so():
    (item,) = review_of([customer(updated_at=NOW)], Action.DEACTIVATE, by_us=lambda one: f"by us of {one.name}").items
    assert [warning.words for warning in item.warnings] == ["Changed today by us of Clinic 1"]


STUDIED = Activity(NOW, newest=NOW - 30 * DAY, counts=(0, 1, 1, 1), whole=True)
OLD = Activity(NOW, newest=NOW - 90 * DAY, counts=(0, 0, 1, 1), whole=True)
CAME = ("study_recently", "A study came in on 2026-01-30")


@pytest.mark.parametrize(
    ("judged", "now_known", "warnings"),
    [
        (None, None, []),
        (judgement(), None, []),
        (judgement(answer="no", words="3\nusers\x1b[2J"), None, [("rules_say_no", "The rules say no: 3 users [2J")]),
        (
            judgement(answer="unknown", words="studies not read"),
            None,
            [("rules_cant_tell", "Nobody can tell: studies not read")],
        ),
        (None, STUDIED, [CAME]),
        (None, OLD, []),
        (None, NEVER, []),
        (judgement(STUDIED), None, [CAME]),
        (judgement(), STUDIED, [CAME]),  # one that came in since it was picked
        (judgement(STUDIED), NEVER, [CAME]),
        (judgement(STUDIED, answer="no", words="x"), OLD, [("rules_say_no", "The rules say no: x"), CAME]),
    ],
)
def test_whom_the_rules_did_not_mean_and_who_had_a_study_is_to_be_looked_at_before_it_is_deactivated(
    judged, now_known, warnings
):
    studies = {id_key(id_of(1)): now_known} if now_known else {}
    for action, expected in ((Action.DEACTIVATE, warnings), (Action.REACTIVATE, [])):
        planned = PlannedCustomer(record=customer(is_active=not action.wants_active), read_at=NOW, judgement=judged)
        (item,) = review([planned], action, NOW, studies=studies).items
        assert [(str(one.kind), one.words) for one in item.warnings] == expected


@pytest.mark.parametrize("action", list(Action))
def test_of_how_many_nobody_knows_whether_studies_came_in_is_counted_where_that_speaks_against_it(action):
    judged = {1: None, 2: None, 3: judgement(NEVER), 4: None}
    planned = [
        PlannedCustomer(record=customer(number, is_active=not action.wants_active), read_at=NOW, judgement=said)
        for number, said in judged.items()
    ]
    reviewed = review(planned, action, NOW, studies={id_key(id_of(4)): OLD})
    assert reviewed.studies_unknown == (2 if action is Action.DEACTIVATE else 0)


LIKE = {number: f"City (X), 9 % alike ({id_of(number)}), 100 % alike" for number in (1, 2, 3)}


@pytest.mark.parametrize(
    ("picked", "inactive", "protected", "expected"),
    [  # customers 1, 2 and 3, each with those that a rule set says it looks like
        ({1: [2]}, (), (), {}),
        ({1: [2], 2: [1]}, (), (), {1: "Clinic 2 is picked too: no copy stays", 2: "Clinic 1 is picked too: no copy stays"}),
        ({1: [2], 2: []}, (), (), {1: "Clinic 2 is picked too: no copy stays", 2: "Clinic 1 is picked too: no copy stays"}),
        (
            {1: [2, 3], 2: [1, 3]},
            (),
            (),
            {1: "Clinic 2 is picked too: see that one stays", 2: "Clinic 1 is picked too: see that one stays"},
        ),
        (
            {1: [2, 3], 2: [], 3: []},
            (),
            (),
            {
                1: "Clinic 2 is picked too and 1 more: no copy stays",
                2: "Clinic 1 is picked too: no copy stays",
                3: "Clinic 1 is picked too: no copy stays",
            },
        ),
        ({1: [2], 2: []}, (2,), (), {1: "Clinic 2 is inactive already: no copy stays"}),
        ({1: [2], 2: [1]}, (), (2,), {}),  # one that the settings protect stays
    ],
)
def test_who_goes_with_its_likely_duplicate_says_so_and_nobody_is_left_out_for_it(picked, inactive, protected, expected):
    customers = []
    for number, twins in picked.items():
        said = Answered(
            question="likely duplicate: likeness 95", answer="yes", seen="looks like " + "; ".join(LIKE[one] for one in twins)
        )
        judged = judgement(answers=(said,)) if twins else None
        record = customer(number, is_active=number not in inactive)
        customers.append(PlannedCustomer(record=record, read_at=NOW, judgement=judged))
    guard = ProtectedCustomers(ids=frozenset(map(id_of, protected)))
    seen = review(customers, Action.DEACTIVATE, NOW, protected=guard)
    told = {item.customer.name: warning.words for item in seen.items for warning in item.warnings}
    assert told == {f"Clinic {number}": f"Its likely duplicate {words}" for number, words in expected.items()}
    assert len(seen.items) == len(picked) - len(inactive) - len(protected)


@pytest.mark.parametrize(
    ("way", "judged", "warns"),
    [(Way.RULES, None, True), (Way.RULES, judgement(), False), (Way.TICKED, None, False), (Way.LISTED, judgement(), False)],
)
def test_a_customer_picked_by_rules_whose_answers_are_missing_is_told(way, judged, warns):
    how = Picked(way, "dormant, version 1", NOW)
    plan = make_plan(
        [PlannedCustomer(record=customer(1), read_at=NOW, evidence=(how.words,), judgement=judged)],
        action=Action.DEACTIVATE,
        reason="r",
        operator="Robin",
        fingerprint="f",
        connection_label="c",
        now=NOW,
        filter_text=filters_of([how]),
    )
    (item,) = review(plan.customers, plan.action, NOW).items
    assert [one.kind for one in item.warnings] == ([WarningKind.RULES_UNSAID] if warns else [])
    assert ("not in this plan" in terms(plan, Policy()).get("judged by", "")) is warns


def test_what_is_already_as_asked_is_set_aside_and_not_counted():
    seen = review_of([customer(1, user_count=2), customer(2, is_active=False, user_count=5)])
    assert [item.customer.name for item in seen.items] == ["Clinic 1"]
    assert [record.name for record in seen.set_aside] == ["Clinic 2"]
    assert seen.users_affected == 2
    assert seen.warning_count == 1
    assert seen.counted(WarningKind.HAS_USERS) == 1
    assert seen.counted(WarningKind.NEVER_DATED) == 0


def test_customers_that_need_a_look_come_first_and_else_keep_their_order():
    records = [
        customer(1),
        customer(2),
        customer(3, user_count=1),
        customer(4, user_count=9),
        customer(5, user_count=1, updated_at=None),
    ]
    seen = review_of(records)
    assert names(seen) == ["5", "4", "3", "1", "2"]


def test_those_without_warnings_and_with_few_users_are_carried_out_first():
    records = [customer(1, user_count=9), customer(2), customer(3, user_count=1, updated_at=None), customer(4, user_count=1)]
    seen = review_of(records)
    assert [planned.record.name[-1] for planned in seen.safest_first] == ["2", "4", "1", "3"]


def test_nothing_picked_is_an_empty_review():
    assert review_of([]).items == ()


def test_whom_the_settings_protect_is_told_apart_with_why_whatever_its_status():
    protected = ProtectedCustomers(ids=[id_of(1), id_of(2)])
    seen = review_of([customer(1), customer(2, is_active=False), customer(3)], protected=protected)
    assert [(record.id, why) for record, why in seen.protected] == [
        (id_of(number), "its id is in the settings") for number in (1, 2)
    ]
    assert (names(seen), seen.set_aside) == (["3"], ())


@pytest.mark.parametrize(
    ("users", "caps", "active", "sizes"),
    [
        ([0] * 12, Caps(max_customers=5), None, [5, 5, 2]),
        ([0] * 5, Caps(max_customers=5), None, [5]),
        ([], Caps(), None, []),
        ([4, 4, 4, 9, 1], Caps(max_users=10), None, [2, 1, 2]),
        ([4, 12, 4], Caps(max_users=10), None, [1, 1, 1]),  # too much alone: a run alone, which the caps refuse
        ([0] * 9, Caps(max_percent=20), 20, [4, 3, 2]),  # of 20 active ones, then of 16, then of 13
        ([0] * 3, Caps(max_percent=1), 20, [1, 1, 1]),
        ([3] * 9, Caps(max_customers=4, max_percent=50, max_users=9), 8, [3, 2, 1, 1, 1, 1]),
    ],
)
def test_what_is_too_much_for_one_run_is_cut_into_runs_in_the_order_picked(users, caps, active, sizes):
    whole = review_of([customer(number, user_count=count) for number, count in enumerate(users, start=1)])
    parts = whole.split(caps, active)
    assert [len(part.in_order) for part in parts] == sizes
    assert [item for part in parts for item in part.in_order] == list(whole.in_order)
    for part, before in zip(parts, [sum(sizes[:at]) for at in range(len(sizes))], strict=True):
        if len(part.in_order) > 1:  # one that is too much alone is told by the caps
            check_amount(caps, Action.DEACTIVATE, len(part.in_order), part.users_affected, active and active - before)
