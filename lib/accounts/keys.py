"""Where an account's API key is, and reading it from there: no word of this module ever holds a key."""

from __future__ import annotations

import re

from lib.avara.connection import is_key
from lib.config import variable
from lib.errors import ConfigError
from lib.files import path_of, read_secret

#: Bytes; no key is that long.
_LARGEST_KEY = 10_000
_PLACE = re.compile(
    r"env:(?P<variable>[A-Za-z_]\w*)|file:(?P<file>[~/].*|[A-Za-z]:[\\/].*)|keyring:(?P<service>[^/]+)/(?P<user>.+)", re.ASCII
)


def checked_place(text: str) -> str:
    """Where a key is, as the settings say it. Raises ValueError in words."""
    if not _PLACE.fullmatch(text):  # not quoted: it may be the key itself
        raise ValueError("it says where the key is, as env:NAME, file:/PATH or keyring:SERVICE/USER, and never holds the key")
    return text


def key_of(place: str, name: str) -> str:
    """The key of the account of that name, from where the settings say that it is.

    Raises ConfigError, which tells nothing of what was found there.
    """
    where = _PLACE.fullmatch(place)
    assert where is not None  # noqa: S101 - `checked_place` let nothing else in
    try:
        if where["variable"]:
            key = variable(where["variable"])
            missing = "the variable is not set"
        elif where["file"]:
            key = read_secret(path_of(where["file"]), _LARGEST_KEY).decode("ascii").strip()
            missing = "the file is empty"
        else:
            key = _kept_by_the_system(where["service"], where["user"])
            missing = "the keyring has nothing under that service and user"
    except ConfigError as exc:
        raise _unusable(name, exc.message) from None
    except ValueError:
        raise _unusable(name, "it is no text (ASCII)") from None
    if not key:
        raise _unusable(name, missing)
    if not is_key(key):
        raise _unusable(name, "it holds spaces or unprintable characters")
    return key


def _kept_by_the_system(service: str, user: str) -> str | None:
    try:
        import keyring  # noqa: PLC0415 - it looks for the system's keyring, which takes a while

        return keyring.get_password(service, user)
    except Exception as exc:  # noqa: BLE001 - a backend is anybody's program, and its words may hold the key
        raise ConfigError(f"the keyring can't be asked ({type(exc).__name__})") from None


def _unusable(name: str, why: str) -> ConfigError:
    return ConfigError(f"The key of accounts.{name} can't be used: {why.rstrip('.')}.")
