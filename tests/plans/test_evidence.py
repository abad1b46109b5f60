"""Evidence says why a customer was picked, under which filter, and what its record said when it was read."""

from datetime import UTC, datetime, timedelta

import pytest

from lib.plans.evidence import Picked, Way, filters_of, seen_in
from tests.runs.fakes import NOW, customer


@pytest.mark.parametrize(
    ("picked", "words"),
    [
        (
            Picked(Way.TICKED, "active · no users", NOW),
            "Ticked in the table, filter: active · no users; customers as read 2026-03-01 12:00 UTC",
        ),
        (Picked(Way.ALL, "all customers"), "Picked with all that matched, filter: all customers; customers not all read yet"),
        (
            Picked(Way.LISTED, "ids.csv, column id", NOW),
            "Picked from a list: ids.csv, column id; customers as read 2026-03-01 12:00 UTC",
        ),
    ],
)
def test_how_a_customer_was_picked_in_words(picked, words):
    assert picked.words == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"user_count": 1}, ("1 user", "last changed 2025-01-25 12:00 UTC, 400 days before it was read")),
        (
            {"updated_at": NOW + timedelta(minutes=1)},
            ("0 users", "last changed 2026-03-01 12:01 UTC, 0 days before it was read"),
        ),
        (
            {"updated_at": NOW + timedelta(hours=1)},
            ("0 users", "when it last changed is unknown: the record says 2026-03-01 13:00 UTC"),
        ),
        (
            {"updated_at": datetime.min.replace(tzinfo=UTC)},
            ("0 users", "when it last changed is unknown: the record says 0001-01-01 00:00 UTC"),
        ),
        ({"user_count": 1200, "updated_at": None}, ("1,200 users", "when it last changed is unknown")),
    ],
)
def test_what_a_record_said_when_it_was_read(fields, words):
    assert seen_in(customer(**fields), NOW) == words


def test_a_plan_names_each_filter_once_in_the_order_of_its_picks():
    picked = [
        Picked(Way.ALL, "active"),
        Picked(Way.TICKED, "active"),
        Picked(Way.LISTED, "ids.csv"),
        Picked(Way.TICKED, "no users"),
    ]
    assert filters_of(picked) == "active; Picked from a list: ids.csv; no users"
