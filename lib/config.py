"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from lib.accounts.meant import no_setting
from lib.avara.connection import Connection
from lib.errors import ConfigError
from lib.files import make_private, path_of, read_at_most, read_secret, refuse_if_others_write, shown

APP_NAME = "Express Ops"
VERSION = "0.1.0"

#: The embedded sandbox's key opens nothing but made-up data on this machine, so it may stand here.
SANDBOX_KEY = "sandbox-key-not-a-secret"
SANDBOX_LABEL = "Sandbox on this machine"

_SQLITE = "sqlite:///"
#: What SQLAlchemy takes as these parts too. One @ at most: of a password with another one, half would pass for a host's name.
_DATABASE = re.compile(
    rf"{_SQLITE}(?!:memory:$).+"
    r"|postgresql\+psycopg://([^\s:/@]*(:[^\s@]*)?@)?([\w.-]*|\[[\da-f:.]+\])(:\d{1,5})?(/[^\s@?]*)?(\?[^\s@]*)?",
    re.ASCII | re.IGNORECASE,
)
_SETTINGS = "settings.toml"
#: Names that are repeated where something is wrong with them.
_SETTING, _ACCOUNT = re.compile(r"[a-z_]{1,40}|\d+|\[key\]", re.ASCII), re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
#: Where tomllib's words quote a table's or a setting's name.
_QUOTED = re.compile(r"""\((['"]).*\1,?\)|(?<=key )(['"]).*\2""")
#: Bytes; settings with a protected customer a line stay far below.
_LARGEST_SETTINGS = 10_000_000
#: Bytes; any secret stays below.
_LARGEST_SECRET = 10_000


class LogSettings(BaseSettings):
    """How the log is written: read apart, since what is wrong with the other settings is logged too."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    log: Literal["text", "json"] = Field(default="text", validation_alias="EXPRESS_OPS_LOG")


class Settings(LogSettings):
    """What a person may set, under the names that people script against.

    `AVARA_API_KEY` and `AVARA_BASE_URL` are the vendor's own; without a key the embedded sandbox is used.
    """

    api_key: SecretStr | None = Field(default=None, validation_alias="AVARA_API_KEY")
    base_url: str = Field(default="https://api.avarasoftware.com", validation_alias="AVARA_BASE_URL")
    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("express-ops", appauthor=False)),
        validation_alias="EXPRESS_OPS_HOME",
        validate_default=True,
    )
    database_url: SecretStr | None = Field(default=None, validation_alias="EXPRESS_OPS_DATABASE_URL")

    @field_validator("home", mode="before")
    @classmethod
    def _as_a_shell(cls, home: str | Path) -> Path:
        return path_of(str(home))

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _DATABASE.fullmatch(url.get_secret_value()):
            raise ValueError(
                "it is sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, with %40 for an @ in the password"
            )
        if url is not None and url.get_secret_value().startswith(_SQLITE):
            path_of(url.get_secret_value().removeprefix(_SQLITE))
        return url

    @property
    def journal(self) -> Path | str:
        """The journal's SQLite file, or the URL of its PostgreSQL database: that may hold a password, so it is never shown."""
        url = self.database_url.get_secret_value() if self.database_url is not None else ""
        if url.startswith(_SQLITE):
            return path_of(url.removeprefix(_SQLITE))
        return url or self.home / "journal.sqlite"

    @property
    def sandbox_state(self) -> Path:
        return self.home / "sandbox.sqlite"

    @property
    def sandbox_place(self) -> Path:
        """Says where the embedded sandbox answers, while a process has it."""
        return self.home / "sandbox.url"

    @property
    def snapshots(self) -> Path:
        """The folder of the kept lists, one folder a connection in it."""
        return self.home / "snapshots"

    def connection(self) -> Connection | None:
        """The connection that the environment names, or None where no key is set. Raises ConfigError."""
        if self.api_key is None:
            return None
        connection = Connection(base_url=self.base_url, api_key=self.api_key, label="")
        return Connection(base_url=self.base_url, api_key=self.api_key, label=connection.host)


def variable(name: str) -> str | None:
    """What the environment says under a name that the settings give; None where it says nothing."""
    return os.environ.get(name) or None


def logs_as_json() -> bool:
    """Whether the log is JSON lines. A value that can't be used is told by `load_settings`."""
    try:
        return LogSettings().log == "json"
    except ValidationError:
        return False


def load_settings() -> Settings:
    """Read the environment, and make the data folder.

    Raises ConfigError naming the variable that can't be used, never its value; or what in the data folder others may write.
    """
    try:
        settings = Settings()
    except ValidationError as exc:
        wrong = "; ".join(f"{error['loc'][0]} can't be used: {_why(error)}" for error in exc.errors())
        raise ConfigError(f"{wrong}. Correct it and start again.") from None
    home = settings.home
    try:
        make_private(home)
    except OSError as exc:
        raise ConfigError(f"The data folder {shown(home)} can't be made ({exc.strerror}). Set EXPRESS_OPS_HOME.") from exc
    journal = [settings.journal] if isinstance(settings.journal, Path) else []
    refuse_if_others_write(home, home / _SETTINGS, settings.snapshots, settings.sandbox_state, settings.sandbox_place, *journal)
    return settings


def _why(error: ErrorDetails) -> str:
    """What is wrong with a value, in words that do not hold it: our own where we said it, else pydantic's."""
    return str(error.get("ctx", {}).get("error", error["msg"]))


def secret_of(place: str) -> bytes:
    """The secret that stands at `env:NAME` or `file:/PATH`. Raises ConfigError where none does, or others may read the file."""
    kind, _, where = place.partition(":")
    secret = (variable(where) or "").encode() if kind == "env" else read_secret(path_of(where), _LARGEST_SECRET).strip()
    if not secret:
        raise ConfigError(f"Nothing stands at {place}.")
    return secret


def settings_file(home: Path) -> dict[str, Any]:
    """What `settings.toml` in the data folder holds; empty where there is no such file. Raises ConfigError."""
    try:
        return tomllib.loads(read_at_most(home / _SETTINGS, _LARGEST_SETTINGS, ends=True).decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as exc:
        why = f"can't be read: {exc.strerror}"
    except UnicodeDecodeError:
        why = "is not UTF-8 text"
    except (ValueError, RecursionError) as exc:
        why = f"is not TOML: {_QUOTED.sub('…', str(exc))}"
    raise _unusable(home, why)


def changed_at(home: Path) -> tuple[int, ...]:
    """Tells one state of `settings.toml` from another without reading it; empty where there is no such file."""
    try:
        found = (home / _SETTINGS).stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def refused(home: Path, exc: ValidationError, *kinds: type[BaseModel], within: str = "") -> ConfigError:
    """The error for settings of that file, or of a table of it, that `kinds` don't have or that can't be used; names them."""
    where = (within,) if within else ()
    told = (_named((*where, *one["loc"])) + (no_setting(one, kinds) or f": {_why(one)}") for one in exc.errors())
    return _unusable(home, f"can't be used. {'; '.join(told)}")


def _named(place: tuple[int | str, ...]) -> str:
    """Where in the file that is. A name that no setting and no account can have is not repeated: it may be a key."""
    kinds = (_ACCOUNT if place[0] == "accounts" and at == 1 else _SETTING for at in range(len(place)))
    return ".".join(str(part) if kind.fullmatch(str(part)) else "…" for part, kind in zip(place, kinds, strict=True))


def _unusable(home: Path, why: str) -> ConfigError:
    return ConfigError(f"{shown(home / _SETTINGS)} {why}. Correct it and start again.")


def sandbox_connection(base_url: str, state: Path) -> Connection:
    """The embedded sandbox as a connection; it stays the same one although its port changes at each start."""
    return Connection(
        base_url=base_url,
        api_key=SecretStr(SANDBOX_KEY),
        label=SANDBOX_LABEL,
        environment="sandbox",
        identity=f"embedded sandbox {state}",
    )
