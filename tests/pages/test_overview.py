"""The Overview page with customers; while loading, empty and failed it stands in test_loading.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from lib.avara.models import id_key
from lib.avara.text import count
from lib.evidence.activity import Activity
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import Answer
from lib.plans.evidence import Picked, Way
from lib.plans.model import RunState
from tests.pages.world import Session, World, records_of
from tests.runs.fakes import ROBIN

BY_NAME = {rules.name: rules for rules in PRESETS}
TITLES = {name.capitalize() for name in BY_NAME}
Record = dict[str, Any]


def metrics(session: Session) -> dict[str, str]:
    return {metric.label: metric.value for metric in session.at.metric}


@dataclass(frozen=True)
class Known:
    """An account of which studies were read, but for the first seven, and where a run has deactivated some."""

    world: World
    records: list[Record]
    done: set[str]
    activity: dict[str, Activity]

    def ids_where(self, told: Callable[[Record], object]) -> set[str]:
        return {record["expressCustomerId"] for record in self.records if told(record)}


@pytest.fixture(scope="module")
def known(shared_world: World) -> Known:
    server = shared_world.sandbox(customers=120)
    session = shared_world.open()
    resources, now = shared_world.resources, datetime.now(UTC)
    ids = [record["expressCustomerId"] for record in records_of(server)]
    activity = {
        one: Activity(now, newest=now - timedelta(days=20 * place) if place % 9 else None, whole=True)
        for place, one in enumerate(ids[7:])
    }
    resources.evidence.reading.known.update({id_key(one): seen for one, seen in activity.items()})
    resources.evidence.reading.revision += 1
    active = [record["expressCustomerId"] for record in records_of(server) if record["isActive"]][:5]
    picked = dict.fromkeys(active, Picked(Way.TICKED))
    run = resources.start(
        resources.freeze(resources.review(picked, resources.loads.view()), reason="Contract ended", goes_on=True), who=ROBIN
    )
    session.until(lambda _: resources.reads.run(run.id).state is RunState.FINISHED)
    session.until(lambda _: not any(one.is_active for one in resources.loads.frame().records(active)))
    return Known(shared_world, records_of(server), set(active), activity)


def days_since(record: Record, field: str) -> float:
    """-1 where the record has no such time."""
    at = record[field]
    return (datetime.now(UTC) - datetime.fromisoformat(at)) / timedelta(days=1) if at else -1


def drawn(session: Session, kind: str, name: str) -> Any:
    """What was drawn under this key."""
    return next(one.proto for one in session.at.get(kind) if one.proto.id.endswith(name))


def click(session: Session, chart: str, label: str, series: str) -> Session:
    """On a bar of a chart."""
    element = drawn(session, "vega_lite_chart", f"chart_{chart}")
    by, of = json.loads(element.spec)["params"][0]["select"]["fields"]
    said = {"selection": {"bar": [{by: label, of: series}]}}
    return session.send(WidgetState(id=element.id, string_value=json.dumps(said)))


def open_row(session: Session, chart: str, label: str, series: str) -> Session:
    """Of a chart's table."""
    session.at.session_state[f"chart_table_{chart}"] = True
    table = json.loads(drawn(session.run(), "bidi_component", f"chart_rows_{chart}").json)
    return session.act("open", [row[1:3] for row in table["rows"]].index([label, series]), label=table["label"])


def test_the_totals_are_those_of_the_api(world: World) -> None:
    records = records_of(world.sandbox())
    active = sum(record["isActive"] for record in records)
    users = sum(record["userCount"] for record in records)
    shown = metrics(world.open("overview"))
    assert shown["Customers"] == "250"
    assert shown["Active"] == f"{active}"
    assert shown["Inactive"] == f"{250 - active}"
    assert shown["Users"] == f"{users:,}"


def test_without_any_run_it_says_how_to_get_to_one(world: World) -> None:
    world.sandbox(customers=20)
    session = world.open("overview")
    assert "No run yet" in session.words


def test_of_whom_nobody_can_tell_before_studies_are_read_is_said(world: World) -> None:
    world.sandbox(customers=250)
    session = world.open("overview")
    unknown = {
        key
        for rules in PRESETS
        for key in world.resources.evidence.judged(rules, world.resources.loads.frame()).having(Answer.UNKNOWN)
    }
    assert f"Of {count(len(unknown), 'customer')} it is unknown until the studies are read" in session.plain
    dormant = BY_NAME["dormant"]
    look = next(one for one in session.at.button if one.key == f"look-{dormant.hash[:16]}")
    assert (metrics(session)["Dormant"], look.disabled, "have the studies read" in look.help) == ("–", True, True)
    session.press("overview_read").until(lambda it: "until the studies are read" not in it.plain)
    assert sum(int(number) for label, number in metrics(session).items() if label in TITLES) > 0
    assert world.resources.evidence.reading.known.keys() >= unknown


@pytest.mark.parametrize("reach", [click, open_row])
@pytest.mark.parametrize(
    ("chart", "label", "series", "told"),
    [
        ("users", "2–5", "Active", lambda it, _: it["isActive"] and 2 <= it["userCount"] <= 5),
        ("users", "none", "Inactive", lambda it, _: not it["isActive"] and it["userCount"] == 0),
        ("updated", "> 2 years", "Inactive", lambda it, _: not it["isActive"] and days_since(it, "updatedAt") >= 730),
        ("updated", "6–12 months", "Active", lambda it, _: it["isActive"] and 180 <= days_since(it, "updatedAt") < 365),
        ("created", "2025", "Active", lambda it, _: it["isActive"] and str(it["createdAt"]).startswith("2025")),
        ("metadata", "(without)", "Active", lambda it, _: it["isActive"] and "region" not in it["metadata"]),
        ("metadata", "west", "Active", lambda it, _: it["isActive"] and it["metadata"].get("region") == "west"),
        ("studies", "not read", "Active", lambda it, known: it["isActive"] and it["expressCustomerId"] not in known.activity),
        ("studies", "never", "Active", lambda it, known: it["isActive"] and newest(it, known) == "never"),
        ("studies", "1–2 years", "Active", lambda it, known: it["isActive"] and newest(it, known) == "1–2 years"),
        ("runs", f"{datetime.now(UTC):%Y-%m}", "Deactivated", lambda it, known: it["expressCustomerId"] in known.done),
    ],
)
def test_a_bar_and_its_row_open_exactly_its_customers(known: Known, chart: str, label: str, series: str, told, reach) -> None:
    session = known.world.open("overview")
    wanted = known.ids_where(lambda record: told(record, known))
    reach(session, chart, label, series)
    assert session.at.title[0].value == "Customers"
    assert wanted
    assert set(session.rows["id"]) == wanted
    assert f"{label}, {series.lower()}: {len(wanted)} customer" in session.plain


@pytest.mark.parametrize("rules", PRESETS, ids=lambda rules: rules.name)
@pytest.mark.parametrize("answer", [Answer.YES, Answer.UNKNOWN])
def test_candidates_are_counted_and_opened_with_the_sentence_of_each(known: Known, rules: RuleSet, answer: Answer) -> None:
    resources = known.world.resources
    session = known.world.open("overview")
    judged = resources.evidence.judged(rules, resources.loads.frame())
    wanted = {key: one.words for key, one in judged.findings.items() if one.answer is answer}
    look = f"look-{rules.hash[:16]}"
    if answer is Answer.YES:
        assert metrics(session)[rules.name.capitalize()] == str(len(wanted))
    if not wanted:
        assert not session.offers(look if answer is Answer.YES else f"{look}-unknown")
        return
    if answer is Answer.UNKNOWN:
        assert f"{len(wanted)} unknown" in session.plain
    session.press(look if answer is Answer.YES else f"{look}-unknown")
    shown = session.rows
    assert {id_key(one) for one in shown["id"]} == wanted.keys()
    assert all(wanted[id_key(one)] in said for one, said in zip(shown["id"], shown["candidate"], strict=True))


def test_what_if_lists_who_comes_and_goes_and_opens_them(known: Known) -> None:
    session = known.world.open("overview")
    session.at.session_state["what_if"] = True
    session.run()
    rules, frame = BY_NAME["dormant"], known.world.resources.loads.frame()
    evidence = known.world.resources.evidence
    now, then = ({*evidence.judged(one, frame).having(Answer.YES)} for one in (rules, rules.with_days(60)))
    assert then > now
    session.at.slider[0].set_value(60)
    session.run()
    rows = session.rows_of("Who comes or goes")
    assert {id_key(one) for one in rows[rows["Change"] == "comes"]["Id"]} == then - now
    assert f"{len(then)} candidate" in session.plain
    changed = {id_key(one) for one in rows["Id"]}
    session.press(f"what_if_overview_{rules.hash[:16]}_look")
    assert {id_key(one) for one in session.rows["id"]} == changed
    assert set(session.rows["candidate"].str.split(":").str[0]) == {*rows["Change"].map(CHANGED)}


CHANGED = {"comes": "yes", "becomes unknown": "unknown"}


def newest(record: Record, known: Known) -> str:
    seen = known.activity.get(record["expressCustomerId"])
    if seen is None or seen.newest is None:
        return "not read" if seen is None else "never"
    return "1–2 years" if 365 <= (datetime.now(UTC) - seen.newest).days < 730 else "another"
