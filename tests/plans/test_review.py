"""A review warns about what deserves a look and sets aside what is already as asked."""

from datetime import UTC, datetime, timedelta

import pytest

from lib.avara.models import Customer
from lib.plans.model import Action
from lib.plans.plan import PlannedCustomer
from lib.plans.policy import Caps, ProtectedCustomers, check_amount
from lib.plans.review import Review, WarningKind, review
from tests.runs.fakes import NOW, customer, id_of

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
