"""Accounts in settings.toml: which there are, where their keys are, and that no word about either holds a key."""

from __future__ import annotations

import os
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from lib import files
from lib.accounts.tables import Account, AccountNotChosen, SiteSettings, accounts_of, chosen
from lib.config import Settings, load_settings
from lib.errors import ConfigError
from lib.session import Session

KEY = "key-of-the-account-tests-90ab"
KEY_AS_NAME = "sk_live_OfTheAccountTests90ab"
GOOD = {"label": '"Main"', "base_url": '"https://api.example.org"', "key": '"env:MAIN_KEY"', "production": "true"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AVARA_API_KEY", "AVARA_BASE_URL", "EXPRESS_OPS_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path / "home"))
    return load_settings().home


def table(name: str = "main", **changed: str) -> str:
    return f"[accounts.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in (GOOD | changed).items() if value)


def accounts(home: Path, text: str) -> tuple[Account, ...]:
    (home / "settings.toml").write_text(text)
    return accounts_of(load_settings())


def connected(home: Path, key: str) -> str:
    """The key that is found where the settings say that it is."""
    (account,) = accounts(home, table(key=f'"{key}"'))
    connection = account.connection(load_settings())
    assert connection is not None
    assert KEY not in repr((account, connection))
    return connection.api_key.get_secret_value()


def refusal(home: Path, key: str) -> str:
    """Why no key is found there, in words that hold none."""
    with pytest.raises(ConfigError, match=r"accounts\.main") as caught:
        connected(home, key)
    assert KEY not in caught.value.message + repr(caught.value)
    assert caught.value.__cause__ is None  # nor does what a log would tell of it
    return caught.value.message


def test_without_tables_there_is_the_account_of_the_environment_or_the_sandbox(home, monkeypatch) -> None:
    (sandbox,) = accounts_of(load_settings())
    assert (sandbox.name, sandbox.production, sandbox.connection(load_settings())) == ("", False, None)
    monkeypatch.setenv("AVARA_API_KEY", KEY)
    for address, label, production in (
        ("https://api.avarasoftware.com", "api.avarasoftware.com", True),
        ("http://127.0.0.1:4010", "127.0.0.1:4010", False),
        ("https://localhost", "localhost", False),
    ):
        monkeypatch.setenv("AVARA_BASE_URL", address)
        (only,) = accounts_of(load_settings())
        connection = only.connection(load_settings())
        assert connection is not None
        assert (only.label, connection.label, only.production) == (label, label, production)
        assert connection.environment == ("production" if production else "test")  # what pages say is what has to be armed


def test_accounts_come_in_the_order_of_the_settings_and_production_in_red(home) -> None:
    text = (
        table("main")
        + table("practice", label='"Practice"', production="false")
        + table("third", label='"3"', color='"violet"')
    )
    assert [(one.name, one.label, one.production, one.color) for one in accounts(home, text)] == [
        ("main", "Main", True, "red"),
        ("practice", "Practice", False, "blue"),
        ("third", "3", True, "violet"),
    ]


def test_which_account_is_meant_is_said_unless_there_is_one(home) -> None:
    one = accounts(home, table("main"))
    both = accounts(home, table("main") + table("other", label='"Other"'))
    assert chosen(one, "") == chosen(both, "main") == one[0]
    assert chosen(both, "other").label == "Other"
    for name in ("", "third"):
        with pytest.raises(AccountNotChosen, match=r"main \(Main\), other \(Other\)"):
            chosen(both, name)
    with pytest.raises(AccountNotChosen, match=r"no \[accounts"):
        chosen((Account("Sandbox", production=False, color="green"),), "main")


BAD = {
    "a key itself": (table(key=f'"{KEY}"'), "never holds the key"),
    "a key under another name": (table() + f'api_key = "{KEY}"\n', r"main\.api_key"),
    "a file beside something": (table(key='"file:keys/main"'), r"main\.key"),
    "a variable that is none": (table(key='"env:MAIN KEY"'), r"main\.key"),
    "a keyring without a user": (table(key='"keyring:express-ops"'), r"main\.key"),
    "no place of a key": (table(key=""), r"main\.key"),
    "not said whether it is real": (table(production=""), r"main\.production"),
    "real, as text": (table(production='"true"'), r"main\.production"),
    "clear text over a network": (table(base_url='"http://api.example.org"'), "must start with https"),
    "a password in the address": (table(base_url=f'"https://u:{KEY}@api.example.org"'), "must be plain"),
    "a label of nothing": (table(label='"\u200b"'), r"main\.label"),
    "a label of two lines": (table(label='"a\\nb"'), r"main\.label"),
    "one label twice": (table("main") + table("other", label='"\uff2dain "'), r"main\.label|other\.label|same label"),
    "one label twice, as it is compared": (
        table("main") + table("other", label='"MAIN"'),
        "main and other have the same label",
    ),
    "a colour that is none": (table(color='"pink"'), r"main\.color"),
    "a name in capitals": (table("Main"), r"accounts\.…"),
    "a name with a slash": (table('"a/b"'), r"accounts\.…"),
    "a key as a name": (table(KEY_AS_NAME), r"accounts\.…"),
    "a key as a name, with more that is wrong": (table(KEY_AS_NAME, production='"yes"'), r"accounts\.…\.production"),
    "a key as a name, twice": (table(KEY_AS_NAME) + table(KEY_AS_NAME), "Cannot declare … twice"),
    "a key as a setting": (f"{KEY_AS_NAME} = 1\n", "… is no setting"),
    "a key as a setting of a table in a line": (f"caps = {{ {KEY_AS_NAME} = 1, {KEY_AS_NAME} = 2 }}\n", "Duplicate .* …"),
    "no table": ("accounts = 3\n", "accounts"),
    "read-only as text": ('read_only = "yes"\n', "read_only"),
    "armed for ever": ("armed_minutes = inf\n", "armed_minutes"),
    "armed for no time": ("armed_minutes = 0\n", "armed_minutes"),
    "a setting that nobody knows": ("readonly = true\n", "readonly"),
}


@pytest.mark.parametrize("what", BAD)
def test_settings_that_can_not_be_used_are_named_and_never_quoted(home, what: str) -> None:
    text, words = BAD[what]
    (home / "settings.toml").write_text(text)
    with pytest.raises(ConfigError, match=words) as caught, Session(load_settings(), known="") as session:
        _ = session.arming, session.policy
    assert "settings.toml" in caught.value.message
    assert KEY not in caught.value.message
    assert KEY_AS_NAME not in caught.value.message


def test_a_key_comes_from_the_variable_that_the_settings_name(home, monkeypatch) -> None:
    assert "not set" in refusal(home, "env:MAIN_KEY")
    for unusable in (f"{KEY} x", f"{KEY}\x1b", f"é{KEY}"):
        monkeypatch.setenv("MAIN_KEY", unusable)
        assert "spaces or unprintable" in refusal(home, "env:MAIN_KEY")
    monkeypatch.setenv("AVARA_API_KEY", "another")
    monkeypatch.setenv("MAIN_KEY", KEY)
    assert connected(home, "env:MAIN_KEY") == KEY


class TestFile:
    @pytest.fixture
    def file(self, home: Path) -> Path:
        file = home / "key"
        file.write_text(f"{KEY}\n")
        file.chmod(0o600)
        return file

    def test_a_key_comes_from_a_file_of_ones_own(self, home, file, monkeypatch) -> None:
        assert connected(home, f"file:{file}") == KEY
        monkeypatch.setenv("HOME", str(home))
        assert connected(home, "file:~/key") == KEY
        (home / "link").symlink_to(file)
        assert connected(home, f"file:{home}/link") == KEY

    @pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
    @pytest.mark.parametrize(
        ("mode", "words"),
        [(0o640, "may read"), (0o604, "may read"), (0o620, "may write"), (0o602, "may write"), (0o660, "may")],
    )
    def test_a_file_that_others_may_read_or_write_is_refused_with_what_mends_it(
        self, home, file, mode: int, words: str
    ) -> None:
        file.chmod(mode)
        assert words in (told := refusal(home, f"file:{file}"))
        assert "chmod" in told

    @pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
    def test_a_link_in_a_folder_that_others_write_is_refused_wherever_it_leads(self, home, file) -> None:
        folder = home / "shared"
        folder.mkdir()
        (folder / "link").symlink_to(file)
        folder.chmod(0o777)
        assert "may write" in refusal(home, f"file:{folder}/link")

    @pytest.mark.parametrize("mode", [0o444, 0o440, 0o400])
    def test_a_containers_secret_may_be_read_by_all_who_are_in_it(self, home, file, monkeypatch, mode: int) -> None:
        monkeypatch.setattr(files, "_SECRETS", home)
        file.chmod(mode)
        assert connected(home, f"file:{file}") == KEY
        file.chmod(0o666)
        assert "may write" in refusal(home, f"file:{file}")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "empty"),
            (b"\n", "empty"),
            (f"{KEY} {KEY}".encode(), "spaces"),
            (b"\xff" + KEY.encode(), "no text"),
            (b"x" * 20_000, "MB"),
        ],
    )
    def test_a_file_that_holds_no_key_is_named(self, home, file, content: bytes, words: str) -> None:
        file.write_bytes(content)
        assert words in refusal(home, f"file:{file}")

    def test_no_file_a_folder_and_a_pipe_are_told_and_nobody_waits_for_one(self, home, file) -> None:
        assert "No such file" in refusal(home, f"file:{home}/nothing")
        assert "no file" in refusal(home, f"file:{home}")
        os.mkfifo(home / "pipe", 0o600)
        assert "no file" in refusal(home, f"file:{home}/pipe")


class OwnKeyring(KeyringBackend):
    """A keyring of the library's kind, in memory."""

    priority = 1  # type: ignore[assignment]  # the library's own backends say it so too

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.fails: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.fails is not None:
            raise self.fails
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


def test_a_key_comes_from_the_systems_keyring(home, monkeypatch) -> None:
    own, before = OwnKeyring(), keyring.get_keyring()
    keyring.set_keyring(own)
    try:
        assert "keyring has nothing" in refusal(home, "keyring:express-ops/main")
        keyring.set_password("express-ops", "main", KEY)
        assert connected(home, "keyring:express-ops/main") == KEY
        for own.fails in (KeyringLocked(f"{KEY} is behind a lock"), RuntimeError(f"dbus says {KEY}"), OSError(5, KEY)):
            assert type(own.fails).__name__ in refusal(home, "keyring:express-ops/main")
    finally:
        keyring.set_keyring(before)


def test_accounts_are_no_rules_of_runs_so_servers_that_differ_in_them_alone_have_one_hash(home) -> None:
    (home / "settings.toml").write_text(f"concurrency = 3\nread_only = true\n{table()}")
    settings: Settings = load_settings()
    assert SiteSettings.of(settings.home).read_only
    with Session(settings, known="") as session:
        policy = session.policy
    (home / "settings.toml").write_text("concurrency = 3\n")
    with Session(settings, known="") as session:
        assert session.policy.hash == policy.hash
        assert session.policy.concurrency == 3
