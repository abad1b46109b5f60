"""A review warns about what deserves a look and sets aside what is already as asked."""

from datetime import UTC, datetime, timedelta

import pytest

from lib.runs.model import Action
from lib.runs.review import WarningKind, review
from tests.runs.fakes import NOW, customer

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    (item,) = review([record], action, NOW).items
    assert [warning.kind for warning in item.warnings] == kinds
    assert [warning.words for warning in item.warnings] == words


def test_what_is_already_as_asked_is_set_aside_and_not_counted():
    seen = review([customer(1, user_count=2), customer(2, is_active=False, user_count=5)], Action.DEACTIVATE, NOW)
    assert [item.customer.name for item in seen.items] == ["Clinic 1"]
    assert [item.customer.name for item in seen.set_aside] == ["Clinic 2"]
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
    seen = review(records, Action.DEACTIVATE, NOW)
    assert [item.customer.name[-1] for item in seen.items] == ["5", "4", "3", "1", "2"]


def test_those_without_warnings_and_with_few_users_are_carried_out_first():
    records = [customer(1, user_count=9), customer(2), customer(3, user_count=1, updated_at=None), customer(4, user_count=1)]
    seen = review(records, Action.DEACTIVATE, NOW)
    assert [item.customer.name[-1] for item in seen.safest_first] == ["2", "4", "1", "3"]


def test_nothing_picked_is_an_empty_review():
    assert review([], Action.DEACTIVATE, NOW).items == ()
