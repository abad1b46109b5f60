"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
import tomllib
from functools import lru_cache
from pathlib import Path

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lib.avara.connection import Connection
from lib.errors import ConfigError
from lib.runs.policy import Policy

APP_NAME = "Express Ops"
VERSION = "0.1.0"

#: The embedded sandbox's key opens nothing but made-up data on this machine, so it may stand here.
SANDBOX_KEY = "sandbox-key-not-a-secret"
SANDBOX_LABEL = "Sandbox on this machine"


class Settings(BaseSettings):
    """What a person may set, under the names that people script against.

    `AVARA_API_KEY` and `AVARA_BASE_URL` are the vendor's own; without a key the embedded sandbox is used.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    api_key: SecretStr | None = Field(default=None, validation_alias="AVARA_API_KEY")
    base_url: str = Field(default="https://api.avarasoftware.com", validation_alias="AVARA_BASE_URL")
    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("express-ops", appauthor=False)),
        validation_alias="EXPRESS_OPS_HOME",
    )
    database_url: SecretStr | None = Field(default=None, validation_alias="EXPRESS_OPS_DATABASE_URL")

    @property
    def journal_url(self) -> str:
        """The journal's SQLAlchemy URL; it may hold a database password, so it is never shown."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home / 'journal.sqlite'}"

    @property
    def sandbox_state(self) -> Path:
        return self.home / "sandbox.sqlite"

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


def load_settings() -> Settings:
    """Read the environment. Raises ConfigError naming the variable that can't be used, never its value."""
    settings = _read(frozenset(os.environ.items()))
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise ConfigError(f"The data folder {settings.home} can't be made ({exc.strerror}). Set EXPRESS_OPS_HOME.") from exc
    return settings


@lru_cache(maxsize=1)
def _read(_environment: frozenset[tuple[str, str]]) -> Settings:
    """Every rerun of every page asks, so the settings are made anew only for another environment."""
    try:
        return Settings()
    except ValidationError as exc:
        names = ", ".join(str(error["loc"][0]) for error in exc.errors())
        raise ConfigError(f"{names} can't be used as it is set. Correct it and start again.") from None


def load_policy(home: Path) -> Policy:
    """What runs may do, as `settings.toml` in the data folder says; the defaults where there is no such file.

    Raises ConfigError naming the settings that are unknown or can't be used.
    """
    file = home / "settings.toml"
    try:
        told = tomllib.loads(file.read_text("utf-8"))
        return Policy.model_validate(told)
    except FileNotFoundError:
        return Policy()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file} can't be read ({exc}). Correct it and start again.") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{file} is not TOML: {exc}. Correct it and start again.") from exc
    except ValidationError as exc:
        wrong = "; ".join(f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in exc.errors())
        raise ConfigError(f"{file} can't be used. {wrong}. Correct it and start again.") from exc


def sandbox_connection(base_url: str, state: Path) -> Connection:
    """The embedded sandbox as a connection; it stays the same one although its port changes at each start."""
    return Connection(
        base_url=base_url,
        api_key=SecretStr(SANDBOX_KEY),
        label=SANDBOX_LABEL,
        environment="sandbox",
        identity=f"embedded sandbox {state}",
    )
