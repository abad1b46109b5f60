"""What stands around every page: the sidebar, the connection told in words, and errors that never become a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.accounts import embedded
from lib.ui.runs import listing
from tests.pages.world import KEY, World

PAGES = ("overview", "customers", "deactivate", "runs", "connection")


def test_without_a_key_the_app_says_sandbox_on_every_page(world: World) -> None:
    world.patch.setattr(embedded, "SANDBOX_CUSTOMERS", 30)
    session = world.open()
    for page in PAGES:
        assert "Sandbox on this machine" in session.go(page).words
        assert "Production" not in session.words
    assert "stop the app, set `AVARA_API_KEY`" in session.words  # the connection page says how to leave it
    assert "none set: embedded sandbox" in session.rows_of("Facts about")["Value"].tolist()


def test_the_embedded_sandbox_is_the_same_one_after_a_restart(world: World) -> None:
    world.patch.setattr(embedded, "SANDBOX_CUSTOMERS", 30)
    session = world.open()
    first = world.resources.connection.fingerprint
    session.pick([world.resources.loads.frame().rows["id"][1]])
    chosen = session.picks[0]
    world.resources.client.deactivate(chosen)
    world.restart()
    again = world.open()
    assert world.resources.connection.fingerprint == first
    # Not by the list: the kept one, which shows first, is older.
    assert not world.resources.client.get_customer(chosen).is_active
    assert not again.at.exception


@pytest.mark.parametrize("page", PAGES)
def test_with_a_key_of_an_api_on_this_machine_every_page_says_test_and_the_host(world: World, page: str) -> None:
    sandbox = world.sandbox(customers=20)
    session = world.open(page)
    host = sandbox.base_url.removeprefix("http://")
    assert f"Test · {host}" in session.plain
    assert KEY.encode() not in session.everything


SETTINGS = [
    ({"AVARA_API_KEY": "k-123456", "AVARA_BASE_URL": "http://api.example.org"}, "must start with https"),
    ({"AVARA_API_KEY": "k-123456", "AVARA_BASE_URL": "nonsense"}, "is not a URL"),
    ({"AVARA_API_KEY": "k-123456", "AVARA_BASE_URL": "https://user:k-pw@api.example.org"}, "must be plain"),
    ({"AVARA_API_KEY": "k-1234 56"}, "holds spaces or unprintable"),
    ({"AVARA_API_KEY": "k-123456", "AVARA_BASE_URL": "https://bad..host"}, "names a host that can't exist"),
]


@pytest.mark.parametrize(("environment", "words"), SETTINGS, ids=[words for _, words in SETTINGS])
def test_settings_that_cannot_work_are_told_in_words_and_never_quote_a_secret(
    world: World, environment: dict[str, str], words: str
) -> None:
    for name, value in environment.items():
        world.patch.setenv(name, value)
    session = world.open(loaded=False)
    assert len(session.at.error) == 1
    assert words in session.plain
    assert not session.at.exception
    assert not session.at.title
    assert b"k-123456" not in session.everything
    assert b"k-1234 56" not in session.everything
    assert b"k-pw" not in session.everything


def test_a_data_folder_that_cannot_be_made_is_told_in_words(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    world.patch.setenv("EXPRESS_OPS_HOME", str(tmp_path / "file" / "home"))
    session = world.open(loaded=False)
    assert len(session.at.error) == 1
    assert "can't be made" in session.plain
    assert "EXPRESS_OPS_HOME" in session.plain


def test_a_journal_that_cannot_be_read_is_told_in_words(world: World) -> None:
    world.sandbox(customers=5)
    world.home.mkdir(parents=True, exist_ok=True)
    (world.home / "journal.sqlite").write_bytes(b"this is no database" * 100)
    session = world.open(loaded=False)
    assert "journal" in session.at.error[0].value.lower()
    assert not session.at.exception


def test_something_unexpected_becomes_one_sentence_and_the_log_says_more(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.sandbox(customers=5)
    session = world.open()

    def broken(*_: object) -> None:
        raise RuntimeError("secret inner words")

    world.patch.setattr(listing, "runs_table", broken)
    world.patch.setattr(listing, "show", broken)
    session.go("runs")
    assert session.at.error[0].value.startswith("This page broke. Nothing was changed by it")
    assert not session.at.exception
    assert b"secret inner words" not in session.everything
    assert "Traceback" not in session.words
    assert "secret inner words" in caplog.text
    assert "Customers" in session.words  # the way out is still there
    assert not session.go("customers").at.error
