"""The tables that pages show, made of records, runs and steps without Streamlit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given

from lib.avara.models import Customer
from lib.customers.frame import CustomerFrame, FrameBuilder, build
from lib.runs.model import Action, Run, RunState, Step, StepState, Totals
from lib.runs.plan import PlannedCustomer
from lib.runs.review import review
from lib.ui.customers.tray import picks_table
from lib.ui.deactivate.review import review_table
from lib.ui.overview import by_age, by_year
from lib.ui.runs.canary import canary_table
from lib.ui.runs.listing import runs_table
from lib.ui.runs.step_table import STEP_WORDS, steps_table
from lib.ui.runs.view import RUN_BADGES
from tests.customers.records import distinct_customers
from tests.runs.fakes import NOW, customer, id_of


def frame_of(*records: Customer) -> CustomerFrame:
    builder = FrameBuilder()
    builder.add(records)
    return builder.frame()


def planned_of(*records: Customer) -> dict[str, PlannedCustomer]:
    return {record.id: PlannedCustomer(record=record, evidence=("no users", "old"), read_at=NOW) for record in records}


def a_step(number: int, state: StepState, **facts: object) -> Step:
    record = customer(number)
    return Step(run_id="run_1", position=number, customer_id=record.id, name=record.name, state=state, before=record, **facts)


def test_every_state_has_words_of_its_own() -> None:
    assert set(STEP_WORDS) == set(StepState)
    assert len(set(STEP_WORDS.values())) == len(StepState)
    for state, words in STEP_WORDS.items():
        assert words.endswith({"planned": "to do"}.get(state, state.replace("_", " ")))
    assert set(RUN_BADGES) == set(RunState)
    assert len({label for label, _, _ in RUN_BADGES.values()}) == len(RunState)


def test_a_step_says_before_after_and_what_happened() -> None:
    after = customer(1, is_active=False)
    table = steps_table(
        [a_step(1, StepState.VERIFIED, after=after, seconds=0.25), a_step(2, StepState.UNKNOWN, words="No answer.")]
    )
    assert table.values.tolist() == [
        ["Clinic 1", "✓ verified", "● Active", "○ Inactive", "", "0.25 s", id_of(1)],
        ["Clinic 2", "? unknown", "● Active", "", "No answer.", "", id_of(2)],
    ]


def test_the_canary_shows_each_field_before_and_now_and_marks_what_changed() -> None:
    now = customer(1, is_active=False, updated_at=NOW, user_count=3, metadata={"region": "south"})
    table = canary_table([a_step(1, StepState.VERIFIED, after=now), a_step(2, StepState.UNKNOWN, words="No answer.")])
    first, second = table.to_dict("records")
    assert (first["Active"], first["Users"], first["Name"]) == ("yes → no ◀", "0 → 3 ◀", "unchanged")
    assert first["Metadata"] == "region: north → south ◀"
    assert first["Updated"].endswith("→ 2026-03-01 12:00:00 UTC ◀")
    assert (second["State"], second["Active"], second["What happened"]) == ("? unknown", "not read", "No answer.")


def test_a_table_without_steps_keeps_its_columns() -> None:
    assert list(steps_table([])) == ["Customer", "State", "Before", "After", "What happened", "Took", "Id"]


def test_the_counts_of_a_run_stand_under_their_own_names() -> None:
    totals = Totals(planned=1, in_flight=2, verified=3, not_applied=4, skipped=5, failed=6, unknown=7)
    run = Run(
        id="run_1",
        state=RunState.PAUSED,
        action=Action.REACTIVATE,
        plan_hash="",
        connection_label="host",
        fingerprint="",
        base_url="",
        operator="Robin",
        reason="=1+1",
        ticket="OPS-1",
        filter_text="",
        created_at=NOW - timedelta(hours=3),
        totals=totals,
    )
    (row,) = runs_table([run], NOW, {run.fingerprint}).to_dict("records")
    assert (row["State"], row["Action"], row["Recorded"]) == ("Paused", "Reactivate", "3 hours ago")
    counts = {name: row[name] for name in ("Verified", "Skipped", "Not applied", "Failed", "Unknown", "To do")}
    assert counts == {"Verified": 3, "Skipped": 5, "Not applied": 4, "Failed": 6, "Unknown": 7, "To do": 3}
    assert row["Customers"] == sum(counts.values())
    (running,) = runs_table([replace(run, state=RunState.RUNNING, owner="server-2:417:a1b2")], NOW, ()).to_dict("records")
    assert (row["Process"], running["Process"]) == ("", "server-2, process 417")
    stalled = {run.id: "No call is made since 14:02 UTC."}
    (standing,) = runs_table([replace(run, state=RunState.RUNNING)], NOW, (), stalled=stalled).to_dict("records")
    assert (running["State"], standing["State"], standing["Process"]) == ("Running", "No call is made", "")
    assert (row["Planned by"], row["Reason"], row["Ticket"], row["Connection"], row["Id"]) == (
        "Robin",
        "=1+1",
        "OPS-1",
        "host",
        "run_1",
    )


def test_the_review_keeps_its_order_and_says_why_to_look() -> None:
    quiet, busy = customer(1), customer(2, user_count=4, updated_at=NOW - timedelta(days=1), metadata={})
    table = review_table(review([quiet, busy], Action.DEACTIVATE, NOW).items, planned_of(quiet, busy), NOW)
    assert table["Id"].tolist() == [busy.id, quiet.id]
    assert table["Look at"].tolist() == ["Has 4 users; Changed 1 day ago", ""]
    assert table["Users"].tolist() == [4, 0]
    assert table["Evidence"].tolist() == ["no users; old", "no users; old"]
    assert table["Metadata"].tolist() == ["", "region: north"]
    assert table["Updated, UTC"].dt.tz is not None


def test_a_review_of_customers_without_any_date_has_empty_times() -> None:
    undated = customer(1, updated_at=None)
    table = review_table(review([undated], Action.DEACTIVATE, NOW).items, planned_of(undated), NOW)
    assert table["Updated"].tolist() == ["unknown"]
    assert pd.isna(table["Updated, UTC"][0])


def test_picks_stand_in_the_order_they_were_picked_with_what_is_gone_named() -> None:
    frame = frame_of(customer(1), customer(2, is_active=False, user_count=5))
    table = picks_table(frame, [id_of(2), id_of(9), id_of(1)], frame.positions([id_of(1)]))
    assert table == [
        (id_of(2), "Clinic 2", "○ Inactive", "5", "hidden by filters", id_of(2)),
        (id_of(9), "", "no longer listed", "", "", id_of(9)),
        (id_of(1), "Clinic 1", "● Active", "0", "", id_of(1)),
    ]


@pytest.mark.parametrize(
    ("days", "band"),
    [(0, "< 1 month"), (29, "< 1 month"), (30, "1–3 months"), (364, "6–12 months"), (365, "1–2 years"), (730, "> 2 years")],
)
def test_customers_are_counted_by_the_time_since_their_update(days: int, band: str) -> None:
    table = by_age(frame_of(customer(1, updated_at=NOW - timedelta(days=days))), NOW)
    counted = table[table["Customers"] > 0]
    assert counted[["Since update", "Status", "Customers"]].values.tolist() == [[band, "Active", 1]]


def test_every_customer_is_in_exactly_one_bar_also_without_dates() -> None:
    records = [customer(n, updated_at=None, created_at=None, is_active=n % 2 == 0) for n in range(1, 6)]
    records += [customer(n, created_at=datetime(2020 + n % 3, 1, 1, tzinfo=UTC)) for n in range(6, 12)]
    frame = frame_of(*records)
    assert by_age(frame, NOW)["Customers"].sum() == len(records)
    years = by_year(frame)
    assert years["Customers"].sum() == len(records)
    assert list(dict.fromkeys(years["Year"])) == ["2020", "2021", "2022", "unknown"]


@given(distinct_customers)
def test_the_bars_are_those_of_counting_one_by_one(records: list[Customer]) -> None:
    frame = build(records)
    ages: Counter[tuple[str, str]] = Counter()
    years: Counter[tuple[str, str]] = Counter()
    for record in records:
        status = "Active" if record.is_active else "Inactive"
        days = None if record.updated_at is None else (NOW - record.updated_at).days
        limits = ((30, "< 1 month"), (90, "1–3 months"), (180, "3–6 months"), (365, "6–12 months"), (730, "1–2 years"))
        band = "unknown" if days is None else next((label for limit, label in limits if days < limit), "> 2 years")
        ages[band, status] += 1
        years["unknown" if record.created_at is None else str(record.created_at.year), status] += 1
    for table, expected in ((by_age(frame, NOW), ages), (by_year(frame), years)):
        counted = {(str(group), status): count for group, status, count in table.values if count}
        assert counted == expected
    shown = list(dict.fromkeys(by_year(frame)["Year"].astype(str)))
    assert shown == sorted({year for year, _ in years}, key=lambda year: (year == "unknown", int(year.replace("unknown", "0"))))


def test_charts_of_no_customers_are_empty() -> None:
    assert by_age(frame_of(), NOW)["Customers"].sum() == 0
    assert by_year(frame_of())["Customers"].sum() == 0
