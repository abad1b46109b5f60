"""A widget whose value is also set by the page says what a person said last, or what the page set after that."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest


def script() -> None:
    """Two widgets drawn from what is held. As often as `cut` says, the browser's next message ends a callback."""
    from collections.abc import Callable  # noqa: PLC0415 - this runs as a page
    from functools import partial  # noqa: PLC0415

    import streamlit as st  # noqa: PLC0415
    from streamlit.runtime.scriptrunner import StopException  # noqa: PLC0415

    from lib.ui.widgets import anew, heard  # noqa: PLC0415

    heard.begin()

    held = st.session_state.setdefault("held", {"text": "", "one": None, "many": []})
    st.write(f"Held: {held}")

    def take(name: str, said: object) -> None:
        if st.session_state.get("cut"):
            st.session_state["cut"] -= 1
            raise StopException
        st.session_state["held"] = st.session_state["held"] | {name: said}

    def into(name: str) -> Callable[[object], None]:
        return partial(take, name)

    st.text_input("Text", **anew.says("text", held["text"], into("text"), reads=str.strip))
    options = ["north", "south", "west"]
    st.selectbox("One", options, **anew.says("one", held["one"], into("one"), among=options))
    st.multiselect("Many", options, **anew.says("many", held["many"], into("many")))
    if st.button("Go"):
        st.session_state["went"] = held


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(script).run()


def say(page: AppTest, label: str, said: Any) -> AppTest:
    field_of(page, label).set_value(said)
    return page.run()


def field_of(page: AppTest, label: str) -> Any:
    return next(one for one in (*page.text_input, *page.selectbox, *page.multiselect) if one.label == label)


def shown(page: AppTest) -> dict[str, object]:
    return {"text": page.text_input[0].value, "one": page.selectbox[0].value, "many": page.multiselect[0].value}


SAID = [("Text", "text", "Contract ended"), ("One", "one", "south"), ("Many", "many", ["north", "west"])]


@pytest.mark.parametrize(("label", "name", "said"), SAID)
@pytest.mark.parametrize("cut", [1, 2])
def test_what_is_said_stays_where_the_next_message_ends_its_callback(
    page: AppTest, label: str, name: str, said: object, cut: int
) -> None:
    page.session_state["cut"] = cut
    say(page, label, said)
    for _ in range(cut):
        page.run()  # as that next message has it
    assert shown(page)[name] == said
    assert page.session_state["held"][name] == said
    assert f"'{name}': {said!r}" in page.markdown[0].value  # also what stands above it


@pytest.mark.parametrize(("label", "name", "said"), SAID)
def test_a_click_right_after_it_knows_what_was_said(page: AppTest, label: str, name: str, said: object) -> None:
    page.session_state["cut"] = 1
    go = WidgetState(id=page.button[0].proto.id, trigger_value=True)
    field_of(page, label).set_value(said)
    states = page._tree.get_widget_states()
    page.run()
    states.widgets.append(go)
    page._run(states)
    assert page.session_state["went"][name] == said


@pytest.mark.parametrize(("label", "name", "said"), SAID)
def test_what_the_page_sets_stands_over_what_was_said_before(page: AppTest, label: str, name: str, said: object) -> None:
    begin = page.session_state["held"][name]
    say(page, label, said)
    page.session_state["held"] = page.session_state["held"] | {name: begin}
    page.run()
    assert shown(page)[name] == begin
    say(page, label, said)
    assert shown(page)[name] == said == page.session_state["held"][name]


def test_a_choice_that_is_no_option_any_more_is_not_taken_back_by_drawing_it(page: AppTest) -> None:
    page.session_state["held"] = page.session_state["held"] | {"one": "east"}
    page.run()
    page.run()
    assert page.session_state["held"]["one"] == "east"
    assert shown(page)["one"] is None
