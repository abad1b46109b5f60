"""The address is the view, on the page: links, tokens, saved views."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import create_engine, text

from lib.customers.filters import Filter
from lib.customers.views import Sort
from lib.evidence.views import View
from lib.journal.views import KEPT_FOR
from lib.ui.customers import address
from tests import message
from tests.pages.world import Session, World
from tests.runs.fakes import ROBIN

CUSTOMERS = 250
NARROW = View(
    filter=Filter(text="imaging", status="active", users_max=40, metadata=(("region", ()),)),
    columns=("timezone", "contract"),
    sort=Sort(column="metadata:contract", descending=True),
    rows=50,
)


@pytest.fixture
def page(world: World) -> Session:
    world.sandbox(CUSTOMERS)
    return world.open()


def narrowed(page: Session) -> Session:
    """NARROW, as a person says it."""
    page.widget("search").set_value("imaging")
    page.widget("status").set_value("active")
    page.run().widget("users_max").set_value(40)
    page.run().widget("metadata_keys").set_value(["region"])
    page.run().widget("metadata_columns").set_value(["timezone", "contract"])
    page.run().widget("rows").set_value(50)
    return page.run().act("sort", column="metadata:contract").act("sort", column="metadata:contract")


def on_show(page: Session) -> tuple[Any, ...]:
    chips = [button.label for button in page.at.button if (button.key or "").startswith("chip_")]
    return page.table["columns"], page.table["rows"], chips


def ordered(page: Session) -> tuple[str, str]:
    """By which column of the table the rows are sorted, and which way."""
    ((name, way),) = ((column["name"], column["sort"]) for column in page.table["columns"] if column["sort"] != "none")
    return name, way


def is_refused(page: Session) -> bool:
    nobody = not page.at.get("bidi_component") and not page.offers("pick_all") and " of 250 customers" not in page.words
    return nobody and "nothing is shown" in page.plain and len(page.at.error) == 1


def kept(world: World, view: View, at: datetime) -> str:
    token = f"made-{at.timestamp():.0f}"[:16]
    fingerprint = world.resources.connection.fingerprint
    world.resources.journal.views.keep(token, fingerprint, address.ADDRESS.body_of(view), who=ROBIN, now=at)
    return token


def test_whatever_a_person_says_a_colleague_sees_under_the_same_link_and_after_a_restart(world: World, page: Session) -> None:
    """Four customers used to open as twenty-seven."""
    narrowed(page)
    link = dict(page.at.query_params)
    assert list(link) == ["view"]
    assert address.View.model_validate(page.at.session_state["customers_view"]) == NARROW
    wanted = on_show(page)
    assert wanted[1]
    assert on_show(world.open(**link)) == wanted
    world.restart()
    assert on_show(world.open(**link)) == wanted


def test_each_plain_condition_comes_back_under_its_own_link(page: Session, world: World) -> None:
    page.widget("users").set_value("0-0")
    page.widget("by").set_value(["api_key"])
    page.run().act("sort", column="name").act("sort", column="name")
    page.widget("rows").set_value(50)
    assert page.run().at.query_params == {"users": "0-0", "by": "api_key", "sort": "-name", "rows": "50"}
    assert on_show(world.open(**page.at.query_params)) == on_show(page)


@pytest.mark.parametrize("narrow", [lambda _: None, lambda page: page.widget("search").set_value("a")], ids=["plain", "token"])
def test_the_page_on_show_comes_back_under_its_link_until_something_else_is_asked_for(
    page: Session, world: World, narrow: Callable[[Session], object]
) -> None:
    narrow(page)
    page.run().at.get("pagination")[0].set_value(2)
    wanted, link = on_show(page.run()), dict(page.at.query_params)
    assert "Rows 101 to " in page.words
    again = world.open(**link)
    assert on_show(again) == wanted
    again.act("sort", column="user_count")
    assert "Rows 1 to " in again.words
    assert again.at.query_params != link


def test_a_page_that_the_table_is_too_short_for_is_its_last(world: World, page: Session) -> None:
    assert "Rows 201 to 250 of 250" in world.open(page="77").words


@pytest.mark.parametrize(
    "query",
    [
        {"view": "forged-token"},
        {"view": ""},
        {"view": "x", "status": "active"},
        {"status": "deleted"},
        {"status": "active", "unheard": "of"},
        {"search": "radiology"},
    ],
    ids=str,
)
def test_an_address_that_can_not_be_read_shows_nobody_and_says_so(world: World, page: Session, query: dict[str, str]) -> None:
    page = world.open(**query)
    assert is_refused(page)
    assert is_refused(page.run())  # and stays so
    page.press("view_all")
    assert "**250** of 250 customers" in page.words
    assert page.at.query_params == {}


def test_an_expired_link_shows_nobody(world: World, page: Session) -> None:
    now = datetime.now(UTC)
    young, old = (kept(world, NARROW, now - age) for age in (timedelta(days=300), KEPT_FOR + timedelta(days=1)))
    assert not is_refused(world.open(view=young))
    assert is_refused(world.open(view=old))


def test_a_link_of_another_account_shows_nobody(world: World, page: Session) -> None:
    token = kept(world, NARROW, datetime.now(UTC))
    engine = create_engine(f"sqlite:///{world.home / 'journal.sqlite'}")
    with engine.begin() as db:
        db.execute(text("UPDATE views SET fingerprint = 'f' WHERE id = :token"), {"token": token})
    engine.dispose()
    other = world.open(view=token)
    assert is_refused(other)
    assert "another account" in other.plain


def test_customers_whose_date_is_unknown_can_be_looked_at(page: Session, world: World) -> None:
    page.widget("days").set_value("30")
    more = int(next(button.label for button in page.run().at.button if button.key == "time_unknown").split()[0])
    page.press("time_unknown")
    assert f"**{more}** of 250 customers" in page.words
    assert set(page.rows["updated_at"]) == {""}
    assert page.at.query_params == {"days": "30", "dates": "unknown"}
    assert f"**{more}** of 250 customers" in world.open(**page.at.query_params).words


def test_a_chosen_key_survives_a_reload_that_changes_how_many_have_it(world: World) -> None:
    store = world.sandbox(CUSTOMERS).sandbox.store
    metadata = [store.read(place).get("metadata") or {} for place in range(CUSTOMERS)]
    having = sum("contract" in pairs for pairs in metadata)
    page = world.open()
    page.widget("metadata_keys").set_value(["contract"])
    assert f"**{having}** of 250 customers" in page.run().words
    without = next(place for place, pairs in enumerate(metadata) if "contract" not in pairs)
    store.change(without, metadata={**metadata[without], "contract": "trial"})
    page.press("reload").until(lambda it: f"**{having + 1}** of 250 customers" in it.words)
    assert page.widget("metadata_keys").value == ["contract"]
    assert f"contract {having + 1}" in page.plain


def test_the_sort_that_view_says_is_that_of_the_rows_whatever_columns_are_shown(page: Session) -> None:
    """Streamlit goes to the first of other options without a word: it said Customer, and sorted by it at the next click."""
    for columns in (["timezone"], [], ["contract", "region"]):
        page.widget("metadata_columns").set_value(columns)
        page.run()
        box = next(box for box in page.at.selectbox if box.label == "Sort by")
        assert box.value == ordered(page)[0] == "updated_at"
    page.widget("sort_way").set_value(True)
    assert ordered(page.run()) == ("updated_at", "descending")


def test_a_view_is_saved_opened_by_its_link_renamed_replaced_and_deleted(world: World, page: Session) -> None:
    wanted = on_show(narrowed(page))
    page.press("views")
    page.widget("view_name").set_value("Imaging, active")
    page.press("save_view")
    (saved,) = world.resources.journal.views.saved(world.resources.keys)
    assert page.at.query_params == {"view": saved.id}
    page.press("clear_filters")
    assert page.at.query_params != {"view": saved.id}

    other = world.open(view=saved.id)
    assert on_show(other) == wanted
    other.press("views")
    assert "Imaging, active" in other.plain
    assert "just now" in other.plain
    other.at.text_input(key=f"name_{saved.id}").set_value("Imaging")
    other.press(f"rename_{saved.id}")
    page.run()
    assert "Imaging, active" not in page.press("views").plain
    page.press(f"open_{saved.id}")
    assert on_show(page) == wanted
    assert page.at.query_params == {"view": saved.id}

    page.widget("status").set_value("inactive")
    page.run().press("views").press(f"replace_{saved.id}")
    assert page.at.query_params == {"view": saved.id}
    assert on_show(world.open(view=saved.id)) == on_show(page) != wanted
    page.press(f"delete_{saved.id}")
    assert page.at.query_params != {"view": saved.id}
    assert is_refused(world.open(view=saved.id))


@pytest.mark.parametrize("act", ["replace", "delete"])
def test_a_tab_whose_saved_view_somebody_replaces_or_deletes_has_an_address_that_shows_what_it_shows(
    world: World, page: Session, act: str
) -> None:
    wanted = on_show(narrowed(page))
    page.press("views")
    page.widget("view_name").set_value("Imaging")
    page.press("save_view")
    (saved,) = world.resources.journal.views.saved(world.resources.keys)
    assert page.run().at.query_params == {"view": saved.id}
    other = world.open(view=saved.id)
    other.widget("status").set_value("inactive")
    other.run().press("views").press(f"{act}_{saved.id}")
    page.until(lambda page: page.at.query_params != {"view": saved.id})
    assert on_show(page) == wanted
    assert on_show(world.open(**{name: str(value) for name, value in page.at.query_params.items()})) == wanted
    if act == "replace":
        assert other.run().at.query_params == {"view": saved.id}


def test_two_views_never_have_one_name(world: World, page: Session) -> None:
    for _ in range(2):
        page.press("views")
        page.widget("view_name").set_value("All")
        page.press("save_view")
    assert "There is a saved view of this name" in page.plain
    assert len(world.resources.journal.views.saved(world.resources.keys)) == 1


def test_why_a_view_is_not_saved_is_told_until_something_else_is_tried(world: World, page: Session) -> None:
    page.press("views")
    message.comes_before(world.patch, st, "error")  # which ends the drawing that would tell it
    page.press("save_view")
    (why,) = (error.value for error in page.at.error)
    assert "name" in why
    page.at.session_state["open_dialog"] = None
    page.run()
    assert not page.press("views").at.error
