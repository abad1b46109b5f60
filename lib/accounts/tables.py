"""The accounts that a session can be of: those of `settings.toml`, else the one of AVARA_API_KEY, else the sandbox.

read_only = false                 # true: nothing is changed from here, by anybody; runs can be stopped
armed_minutes = 30                # for so long production stays armed
metrics = false                   # true: figures for Prometheus at /metrics, for this machine alone

[accounts.main]                   # its name in addresses and commands: small letters, digits and hyphens
label = "Main account"            # as pages show it; typed to arm it
base_url = "https://api.avarasoftware.com"
key = "file:~/.avara-main"        # where the key is, never the key: env:NAME, file:PATH or keyring:SERVICE/USER
production = true                 # whether its customers are real: asked, never guessed
color = "red"
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from lib.accounts.keys import checked_place, key_of
from lib.avara.connection import Connection, checked_base_url, is_loopback
from lib.avara.text import one_line
from lib.config import SANDBOX_LABEL, Settings, refused, settings_file
from lib.errors import ConfigError
from lib.spelling import folded

_LONGEST_LABEL = 60
Color = Literal["blue", "green", "orange", "red", "violet", "gray"]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,29}$")]


class AccountNotChosen(ConfigError):
    """There are several accounts. Say which one."""


@dataclass(frozen=True)
class Account:
    """Whose customers a session works with. `production` is asked to be armed before anything is changed."""

    label: str
    production: bool
    color: Color
    #: As in `[accounts.NAME]`; empty for the only one there is without such tables.
    name: str = ""
    base_url: str = ""
    #: Where its key is: see `lib.accounts.keys`.
    key: str = field(default="", repr=False)

    def connection(self, settings: Settings) -> Connection | None:
        """The account and its key, read now; None where that is the sandbox. Raises ConfigError, which never holds the key."""
        if self.name:
            found: Connection | None = Connection(self.base_url, SecretStr(key_of(self.key, self.name)), self.label)
        else:
            found = settings.connection()
        return found and replace(found, environment="production" if self.production else "test")


def _base_url(text: str) -> str:
    try:
        return checked_base_url(text, "it")
    except ConfigError as exc:
        raise ValueError(exc.message) from None


def _label(text: str) -> str:
    if not folded(text) or one_line(text, _LONGEST_LABEL) != text:
        raise ValueError(f"it is a line of visible text, of at most {_LONGEST_LABEL} characters")
    return text


class AccountTable(BaseModel):
    """One account as `settings.toml` describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    label: Annotated[str, AfterValidator(_label)]
    base_url: Annotated[str, AfterValidator(_base_url)] = "https://api.avarasoftware.com"
    key: Annotated[str, AfterValidator(checked_place)] = Field(repr=False)
    production: bool
    color: Color | None = None


def _told_apart(tables: Mapping[str, AccountTable]) -> Mapping[str, AccountTable]:
    labels = Counter(folded(table.label) for table in tables.values())
    if twice := [name for name, table in tables.items() if labels[folded(table.label)] > 1]:
        raise ValueError(f"{' and '.join(twice)} have the same label")
    return tables


class SiteSettings(BaseModel):
    """What `settings.toml` says besides the rules of a run (`Policy`)."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    read_only: bool = False
    metrics: bool = False
    armed_minutes: float = Field(default=30, gt=0, le=24 * 60)
    accounts: Annotated[dict[_Name, AccountTable], AfterValidator(_told_apart)] = Field(default_factory=dict)

    @classmethod
    def of(cls, home: Path) -> SiteSettings:
        """As `settings.toml` has them now. Raises ConfigError in words, which never hold a key."""
        try:
            return cls.model_validate(settings_file(home))
        except ValidationError as exc:
            raise refused(home, exc, cls) from None


def rules_of_runs(told: Mapping[str, Any]) -> dict[str, Any]:
    """What of a `settings.toml` is for `Policy`."""
    return {name: value for name, value in told.items() if name not in SiteSettings.model_fields}


def accounts_of(settings: Settings) -> tuple[Account, ...]:
    """All there are, in the order of `settings.toml`; at least one. Raises ConfigError."""
    tables = SiteSettings.of(settings.home).accounts
    if not tables:
        return (_of_environment(settings),)
    return tuple(
        Account(
            label=table.label,
            production=table.production,
            color=table.color or ("red" if table.production else "blue"),
            name=name,
            base_url=table.base_url,
            key=table.key,
        )
        for name, table in tables.items()
    )


def chosen(accounts: tuple[Account, ...], name: str) -> Account:
    """The one of that name; without a name the only one. Raises AccountNotChosen, which names them."""
    found = [account for account in accounts if account.name == name or not name]
    if len(found) == 1:
        return found[0]
    if not any(account.name for account in accounts):
        raise AccountNotChosen(f"{one_line(name, 40)} is no account here: settings.toml has no [accounts.NAME].")
    named = ", ".join(f"{account.name} ({account.label})" for account in accounts)
    wrong = f"{one_line(name, 40)} is none of them" if name else "Say which one is meant"
    raise AccountNotChosen(f"There are these accounts: {named}. {wrong}.")


def keys_beside(own: Account, settings: Settings) -> tuple[frozenset[str], frozenset[str]]:
    """The fingerprints of the keys of all other accounts, and the labels of those whose key can't be read."""
    known, labels = set[str](), set[str]()
    for other in accounts_of(settings):
        if other.name == own.name:
            continue
        try:
            connection = other.connection(settings)
        except ConfigError:
            connection = None
        if connection is None:
            labels.add(other.label)
        else:
            known.add(connection.fingerprint)
    return frozenset(known), frozenset(labels)


def check_apart(own: Account, connection: Connection, others: Collection[str]) -> None:
    """Raise ConfigError where its key is one of the others' (fingerprints): as this one, theirs could be changed unarmed."""
    if connection.fingerprint in others:
        raise ConfigError(f"accounts.{own.name} has the address and the key of another account: they are one.")


def _of_environment(settings: Settings) -> Account:
    """The only one. Nobody says whether its customers are real, so they are, unless its API is on this machine."""
    if settings.api_key is None:
        return Account(SANDBOX_LABEL, production=False, color="green")
    host, local = "", False
    with suppress(ConfigError):  # what is wrong with the address, `connection` says
        parts = urlsplit(checked_base_url(settings.base_url))
        host, local = parts.netloc, is_loopback(parts.hostname or "")
    return Account(host, production=not local, color="blue" if local else "orange")
