"""A connection: base URL, API key and a label. What it may be, and how it is named without showing the key."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from lib.errors import ConfigError

Environment = Literal["sandbox", "test", "production"]
#: What its customers are, in words.
KINDS: Mapping[Environment, str] = {
    "sandbox": "made-up customers",
    "test": "a test account",
    "production": "real customers",
}


#: The port that a scheme has where none is written.
_PORTS = {"http": 80, "https": 443}


def is_loopback(host: str) -> bool:
    """True for `localhost` and the loopback addresses of RFC 1122 and RFC 4291.

    Names below it, as in app.localhost, are not: RFC 6761 asks name servers to keep them on this machine, and many look them
    up in the network all the same.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def checked_base_url(text: str, named: str = "AVARA_BASE_URL") -> str:
    """The base URL without a trailing slash, one for all spellings (RFC 3986, 6.2.2.1 and 6.2.3): an account must not be two.

    `named` is what a person sets it by.

    Raises ConfigError unless it is https, or http to a loopback address: a bearer key must not cross a network in clear.
    """
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ConfigError(f"{named} is not a URL. Write it like https://api.avarasoftware.com") from exc
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(f"{named} must be plain: no user, password, query or fragment.")
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise ConfigError(f"{named} is not a URL. Write it like https://api.avarasoftware.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError(f"{named} must start with https:// ({parts.hostname} is not on this machine).")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


def is_same_url(one: str, other: str) -> bool:
    """Whether two base URLs are spellings of one, whatever they hold."""
    try:
        return checked_base_url(one) == checked_base_url(other)
    except ConfigError:
        return one == other


def is_key(text: str) -> bool:
    """Whether this can be sent as a key: visible ASCII, without spaces."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


@dataclass(frozen=True)
class Connection:
    """Where requests go and with which key. `repr` and `str` never show the key (SecretStr)."""

    base_url: str
    api_key: SecretStr
    label: str
    environment: Environment = "production"
    #: Stands for the base URL in the fingerprint where the URL changes at each start (the embedded sandbox's port).
    identity: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", checked_base_url(self.base_url))
        if not is_key(self.api_key.get_secret_value()):
            raise ConfigError("AVARA_API_KEY is empty or holds spaces or unprintable characters. Copy it again.")

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal characters that tell connections apart and give nothing of the key away."""
        seed = f"{self.identity or self.base_url}\n{self.api_key.get_secret_value()}"
        return hashlib.sha256(seed.encode()).hexdigest()[:16]
