"""An address says a view exactly, or it is refused: never a wider one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.customers.filters import Filter
from lib.customers.views import SORTABLE, Sort
from lib.errors import ViewUnreadable
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import NoUsers
from lib.evidence.views import SeenFilter, View
from lib.ui.customers import address, ranges

COUNTS = some.none() | some.integers(0, 2**53 - 1)
WORDS = some.text(max_size=4) | some.sampled_from(["Łódź", "a&b=c", "metadata:x", '"', "\0"])
FIELDS: dict[str, Any] = {
    "status": some.sampled_from(["all", "active", "inactive"]),
    "users_min": COUNTS,
    "users_max": COUNTS,
    "not_updated_days": some.none() | some.integers(1, ranges.MOST_DAYS),
    "created_from": some.none() | some.dates(),
    "created_to": some.none() | some.dates(),
    "time_unknown": some.booleans(),
    "created_by": some.lists(some.sampled_from(["user", "api_key", "unknown"]), unique=True).map(tuple),
}
NAMES: dict[str, Any] = {
    "text": WORDS,
    "metadata": some.dictionaries(WORDS, some.lists(WORDS).map(tuple), max_size=3).map(lambda keys: tuple(keys.items())),
    "metadata_absent": some.lists(WORDS, max_size=2).map(tuple),
}
SORTS = some.builds(Sort, column=some.sampled_from(SORTABLE), descending=some.booleans())
ROWS = some.sampled_from([50, 100, 250])
PAGES = some.integers(1, 1_000_000)
STUDIES: dict[str, Any] = {
    "study_from": some.none() | some.dates(),
    "no_study_from": some.none() | some.dates(),
    "studies_unknown": some.booleans(),
}
ANSWERS = some.lists(some.sampled_from(["yes", "unknown", "no"]), unique=True).map(tuple)
OWN_RULES = RuleSet(name="Łódź", rule=NoUsers())
PLAIN = some.builds(
    View, filter=some.builds(Filter, **FIELDS), seen=some.builds(SeenFilter, **STUDIES), sort=SORTS, rows=ROWS, page=PAGES
)
PLAIN |= some.builds(
    View, rules=some.sampled_from(PRESETS), seen=some.builds(SeenFilter, candidate=ANSWERS, **STUDIES), sort=SORTS
)
VIEWS = some.builds(
    View,
    rules=some.none() | some.sampled_from([*PRESETS, OWN_RULES, PRESETS[0].with_days(17)]),
    filter=some.builds(Filter, **FIELDS, **NAMES),
    columns=some.none() | some.lists(WORDS).map(tuple),
    sort=SORTS | some.builds(Sort, column=WORDS.map("metadata:{}".format), descending=some.booleans()),
    page=PAGES,
)


def query_of(said: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in said.items()}


@given(PLAIN)
def test_a_view_without_names_is_read_back_from_plain_parameters(view: View) -> None:
    assert not view.names_data
    assert address.read(query_of(address.spelled(view))) == view


@given(VIEWS)
def test_any_view_is_read_back_as_the_journal_keeps_it(view: View) -> None:
    assert address.ADDRESS.view_of(address.ADDRESS.body_of(view)) == view


@given(VIEWS)
def test_no_name_stands_in_plain_parameters(view: View) -> None:
    """What people typed and what records say goes under a token, whole."""
    plain = view.model_copy(
        update={
            "filter": view.filter.model_copy(update=dict.fromkeys(NAMES, ()) | {"text": ""}),
            "columns": None,
            "rules": view.rules if view.rules in PRESETS else None,
        }
    )
    if not plain.names_data:
        assert view.names_data == (view != plain)


@pytest.mark.parametrize(
    "query",
    [
        {"status": ["deleted"]},
        {"status": ["Active"]},
        {"status": [""]},
        {"status": ["all"]},  # nobody's link says what is so anyway: it may be cut off
        {"status": ["active", "inactive"]},
        {"statsu": ["active"]},
        {"users": ["many"]},
        {"users": ["-"]},
        {"users": ["7"]},
        {"users": ["1-2-3"]},
        {"users": ["--5"]},
        {"users": ["3-x"]},
        {"users": ["²-³"]},
        {"users": [f"1-{2**53}"]},  # more than the number fields of a browser can show
        {"users": [f"1-{'9' * 5000}"]},
        {"days": ["0"]},
        {"days": ["-3"]},
        {"days": ["1.5"]},
        {"days": ["030"]},
        {"days": ["100001"]},
        {"days": ["9" * 5000]},
        {"from": ["yesterday"]},
        {"to": ["2024-13-40"]},
        {"to": ["20240101"]},
        {"dates": ["known"]},
        {"by": ["nobody"]},
        {"by": ["user,"]},
        {"sort": ["color"]},
        {"sort": ["metadata:region"]},
        {"sort": ["--name"]},
        {"rules": ["dormant"]},
        {"rules": ["dormant-00000000"]},
        {"rules": ["dormant-"]},
        {"rules": [f"dormant-{PRESETS[1].hash}"]},
        {"rules": ["Łódź-00000000"]},
        {"candidate": ["yes"]},  # by no rule set
        {"rules": [f"dormant-{PRESETS[1].hash[:8]}"], "candidate": ["maybe"]},
        {"study_from": ["2024-13-40"]},
        {"no_study_from": ["never"]},
        {"studies": ["known"]},
        {"rows": ["70"]},
        {"rows": ["100"]},
        {"rows": ["+50"]},
        {"page": ["0"]},
        {"page": ["1"]},
        {"page": ["02"]},
        {"page": ["2", "3"]},
        {"page": ["last"]},
        {"page": ["9" * 5000]},
        {"search": ["radiology"]},
        {"metadata_keys": ["region"]},
        {"status": ["active"], "utm_source": ["mail"]},
    ],
    ids=lambda query: str(query)[:40],
)
def test_what_can_not_be_read_is_refused_whatever_else_stands_there(query: dict[str, list[str]]) -> None:
    for whole in (query, {"users": ["0-0"], "days": ["365"]} | query):
        with pytest.raises(ViewUnreadable, match="nothing is shown") as refused:
            address.read(whole)
        assert f"{(named := [*query][-1])}={', '.join(query[named])}"[:190] in str(refused.value)


@pytest.mark.parametrize(
    "body", ["", "null", "[]", '{"filter": {"colour": "red"}}', '{"sort": {"column": "colour"}}', '{"more": 1}']
)
def test_a_view_of_another_version_is_refused(body: str) -> None:
    with pytest.raises(ViewUnreadable, match="another page or version"):
        address.ADDRESS.view_of(body)
