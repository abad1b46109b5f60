from __future__ import annotations

from pathlib import Path

import pytest

from lib.config import SANDBOX_KEY, load_settings, sandbox_connection
from lib.errors import ConfigError

KEY = "key-1f2e3d4c5b"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours but a data folder of the test's own."""
    for name in ("AVARA_API_KEY", "AVARA_BASE_URL", "EXPRESS_OPS_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path / "home"))


def test_without_a_key_there_is_no_connection_and_the_vendors_address_stands_ready() -> None:
    settings = load_settings()
    assert settings.connection() is None
    assert settings.base_url == "https://api.avarasoftware.com"


def test_an_empty_key_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVARA_API_KEY", "")
    assert load_settings().connection() is None


def test_with_a_key_the_connection_is_production_labelled_by_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVARA_API_KEY", KEY)
    connection = load_settings().connection()
    assert connection is not None
    assert (connection.label, connection.environment) == ("api.avarasoftware.com", "production")
    assert connection.api_key.get_secret_value() == KEY


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AVARA_BASE_URL", "http://api.example.org", "https://"),
        ("AVARA_BASE_URL", "ftp://api.example.org", "not a URL"),
        ("AVARA_BASE_URL", "https://user:pw-9a8b@api.example.org", "plain"),
        ("AVARA_API_KEY", "key 1f2e", "AVARA_API_KEY"),
        ("AVARA_API_KEY", "kéy-1f2e", "AVARA_API_KEY"),
        ("AVARA_API_KEY", "key-1f2e\n", "AVARA_API_KEY"),
    ],
)
def test_what_cannot_work_is_named_and_never_quoted(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv("AVARA_API_KEY", KEY)
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings().connection()
    assert words in caught.value.message
    for secret in (KEY, "pw-9a8b", "1f2e"):
        assert secret not in caught.value.message
        assert secret not in repr(caught.value)


def test_the_data_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.home == tmp_path / "home"
    assert settings.home.stat().st_mode & 0o777 == 0o700
    assert settings.sandbox_state.parent == settings.home


def test_a_data_folder_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(ConfigError, match="EXPRESS_OPS_HOME"):
        load_settings()


def test_the_journal_is_a_file_in_the_data_folder_unless_a_database_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load_settings().journal == tmp_path / "home" / "journal.sqlite"
    monkeypatch.setenv("EXPRESS_OPS_DATABASE_URL", "postgresql+psycopg://ops:pw-9a8b@db/ops")
    settings = load_settings()
    assert settings.journal == "postgresql+psycopg://ops:pw-9a8b@db/ops"
    assert "pw-9a8b" not in repr(settings)
    assert "pw-9a8b" not in str(settings)


def test_settings_never_show_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVARA_API_KEY", KEY)
    settings = load_settings()
    for text in (repr(settings), str(settings), repr(settings.connection()), settings.model_dump_json()):
        assert KEY not in text


def test_the_embedded_sandbox_stays_the_same_connection_whatever_its_port() -> None:
    state = Path("/data/sandbox.sqlite")
    first, second = (sandbox_connection(f"http://127.0.0.1:{port}", state) for port in (4010, 4011))
    other = sandbox_connection("http://127.0.0.1:4010", Path("/elsewhere/sandbox.sqlite"))
    assert first.fingerprint == second.fingerprint != other.fingerprint
    assert first.environment == "sandbox"
    assert first.api_key.get_secret_value() == SANDBOX_KEY
