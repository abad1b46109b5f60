"""Text from outside, made fit for one line of a message: short, without control characters or tags."""

from __future__ import annotations

import html
import re

_LONGEST_SEEN = 60
#: Only this much of an error page is looked at, so that a hostile one can't keep the tag pattern busy.
_LONGEST_READ = 16_384

_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^<>]*>", re.DOTALL | re.IGNORECASE)


def one_line(text: str, limit: int) -> str:
    """`text` with every run of blanks, control, direction and other unprintable characters as one space, cut at `limit`."""
    seen = text[: 20 * limit]
    if not seen.isprintable():
        seen = "".join(char if char.isprintable() else " " for char in seen)
    line = " ".join(seen.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def without_tags(text: str) -> str:
    """What a reader of an HTML page would see of its first 16,384 characters; other text stays as it is."""
    return html.unescape(_TAGS.sub(" ", text[:_LONGEST_READ]))


def shown(value: object) -> str:
    """A JSON value as a short, safe piece of text; objects and arrays are only counted."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value) if len(value) <= _LONGEST_SEEN else f"{value[:_LONGEST_SEEN]!r}… ({len(value)} characters)"
        case dict() | list():
            return f"{kind(value)} of {len(value)}"
        case _:
            return one_line(repr(value), _LONGEST_SEEN)


def kind(value: object) -> str:
    """What sort of JSON value this is, telling nothing of what it holds."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return "a number"


def count(number: int, singular: str, plural: str = "") -> str:
    """(1, "customer") → "1 customer"; (12480, "customer") → "12,480 customers"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
