"""What went wrong is told, whatever the browser says meanwhile."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def script() -> None:
    """A button whose act goes wrong while the browser's next message comes."""
    import streamlit as st  # noqa: PLC0415 - this runs as a page

    from lib.errors import PlanError  # noqa: PLC0415
    from lib.ui import notices  # noqa: PLC0415
    from tests import message  # noqa: PLC0415

    def act() -> None:
        message.comes()
        raise PlanError("It went wrong.")

    notices.show()
    st.button("Go", on_click=notices.attempt, args=(act,))
    st.button("Another", on_click=notices.attempt, args=(lambda: None,))


def test_an_error_is_told_although_the_next_message_ends_the_callback_that_met_it() -> None:
    page = AppTest.from_function(script).run()
    page.button[0].click().run()
    assert [error.value for error in page.error] == ["It went wrong\\."]
    page.button[1].click().run()
    assert not page.error
