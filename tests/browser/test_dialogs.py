"""A dialog is left in peace by what goes on behind it, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import drive
from tests.browser.conftest import App, until
from tests.browser.line import Line

#: Streamlit draws a component's HTML first and its script comes a moment later. Here it waits until the test lets it.
_HELD = """
  globalThis.letCome = new Promise((go) => (globalThis.come = go));
  globalThis.Blob = class extends Blob {
    constructor(parts, options) {
      const held = String(parts[0]).includes("sourceURL=st-bidi-typed-");
      super(held ? ["await globalThis.letCome;", ...parts] : parts, options);
    }
  };
"""


def _begin_a_reload(app: App, page: Page) -> int:
    """One that goes no further; returns how many pages had been asked for before."""
    read = len(app.calls("list"))
    app.api.sandbox.latency = 30.0
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_test_id("stSidebar").get_by_role("button", name="Stop")).to_be_visible()
    drive.idle(page)
    return read


def _let_it_end(app: App, line: Line, read: int) -> None:
    app.api.sandbox.latency = 0
    until(lambda: len(app.calls("list")) >= read + 3, "all pages were read again")
    line.wait_for_timers(6)  # for half a second each: the first after the end would draw the page anew


def test_ids_that_are_being_typed_stay_where_a_reload_ends_behind_them(app: App, page: Page) -> None:
    line = Line(page)
    drive.customers(page, app.url)
    read = _begin_a_reload(app, page)
    drive.bar(page).get_by_role("button", name="Pick from a list").click()
    box = page.get_by_role("dialog").get_by_label("Ids or names")
    box.click()
    page.keyboard.type("cus_0123")
    _let_it_end(app, line, read)
    page.keyboard.type("4567")
    expect(box).to_have_value("cus_01234567")
    drive.close(page)
    drive.loaded(page)  # the page is told once the dialog is closed


def test_a_confirmation_that_is_being_typed_goes_on_where_a_reload_ends_behind_it(app: App, page: Page) -> None:
    line = Line(page)
    drive.customers(page, app.url, "?status=active")
    drive.tick_rows(page, range(12))
    drive.review(page, 12)
    drive.say_why(page, "Contract ended")
    read = _begin_a_reload(app, page)
    dialog = drive.ask(page, 12)
    dialog.get_by_role("textbox").click()
    page.keyboard.type("1")
    _let_it_end(app, line, read)
    page.keyboard.type("2")
    expect(drive.go_button(dialog, 12)).to_be_enabled()
    drive.close(page)
    expect(page.get_by_test_id("stSidebar").get_by_role("button", name="Reload")).to_be_visible()


def test_what_is_typed_before_the_confirmation_can_listen_counts(app: App, page: Page) -> None:
    page.add_init_script(_HELD)
    drive.customers(page, app.url, "?status=active")
    drive.tick_rows(page, range(12))
    drive.review(page, 12)
    drive.say_why(page, "Contract ended")
    dialog = drive.ask(page, 12)
    dialog.get_by_role("textbox").fill("12")
    expect(dialog.get_by_role("status")).to_be_empty()  # its script has not come
    page.evaluate("globalThis.come()")
    expect(dialog.get_by_role("status")).to_have_text("It matches.")
    expect(dialog.get_by_role("textbox")).to_have_value("12")
    expect(drive.go_button(dialog, 12)).to_be_enabled()


def test_enter_pressed_once_too_often_leaves_the_confirmation_open_with_what_was_typed(app: App, page: Page) -> None:
    drive.customers(page, app.url, "?status=active")
    drive.tick_rows(page, range(2))
    drive.review(page, 2)
    drive.say_why(page, "Contract ended")
    dialog = drive.ask(page, 2)
    field, keep = dialog.get_by_role("textbox"), dialog.get_by_role("button", name="Keep them active")
    drive.type_confirmation(dialog, "2")
    expect(drive.go_button(dialog, 2)).to_be_enabled()
    field.press("Enter")
    for _ in range(3):
        page.keyboard.press("Enter")
    expect(keep).to_be_focused()
    drive.idle(page)
    expect(field).to_have_value("2")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(keep).to_be_focused()
    page.keyboard.press("Enter")  # this one is meant
    expect(dialog).to_have_count(0)
    assert not app.calls("deactivate")


def test_a_confirmation_that_back_left_does_not_stand_over_other_picks_later(app: App, page: Page) -> None:
    drive.customers(page, app.url, "?status=active")
    drive.tick_rows(page, range(2))
    drive.review(page, 2)
    drive.say_why(page, "Contract ended")
    drive.ask(page, 2)
    page.go_back()
    expect(drive.heading(page, "Customers")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    drive.table(page).get_by_role("checkbox").nth(1).uncheck()
    drive.expect_picked(page, 1)
    drive.tick_rows(page, [5], already=1)
    drive.review(page, 2)
    drive.idle(page)
    expect(page.get_by_role("dialog")).to_have_count(0)
