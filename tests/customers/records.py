"""Records for these tests: one by hand, or any that the rules allow."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from lib.avara.models import LARGEST_COUNT, Customer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
API_KEY_ID = UUID("550e8400-e29b-41d4-a716-446655440000")
USER_ID = "usr_1234567890abcdef1234567890abcdef"


def an_id(number):
    return f"cus_{number:032x}"


def made(**fields):
    # Of the class itself, hypothesis would guess values for the aliases too.
    return Customer(**fields)


def customer(number=1, **changes):
    """A sound customer; the number makes its id."""
    fields = {
        "id": an_id(number),
        "name": f"Hospital {number}",
        "is_active": True,
        "user_count": 3,
        "created_at": datetime(2024, 1, 15, 9, tzinfo=UTC),
        "updated_at": datetime(2025, 3, 15, 14, 20, tzinfo=UTC),
        "metadata": {"department": "radiology", "region": "northeast"},
    }
    return Customer(**{**fields, **changes})


#: Text as hostile or odd as the API may send it, and words that meet each other often enough to be found.
texts = st.text(max_size=12) | st.sampled_from(
    ["Gdańsk", "GDANSK", "Ward 2", "Ward 10", "ward 002", "=1+1", "'=1", "\ufeff", "a\nb", "مستشفى", "ＡＢＣ", "straße", "x\0y"]
)
times = (
    st.none()
    | st.datetimes(timezones=st.just(UTC))
    | st.builds(lambda hours: NOW - timedelta(hours=hours), st.integers(0, 20_000))
)
customers = st.builds(
    made,
    id=st.builds(an_id, st.integers(0, 12) | st.integers(0, 16**32 - 1)),
    name=texts.filter(bool),
    is_active=st.booleans(),
    user_count=st.sampled_from([0, 1, 2, 7, LARGEST_COUNT]),
    created_at=times,
    updated_at=times,
    created_by_api_key_id=st.none() | st.just(API_KEY_ID) | st.uuids(),
    created_by_user_id=st.none() | st.just(USER_ID),
    metadata=st.dictionaries(
        st.sampled_from(["region", "Größe", ""]) | texts, st.sampled_from(["north", "South", ""]) | texts, max_size=4
    ),
)
lists_of_customers = st.lists(customers, max_size=12)
distinct_customers = st.lists(customers, max_size=12, unique_by=lambda record: record.id)
