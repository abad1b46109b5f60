from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The app with a data folder of its own, not connected to anything yet."""
    with World(tmp_path / "home") as made:
        yield made


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One app for all tests of a module that only look."""
    with World(tmp_path_factory.mktemp("home")) as made:
        yield made
