"""The tables that pages show, made of records, runs and steps without Streamlit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from lib.avara.models import Customer
from lib.avara.times import known
from lib.customers.counts import by_age, by_year
from lib.customers.frame import CustomerFrame, FrameBuilder, build
from lib.plans.model import Action, DamagedStep, Run, RunState, Step, StepState, Totals
from lib.plans.plan import PlannedCustomer, Untouched
from lib.plans.review import Review, review
from lib.ui.customers.tray import picks_table
from lib.ui.deactivate.review import review_table
from lib.ui.runs.listing import runs_table
from lib.ui.runs.step_table import STEP_WORDS, steps_table
from lib.ui.runs.undo import left_alone
from lib.ui.runs.view import RUN_BADGES
from lib.ui.text import exact
from lib.ui.widgets.id_table import Cell, Column
from tests.customers.records import distinct_customers
from tests.runs.fakes import NOW, customer, id_of


def frame_of(*records: Customer) -> CustomerFrame:
    builder = FrameBuilder()
    builder.add(records)
    return builder.frame()


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


def told_of(columns: list[Column], rows: list[tuple[Cell, ...]]) -> list[dict[str, Cell]]:
    """The rows by the columns' labels."""
    return [dict(zip([column.label for column in columns], row[1:], strict=True)) for row in rows]


def test_the_steps_show_each_field_before_and_now_and_mark_what_changed() -> None:
    now = customer(1, is_active=False, updated_at=NOW, user_count=3, metadata={"region": "south"})
    steps = [
        a_step(1, StepState.VERIFIED, after=now, seconds=0.25),
        a_step(2, StepState.UNKNOWN, words="No answer."),
        DamagedStep("run_1", 3, id_of(3), "Clinic 3", "The journal is damaged."),
    ]
    columns, rows = steps_table(steps)
    assert [row[0] for row in rows] == [id_of(1), id_of(2), id_of(3)]
    first, second, third = told_of(columns, rows)
    assert (first["Status"], first["Users"], first["region"]) == (("● Active", "○ Inactive"), ("0", "3"), ("north", "south"))
    assert first["Updated, UTC"] == ("2025-01-25 12:00", "2026-03-01 12:00")
    assert (first["State"], first["Took"], first["Id"]) == ("✓ verified", "0.25 s", id_of(1))
    assert (second["State"], second["Status"], second["What happened"]) == ("? unknown", "● Active", "No answer.")
    assert (third["Customer"], third["State"], third["Status"]) == ("Clinic 3", "✕ damaged", "")
    assert set(first).isdisjoint({"Name", "Created", "Created by user"})


def test_what_no_step_has_takes_no_column_and_a_field_that_changed_has_one() -> None:
    same, renamed = customer(1, metadata={"State": "a key"}), customer(1, name="New", metadata={"State": "a key"})
    labels = [column.label for column in steps_table([replace(a_step(1, StepState.PLANNED), before=same)])[0]]
    assert labels == ["Customer", "State", "Status", "Users", "Updated, UTC", "State", "Id"]
    columns, rows = steps_table([replace(a_step(1, StepState.VERIFIED), before=same, after=renamed)])
    assert told_of(columns, rows)[0]["Name"] == ("Clinic 1", "New")
    assert len({column.name or column.label for column in columns}) == len(columns)


def test_metadata_keys_are_columns_the_most_common_first_and_not_without_end() -> None:
    steps = [
        replace(a_step(n, StepState.PLANNED), before=customer(n, metadata={"all": "x", f"only {n}": "y"})) for n in range(1, 41)
    ]
    columns, rows = steps_table(steps)
    keys = [column.label for column in columns if column.name.startswith("metadata:")]
    assert keys[0] == "all"
    assert len(keys) == 30
    assert len(rows) == 40


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
    (row,) = told_of(*runs_table([run], NOW, {run.fingerprint}))
    assert (row["Run"], row["State"]) == ("Reactivate 28 customers", "Paused")
    assert row["Recorded, UTC"] == "2026-03-01 09:00 · 3 hours ago"
    counts = {name: row[name] for name in ("Verified", "Skipped", "Not applied", "Failed", "Unknown", "To do")}
    assert counts == {"Verified": "3", "Skipped": "5", "Not applied": "4", "Failed": "6", "Unknown": "7", "To do": "3"}
    (running,) = told_of(*runs_table([replace(run, state=RunState.RUNNING, owner="server-2:417:a1b2")], NOW, ()))
    assert "Process" not in row  # no run has one
    assert running["Process"] == "server-2, process 417"
    stalled = {run.id: "No call is made since 14:02 UTC."}
    (standing,) = told_of(*runs_table([replace(run, state=RunState.RUNNING)], NOW, (), stalled=stalled))
    assert (running["State"], standing["State"]) == ("Running", "No call is made")
    assert (row["Planned by"], row["Reason"], row["Ticket"], row["Connection"], row["Id"]) == (
        "Robin",
        "=1+1",
        "OPS-1",
        "host",
        "run_1",
    )


def reviewed(*records: Customer, evidence: tuple[str, ...] = ("no users", "old")) -> Review:
    planned = [PlannedCustomer(record=record, evidence=evidence, read_at=NOW) for record in records]
    return review(planned, Action.DEACTIVATE, NOW)


def test_the_review_keeps_its_order_and_says_why_to_look_and_why_each() -> None:
    quiet, busy = customer(1), customer(2, user_count=4, updated_at=NOW - timedelta(days=1), metadata={})
    columns, rows = review_table(reviewed(quiet, busy).items, ["region"], NOW)
    assert [column.label for column in columns] == [
        *("Customer", "Look at", "Users", "Updated", "region", "Updated, UTC", "Id", "Evidence")
    ]
    assert [row[:5] for row in rows] == [
        (busy.id, "Clinic 2", "Has 4 users; Changed 1 day ago", "4", "a day ago"),
        (quiet.id, "Clinic 1", "", "0", "1 year, 1 month ago"),
    ]
    assert [row[5:] for row in rows] == [
        ("", exact(busy.updated_at), busy.id, "no users\nold"),
        ("north", exact(quiet.updated_at), quiet.id, "no users\nold"),
    ]
    never_cut = {column.label for column in columns if column.kind in ("long", "below")}
    assert never_cut == {"Customer", "Look at", "Updated", "Evidence"}


def _of_a_review(*records: Customer) -> list[Column]:
    return review_table(reviewed(*records).items, ["region", "department"], NOW)[0]


def _of_a_run(*records: Customer) -> list[Column]:
    failed = [replace(a_step(1, StepState.FAILED, words="Refused."), before=record) for record in records]
    return steps_table(failed)[0]


@pytest.mark.parametrize(("table", "ticks"), [(_of_a_review, 34), (_of_a_run, 0)])
def test_who_why_and_the_first_metadata_columns_fit_into_a_window_of_1280(
    table: Callable[..., list[Column]], ticks: int
) -> None:
    columns = table(customer(1, user_count=3, metadata={"region": "north", "department": "radiology"}))
    last = next(at for at, column in enumerate(columns) if column.label == "department")
    scrollbar = 11
    assert sum(column.width for column in columns[: last + 1]) + ticks + scrollbar <= 968
    assert columns[-1].kind == "below"  # why: as wide as what is in sight
    assert columns[0].kind == "long"  # whose: never cut off


def test_what_is_empty_for_all_takes_no_column_of_the_review() -> None:
    undated = customer(1, updated_at=None, metadata={})
    quiet = customer(1)
    assert _labels(quiet, keys=["region", "tier"]) == [
        *("Customer", "Users", "Updated", "region", "Updated, UTC", "Id", "Evidence")
    ]
    assert _labels(undated, keys=["region"]) == ["Customer", "Look at", "Users", "Id", "Evidence"]


def _labels(record: Customer, keys: list[str]) -> list[str]:
    return [column.label for column in review_table(reviewed(record).items, keys, NOW)[0]]


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
    table = by_age(frame_of(customer(1, updated_at=NOW - timedelta(days=days))), NOW).table
    counted = table[table["Customers"] > 0]
    assert counted[["Since update", "Status", "Customers"]].values.tolist() == [[band, "Active", 1]]


def test_every_customer_is_in_exactly_one_bar_also_without_dates() -> None:
    records = [customer(n, updated_at=None, created_at=None, is_active=n % 2 == 0) for n in range(1, 6)]
    records += [customer(n, created_at=datetime(2020 + n % 3, 1, 1, tzinfo=UTC)) for n in range(6, 12)]
    frame = frame_of(*records)
    assert by_age(frame, NOW).table["Customers"].sum() == len(records)
    years = by_year(frame).table
    assert years["Customers"].sum() == len(records)
    assert list(dict.fromkeys(years["Year"])) == ["2020", "2021", "2022", "unknown"]


@given(distinct_customers)
def test_the_bars_are_those_of_counting_one_by_one(records: list[Customer]) -> None:
    frame = build(records)
    ages: Counter[tuple[str, str]] = Counter()
    years: Counter[tuple[str, str]] = Counter()
    for record in records:
        status = "Active" if record.is_active else "Inactive"
        updated, created = (known(time, frame.made_at) for time in (record.updated_at, record.created_at))
        days = None if updated is None else (NOW - updated).days
        limits = ((30, "< 1 month"), (90, "1–3 months"), (180, "3–6 months"), (365, "6–12 months"), (730, "1–2 years"))
        band = "unknown" if days is None else next((label for limit, label in limits if days < limit), "> 2 years")
        ages[band, status] += 1
        years["unknown" if created is None else str(created.year), status] += 1
    for table, expected in ((by_age(frame, NOW).table, ages), (by_year(frame).table, years)):
        counted = {(str(group), status): count for group, status, count in table.values if count}
        assert counted == expected
    shown = list(dict.fromkeys(by_year(frame).table["Year"].astype(str)))
    assert shown == sorted({year for year, _ in years}, key=lambda year: (year == "unknown", int(year.replace("unknown", "0"))))


def test_charts_of_no_customers_are_empty() -> None:
    assert by_age(frame_of(), NOW).table["Customers"].sum() == 0
    assert by_year(frame_of()).table["Customers"].sum() == 0


@pytest.mark.parametrize(
    ("numbers", "undo", "words"),
    [
        ((0, 542), False, "542 candidates not picked"),
        ((2, 0), False, "2 customers left out by the review"),
        ((2, 542), False, "2 customers left out by the review, 542 not picked"),
        ((2, 0), True, "2 customers of that run left alone"),
    ],
)
def test_whom_nobody_picked_is_not_told_as_left_out(numbers: tuple[int, int], undo: bool, words: str) -> None:
    whys = ("It is inactive already.", "Not picked; dormant says yes.")
    those = [Untouched(customer_id="", why=why, number=number) for why, number in zip(whys, numbers, strict=True) if number]
    assert left_alone(those, undo=undo) == words
