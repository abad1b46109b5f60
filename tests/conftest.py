"""For all tests: the sandbox's fixtures, and property tests without a deadline (a loaded machine's speed says nothing)."""

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

pytest_plugins = ["tests.sandbox_server", "tests.journal.places"]

# On CI the same examples are drawn at every run; people at their desks search further.
settings.register_profile("express-ops", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("express-ops")


#: As it is before any test, and any module's fixture, has run a page.
_MAIN = sys.modules["__main__"]


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit's AppTest puts the page in the place of `__main__` and leaves it there: child processes would run that page."""
    yield
    sys.modules["__main__"] = _MAIN
