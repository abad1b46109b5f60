"""A subject says who is left out and why, and its plan keeps that: each by name, or how many they are where they are many."""

import pytest

from lib.plans.model import Action
from lib.plans.plan import MOST_NAMED, PlannedCustomer, Untouched
from lib.plans.policy import ProtectedCustomers
from lib.plans.review import review
from lib.plans.subject import Subject
from lib.plans.undo import Undo
from tests.runs.fakes import NOW, customer, id_of

GUARD = ProtectedCustomers(metadata={"tier": "gold"})


def subject_of(records, **facts):
    planned = [PlannedCustomer(record=record, read_at=NOW) for record in records]
    return Subject(review(planned, Action.DEACTIVATE, NOW, protected=GUARD), "all", **facts)


@pytest.mark.parametrize(
    ("records", "facts", "title", "kept"),
    [
        ([], {}, None, None),
        (
            [customer(2, is_active=False)],
            {},
            "1 customer already inactive, set aside",
            (2, "Clinic 2", "It is inactive already."),
        ),
        (
            [customer(2, metadata={"tier": "gold"})],
            {},
            "1 customer protected, left out",
            (2, "Clinic 2", "Protected: its metadata says tier = “gold”."),
        ),
        ([], {"missing": (id_of(2),)}, "1 pick no longer in the list, left out", (2, "", "No longer in the list.")),
        (
            [],
            {"unread": ((id_of(2), "The API failed to answer."),)},
            "1 customer with a record that could not be read, left out",
            (2, "", "The API failed to answer."),
        ),
        ([], {"taken_out": (customer(2),)}, "1 customer taken out by hand", (2, "Clinic 2", "A person took it out.")),
        (
            [],
            {"passed_over": ((customer(2), "Not picked; dormant says yes: no users."),)},
            "1 candidate of the rules not picked",
            (2, "Clinic 2", "Not picked; dormant says yes: no users."),
        ),
    ],
)
def test_each_kind_is_told_by_name_with_its_reason(records, facts, title, kept):
    subject = subject_of([customer(1), *records], **facts)
    assert list(subject.left_out) == ([title] if title else [])
    told = [(one.customer_id, one.name, one.why) for one in subject.set_aside]
    assert told == ([(id_of(kept[0]), *kept[1:])] if kept else [])


def test_many_of_a_kind_are_named_up_to_a_number_and_the_others_counted():
    idle = [customer(number, is_active=False) for number in range(2, MOST_NAMED + 9)]
    over = ((1234, "Not picked; dormant says yes."),)
    told = subject_of([customer(1), *idle], passed_over=over).set_aside
    assert sum(one.number for one in told) == len(idle) + 1234
    assert len(told) == MOST_NAMED + 2
    assert [(one.who, one.why) for one in told[-2:]] == [
        (f"{len(idle) - MOST_NAMED} customers", f"More of these: {len(idle)} customers already inactive, set aside."),
        ("1,234 customers", "Not picked; dormant says yes."),
    ]


def test_whom_nobody_picked_was_not_left_out_by_the_review():
    idle = [customer(number, is_active=False) for number in range(2, MOST_NAMED + 9)]
    over = [(customer(number), "Not picked; dormant says yes: no users.") for number in range(200, 203 + MOST_NAMED)]
    told = subject_of([customer(1), *idle], passed_over=(*over, (542, "Not picked; dormant says yes."))).set_aside
    assert sum(one.number for one in told if one.not_picked) == len(over) + 542
    assert sum(one.number for one in told if not one.not_picked) == len(idle)


def test_a_plan_of_an_undo_keeps_whom_it_leaves_alone_in_one_place():
    left = Untouched(customer_id=id_of(2), name="Clinic 2", why="It could not be read now.")
    undo = subject_of([customer(1)], undo=Undo("run_1", Action.DEACTIVATE, (), (left,)))
    assert (undo.untouched, undo.set_aside) == ((left,), ())
