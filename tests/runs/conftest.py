import pytest

from tests.runs.places import ENGINES, Server, sqlite_place


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server for all tests of this process."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture(params=ENGINES)
def place(request, tmp_path):
    """Where a journal can live: a new SQLite file, then a new PostgreSQL database."""
    made = sqlite_place(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgresql").new_place()
    yield made
    made.close()


@pytest.fixture
def journal(place):
    """A journal in a new database."""
    return place.open()
