"""What differs between two readings of a record, in words."""

import pytest

from lib.plans.drift import drift
from tests.runs.fakes import NOW, customer

PLANNED = customer(user_count=3, metadata={"region": "north", "tier": "1"})


def changed(**fields):
    return PLANNED.model_copy(update=fields)


@pytest.mark.parametrize(
    ("now_read", "words"),
    [
        (PLANNED, []),
        (changed(updated_at=NOW), []),  # a date alone says nothing about what matters
        (changed(user_count=4), ["users was 3, is now 4"]),
        (changed(name="New"), ["name was “Clinic 1”, is now “New”"]),
        (changed(is_active=False), ["status was active, is now inactive"]),
        (changed(metadata={"region": "south", "tier": "1"}), ["metadata: region was “north”, is now “south”"]),
        (changed(metadata={"region": "north"}), ["metadata: tier was “1”, is now not set"]),
        (
            changed(name="New", metadata={**PLANNED.metadata, "a": "b"}),
            ["name was “Clinic 1”, is now “New”", "metadata: a was not set, is now “b”"],
        ),
    ],
)
def test_what_changed_in_words(now_read, words):
    assert [str(change) for change in drift(PLANNED, now_read)] == words
