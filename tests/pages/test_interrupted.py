"""A drawing that is cut short by the browser's next message: what it had to say never arrives there."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

from lib.ui.deactivate.draft import Why
from lib.ui.widgets import announce
from tests.pages.world import Session, World


@pytest.fixture(scope="module")
def world(shared_world: World) -> World:
    shared_world.sandbox(250)
    return shared_world


def cut_short_once(states: WidgetStates) -> None:
    """At its end the next drawing is cut short, by a message of a browser that knows nothing of it yet."""
    whole = announce.show

    def cut_short(title: str) -> None:
        announce.show = whole
        context = get_script_run_ctx()
        assert context is not None
        assert context.script_requests is not None
        context.script_requests.request_rerun(RerunData(context.query_string, states, context.page_script_hash))
        whole(title)

    announce.show = cut_short


def filtered(world: World) -> Session:
    words = "status=active&users=3-7&days=400&ours=ignored&from=2020-01-01&by=user&sort=-user_count&rows=50&page=2"
    return world.open(**dict(parse_qsl(words)))


def reviewed(world: World) -> Session:
    session = world.open()
    session.pick([session.table["rows"][row][0] for row in range(3)])
    session.at.session_state["last_why"] = Why("Contract ended", "OPS-7")
    return session.go("deactivate")


@pytest.mark.parametrize(
    ("opened", "act"),
    [
        (filtered, lambda session: session.at.button(key="clear_filters").click()),
        (reviewed, lambda session: session.at.button(key="why_last").click()),
    ],
)
def test_what_every_control_says_arrives_also_where_the_drawing_that_changed_it_was_cut_short(
    world: World, opened: Callable[[World], Session], act: Callable[[Session], object]
) -> None:
    undisturbed, disturbed = opened(world), opened(world)
    cut_short_once(disturbed.at._tree.get_widget_states())
    for session in (undisturbed, disturbed):
        before = session.controls
        act(session)
        session.run()
        assert session.controls != before
    assert disturbed.controls == undisturbed.controls
