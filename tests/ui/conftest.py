"""No test may leave a whole app behind: the next one would work with that, on the data of whoever runs the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lib.ui import resources as wiring
from lib.ui.startup import Startup


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    left, wiring._startup = wiring._startup.end(), Startup(wiring._made)
    if left is not None:
        left.close()
        pytest.fail("This test started the app and did not close it.")
