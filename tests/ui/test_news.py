"""What is said of the picks after a reload agrees with a plain reading of every record."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from lib.avara.models import Customer
from lib.customers.changes import Changes, changes
from lib.customers.frame import build
from lib.ui.news import _about_picks
from lib.ui.text import count, md, number
from tests.customers.records import customers, distinct_customers


def plainly(found: Changes, picked: list[str]) -> str:
    """The same, one record after the other."""
    changed = found.changed
    records = {record.id: record for record in found.after.records(id_ for id_ in picked if id_ in changed)}
    inactive = [record for record in records.values() if record.id in found.fields.get("status", ()) and not record.is_active]
    names = {
        "gone": [record.name for record in found.before.records(id_ for id_ in picked if id_ in found.gone)],
        "inactive now": [record.name for record in inactive],
        "changed": [record.name for record in records.values() if record not in inactive],
    }
    told = [f"{number(len(some))} {what} ({named(some)})" for what, some in names.items() if some]
    if not told:
        return f"Nothing changed for your {count(len(picked), 'pick')}."
    return f"Of your {count(len(picked), 'pick')}: {', '.join(told)}."


def named(names: list[str]) -> str:
    more = [f"{number(len(names) - 3)} more"] if len(names) > 3 else []
    return ", ".join([*(f"“{md(name, limit=60)}”" for name in names[:3]), *more])


@given(distinct_customers, st.lists(customers, max_size=8), st.randoms(use_true_random=False))
def test_of_the_picks_is_said_what_reading_each_record_says(
    records: list[Customer], others: list[Customer], random: Random
) -> None:
    touched = [
        record.model_copy(update={"is_active": random.random() < 0.5, "name": random.choice([record.name, "New"])})
        for record in records
        if random.random() < 0.8
    ]
    old, new = build(records), build([*touched, *others])
    picked = [record.id for record in [*records, *others] if random.random() < 0.8]
    random.shuffle(picked)
    found = changes(old, new)
    assert _about_picks(found, dict.fromkeys(picked).keys()) == plainly(found, list(dict.fromkeys(picked)))
