"""The browser's next message, while what the one before it asked for is still under way."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx


def comes() -> None:
    """It comes now: what runs ends where it next asks the session state for something, or draws."""
    context = get_script_run_ctx()
    assert context is not None
    assert context.script_requests is not None
    said = [state for state in context.session_state.get_widget_states() if not state.trigger_value]
    context.script_requests.request_rerun(
        RerunData(
            query_string=context.query_string,
            page_script_hash=context.page_script_hash,
            widget_states=WidgetStates(widgets=said),
        )
    )


def comes_before(patch: pytest.MonkeyPatch, where: object, name: str) -> None:
    """It comes right before the next call of that function, and once only."""
    function = getattr(where, name)

    def called(*args: Any, **kwargs: Any) -> Any:
        patch.setattr(where, name, function)
        comes()
        return function(*args, **kwargs)

    patch.setattr(where, name, called)
