from __future__ import annotations

import pytest

from lib.ui.deactivate.confirm import wanted_text
from tests.runs.fakes import customer, plan_of
from tests.test_spelling import NOTHING_TO_SEE


def test_for_one_customer_its_name_is_typed_for_many_their_count() -> None:
    assert wanted_text(plan_of([customer(1, name="City Clinic")])) == "City Clinic"
    assert wanted_text(plan_of([customer(number) for number in range(1, 13)])) == "12"


@pytest.mark.parametrize("name", [name for name in NOTHING_TO_SEE if name])
def test_where_a_name_shows_nothing_the_id_is_typed(name: str) -> None:
    assert wanted_text(plan_of([customer(1, name=name)])) == customer(1).id
