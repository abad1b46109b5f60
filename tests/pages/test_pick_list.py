"""Picking from a list that somebody sent: asked what is meant, shown whom it found, and only then picked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from lib.customers.lists.read import read
from lib.sandbox.server import SandboxServer
from lib.ui.customers import pick_list
from tests.customers.lists.cases import CASES, filled, meant
from tests.pages.world import Session, World, records_of

Record = dict[str, Any]


@pytest.fixture(scope="module")
def sandbox(shared_world: World) -> SandboxServer:
    return shared_world.sandbox()


@pytest.fixture(scope="module")
def records(sandbox: SandboxServer) -> list[Record]:
    return records_of(sandbox)


@pytest.fixture
def page(shared_world: World, sandbox: SandboxServer) -> Session:
    return shared_world.open()


def give(page: Session, file: str | None = None, body: bytes = b"", text: str = "") -> Session:
    """Open "Pick from a list" and give it a file, or a text."""
    page.press("picks_list")
    assert not page.offers("list_pick")
    if file:
        page.at.get("file_uploader")[0].set_value((file, body, "application/octet-stream"))
    else:
        page.at.text_area(key="list_text").set_value(text)
    return page.run()


def test_what_a_list_found_and_all_else_in_it_is_told_before_anybody_is_picked(page: Session, records: list[Record]) -> None:
    active = [record["expressCustomerId"] for record in records if record["isActive"]][:3]
    inactive = next(record["expressCustomerId"] for record in records if not record["isActive"])
    give(page, text="\n".join([*active, active[0], inactive, f"cus_{7:032x}", "cus_12"]))
    assert "7 rows: 3 found · 1 already inactive · 1 unknown · 1 neither one id nor a name · 1 repeated" in page.plain
    assert list(page.rows_of("Customers that the list found")["Id"]) == active
    assert page.picks == []
    page.press("list_pick")
    assert page.picks == active
    assert not page.at.get("dialog")
    assert "Picked from a list: pasted text" in page.at.session_state["picks"][active[0]].words


def test_a_file_that_is_no_list_is_refused_in_words(page: Session) -> None:
    give(page, "ids.xlsx", b"PK\x03\x04 not a list")
    assert "damaged" in page.at.error[0].value
    assert not page.at.exception


@pytest.mark.parametrize(("name", "options", "letters"), CASES)
def test_a_colleague_s_file_is_picked_as_a_person_means_it_or_asked_about(
    page: Session, records: list[Record], name: str, options: dict[str, Any], letters: str | None
) -> None:
    ids = [record["expressCustomerId"] for record in records if record["isActive"]][:6]
    give(page, name, filled(name, ids))
    for widget in page.at.selectbox:
        if "column" in options and "holds the customers" in widget.label:
            widget.set_value(options["column"])
    for widget in page.at.multiselect:
        if "where" in options and widget.label.startswith("decision"):
            widget.set_value([value for _, value in options["where"]])
    page.run()
    if letters is None:
        assert not page.offers("list_pick")
        assert "Say which" in page.plain
    else:
        page.press("list_pick")
        assert page.picks == meant(letters, ids)


def test_only_names_that_are_exactly_one_customer_s_are_found_and_others_are_picked_by_hand(
    page: Session, records: list[Record]
) -> None:
    times = Counter(record["expressCustomerName"].casefold() for record in records)
    known = [one for one in records if one["isActive"] and times[one["expressCustomerName"].casefold()] == 1]
    found, alike = [one for one in known if one["expressCustomerName"].isalpha() or len(one["expressCustomerName"]) > 15][:2]
    text = "\n".join([found["expressCustomerName"].upper(), alike["expressCustomerName"] + "z"])
    give(page, text=text)
    near = "Rows with only nearly the name of a customer"
    shown = page.rows_of(near)
    row = list(shown["Id"]).index(alike["expressCustomerId"])
    assert int(shown["Alike"][row]) > 90
    assert shown["Users"][row] == f"{alike['userCount']:,}"
    page.act("pick", row, label=near).press("list_pick")
    assert page.picks == [found["expressCustomerId"], alike["expressCustomerId"]]
    assert "by hand" in page.at.session_state["picks"][alike["expressCustomerId"]].words


def test_which_column_holds_the_customers_is_asked_with_how_many_ids_each_has_and_how_many_are_known(
    page: Session, records: list[Record]
) -> None:
    known = [record["expressCustomerId"] for record in records][:3]
    lacking = [f"cus_{number:032x}" for number in range(2)]
    ids = zip(known, [known[0], *lacking], strict=True)
    give(page, text="old,new,note\n" + "".join(f"{old},{new},x\n" for old, new in ids))
    (choice,) = [one for one in page.at.selectbox if "holds the customers" in one.label]
    assert choice.value is None
    assert choice.options == ["old: 3 ids, 3 of them known", "new: 3 ids, 1 of them known", "note: 3 texts"]
    assert len(page.rows_of("First rows of the list")) == 3
    assert not page.offers("list_pick")


def test_a_list_is_read_once_however_often_the_dialog_is_drawn(
    page: Session, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    monkeypatch.setattr(pick_list, "read", lambda *given: (reads.append(1), read(*given))[1])
    give(page, text=records[0]["expressCustomerId"])
    page.run().run()
    assert len(reads) == 1
