"""The Customers page with all customers loaded: filters, the table, picks, dialogs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.scriptrunner import StopException

from lib.sandbox.invented.names import ODDITIES
from lib.sandbox.server import SandboxServer
from lib.ui import picks
from lib.ui.customers import address, tray
from lib.ui.text import md
from tests import message
from tests.pages.world import Session, World, records_of

Record = dict[str, Any]
CUSTOMERS = 250
TRAY = "Picked customers"
FAR_DATE = "2023-06-01"


@pytest.fixture(scope="module")
def sandbox(shared_world: World) -> SandboxServer:
    return shared_world.sandbox(CUSTOMERS)


@pytest.fixture(scope="module")
def records(sandbox: SandboxServer) -> list[Record]:
    return records_of(sandbox)


@pytest.fixture
def page(shared_world: World, sandbox: SandboxServer) -> Session:
    return shared_world.open()


def ids_on(session: Session) -> list[str]:
    return session.rows["id"].tolist()


def counted(session: Session, matching: int) -> bool:
    return f"**{matching}** of {CUSTOMERS} customers" in session.words


def without_empty(column: pd.Series[str]) -> pd.Series[str]:
    return column[column != ""]


def ticked(session: Session) -> list[int]:
    """The rows whose boxes are ticked."""
    table = session.table
    return [row for row, (customer_id, *_) in enumerate(table["rows"]) if customer_id in table["picked"]]


def chips(session: Session) -> list[str]:
    return [button.label for button in session.at.button if (button.key or "").startswith("chip_")]


def sort_by(session: Session) -> Any:
    return next(box for box in session.at.selectbox if box.label == "Sort by")


def chip_keys(session: Session) -> list[str]:
    return [button.key for button in session.at.button if (button.key or "").startswith("chip_")]


def test_all_customers_are_counted_and_the_first_page_of_them_is_shown(page: Session, records: list[Record]) -> None:
    users = sum(record["userCount"] for record in records)
    assert f"**250** of 250 customers · {users:,} users" in page.words
    assert "Rows 1 to 100 of 250" in page.words
    assert len(page.rows) == 100
    assert "read just now" in page.words
    assert "Test · 127" in page.words


def test_the_table_says_what_the_api_says_with_the_longest_untouched_first(page: Session, records: list[Record]) -> None:
    known = sorted((record for record in records if record["updatedAt"]), key=lambda record: record["updatedAt"])
    first = page.rows.iloc[0]
    assert first["id"] == known[0]["expressCustomerId"]
    assert first["name"] == known[0]["expressCustomerName"]
    assert first["user_count"] == str(known[0]["userCount"])
    assert first["updated_utc"] == known[0]["updatedAt"][:16].replace("T", " ")
    assert first["updated_at"].endswith(" ago")
    assert first["status"] == ("● Active" if known[0]["isActive"] else "○ Inactive")


def older_than(days: int) -> Callable[[Record], bool]:
    limit = datetime.now(UTC) - timedelta(days=days)
    return lambda record: bool(record["updatedAt"]) and datetime.fromisoformat(record["updatedAt"]) <= limit


URLS: list[tuple[dict[str, str], Callable[[Record], bool]]] = [
    ({"status": "active"}, lambda record: record["isActive"]),
    ({"status": "inactive"}, lambda record: not record["isActive"]),
    ({"users": "0-0"}, lambda record: record["userCount"] == 0),
    ({"users": "1-5"}, lambda record: 1 <= record["userCount"] <= 5),
    ({"users": "26-"}, lambda record: record["userCount"] >= 26),
    ({"users": "3-7"}, lambda record: 3 <= record["userCount"] <= 7),
    ({"users": "-7"}, lambda record: record["userCount"] <= 7),
    ({"days": "365"}, older_than(365)),
    ({"days": "400"}, older_than(400)),
    ({"from": FAR_DATE}, lambda record: bool(record["createdAt"]) and record["createdAt"] >= FAR_DATE),
    ({"to": FAR_DATE}, lambda record: bool(record["createdAt"]) and record["createdAt"][:10] <= FAR_DATE),
    ({"dates": "unknown"}, lambda record: not (record["createdAt"] and record["updatedAt"])),
    (
        {"status": "active", "users": "0-0", "days": "365"},
        lambda record: record["isActive"] and record["userCount"] == 0 and older_than(365)(record),
    ),
]


@pytest.mark.parametrize(("query", "matches"), URLS, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_a_filter_in_the_url_narrows_the_table(
    shared_world: World, records: list[Record], query: dict[str, str], matches: Callable[[Record], bool]
) -> None:
    page = shared_world.open(**query)
    wanted = {record["expressCustomerId"] for record in records if matches(record)}
    assert 0 < len(wanted) < CUSTOMERS
    assert counted(page, len(wanted))
    assert set(ids_on(page)) <= wanted
    assert len(ids_on(page)) == min(len(wanted), 100)
    assert page.at.query_params == query


def test_the_search_looks_at_names_ids_and_metadata_and_stays_out_of_the_url(page: Session, records: list[Record]) -> None:
    wanted = {
        record["expressCustomerId"]
        for record in records
        if "cardiology" in f"{record['expressCustomerName']} {record.get('metadata')}".lower()
    }
    page.widget("search").set_value("CARDIOLOGY")
    page.run()
    assert counted(page, len(wanted))
    assert set(ids_on(page)) <= wanted
    assert "cardiology" not in str(page.at.query_params).lower()
    page.widget("search").set_value(records[7]["expressCustomerId"])
    assert ids_on(page.run()) == [records[7]["expressCustomerId"]]


def test_when_nothing_matches_there_is_nothing_to_pick_or_export(page: Session) -> None:
    page.widget("search").set_value("no customer is called that")
    page.run()
    assert counted(page, 0)
    assert "No customer matches" in page.words
    assert not page.offers("pick_all")
    assert page.at.get("download_button")
    assert all(button.disabled for button in page.at.get("download_button"))


def test_metadata_keys_and_values_narrow_and_show_their_counts(page: Session, records: list[Record]) -> None:
    having = [record for record in records if "contract" in (record.get("metadata") or {})]
    trial = [record for record in having if record["metadata"]["contract"] == "trial"]
    keys = page.widget("metadata_keys")
    assert "contract" in keys.options
    assert f"contract {len(having)}" in page.plain
    keys.set_value(["contract"])
    page.run()
    assert counted(page, len(having))
    values = page.widget("metadata_values:contract")
    assert "trial" in values.options
    assert f"trial {len(trial)}" in page.plain
    values.set_value(["trial"])
    page.run()
    assert counted(page, len(trial))
    assert chips(page) == [md("contract is trial")]
    assert "contract" not in str(page.at.query_params)


@pytest.mark.parametrize("how", ["clear all", "its chip", "the list of keys"])
def test_a_key_that_is_chosen_again_begins_without_values(page: Session, how: str) -> None:
    page.widget("metadata_keys").set_value(["contract"])
    page.run()
    page.widget("metadata_values:contract").set_value(["trial"])
    page.run()
    if how == "the list of keys":
        page.widget("metadata_keys").set_value([])
        page.run()
    else:
        page.press("clear_filters" if how == "clear all" else chip_keys(page)[0])
    assert chips(page) == []
    page.widget("metadata_keys").set_value(["contract"])
    page.run()
    assert page.widget("metadata_values:contract").value == []
    assert chips(page) == [md("has contract")]


def test_exact_numbers_under_more_filters_join_the_common_ones(page: Session, records: list[Record]) -> None:
    page.widget("users_min").set_value(3)
    page.run()
    page.widget("users_max").set_value(7)
    page.run()
    assert counted(page, sum(3 <= record["userCount"] <= 7 for record in records))
    assert page.at.query_params == {"users": "3-7"}
    page.widget("not_updated_days").set_value(400)
    page.run()
    assert page.at.query_params == {"users": "3-7", "days": "400"}
    assert chips(page) == ["3 to 7 users", "not updated for 400 days"]


def test_each_chip_removes_its_own_condition_and_clear_all_removes_every_one(
    shared_world: World, records: list[Record]
) -> None:
    page = shared_world.open(status="active", users="0-0", days="365")
    assert chips(page) == ["active", "no users", "not updated for 365 days"]
    page.press(chip_keys(page)[1])
    assert chips(page) == ["active", "not updated for 365 days"]
    assert page.at.query_params == {"status": "active", "days": "365"}
    page.press("clear_filters")
    assert chips(page) == []
    assert counted(page, CUSTOMERS)
    assert page.at.query_params == {}


def test_a_click_on_a_header_turns_the_order_once_although_the_next_message_comes_right_then(world: World) -> None:
    world.sandbox(30)
    page, change = world.open(), address.change

    def changed(**fields: Any) -> None:
        world.patch.setattr(address, "change", change)
        change(**fields)
        message.comes()

    world.patch.setattr(address, "change", changed)
    page.act("sort", column="name")
    sort = page.at.session_state["customers_view"].sort
    assert (sort.column, sort.descending) == ("name", False)


@pytest.mark.parametrize("how", ["its chip", "more than is certain"])
def test_what_is_typed_right_before_a_click_on_a_filter_stays(shared_world: World, how: str) -> None:
    page = shared_world.open(status="active", days="365")
    page.widget("search").set_value("imaging")
    page.press(chip_keys(page)[0] if how == "its chip" else "time_unknown")  # in one message, as a busy server gets them
    assert page.at.session_state["customers_view"].filter.text == "imaging"
    assert ("active" in chips(page)) == (how != "its chip")


def test_a_message_sent_before_the_browser_had_the_filters_set_here_brings_none_back(shared_world: World) -> None:
    """A polling fragment or a quick next click sends the widgets, and the address, as the browser knows them."""
    page = shared_world.open(status="active", users="0-0")
    before = page.widget("status"), page.widget("users"), page.widget("search")
    page.press("clear_filters")
    page.at.query_params.update(status="active", users="0-0")
    old = [WidgetState(id=widget.proto.id) for widget in before]
    old[0].string_array_value.data.append("Active")
    old[1].string_value, old[2].string_value = "None", "imaging"
    page.send(*old)
    assert chips(page) == ["text “imaging”"]  # only what is new in it counts
    assert "status" not in page.at.query_params
    page.widget("users").set_value("0-0")
    assert chips(page.run()) == ["text “imaging”", "no users"]


def test_the_number_fields_say_what_the_selects_say(shared_world: World) -> None:
    page = shared_world.open(users="3-7", days="365")

    def numbers() -> list[Any]:
        return [page.widget(name).value for name in ("users_min", "users_max", "not_updated_days")]

    assert numbers() == [3, 7, 365]
    page.widget("users_max").set_value(9)
    assert chips(page.run()) == ["3 to 9 users", "not updated for 365 days"]
    page.widget("users").set_value("1-5")
    page.run()
    assert numbers() == [1, 5, 365]
    page.press("clear_filters")
    assert numbers() == [None, None, None]


def test_filters_are_kept_over_a_visit_to_another_page(shared_world: World, records: list[Record]) -> None:
    page = shared_world.open(status="inactive")
    page.widget("search").set_value("imaging")
    page.widget("created_from").set_value(date(2020, 1, 1))
    page.widget("metadata_keys").set_value(["region"])
    page.run()
    before = chips(page), ids_on(page)
    assert len(before[0]) == 4
    page.go("runs").go("customers")
    assert (chips(page), ids_on(page)) == before


def test_a_click_on_a_header_sorts_and_a_second_one_turns_the_order_round(page: Session, records: list[Record]) -> None:
    page.act("sort", column="user_count")
    assert page.rows["user_count"].astype(int).tolist() == sorted(record["userCount"] for record in records)[:100]
    page.act("sort", column="user_count")
    assert (
        page.rows["user_count"].astype(int).tolist() == sorted((record["userCount"] for record in records), reverse=True)[:100]
    )


def test_both_columns_of_the_last_update_sort_by_it(page: Session) -> None:
    before = ids_on(page)
    page.act("sort", column="updated_utc")  # the rows are in its order already, so it is turned round
    assert without_empty(page.rows["updated_utc"]).is_monotonic_decreasing
    assert ids_on(page.act("sort", column="updated_at")) == before


def test_the_list_of_columns_sorts_with_each_choice_and_follows_a_click_on_a_header(page: Session) -> None:
    for column in ("user_count", "created_at", "user_count"):
        sort_by(page).set_value(column)
        assert without_empty(page.run().rows[column]).is_monotonic_increasing
    page.widget("sort_way").set_value(True)
    assert page.run().rows["user_count"].astype(int).is_monotonic_decreasing
    page.act("sort", column="updated_at")
    assert (sort_by(page).value, page.widget("sort_way").value) == ("updated_at", False)


def test_a_metadata_column_that_is_hidden_is_no_longer_sorted_by(page: Session) -> None:
    before = ids_on(page)
    page.act("sort", column="metadata:region")
    assert ids_on(page) != before
    page.widget("metadata_columns").set_value(["department"])
    assert ids_on(page.run()) == before


def test_the_view_can_show_any_metadata_key_and_sort_by_it(page: Session, records: list[Record]) -> None:
    page.widget("metadata_columns").set_value(["timezone"])
    page.run().act("sort", column="metadata:timezone")
    values = sorted(record["metadata"]["timezone"] for record in records if "timezone" in (record.get("metadata") or {}))
    shown = without_empty(page.rows["metadata:timezone"]).tolist()
    assert shown[:20] == values[:20]


def test_pages_of_rows_go_over_the_whole_sorted_frame_without_gap_or_repeat(page: Session) -> None:
    seen = ids_on(page)
    for number in (2, 3):
        page.at.get("pagination")[0].set_value(number)
        seen += ids_on(page.run())
    assert len(seen) == len(set(seen)) == CUSTOMERS
    assert "Rows 201 to 250 of 250" in page.words


def test_a_narrower_filter_begins_at_its_first_page(page: Session) -> None:
    page.at.get("pagination")[0].set_value(3)
    page.run()
    page.widget("search").set_value("radiology")
    assert "Rows 1 to " in page.run().words


def test_ticked_rows_become_picks_by_id(page: Session) -> None:
    ids = ids_on(page)
    page.act("pick", 4, 1)
    assert page.picks == [ids[4], ids[1]]
    assert "**2 picked**" in page.words
    assert "Deactivate · 2 picked" in page.words
    assert ticked(page) == [1, 4]
    page.act("unpick", 4)
    assert page.picks == [ids[1]]
    assert ticked(page) == [1]


def test_what_was_done_counts_once_and_in_its_order_however_often_the_browser_says_it(page: Session) -> None:
    """Each message brings all that the browser does not know to be heard: some of it may have been."""
    ids = ids_on(page)
    page.act("pick", 0).act("pick", 1).act("unpick", 0)
    assert page.table["heard"] == 3
    late = [{"number": 4, "kind": "pick", "ids": ids[5:7]}, {"number": 5, "kind": "unpick", "ids": ids[5:6]}]
    page.send_acts([page.acts[""][0], *late])
    assert page.picks == [ids[1], ids[6]]
    assert page.table["heard"] == 5


@pytest.mark.parametrize(("kind", "does"), [("pick", "add"), ("unpick", "remove")])
def test_what_was_done_counts_where_the_next_message_ends_what_hears_of_it(
    page: Session, monkeypatch: pytest.MonkeyPatch, kind: str, does: str
) -> None:
    """Streamlit ends a callback wherever that looks into the session state after the browser has sent more."""
    first, second, *_ = ids_on(page)
    page.act("pick", 0)
    real, cut = getattr(picks, does), [True]

    def do(*args: Any) -> None:
        if cut and cut.pop():
            raise StopException
        real(*args)

    monkeypatch.setattr(picks, does, do)
    page.act(kind, 1 if kind == "pick" else 0)
    page.run()  # the browser's next message, with nothing new from the table
    assert page.picks == ([first, second] if kind == "pick" else [])
    assert page.table["heard"] == 2


def test_what_was_done_in_another_session_is_not_done_in_this_one(page: Session) -> None:
    """A tab that comes back to a server which has forgotten it still says it for a moment."""
    late = {"number": 1, "kind": "pick", "ids": ids_on(page)[:3], "session": "another"}
    page.send_acts([late])
    page.run()
    assert page.picks == []
    page.act("pick", 1)
    assert page.picks == [ids_on(page)[1]]


@pytest.mark.parametrize(("press", "picked"), [("pick_all", "all"), ("picks_clear", "none")])
def test_a_message_sent_before_the_browser_had_our_ticks_changes_no_pick(page: Session, press: str, picked: str) -> None:
    """As a polling fragment or a quick second click would send it: *Pick all* and *Clear* are not undone by old ticks."""
    page.act("pick", 1, 4).act("unpick", 1).press(press)
    expected = list(page.picks)
    assert bool(expected) is (picked == "all")
    late = {"number": 3, "kind": "sort", "column": "updated_at"}
    page.send_acts([*page.acts[""], late])
    page.acts[""].append(late)
    assert page.picks == expected
    assert ticked(page) == ([] if picked == "none" else list(range(len(ids_on(page)))))
    page.act("pick" if picked == "none" else "unpick", 0)  # a new one counts
    assert ticked(page) == ([0] if picked == "none" else list(range(1, len(ids_on(page)))))


def test_picks_stay_under_sorting_filtering_and_paging(page: Session) -> None:
    first = ids_on(page)[2]
    page.act("pick", 2).act("sort", column="updated_at")  # turned round: the row is elsewhere now, or on another page
    assert page.picks == [first]
    page.act("sort", column="updated_at")  # and back
    assert ids_on(page)[2] == first
    assert ticked(page) == [2]
    page.at.get("pagination")[0].set_value(2)
    second = ids_on(page.run())[5]
    page.act("pick", 5)
    assert page.picks == [first, second]
    page.widget("search").set_value("no customer is called that")
    page.run()
    assert page.picks == [first, second]
    assert "2 hidden by filters" in page.words


def test_a_click_that_comes_after_the_table_changed_never_picks_another_row(page: Session) -> None:
    old_ids = ids_on(page)
    page.act("sort", column="name")
    assert ids_on(page)[:3] != old_ids[:3]
    page.send_acts([{"number": 2, "kind": "pick", "ids": old_ids[:1]}])  # the browser had not drawn the new order yet
    assert page.picks == [old_ids[0]]


def test_a_column_that_the_table_does_not_have_is_not_sorted_by(page: Session) -> None:
    before = ids_on(page)
    assert ids_on(page.act("sort", column="no such column")) == before
    assert "broke" not in page.words


def test_pick_all_takes_every_match_of_all_pages_and_clear_none(shared_world: World, records: list[Record]) -> None:
    page = shared_world.open(status="active")
    active = {record["expressCustomerId"] for record in records if record["isActive"]}
    assert len(active) > 100
    assert next(button.label for button in page.at.button if button.key == "pick_all") == f"Pick all {len(active)}"
    page.press("pick_all")
    assert set(page.picks) == active
    assert len(page.picks) == len(active)
    page.press("picks_clear")
    assert page.picks == []


def test_nothing_picked_leaves_nothing_to_review(page: Session) -> None:
    assert "Nothing picked yet" in page.words
    assert not page.offers("review")
    assert not page.offers("picks_show")


def test_review_opens_the_deactivate_page_and_leaves_the_filters_behind(shared_world: World, sandbox: SandboxServer) -> None:
    page = shared_world.open(status="active")
    page.act("pick", 0).press("review")
    assert page.at.title[0].value == "Deactivate 1 customer"
    assert page.at.query_params == {}


def test_the_tray_lists_all_picks_also_hidden_and_unlisted_ones(page: Session, records: list[Record]) -> None:
    by_id = {record["expressCustomerId"]: record for record in records}
    gone = f"cus_{0:032x}"
    picked = [ids_on(page)[0], records[9]["expressCustomerId"], gone]
    page.pick(picked)
    page.widget("search").set_value(picked[0])
    page.run().press("picks_show")
    assert "**3 picked** · 1 hidden by filters · 1 no longer listed" in page.words
    table = page.rows_of(TRAY)
    assert table["Id"].tolist() == picked
    assert table["Shown"].tolist() == ["", "hidden by filters", ""]
    assert table["Status"].tolist()[2] == "no longer listed"
    assert table["Customer"].tolist()[1] == by_id[picked[1]]["expressCustomerName"]


def test_what_is_empty_for_all_picks_takes_no_column_of_the_tray(page: Session) -> None:
    page.pick(ids_on(page)[:2]).press("picks_show")
    assert page.rows_of(TRAY).columns.tolist() == ["Customer", "Status", "Users", "Id"]


def test_the_tray_shows_the_first_of_very_many_picks_and_offers_all_their_ids(
    page: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tray, "MOST_ROWS", 3)
    monkeypatch.setattr(tray, "_COPIED", 3)
    ids = ids_on(page)[:5]
    page.pick(ids).press("picks_show")
    assert page.rows_of(TRAY)["Id"].tolist() == ids[:3]
    assert "The first 3 of 5 picks." in page.words
    assert "Download 5 ids" in page.words
    assert not [code for code in page.at.code if ids[0] in code.value]
    page.act("pick", 0, 2, label=TRAY).press("unpick")
    assert page.picks == [ids[1], ids[3], ids[4]]
    assert [code.value for code in page.at.code] == ["\n".join(page.picks)]


def test_the_tray_unpicks_the_ticked_rows_and_no_others(page: Session) -> None:
    ids = ids_on(page)[:4]
    for row in range(4):
        page.act("pick", row)  # each table numbers its own acts
    page.press("picks_show")
    page.press("unpick")
    assert page.picks == ids
    page.act("pick", 1, 2, label=TRAY)
    assert "Unpick 2 customers" in page.words
    page.press("unpick")
    assert page.picks == [ids[0], ids[3]]
    page.pick(ids)
    assert page.table_of(TRAY)["picked"] == []  # who was unpicked is not ticked when picked again
    assert page.offers("unpick")  # disabled by its own click it loses the focus, and Escape no longer closes the dialog
    page.press("unpick_all")
    assert page.picks == []
    assert not page.at.get("dialog")


def test_unpicking_the_last_closes_the_tray(page: Session) -> None:
    page.pick(ids_on(page)[:1]).press("picks_show")
    page.act("pick", 0, label=TRAY).press("unpick")
    assert page.picks == []
    assert not page.at.get("dialog")


def test_a_row_opens_as_a_record_with_every_field_and_can_be_picked(page: Session, records: list[Record]) -> None:
    record = {record["expressCustomerId"]: record for record in records}[ids_on(page)[3]]
    page.act("open", 3)
    assert len(page.at.get("dialog")) == 1
    assert record["expressCustomerId"] in [code.value for code in page.at.code]
    fields, metadata = page.rows_of("The record's fields"), page.rows_of("Metadata")
    assert dict(zip(fields["Field"], fields["Value"], strict=True))["Name"] == record["expressCustomerName"]
    assert dict(zip(metadata["Key"], metadata["Value"], strict=True)) == record["metadata"]
    page.press("drawer_pick")
    assert page.picks == [record["expressCustomerId"]]
    assert "Picked from its record, filter: all customers; customers as read" in page.plain
    page.press("drawer_pick")
    assert page.picks == []


def test_a_row_that_has_gone_meanwhile_opens_as_no_longer_listed(page: Session) -> None:
    page.send_acts([{"number": 1, "kind": "open", "ids": [f"cus_{0:032x}"]}])
    assert "no longer" in page.words
    assert not page.at.exception


@pytest.mark.parametrize("name", [name for name in ODDITIES if name.isascii()][:3])
def test_hostile_names_are_words_in_the_drawer_and_never_markup(page: Session, records: list[Record], name: str) -> None:
    known = [record for record in records if record["expressCustomerName"] == name]
    if not known:
        pytest.fail(f"The sandbox's {CUSTOMERS} customers lack {name!r}; take more.")
    page.widget("search").set_value(known[0]["expressCustomerId"])
    page.run().act("open", 0)
    assert page.at.get("dialog")[0].proto.dialog.title == md(name)
    outside_tables = page.words.replace(page.at.code[-1].value, "")
    assert name not in outside_tables


def test_two_sessions_share_the_customers_but_not_their_picks_and_filters(shared_world: World, sandbox: SandboxServer) -> None:
    one, other = shared_world.open(status="active"), shared_world.open()
    one.press("pick_all")
    assert other.run().picks == []
    assert counted(other, CUSTOMERS)


def test_a_browser_that_sends_no_status_because_it_had_not_got_one_widens_and_breaks_nothing(world: World) -> None:
    world.sandbox(customers=30)
    session = world.open(status="inactive")
    before = session.rows["id"].tolist()
    next(group for group in session.at.get("button_group") if group.key.startswith("status")).set_value(None)
    session.run()
    assert not session.at.error
    assert session.rows["id"].tolist() == before


def test_no_list_of_choices_offers_to_choose_all_of_them_at_once(page: Session) -> None:
    """All metadata keys at once would be a filter that nobody has, and two hundred columns."""
    page.widget("metadata_keys").set_value(["region"])
    lists = page.run().at.multiselect
    assert len(lists) >= 4
    assert [one.label for one in lists if one.proto.select_all] == []  # 0: never


def test_who_narrows_nothing_yet_is_shown_the_way_to_those_worth_a_look(world: World) -> None:
    world.sandbox(20)
    assert "Whom to look at first" in world.open().words
    assert "Whom to look at first" not in world.open(status="active").words
