"""A proxy that signs people in, as the settings name it. Pure.

[people.proxy]                             # see docs/team.md
addresses = ["10.0.0.2"]                   # it connects from here ...
secret_file = "/run/secrets/proxy"         # ... and sends what this file holds, as X-Express-Ops-Secret
name = "X-Forwarded-Email"                 # the header that names the person
groups = "X-Forwarded-Groups"              # the header with their groups, with commas between them; "": none

[people.proxy.jwt]                         # or, in place of secret_file, name and groups, a token that its issuer signed
header = "Cf-Access-Jwt-Assertion"
keys = "/etc/express-ops/jwks.json"        # the issuer's public keys (RFC 7517)
issuer = "https://example.cloudflareaccess.com"
audience = "express-ops"
claim = "email"                            # names the person
groups = ""                                # holds their groups; "": none does
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


class SettingsTable(BaseModel):
    """A table of `settings.toml`: what it does not know is refused, and no type is made of another."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def plain_address(text: str) -> str:
    """An IP address as addresses are compared. Raises ValueError where it is none."""
    address = ipaddress.ip_address(text)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_header(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9-]{1,100}", text):
        raise ValueError("a header's name has letters, digits and hyphens")
    return text.lower()


_Header = Annotated[str, AfterValidator(_is_header)]
_Told = Annotated[str, Field(min_length=1)]


class Token(SettingsTable):
    """The token that a proxy sends with each request: a JSON Web Token (RFC 7519)."""

    header: Annotated[_Header, Field(min_length=1)]
    keys: _Told
    issuer: _Told
    audience: _Told
    claim: _Told = "email"
    groups: str = ""


class Proxy(SettingsTable):
    """What signs people in before they reach this server, and how it is told from anybody else."""

    addresses: Annotated[tuple[Annotated[str, AfterValidator(plain_address)], ...], Field(strict=False, min_length=1)]
    secret_file: str = ""
    name: Annotated[_Header, Field(min_length=1)] = "x-forwarded-email"
    groups: _Header = ""
    jwt: Token | None = None

    @model_validator(mode="after")
    def _can_be_told(self) -> Self:
        if not (self.secret_file or self.jwt):
            raise ValueError("it shows a secret (secret_file) or a token (jwt)")
        if self.jwt and self.model_fields_set & {"name", "groups"}:
            raise ValueError("its token (jwt) names the person and their groups, so name and groups do not")
        return self
