"""What goes over the wire: requests as plain values, answers, refusals, JSON, cursors and the checks of input. All pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

CUSTOMER_ID = re.compile(r"cus_[0-9a-fA-F]{32}")
USER_ID = re.compile(r"usr_[0-9a-fA-F]{32}")
MAX_PAGE = 100
MAX_PAIRS, MAX_KEY, MAX_VALUE = 50, 100, 1000
MAX_BODY = 1_000_000

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Call:
    """One request to the API, its operation already known. A repeated query parameter keeps its last value."""

    operation: str
    method: str
    path: str
    customer_id: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


class RefusedError(Exception):
    """A request that the API answers with an error: its status, a short code and words."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.answer = Answer(status, encode({"error": {"code": code, "message": message}, "message": message}), headers or {})


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    return _encode(value).encode()


def ok(value: object) -> Answer:
    return Answer(200, encode(value))


def customer_id(text: str) -> str:
    """`text` itself; refused (400) unless it is cus_ and 32 hexadecimal characters."""
    if not CUSTOMER_ID.fullmatch(text):
        raise RefusedError(400, "invalid_id", "expressCustomerId must be cus_ followed by 32 hexadecimal characters.")
    return text


def limit(query: Mapping[str, str]) -> int:
    """How many items a page may have: 1 to 100, 100 where the request does not say."""
    text = query.get("limit", str(MAX_PAGE))
    if not re.fullmatch(r"[0-9]{1,4}(\.0+)?", text, re.ASCII) or not 1 <= float(text) <= MAX_PAGE:
        raise RefusedError(400, "invalid_limit", f"limit must be a number from 1 to {MAX_PAGE}.")
    return int(float(text))


def cursor(kind: str, *numbers: int) -> str:
    """An opaque cursor: base64, with the padding and the + and / that careless clients forget to escape."""
    return base64.b64encode(f"\xff\xfb{kind}:{':'.join(map(str, numbers))}".encode("latin-1")).decode()


def read_cursor(query: Mapping[str, str], kind: str, numbers: int) -> tuple[int, ...]:
    """The numbers in the request's cursor; zeros where it has none. Refused (400) unless this server made it for this list."""
    text = query.get("cursor")
    if text is None:
        return (0,) * numbers
    try:
        plain = base64.b64decode(text, validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        plain = ""
    found = re.fullmatch(rf"\xff\xfb{kind}" + r":([0-9]{1,9})" * numbers, plain, re.ASCII)
    if not found:
        raise RefusedError(400, "invalid_cursor", "cursor is not one that this list gave out.")
    return tuple(int(number) for number in found.groups())


def one_of(query: Mapping[str, str], name: str, values: tuple[str, ...]) -> str | None:
    """The value of a filter, None where it is not used."""
    value = query.get(name)
    if value is not None and value not in values:
        raise RefusedError(400, "invalid_filter", f"{name} must be one of {', '.join(values)}.")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def body_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object; refused (400) where it is anything else."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
        _encode(value).encode()  # lone surrogates have no UTF-8
    except (ValueError, RecursionError):
        raise RefusedError(400, "invalid_json", "The body must be a JSON object.") from None
    if not isinstance(value, dict):
        raise RefusedError(400, "invalid_body", "The body must be a JSON object.")
    return value


def checked_name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise RefusedError(400, "invalid_name", "expressCustomerName must be a text of at least 1 character.")
    return value


def checked_metadata(value: object) -> dict[str, str]:
    """At most 50 pairs of texts, keys of at most 100 and values of at most 1,000 characters."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise RefusedError(400, "invalid_metadata", "metadata must be an object of texts.")
    if len(value) > MAX_PAIRS:
        raise RefusedError(400, "invalid_metadata", f"metadata has {len(value)} pairs; at most {MAX_PAIRS} are allowed.")
    if any(len(key) > MAX_KEY or len(text) > MAX_VALUE for key, text in value.items()):
        raise RefusedError(400, "invalid_metadata", f"metadata keys have at most {MAX_KEY}, values {MAX_VALUE} characters.")
    return value


def checked_user_id(value: object) -> str:
    if not isinstance(value, str) or not USER_ID.fullmatch(value):
        raise RefusedError(400, "invalid_user_id", "userId must be usr_ followed by 32 hexadecimal characters.")
    return value
