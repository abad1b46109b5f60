"""The token that a proxy sends with a request: what of it counts, once its issuer is known to have signed it for this app."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from lib.accounts.proxies import Token
from lib.errors import ConfigError
from lib.files import path_of, read_at_most, refuse_if_others_write

#: Those of RFC 7518, 3.1, by which nobody who checks a token can make one: not "none", and none with a shared secret.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
#: Bytes of a file of keys; letters of a token.
_MOST_KEYS, _MOST = 1_000_000, 16_384
#: Seconds by which the issuer's clock may be ahead. `exp` is compared again where it is asked whether a sign-in is over.
_AHEAD = 30


@dataclass(frozen=True)
class Vouched:
    """Whom a token names, their groups, and when it runs out (seconds, UTC)."""

    name: str
    groups: tuple[str, ...]
    until: float


def read(token: str, by: Token, now: datetime) -> Vouched:
    """Raises ValueError, with why in a few words and nothing of the token, where it is not good; ConfigError where the keys
    can't be used.
    """
    keys = _keys(by)
    if len(token) > _MOST:
        raise ValueError("too long")
    try:
        claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_AHEAD,
            iss={"essential": True, "value": by.issuer},
            aud={"essential": True, "value": by.audience},
            exp={"essential": True},
        ).validate(claims)
        until = float(claims["exp"])
    except JoseError as exc:
        raise ValueError(exc.error) from None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise ValueError("can't be read") from None
    name, groups = claims.get(by.claim), claims.get(by.groups) if by.groups else None
    if not isinstance(name, str) or not name.strip():
        raise ValueError("names nobody")
    if by.claim == "email" and str(claims.get("email_verified", True)).lower() != "true":
        raise ValueError("an address that is not verified")
    listed = groups if isinstance(groups, list) else [groups]
    return Vouched(name, tuple(group for group in listed if isinstance(group, str)), until)


def _keys(by: Token) -> KeySet:
    """Of the file as it is now: keys are renewed, and so is their file."""
    try:
        file = path_of(by.keys)
        refuse_if_others_write(file)
        found = file.stat()
        return _parsed(file, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    except OSError as exc:
        why = exc.strerror or str(exc)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        why = "it holds no keys as RFC 7517 has them"
    raise ConfigError(f"The file of keys of the proxy's tokens (people.proxy.jwt.keys) can't be used: {why}.")


@lru_cache(maxsize=1)
def _parsed(file: Path, *_state: int) -> KeySet:
    """In one state of the file: each part of a page comes with a token, and to read the keys takes longer than all else."""
    return KeySet.import_key_set(json.loads(read_at_most(file, _MOST_KEYS, ends=True)))
