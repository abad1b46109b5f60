"""The Overview page with customers; while loading, empty and failed it stands in test_loading.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.pages.world import Session, World, records_of


def metrics(session: Session) -> dict[str, str]:
    return {metric.label: metric.value for metric in session.at.metric}


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


def idle_link(session: Session) -> str:
    return next(line for line in session.words.split("\n") if "without users, not updated for a year" in line)


@pytest.mark.parametrize("filtered_before", [False, True])
def test_the_idle_customers_that_it_counts_are_those_that_a_click_shows(world: World, *, filtered_before: bool) -> None:
    limit = datetime.now(UTC) - timedelta(days=365)
    idle = {
        record["expressCustomerId"]
        for record in records_of(world.sandbox())
        if record["isActive"]
        and record["userCount"] == 0
        and record["updatedAt"]
        and datetime.fromisoformat(record["updatedAt"]) <= limit
    }
    session = world.open(status="inactive") if filtered_before else world.open()
    if filtered_before:
        session.at.text_input(key="search").set_value("imaging")
        session.run()
    session.go("overview")
    assert idle_link(session).startswith(f"{len(idle)} active customers")
    session.press("idle")
    assert session.at.title[0].value == "Customers"
    assert set(session.rows["id"]) == idle
