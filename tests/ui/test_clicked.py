"""A click counts although the run before it ends just then."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def script() -> None:
    """The run before that of a click ends as `late` says; or what stands above the button ends the click's own run."""
    import streamlit as st  # noqa: PLC0415 - this runs as a page
    from streamlit.runtime.scriptrunner import StopException, get_script_run_ctx  # noqa: PLC0415

    from lib.ui.widgets import clicked  # noqa: PLC0415

    if st.session_state.get("late"):
        get_script_run_ctx().session_state.on_script_finished(frozenset(), remove_stale_widgets=False)
    if st.session_state.pop("again", False):
        st.rerun()
    if st.session_state.pop("cut", False):
        raise StopException
    done = st.session_state.setdefault("done", [])
    if clicked.button("Go", key="go", on_click=done.append, args=("called",)):
        done.append("clicked")


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(script).run()


@pytest.mark.parametrize("late", [True, False])
def test_a_click_counts_once_although_the_run_before_it_sets_back_what_was_clicked(page: AppTest, late: bool) -> None:
    page.session_state["late"] = late
    page.button[0].click().run()
    assert page.session_state["done"] == ["called", "clicked"]
    page.run()
    assert page.session_state["done"] == ["called", "clicked"]


def test_what_the_run_of_a_click_did_not_come_to_is_not_done_by_a_later_one(page: AppTest) -> None:
    page.session_state["cut"] = True
    page.button[0].click().run()
    page.run()
    assert page.session_state["done"] == ["called"]


def test_what_the_run_of_a_click_did_not_come_to_the_one_that_takes_its_place_does_once(page: AppTest) -> None:
    page.session_state["again"] = True
    page.button[0].click().run()
    assert page.session_state["done"] == ["called", "clicked"]
    page.run()
    assert page.session_state["done"] == ["called", "clicked"]
